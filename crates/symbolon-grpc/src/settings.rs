//! `SettingsService`.

mod explain;

use std::sync::Arc;

use symbolon_core::{SETTINGS, SettingChange, SettingInfo, Settings, Unit};
use symbolon_proto::v1;
use symbolon_service::{Service, SettingsDone, SettingsWanted};
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, Call};
use crate::status::to_status;

pub(crate) struct SettingsOf(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::settings_service_server::SettingsService for SettingsOf {
    async fn get_settings(
        &self,
        request: Request<v1::GetSettingsRequest>,
    ) -> Result<Response<v1::GetSettingsResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let found = self.0.settings(&call.principal).map_err(|error| to_status(&error))?;
        let (settings, index) = found;
        Ok(Response::new(v1::GetSettingsResponse {
            settings: shown(&settings),
            etag: settings.changed_at.to_string(),
            log_index: index.0,
        }))
    }

    async fn update_settings(
        &self,
        request: Request<v1::UpdateSettingsRequest>,
    ) -> Result<Response<v1::UpdateSettingsResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::UpdateSettingsRequest { changes, etag, dry_run } = call.message.clone();
        let wanted = SettingsWanted { changes: values(changes), whole: false, etag, dry_run };
        let Done { differences, settings, etag, log_index } = self.update(&call, &wanted).await?;
        let answer = v1::UpdateSettingsResponse { differences, settings, etag, log_index };
        Ok(Response::new(answer))
    }

    async fn apply_settings(
        &self,
        request: Request<v1::ApplySettingsRequest>,
    ) -> Result<Response<v1::ApplySettingsResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::ApplySettingsRequest { settings, etag, dry_run } = call.message.clone();
        let wanted = SettingsWanted { changes: values(settings), whole: true, etag, dry_run };
        let Done { differences, settings, etag, log_index } = self.update(&call, &wanted).await?;
        let answer = v1::ApplySettingsResponse { differences, settings, etag, log_index };
        Ok(Response::new(answer))
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let v1::ExplainRequest { username, application } = &call.message;
        let deadline = call.deadline;
        let explained = self.0.explain(&call.principal, username, application, deadline).await;
        let explained = explained.map_err(|error| to_status(&error))?;
        Ok(Response::new(explain::answer(&explained)))
    }
}

impl SettingsOf {
    async fn update<T: Sync>(
        &self,
        call: &Call<T>,
        wanted: &SettingsWanted,
    ) -> Result<Done, Status> {
        let deadline = call.write_deadline();
        let done = self.0.update_settings(&call.principal, call.request_id, wanted, deadline).await;
        let SettingsDone { settings, differences, index } =
            done.map_err(|error| to_status(&error))?;
        Ok(Done {
            differences: differences.iter().map(difference).collect(),
            etag: settings.changed_at.to_string(),
            settings: shown(&settings),
            log_index: index.0,
        })
    }
}

/// What both answers hold.
struct Done {
    differences: Vec<v1::SettingDifference>,
    settings: Vec<v1::Setting>,
    etag: String,
    log_index: u64,
}

fn values(values: Vec<v1::SettingValue>) -> Vec<(String, Option<u64>)> {
    values.into_iter().map(|value| (value.name, value.value)).collect()
}

fn difference(change: &SettingChange) -> v1::SettingDifference {
    let name = change.setting.info().name.to_owned();
    v1::SettingDifference { name, before: change.before, after: change.after }
}

fn shown(settings: &Settings) -> Vec<v1::Setting> {
    SETTINGS.iter().map(|info| setting(settings, info)).collect()
}

fn setting(settings: &Settings, info: &SettingInfo) -> v1::Setting {
    v1::Setting {
        name: info.name.to_owned(),
        value: settings.get(info.setting),
        unit: unit(info.unit).into(),
        default_value: info.default,
        min: info.min,
        max: info.max,
        is_set: settings.set(info.setting).is_some(),
        description: info.text.to_owned(),
        warning: settings.caution(info.setting).unwrap_or_default().to_owned(),
        choices: match info.unit {
            Unit::Choice(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            Unit::Count | Unit::Seconds => Vec::new(),
        },
    }
}

const fn unit(unit: Unit) -> v1::SettingUnit {
    match unit {
        Unit::Count => v1::SettingUnit::Count,
        Unit::Seconds => v1::SettingUnit::Seconds,
        Unit::Choice(_) => v1::SettingUnit::Choice,
    }
}
