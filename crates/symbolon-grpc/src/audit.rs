//! `AuditService`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use prost_types::Timestamp as ProtoTimestamp;
use symbolon_core::Timestamp;
use symbolon_proto::v1;
use symbolon_service::audit::{
    AuditExtent, AuditFollowing, AuditKinds, AuditPart, AuditPlace, AuditReading, Decided,
    QueryAudit, TailAudit,
};
use symbolon_service::{Service, ServiceError};
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use crate::audit_event;
use crate::call::{ADMIN_TIMEOUT, AUDIT_TIMEOUT, Call};
use crate::status::to_status;

pub(crate) struct Audit(pub(crate) Arc<Service>);

pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl v1::audit_service_server::AuditService for Audit {
    type QueryStream = Answers<v1::QueryAuditResponse>;
    type TailStream = Answers<v1::TailAuditResponse>;

    async fn query(
        &self,
        request: Request<v1::QueryAuditRequest>,
    ) -> Result<Response<Self::QueryStream>, Status> {
        let call = Call::accept(&self.0, request, AUDIT_TIMEOUT).await?;
        let asked = query(call.message).map_err(|error| to_status(&error));
        let reading = self.0.query_audit(&call.principal, &asked?);
        let reading = reading.map_err(|error| to_status(&error))?;
        let answering =
            Answering { service: Arc::clone(&self.0), deadline: call.deadline, at: At::Begin };
        let answers = stream::try_unfold((answering, reading), |(mut answering, mut reading)| {
            Box::pin(async move {
                let answer = answering.query(&mut reading).await?;
                Ok(answer.map(|answer| (answer, (answering, reading))))
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn tail(
        &self,
        request: Request<v1::TailAuditRequest>,
    ) -> Result<Response<Self::TailStream>, Status> {
        let deadline = Call::own_deadline(&request);
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let asked = tail(call.message).map_err(|error| to_status(&error));
        let following = self.0.tail_audit(&call.principal, &asked?);
        let following = following.map_err(|error| to_status(&error))?;
        let service = Arc::clone(&self.0);
        let begin = (service, following, At::Begin);
        let answers = stream::try_unfold(begin, move |(service, mut following, at)| {
            Box::pin(async move {
                let answer = followed(&service, &mut following, at, deadline).await?;
                Ok::<_, Status>(Some((answer, (service, following, At::Events))))
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// How far an answer is.
#[derive(Clone, Copy)]
enum At {
    Begin,
    Events,
    End,
}

struct Answering {
    service: Arc<Service>,
    deadline: Instant,
    at: At,
}

impl Answering {
    async fn query(
        &mut self,
        reading: &mut AuditReading,
    ) -> Result<Option<v1::QueryAuditResponse>, Status> {
        let mut answer = v1::QueryAuditResponse::default();
        match self.at {
            At::Begin => {
                self.at = At::Events;
                answer.extent = Some(extent(&self.service, &reading.extent()));
            }
            At::Events => match within(Some(self.deadline), reading.next()).await? {
                Some(part) => answer.events = events(&self.service, &part),
                None => {
                    self.at = At::End;
                    answer.extent = Some(extent(&self.service, &reading.extent()));
                    answer.end = Some(v1::AuditEnd { next: reading.more_after().map(cursor) });
                }
            },
            At::End => return Ok(None),
        }
        Ok(Some(answer))
    }
}

async fn followed(
    service: &Service,
    following: &mut AuditFollowing,
    at: At,
    deadline: Option<Instant>,
) -> Result<v1::TailAuditResponse, Status> {
    let mut answer = v1::TailAuditResponse::default();
    if let At::Events | At::End = at {
        let part = within(deadline, following.next()).await?;
        answer.events = events(service, &part);
    }
    let found = following.extent();
    // A node that was given a snapshot meanwhile has passed over events.
    if found.missing.is_some() || matches!(at, At::Begin) {
        answer.extent = Some(extent(service, &found));
    }
    Ok(answer)
}

pub(crate) async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, Status> {
    let done = match deadline {
        None => work.await,
        Some(deadline) => timeout_at(deadline, work).await.map_err(|_| {
            Status::deadline_exceeded("the time is over; go on after the last event that came")
        })?,
    };
    done.map_err(|error| to_status(&error))
}

pub(crate) fn events(service: &Service, part: &AuditPart) -> Vec<v1::AuditEvent> {
    let state = service.ledger().view().state;
    part.events.iter().map(|event| audit_event::shown(event, &state, &part.gone)).collect()
}

pub(crate) fn extent(service: &Service, extent: &AuditExtent) -> v1::AuditExtent {
    v1::AuditExtent {
        node: service.ledger().identity().name.to_string(),
        from_index: extent.from.0,
        to_index: extent.to.0,
        missing: extent
            .missing
            .map(|(from, to)| v1::AuditGap { from_index: from.0, to_index: to.0 }),
    }
}

const fn cursor(place: AuditPlace) -> v1::AuditCursor {
    v1::AuditCursor { log_index: place.index, ordinal: place.ordinal }
}

const fn place(cursor: v1::AuditCursor) -> AuditPlace {
    AuditPlace { index: cursor.log_index, ordinal: cursor.ordinal }
}

fn query(message: v1::QueryAuditRequest) -> Result<QueryAudit, ServiceError> {
    let oldest_first = match v1::AuditOrder::try_from(message.order) {
        Ok(v1::AuditOrder::Unspecified | v1::AuditOrder::NewestFirst) => false,
        Ok(v1::AuditOrder::OldestFirst) => true,
        Err(_) => return Err(invalid("order", "it is none of the known")),
    };
    Ok(QueryAudit {
        from: message.from.map(|at| time("from", at)).transpose()?,
        to: message.to.map(|at| time("to", at)).transpose()?,
        limit: message.limit,
        oldest_first,
        after: message.after.map(place),
        ..filter(message.filter)?
    })
}

fn tail(message: v1::TailAuditRequest) -> Result<TailAudit, ServiceError> {
    let filter = filter(message.filter)?;
    Ok(TailAudit { filter, last: message.last, after: message.after.map(place) })
}

fn filter(message: Option<v1::AuditFilter>) -> Result<QueryAudit, ServiceError> {
    let v1::AuditFilter { username, application, decision, r#type, node } =
        message.unwrap_or_default();
    let decided = match v1::Decision::try_from(decision) {
        Ok(v1::Decision::Unspecified) => None,
        Ok(v1::Decision::Allow) => Some(Decided::Allow),
        Ok(v1::Decision::Deny) => Some(Decided::Deny),
        Ok(v1::Decision::Challenge) => Some(Decided::Challenge),
        Err(_) => return Err(invalid("decision", "it is none of the known")),
    };
    let mut kinds: Option<AuditKinds> = None;
    for number in r#type {
        let known = match v1::EventType::try_from(number) {
            Ok(v1::EventType::Unspecified) | Err(_) => None,
            Ok(known) => u32::try_from(known as i32).ok(),
        };
        let more = known.and_then(|kind| kinds.unwrap_or_default().with(kind));
        kinds =
            Some(more.ok_or_else(|| invalid("type", "it names a type that is none of the known"))?);
    }
    Ok(QueryAudit { username, application, node, decided, kinds, ..QueryAudit::default() })
}

/// Whole milliseconds, as the audit has them.
fn time(field: &'static str, at: ProtoTimestamp) -> Result<Timestamp, ServiceError> {
    let seconds = u64::try_from(at.seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
    let part = u64::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let at = seconds.zip(part).and_then(|(seconds, nanos)| seconds.checked_add(nanos / 1_000_000));
    at.map(Timestamp).ok_or_else(|| invalid(field, "it is no time since 1970"))
}

fn invalid(field: &'static str, problem: &str) -> ServiceError {
    ServiceError::InvalidArgument { field, problem: problem.to_owned() }
}
