//! `QuarantineService`.

use std::sync::Arc;

use futures_util::stream;
use symbolon_core::{AuditEvent, Command, LogIndex, State, UserId, UserName};
use symbolon_proto::v1;
use symbolon_service::audit::GoneUsers;
use symbolon_service::{
    Judge, LeftWrite, Quarantine, Reapplied, Service, ServiceError, Settled, WriteId, WriteState,
};
use tonic::{Request, Response, Status};

use crate::audit::Answers;
use crate::audit_event;
use crate::call::{ADMIN_TIMEOUT, Call};
use crate::convert::timestamp;
use crate::status::to_status;

/// Writes in one part of an answer.
const PART: usize = 100;

pub(crate) struct Quarantines(pub(crate) Arc<Service>);

fn refused(error: ServiceError) -> Status {
    to_status(&error)
}

#[tonic::async_trait]
impl v1::quarantine_service_server::QuarantineService for Quarantines {
    type ShowQuarantineStream = Answers<v1::ShowQuarantineResponse>;

    async fn list_quarantines(
        &self,
        request: Request<v1::ListQuarantinesRequest>,
    ) -> Result<Response<v1::ListQuarantinesResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let all = self.0.quarantines(&call.principal).await.map_err(refused)?;
        let state = self.0.ledger().view().state;
        let node = &self.0.ledger().identity().name;
        let quarantine = all.iter().map(|it| summary(it, node.as_str(), &state)).collect();
        Ok(Response::new(v1::ListQuarantinesResponse { quarantine }))
    }

    async fn show_quarantine(
        &self,
        request: Request<v1::ShowQuarantineRequest>,
    ) -> Result<Response<Self::ShowQuarantineStream>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let all = self.0.quarantines(&call.principal).await.map_err(refused)?;
        let found = all.into_iter().find(|it| it.name == call.message.name);
        let missing = || refused(ServiceError::NotFound { kind: "quarantine at this node" });
        let quarantine = found.ok_or_else(missing)?;
        let state = self.0.ledger().view().state;
        let gone = made_there(&quarantine);
        let judge = Judge::of(&quarantine);
        let parts = quarantine.writes.chunks(PART).map(|part| {
            let write = part.iter().map(|it| shown(&judge, it, &state, &gone)).collect();
            Ok(v1::ShowQuarantineResponse { write })
        });
        Ok(Response::new(Box::pin(stream::iter(parts.collect::<Vec<_>>()))))
    }

    async fn reapply_quarantine(
        &self,
        request: Request<v1::ReapplyQuarantineRequest>,
    ) -> Result<Response<v1::ReapplyQuarantineResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let message = &call.message;
        let only: Vec<_> = message.write.iter().map(id).collect();
        let after = message.after.as_ref().map(id);
        let asked = (&*message.name, &*only, after, message.over);
        let done = self.0.reapply(&call.principal, asked, call.write_deadline()).await;
        let (done, next) = done.map_err(refused)?;
        let next = next.map(to_id);
        let write = done.into_iter().map(reapplied).collect();
        Ok(Response::new(v1::ReapplyQuarantineResponse { write, next }))
    }

    async fn discard_quarantine(
        &self,
        request: Request<v1::DiscardQuarantineRequest>,
    ) -> Result<Response<v1::DiscardQuarantineResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let only: Vec<_> = call.message.write.iter().map(id).collect();
        let writes = self.0.give_up(&call.principal, &call.message.name, &only).await;
        let writes = writes.map_err(refused)?;
        Ok(Response::new(v1::DiscardQuarantineResponse { writes }))
    }
}

const fn id(id: &v1::WriteId) -> WriteId {
    WriteId { index: LogIndex(id.log_index), ordinal: id.ordinal }
}

const fn to_id(id: WriteId) -> v1::WriteId {
    v1::WriteId { log_index: id.index.0, ordinal: id.ordinal }
}

fn reapplied(done: Reapplied) -> v1::ReappliedWrite {
    let (log_index, refusal) = match done.result {
        Ok(index) => (index.0, String::new()),
        Err(refusal) => (0, refusal),
    };
    v1::ReappliedWrite { id: Some(to_id(done.id)), log_index, refusal }
}

fn summary(quarantine: &Quarantine, node: &str, state: &State) -> v1::Quarantine {
    let judge = Judge::of(quarantine);
    let states = quarantine.writes.iter().map(|write| judge.state_of(write, state));
    let (mut open, mut conflicts) = (0, 0);
    for state in states {
        open += u64::from(matches!(state, WriteState::Open | WriteState::Conflict(_)));
        conflicts += u64::from(matches!(state, WriteState::Conflict(_)));
    }
    v1::Quarantine {
        name: quarantine.name.clone(),
        node: node.to_owned(),
        epoch: quarantine.epoch,
        by_epoch: quarantine.by,
        fork_index: quarantine.fork.0,
        first_index: quarantine.first.0,
        last_index: quarantine.last.0,
        written_at: Some(timestamp(quarantine.written_at)),
        writes: quarantine.writes.len() as u64,
        open,
        conflicts,
        verifications: quarantine.verifications(),
        merged: quarantine.merged(state),
    }
}

/// Names of users that only the quarantine knows.
fn made_there(quarantine: &Quarantine) -> GoneUsers {
    let made = quarantine.writes.iter().filter_map(|write| match &write.proposal.command {
        Command::CreateUser(it) => Some((it.user, (write.id.index, it.name.clone()))),
        _ => None,
    });
    made.collect::<Vec<(UserId, (LogIndex, UserName))>>().into_iter().collect()
}

fn shown(
    judge: &Judge,
    write: &LeftWrite,
    state: &State,
    gone: &GoneUsers,
) -> v1::QuarantinedWrite {
    let events: Vec<_> = write
        .events
        .iter()
        .map(|event: &AuditEvent| audit_event::shown(event, state, gone))
        .collect();
    let mut shown = v1::QuarantinedWrite {
        id: Some(to_id(write.id)),
        time: Some(timestamp(write.at)),
        command: write.proposal.command.name().to_owned(),
        caller: Some(audit_event::caller(write.proposal.caller, state, gone)),
        event: events,
        ..Default::default()
    };
    let stands = match judge.state_of(write, state) {
        WriteState::Open => v1::WriteState::Open,
        WriteState::Conflict(why) => {
            why.clone_into(&mut shown.conflict);
            v1::WriteState::Conflict
        }
        WriteState::ForItsTime => v1::WriteState::ForItsTime,
        WriteState::Settled(Settled::AppliedAt(index)) => {
            shown.applied_at = index.0;
            v1::WriteState::Applied
        }
        WriteState::Settled(Settled::GivenUp) => v1::WriteState::GivenUp,
    };
    shown.set_state(stands);
    shown
}
