//! What must hold, whatever has happened: each promise in a file of its own.

mod audit;
mod doubles;
mod kept;
mod linear;
mod once;
mod retry;

use std::collections::BTreeSet;

use symbolon_core::{AuditEvent, LineageId, RequestId};

use crate::history::Told;

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

/// What is known when a run is over.
pub(crate) struct Evidence {
    pub(crate) told: Told,
    /// The audit of each node, as far as it could be read.
    pub(crate) audits: Vec<Vec<AuditEvent>>,
    /// The lineage that all nodes are in.
    pub(crate) lineage: LineageId,
    /// Request ids of writes that lie in quarantine somewhere.
    pub(crate) quarantined: BTreeSet<RequestId>,
    /// Hard limit of failures.
    pub(crate) hard_limit: u32,
}

/// All that is wrong.
pub(crate) fn all(evidence: &Evidence) -> Vec<Problem> {
    let checkers =
        [once::check, retry::check, kept::check, doubles::check, audit::check, linear::check];
    checkers.iter().flat_map(|check| check(evidence)).collect()
}
