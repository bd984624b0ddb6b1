//! What administrators say about accounts.

use symbolon_core::limits::BLOCK_MILLISECONDS_MAX;
use symbolon_core::{
    BlockUser, Command, DeleteUser, DisplayName, LogIndex, Operation, ProfileChange, Reason, Reply,
    RequestId, Rights, Setting, State, UnblockUser, UpdateUser, User, UserId,
};
use tokio::time::Instant;

use crate::names;
use crate::ports::View;
use crate::principal::Principal;
use crate::{Service, ServiceError};

/// What is to be another than it is; `None` leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserChanges {
    /// For people to read; may be empty.
    pub display_name: Option<String>,
    /// Whether codes are evaluated at all.
    pub enabled: Option<bool>,
    /// What else is to be another.
    pub profile: ProfileChange,
    /// Refused unless it is that of the user as it is; empty: whatever it is.
    pub etag: String,
}

/// Who wants something done about which user.
pub(crate) struct AboutUser<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) request_id: Option<RequestId>,
    /// The use case.
    pub(crate) operation: Operation,
    pub(crate) username: &'a str,
    /// What is asked besides: equal requests have equal fields.
    pub(crate) fields: Vec<&'a [u8]>,
    pub(crate) deadline: Instant,
}

/// Tells one state of a user, as administrators left it, from another.
#[must_use]
pub fn etag(user: &User) -> String {
    etag_of(user.revision)
}

/// Tells one state of an application or an administrator from another, by its last change.
#[must_use]
pub fn etag_of(revision: LogIndex) -> String {
    revision.to_string()
}

impl Service {
    /// Changes a user.
    ///
    /// # Errors
    /// [`ServiceError::EtagChanged`] when the user is not as it was.
    pub async fn update_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        changes: UserChanges,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let UserChanges { display_name, enabled, profile, etag } = changes;
        Self::may(principal, Operation::UpdateUser)?;
        // A help desk switches accounts on and off. What a user is called is not theirs.
        if display_name.is_some() || !profile.fields.is_empty() {
            Self::has(principal, Operation::UpdateUser, Rights::ADMINISTRATOR)?;
        }
        let display_name = display_name.map(DisplayName::new).transpose();
        let display_name = display_name.map_err(|error| names::bad_name("display_name", error))?;
        let revision = revision(&etag)?;
        let disabled = enabled.map(|enabled| !enabled);
        let shape = format!("{display_name:?} {disabled:?} {profile:?} {revision:?}");
        let command = |user| {
            let (display_name, profile) = (display_name.clone(), profile.clone());
            Command::UpdateUser(UpdateUser { user, display_name, disabled, profile, revision })
        };
        let (operation, fields) = (Operation::UpdateUser, vec![shape.as_bytes()]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        self.change_user(about, command).await
    }

    /// Takes no code of a user's for a while. `seconds` 0 means as long as is set.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] without a reason, or for more than ten years.
    pub async fn block_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        why: &str,
        seconds: u32,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let reason = reason(why)?;
        let milliseconds = match u64::from(seconds) * 1000 {
            0 => self.ledger.view().state.setting(Setting::BlockDuration) * 1000,
            time if time <= BLOCK_MILLISECONDS_MAX => time,
            _ => {
                let problem = "it is not within 1 to 315360000 (ten years)";
                return Err(ServiceError::invalid("seconds", problem));
            }
        };
        let command = |user| {
            let reason = reason.clone();
            Command::BlockUser(BlockUser { user, reason, milliseconds })
        };
        let time = milliseconds.to_be_bytes();
        let (operation, fields) = (Operation::BlockUser, vec![why.as_bytes(), &time]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        self.change_user(about, command).await
    }

    /// Lifts a block, and a lock after too many failures.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] without a reason.
    pub async fn unblock_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        why: &str,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let reason = reason(why)?;
        let command = |user| Command::UnblockUser(UnblockUser { user, reason: reason.clone() });
        let (operation, fields) = (Operation::UnblockUser, vec![why.as_bytes()]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        self.change_user(about, command).await
    }

    /// Removes a user with all tokens.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is no such user.
    pub async fn delete_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        etag: &str,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let revision = revision(etag)?;
        let (operation, fields) = (Operation::DeleteUser, vec![etag.as_bytes()]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        let build = |_: &State, user: &User| {
            Ok(Command::DeleteUser(DeleteUser { user: user.id, revision }))
        };
        self.about_user(about, build).await.map(|(_, index)| index)
    }

    pub(crate) async fn change_user(
        &self,
        about: AboutUser<'_>,
        command: impl Fn(UserId) -> Command,
    ) -> Result<(User, LogIndex), ServiceError> {
        let answered = self.about_user(about, |_, user| Ok(command(user.id))).await?;
        self.changed_user(answered)
    }

    /// A user who was changed, as they are now.
    pub(crate) fn changed_user(
        &self,
        (reply, index): (Reply, LogIndex),
    ) -> Result<(User, LogIndex), ServiceError> {
        let Reply::UserChanged(id) = reply else {
            return Err(ServiceError::Internal);
        };
        let user = self.ledger.view().state.user(id).cloned();
        Ok((user.ok_or(ServiceError::NotFound { kind: "user" })?, index))
    }

    /// Carries out what an administrator wants done about a user, who may have been created at another
    /// node a moment ago. `build` makes the command of what is seen.
    pub(crate) async fn about_user(
        &self,
        about: AboutUser<'_>,
        build: impl Fn(&State, &User) -> Result<Command, ServiceError>,
    ) -> Result<(Reply, LogIndex), ServiceError> {
        let AboutUser { principal, request_id, operation, username, fields, deadline } = about;
        Self::may(principal, operation)?;
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        let fields: Vec<_> = [name.as_str().as_bytes()].into_iter().chain(fields).collect();
        let request = self.request(principal, request_id, operation, &fields)?;
        if self.user_within(&self.ledger.view().state, principal, &name).is_none() {
            self.ledger.read_barrier(deadline).await?;
        }
        let build = |view: &View| {
            let user = self.user_within(&view.state, principal, &name);
            build(&view.state, user.ok_or(ServiceError::NotFound { kind: "user" })?)
        };
        self.administer(&request, deadline, build).await
    }
}

pub(crate) fn reason(text: &str) -> Result<Reason, ServiceError> {
    Reason::new(text).map_err(|error| names::bad_name("reason", error))
}

pub(crate) fn revision(etag: &str) -> Result<Option<LogIndex>, ServiceError> {
    if etag.is_empty() {
        return Ok(None);
    }
    let parsed = etag.parse().map(LogIndex);
    parsed.map(Some).map_err(|_| ServiceError::invalid("etag", "it is not from an answer"))
}
