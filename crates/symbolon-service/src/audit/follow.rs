//! Following the audit as it grows.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{LogIndex, Operation};
use tokio::time::{Instant, sleep};

use super::{AuditExtent, AuditPart, AuditPlace, AuditQuestion, PART_EVENTS, QueryAudit};
use crate::admission::Place;
use crate::principal::Principal;
use crate::{Service, ServiceError};

const LAST_MAX: u32 = 10_000;
/// Entries that come within this time are read together, so that a busy node is not asked for each.
const GATHER: Duration = Duration::from_millis(20);
/// Whether the caller still has the right is looked at no less often.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct TailAudit {
    /// Which events; limit, order and times are left out of account.
    pub filter: QueryAudit,
    /// How many events that have happened come first.
    pub last: u32,
    /// Goes on after this event instead.
    pub after: Option<AuditPlace>,
}

/// Events as they happen. Dropped, it reads no further.
#[derive(Debug)]
pub struct AuditFollowing {
    service: Arc<Service>,
    principal: Principal,
    question: AuditQuestion,
    /// Events that have happened and are yet to be counted back.
    back: usize,
    _place: Place,
}

impl Service {
    /// Begins to tell the events of this node's audit.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] while too many others are told.
    pub fn tail_audit(
        self: &Arc<Self>,
        principal: &Principal,
        tail: &TailAudit,
    ) -> Result<AuditFollowing, ServiceError> {
        Self::may(principal, Operation::TailAudit)?;
        if tail.last > LAST_MAX {
            return Err(ServiceError::invalid("last", format!("it is over {LAST_MAX}")));
        }
        let filter = self.audit_filter(&tail.filter)?;
        let place = self.admission.audit_tail()?;
        let last = self.ledger.view().applied;
        let back = match tail.after {
            None => usize::try_from(tail.last).unwrap_or(usize::MAX),
            Some(_) => 0,
        };
        let question = AuditQuestion {
            filter,
            newest_first: back > 0,
            // Without events that have happened: from here on.
            after: tail.after.or_else(|| (back == 0).then_some(end_of(last))),
            last,
            events_max: PART_EVENTS,
        };
        let service = Arc::clone(self);
        Ok(AuditFollowing { service, principal: principal.clone(), question, back, _place: place })
    }
}

/// After all events of a log entry.
const fn end_of(entry: LogIndex) -> AuditPlace {
    AuditPlace { index: entry.0, ordinal: u32::MAX }
}

impl AuditFollowing {
    /// Waits for the next events, never none of them.
    ///
    /// # Errors
    /// [`ServiceError::Stopping`] when the node stops, [`ServiceError::Unauthenticated`] when the caller
    /// is gone, [`ServiceError::Halted`], [`ServiceError::Internal`] when the audit is damaged.
    pub async fn next(&mut self) -> Result<AuditPart, ServiceError> {
        if self.question.newest_first {
            self.count_back().await?;
        }
        loop {
            self.may_go_on()?;
            self.question.last = self.service.ledger.view().applied;
            let part = self.service.ledger.read_audit(self.question.clone()).await?;
            let end = end_of(self.question.last);
            let is_end = part.reached.is_none();
            // A node that installs a snapshot never goes back; a place ahead of it stays.
            let reached = part.reached.unwrap_or(end);
            self.question.after = self.question.after.max(Some(reached));
            if !part.events.is_empty() {
                return Ok(part);
            }
            if is_end {
                self.wait().await;
            }
        }
    }

    /// Finds the place from which on there are so many events, without holding them.
    async fn count_back(&mut self) -> Result<(), ServiceError> {
        let mut oldest = None;
        let mut left = self.back;
        while left > 0 {
            self.may_go_on()?;
            self.question.events_max = left.min(PART_EVENTS);
            let part = self.service.ledger.read_audit(self.question.clone()).await?;
            left -= part.events.len().min(left);
            oldest = part.events.last().map(AuditPlace::of).or(oldest);
            self.question.after = part.reached;
            if part.reached.is_none() {
                break;
            }
        }
        self.question.newest_first = false;
        self.question.events_max = PART_EVENTS;
        self.question.after = Some(match oldest {
            None => end_of(self.question.last),
            Some(AuditPlace { index, ordinal: 0 }) => end_of(LogIndex(index.saturating_sub(1))),
            Some(AuditPlace { index, ordinal }) => AuditPlace { index, ordinal: ordinal - 1 },
        });
        Ok(())
    }

    fn may_go_on(&self) -> Result<(), ServiceError> {
        if *self.service.lasting.borrow() {
            return Err(ServiceError::Stopping);
        }
        if self.service.ledger.halted_at().is_some() {
            return Err(ServiceError::Halted);
        }
        self.service.still_may(&self.principal, Operation::TailAudit)
    }

    /// Until there is something new, or it is time to look whether to go on.
    async fn wait(&self) {
        let next = LogIndex(self.question.last.0.saturating_add(1));
        let mut lasting = self.service.lasting.subscribe();
        let ended = async {
            let _ = lasting.wait_for(|ended| *ended).await.is_ok();
        };
        tokio::select! {
            _ = self.service.ledger.applied(next, Instant::now() + WAIT_MAX) => {
                sleep(GATHER).await;
            }
            () = ended => {}
        }
    }

    /// Which part of the audit this node has by now.
    #[must_use]
    pub fn extent(&self) -> AuditExtent {
        self.service.ledger.audit_extent()
    }
}
