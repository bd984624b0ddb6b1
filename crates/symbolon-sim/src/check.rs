//! What must hold, whatever has happened: each promise in a file of its own.

mod audit;
mod doubles;
mod kept;
mod linear;
mod once;
mod retry;

use std::collections::BTreeSet;

use symbolon_core::{AuditEvent, LineageId, RequestId};

use crate::history::{Told, Verify};
use crate::net::HostId;
use crate::time::Nanos;

/// Something that must not be.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) checker: &'static str,
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(checker: &'static str, what: impl Into<String>) -> Self {
        Self { checker, what: what.into() }
    }
}

/// A machine was put back to an earlier time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutBack {
    pub(crate) host: HostId,
    /// To when, and when.
    pub(crate) span: (Nanos, Nanos),
}

impl Evidence {
    /// Whether a decision was made by an island whose disk was put back since.
    fn is_gone(&self, verify: &Verify) -> bool {
        let island = verify.outcome.told().is_some_and(|told| told.island);
        let is_within = |back: &PutBack| {
            back.host == verify.host && (back.span.0..=back.span.1).contains(&verify.ended)
        };
        let is_emptied =
            |(host, _, at): &(HostId, _, Nanos)| *host == verify.host && verify.ended <= *at;
        island && (self.put_back.iter().any(is_within) || self.emptied.iter().any(is_emptied))
    }
}

impl Evidence {
    /// Whether what a lineage alone held may have been removed by people who were told to.
    fn is_emptied(&self, lineage: LineageId) -> bool {
        lineage != self.lineage
            && self.emptied.iter().any(|(_, of, _)| of.is_none_or(|of| of == lineage))
    }
}

/// What is known when a run is over.
pub(crate) struct Evidence {
    pub(crate) told: Told,
    /// The audit of each node, as far as it could be read.
    pub(crate) audits: Vec<Vec<AuditEvent>>,
    /// The lineage that all nodes are in.
    pub(crate) lineage: LineageId,
    /// Request ids of writes that lie in quarantine somewhere.
    pub(crate) quarantined: BTreeSet<RequestId>,
    /// Machines that were put back to an earlier time: what they decided alone in between is gone for good.
    pub(crate) put_back: Vec<PutBack>,
    /// Machines that were emptied, with the lineage that they were in then.
    pub(crate) emptied: Vec<(HostId, Option<LineageId>, Nanos)>,
    /// Hard limit of failures.
    pub(crate) hard_limit: u32,
}

/// All that is wrong.
pub(crate) fn all(evidence: &Evidence) -> Vec<Problem> {
    let checkers =
        [once::check, retry::check, kept::check, doubles::check, audit::check, linear::check];
    checkers.iter().flat_map(|check| check(evidence)).collect()
}
