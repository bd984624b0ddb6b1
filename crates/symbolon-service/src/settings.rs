//! What holds for the whole cluster.

use std::fmt::Write as _;

use symbolon_core::{
    Command, LogIndex, Operation, Reply, RequestId, SETTINGS, Setting, SettingChange, Settings,
    SettingsFault, State, UpdateSettings,
};
use tokio::time::Instant;

use crate::ports::View;
use crate::principal::Principal;
use crate::users::revision;
use crate::{Service, ServiceError};

/// What an administrator wants of the settings.
#[derive(Clone, Debug, Default)]
pub struct SettingsWanted {
    /// By name; `None` is the default again.
    pub changes: Vec<(String, Option<u64>)>,
    /// What is not named is the default again.
    pub whole: bool,
    /// Refused unless it is that of the settings as they are; empty: whatever they are.
    pub etag: String,
    /// Changes nothing.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct SettingsDone {
    /// As they are now, or would be.
    pub settings: Settings,
    /// What stands at another value than before.
    pub differences: Vec<SettingChange>,
    /// 0 of a dry run.
    pub index: LogIndex,
}

impl Service {
    /// The settings, as this node knows them.
    ///
    /// # Errors
    /// [`ServiceError::PermissionDenied`].
    pub fn settings(&self, principal: &Principal) -> Result<(Settings, LogIndex), ServiceError> {
        Self::may(principal, Operation::GetSettings)?;
        let view = self.ledger.view();
        Ok((view.state.settings(), view.applied))
    }

    /// Changes settings, all that are named or none.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] for names and values that cannot be, and
    /// [`ServiceError::EtagChanged`] when the settings are not as they were.
    pub async fn update_settings(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        wanted: &SettingsWanted,
        deadline: Instant,
    ) -> Result<SettingsDone, ServiceError> {
        let _place = self.admission.administration()?;
        Self::may(principal, Operation::UpdateSettings)?;
        let changes = changes(wanted)?;
        let revision = revision(&wanted.etag)?;
        // What was set at another node a moment ago is not to be told as a difference.
        self.ledger.read_barrier(deadline).await?;
        let before = self.ledger.view().state.settings();
        let checked = |state: &State| {
            let after = state.settings().with(&changes);
            after.check(state.nodes_len()).map_err(fault)?;
            Ok::<_, ServiceError>(after)
        };
        let after = checked(&self.ledger.view().state)?;
        let mut index = LogIndex(0);
        if wanted.dry_run {
            if revision.is_some_and(|revision| revision != before.changed_at) {
                return Err(ServiceError::EtagChanged);
            }
        } else {
            let mut shape = format!("{} {revision:?}", wanted.whole);
            for (setting, value) in &changes {
                let _ = write!(shape, " {setting:?} {value:?}");
            }
            let fields = [shape.as_bytes()];
            let request =
                self.request(principal, request_id, Operation::UpdateSettings, &fields)?;
            let build = |view: &View| {
                checked(&view.state)?;
                let changes = changes.clone();
                Ok(Command::UpdateSettings(UpdateSettings { changes, revision }))
            };
            index = match self.administer(&request, deadline, build).await? {
                (Reply::SettingsChanged, index) => index,
                _ => return Err(ServiceError::Internal),
            };
        }
        let settings = if wanted.dry_run { after } else { self.ledger.view().state.settings() };
        let mut differences = before.differences(&settings);
        differences.retain(|change| change.before != change.after);
        Ok(SettingsDone { settings, differences, index })
    }
}

fn changes(wanted: &SettingsWanted) -> Result<Vec<(Setting, Option<u64>)>, ServiceError> {
    let mut changes = Vec::new();
    for (name, value) in &wanted.changes {
        let unknown = || {
            let known: Vec<_> = SETTINGS.iter().map(|info| info.name).collect();
            ServiceError::invalid("name", format!("there is no such setting; {}", known.join(", ")))
        };
        let setting = Setting::from_name(name).ok_or_else(unknown)?;
        if changes.iter().any(|(known, _)| *known == setting) {
            let problem = format!("{} is named twice", setting.info().name);
            return Err(ServiceError::invalid("name", problem));
        }
        changes.push((setting, *value));
    }
    if wanted.whole {
        for info in &SETTINGS {
            if !changes.iter().any(|(known, _)| *known == info.setting) {
                changes.push((info.setting, None));
            }
        }
    }
    Ok(changes)
}

fn fault(fault: SettingsFault) -> ServiceError {
    match fault {
        SettingsFault::Unbounded { .. } => ServiceError::GuessingUnbounded(fault),
        fault => ServiceError::invalid("value", fault.to_string()),
    }
}
