//! Reading the audit from one place to another.

use std::sync::Arc;

use symbolon_core::{Operation, Timestamp, UserName};

use super::{
    AuditExtent, AuditFilter, AuditKinds, AuditPart, AuditPlace, AuditQuestion, AuditUnreadable,
    Decided, PART_EVENTS,
};
use crate::admission::Place;
use crate::names;
use crate::principal::Principal;
use crate::{Service, ServiceError};

const LIMIT_DEFAULT: u32 = 1_000;
const LIMIT_MAX: u32 = 100_000;

/// What a client asks for; texts as it wrote them, empty for all.
#[derive(Clone, Debug, Default)]
pub struct QueryAudit {
    /// Name of a user.
    pub username: String,
    /// Name of an application.
    pub application: String,
    /// Name of a node.
    pub node: String,
    /// Verifications that were decided so.
    pub decided: Option<Decided>,
    /// Of one of these kinds.
    pub kinds: Option<AuditKinds>,
    /// Of this time or later.
    pub from: Option<Timestamp>,
    /// Of before this time.
    pub to: Option<Timestamp>,
    /// How many; 0 means 1,000.
    pub limit: u32,
    /// As they happened, and not from the newest to the oldest.
    pub oldest_first: bool,
    /// Goes on after this event.
    pub after: Option<AuditPlace>,
}

/// An answer on its way. Dropped, it reads no further.
#[derive(Debug)]
pub struct AuditReading {
    service: Arc<Service>,
    question: AuditQuestion,
    left: usize,
    next: Option<AuditPlace>,
    ended: bool,
    _place: Place,
}

impl Service {
    /// Begins to answer a question to the audit from this node's own copy.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] while too many others are answered.
    pub fn query_audit(
        self: &Arc<Self>,
        principal: &Principal,
        query: &QueryAudit,
    ) -> Result<AuditReading, ServiceError> {
        Self::may(principal, Operation::QueryAudit)?;
        let limit = match query.limit {
            0 => LIMIT_DEFAULT,
            limit if limit <= LIMIT_MAX => limit,
            _ => return Err(ServiceError::invalid("limit", format!("it is over {LIMIT_MAX}"))),
        };
        let filter = self.audit_filter(query)?;
        let place = self.admission.audit_query()?;
        let question = AuditQuestion {
            filter,
            newest_first: !query.oldest_first,
            after: query.after,
            last: self.ledger.view().applied,
            events_max: PART_EVENTS,
        };
        let left = usize::try_from(limit).unwrap_or(usize::MAX);
        let service = Arc::clone(self);
        Ok(AuditReading { service, question, left, next: None, ended: false, _place: place })
    }

    /// Everything about a name, as it happened, up to what this node has applied.
    pub(crate) fn all_about(self: &Arc<Self>, username: UserName, place: Place) -> AuditReading {
        let filter = AuditFilter { username: Some(username), ..AuditFilter::default() };
        let question = AuditQuestion {
            filter,
            newest_first: false,
            after: None,
            last: self.ledger.view().applied,
            events_max: PART_EVENTS,
        };
        let service = Arc::clone(self);
        let left = usize::MAX;
        AuditReading { service, question, left, next: None, ended: false, _place: place }
    }

    /// The names in a question looked up.
    pub(super) fn audit_filter(&self, query: &QueryAudit) -> Result<AuditFilter, ServiceError> {
        let state = self.ledger.view().state;
        let asked = |text: &str| !text.is_empty();
        let mut filter =
            AuditFilter { decided: query.decided, kinds: query.kinds, ..AuditFilter::default() };
        if asked(&query.username) {
            filter.username = Some(names::user_name(&query.username)?);
        }
        if asked(&query.application) {
            let name = names::name("application", &query.application)?;
            let row = state.application_by_name(&name);
            let row = row.ok_or(ServiceError::NotFound { kind: "application" })?;
            filter.application = Some(row.id);
        }
        if asked(&query.node) {
            let name = names::name("node", &query.node)?;
            let mut nodes = state.nodes_registered();
            let row = nodes.find(|node| node.name == name);
            filter.node = Some(row.ok_or(ServiceError::NotFound { kind: "node" })?.id);
        }
        filter.from = query.from.unwrap_or(filter.from);
        filter.to = query.to.unwrap_or(filter.to);
        if filter.from >= filter.to {
            return Err(ServiceError::invalid("to", "it is not after `from`"));
        }
        Ok(filter)
    }

    /// Ends what lasts, because the node stops.
    pub fn end_lasting(&self) {
        self.lasting.send_replace(true);
    }
}

impl AuditReading {
    /// The next events, never none of them; `None` at the end.
    ///
    /// # Errors
    /// [`ServiceError::Internal`] when the audit is damaged, [`ServiceError::Stopping`].
    pub async fn next(&mut self) -> Result<Option<AuditPart>, ServiceError> {
        while !self.ended {
            if *self.service.lasting.borrow() {
                return Err(ServiceError::Stopping);
            }
            self.question.events_max = self.left.min(PART_EVENTS);
            let part = self.service.ledger.read_audit(self.question.clone()).await?;
            self.left -= part.events.len().min(self.left);
            self.question.after = part.reached;
            self.ended = part.reached.is_none() || self.left == 0;
            if self.left == 0 && part.reached.is_some() {
                self.next = part.events.last().map(AuditPlace::of);
            }
            if !part.events.is_empty() {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// After the end: where to go on, if there may be more.
    #[must_use]
    pub const fn more_after(&self) -> Option<AuditPlace> {
        self.next
    }

    /// Which part of the audit this node has by now.
    #[must_use]
    pub fn extent(&self) -> AuditExtent {
        self.service.ledger.audit_extent()
    }
}

impl From<AuditUnreadable> for ServiceError {
    fn from(_: AuditUnreadable) -> Self {
        Self::Internal
    }
}
