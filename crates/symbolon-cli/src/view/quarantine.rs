//! Quarantines in JSON.

use serde::Serialize;
use symbolon_proto::v1;

use super::{AuditEvent, time};

#[derive(Serialize)]
pub(crate) struct Found {
    pub(crate) name: String,
    /// The node that holds it.
    pub(crate) node: String,
    pub(crate) epoch: u64,
    pub(crate) by_epoch: u64,
    pub(crate) fork_index: u64,
    pub(crate) first_index: u64,
    pub(crate) last_index: u64,
    pub(crate) written_at: Option<String>,
    pub(crate) writes: u64,
    pub(crate) open: u64,
    pub(crate) conflicts: u64,
    pub(crate) verifications: u64,
    pub(crate) merged: u64,
}

impl From<v1::Quarantine> for Found {
    fn from(it: v1::Quarantine) -> Self {
        Self {
            name: it.name,
            node: it.node,
            epoch: it.epoch,
            by_epoch: it.by_epoch,
            fork_index: it.fork_index,
            first_index: it.first_index,
            last_index: it.last_index,
            written_at: time(it.written_at.as_ref()),
            writes: it.writes,
            open: it.open,
            conflicts: it.conflicts,
            verifications: it.verifications,
            merged: it.merged,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Write {
    /// ENTRY.PLACE.
    pub(crate) write: String,
    pub(crate) time: Option<String>,
    pub(crate) command: String,
    /// Name of who wanted it, or the id of one who is gone.
    pub(crate) by: String,
    pub(crate) events: Vec<AuditEvent>,
    pub(crate) state: &'static str,
    pub(crate) conflict: Option<String>,
    pub(crate) applied_at: Option<u64>,
}

impl From<v1::QuarantinedWrite> for Write {
    fn from(it: v1::QuarantinedWrite) -> Self {
        let state = it.state().as_str_name();
        let caller = it.caller.unwrap_or_default();
        Self {
            write: named(it.id),
            time: time(it.time.as_ref()),
            command: it.command,
            by: if caller.name.is_empty() { caller.id } else { caller.name },
            events: it.event.into_iter().map(AuditEvent::from).collect(),
            state,
            conflict: Some(it.conflict).filter(|text| !text.is_empty()),
            applied_at: Some(it.applied_at).filter(|index| *index != 0),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Reapplied {
    pub(crate) write: String,
    /// Null: it was not applied.
    pub(crate) log_index: Option<u64>,
    pub(crate) refusal: Option<String>,
}

impl From<v1::ReappliedWrite> for Reapplied {
    fn from(it: v1::ReappliedWrite) -> Self {
        Self {
            write: named(it.id),
            log_index: Some(it.log_index).filter(|index| *index != 0),
            refusal: Some(it.refusal).filter(|text| !text.is_empty()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Given {
    pub(crate) given_up: u64,
}

fn named(id: Option<v1::WriteId>) -> String {
    id.map_or_else(String::new, |id| format!("{}.{}", id.log_index, id.ordinal))
}
