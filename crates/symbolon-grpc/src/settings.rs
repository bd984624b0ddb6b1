//! `SettingsService`.

use std::sync::Arc;

use symbolon_core::{SETTINGS, SettingChange, Settings, Unit};
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
        let message = &call.message;
        let changes = values(&message.changes);
        let (etag, dry_run) = (message.etag.clone(), message.dry_run);
        let wanted = SettingsWanted { changes, whole: false, etag, dry_run };
        let SettingsDone { settings, differences, index } = self.update(&call, &wanted).await?;
        Ok(Response::new(v1::UpdateSettingsResponse {
            differences: differences.iter().map(difference).collect(),
            settings: shown(&settings),
            etag: settings.changed_at.to_string(),
            log_index: index.0,
        }))
    }

    async fn apply_settings(
        &self,
        request: Request<v1::ApplySettingsRequest>,
    ) -> Result<Response<v1::ApplySettingsResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let message = &call.message;
        let changes = values(&message.settings);
        let (etag, dry_run) = (message.etag.clone(), message.dry_run);
        let wanted = SettingsWanted { changes, whole: true, etag, dry_run };
        let SettingsDone { settings, differences, index } = self.update(&call, &wanted).await?;
        Ok(Response::new(v1::ApplySettingsResponse {
            differences: differences.iter().map(difference).collect(),
            settings: shown(&settings),
            etag: settings.changed_at.to_string(),
            log_index: index.0,
        }))
    }
}

impl SettingsOf {
    async fn update<T: Sync>(
        &self,
        call: &Call<T>,
        wanted: &SettingsWanted,
    ) -> Result<SettingsDone, Status> {
        let deadline = call.write_deadline();
        let done = self.0.update_settings(&call.principal, call.request_id, wanted, deadline).await;
        done.map_err(|error| to_status(&error))
    }
}

fn values(values: &[v1::SettingValue]) -> Vec<(String, Option<u64>)> {
    values.iter().map(|value| (value.name.clone(), value.value)).collect()
}

fn difference(change: &SettingChange) -> v1::SettingDifference {
    let name = change.setting.info().name.to_owned();
    v1::SettingDifference { name, before: change.before, after: change.after }
}

fn shown(settings: &Settings) -> Vec<v1::Setting> {
    let setting = |info: &symbolon_core::SettingInfo| v1::Setting {
        name: info.name.to_owned(),
        value: settings.get(info.setting),
        unit: unit(info.unit).into(),
        default_value: info.default,
        min: info.min,
        max: info.max,
        is_set: settings.set(info.setting).is_some(),
        description: info.text.to_owned(),
        warning: settings.caution(info.setting).unwrap_or_default().to_owned(),
    };
    SETTINGS.iter().map(setting).collect()
}

const fn unit(unit: Unit) -> v1::SettingUnit {
    match unit {
        Unit::Count => v1::SettingUnit::Count,
        Unit::Seconds => v1::SettingUnit::Seconds,
    }
}
