//! `UserService.ExportPersonalData`: an answer in parts, so that whatever there is needs little memory.

use std::sync::Arc;

use futures_util::stream;
use symbolon_core::{RecoveryCodes, State, Timestamp, User};
use symbolon_proto::v1;
use symbolon_service::{PersonalData, Service};
use tokio::time::Instant;
use tonic::Status;

use crate::audit::{Answers, events, extent, within};
use crate::audit_event::callers::application;
use crate::call::Call;
use crate::convert::{self, timestamp};
use crate::status::to_status;

pub(crate) type Exported = Answers<v1::ExportPersonalDataResponse>;

pub(crate) async fn export(
    service: &Arc<Service>,
    call: Call<v1::ExportPersonalDataRequest>,
) -> Result<Exported, Status> {
    let (principal, id) = (&call.principal, call.request_id);
    let (username, deadline) = (&call.message.username, call.write_deadline());
    let exported = service.export_personal_data(principal, id, username, deadline).await;
    let exported = exported.map_err(|error| to_status(&error))?;
    let exporting = Exporting {
        service: Arc::clone(service),
        deadline: call.deadline,
        exported,
        at: At::Begin,
    };
    let answers = stream::try_unfold(exporting, |mut exporting| {
        Box::pin(async move {
            let answer = exporting.next().await?;
            Ok(answer.map(|answer| (answer, exporting)))
        })
    });
    Ok(Box::pin(answers))
}

/// How far an answer is.
#[derive(Clone, Copy)]
enum At {
    Begin,
    Events,
    End,
}

struct Exporting {
    service: Arc<Service>,
    deadline: Instant,
    exported: PersonalData,
    at: At,
}

impl Exporting {
    async fn next(&mut self) -> Result<Option<v1::ExportPersonalDataResponse>, Status> {
        let mut answer = v1::ExportPersonalDataResponse::default();
        let PersonalData { user, state, index, events: reading } = &mut self.exported;
        match self.at {
            At::Begin => {
                self.at = At::Events;
                let now = self.service.now();
                answer.data = user.take().map(|user| held(&user, state, now));
                answer.log_index = index.0;
                answer.extent = Some(extent(&self.service, &reading.extent()));
            }
            At::Events => match within(Some(self.deadline), reading.next()).await? {
                Some(part) => answer.events = events(&self.service, &part),
                None => {
                    self.at = At::End;
                    answer.extent = Some(extent(&self.service, &reading.extent()));
                    answer.end = true;
                }
            },
            At::End => return Ok(None),
        }
        Ok(Some(answer))
    }
}

/// Of what is sealed, that it is there and since when.
fn held(user: &User, state: &State, now: Timestamp) -> v1::PersonalData {
    let failures_by = user.failed_by.iter().map(|(id, failures)| v1::FailuresBy {
        application: application(state, *id),
        failures: *failures,
    });
    let codes = user.recovery_codes.as_deref();
    let used = codes.into_iter().flat_map(RecoveryCodes::numbers_used);
    v1::PersonalData {
        user: Some(convert::user(user, state, now)),
        last_failure_at: (user.failed_at.0 != 0).then(|| timestamp(user.failed_at)),
        failures_by: failures_by.collect(),
        recovery_codes_created_at: codes.map(|codes| timestamp(codes.created_at)),
        recovery_codes_used: used.map(u32::from).collect(),
        last_block: user.block.as_ref().map(convert::block),
        last_bypass: user.bypass.as_deref().map(convert::bypass),
    }
}
