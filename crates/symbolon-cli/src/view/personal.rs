//! What is held about a person, in JSON.

use serde::Serialize;
use symbolon_proto::v1;

use super::{Block, User, time};

/// A user with what only an export tells.
#[derive(Serialize)]
pub(crate) struct PersonalData {
    #[serde(flatten)]
    user: User,
    last_failure_at: Option<String>,
    failures_by: Vec<FailuresBy>,
    recovery_codes_created_at: Option<String>,
    /// Places among the ten, from 1.
    recovery_codes_used: Vec<u32>,
    /// Also when it is over.
    last_block: Option<Block>,
    /// Also when it is over.
    last_bypass: Option<Block>,
}

#[derive(Serialize)]
struct FailuresBy {
    application_id: String,
    /// Null when there is none of that id any more.
    application: Option<String>,
    failures: u32,
}

impl From<v1::PersonalData> for PersonalData {
    fn from(data: v1::PersonalData) -> Self {
        let failures_by = data.failures_by.into_iter().map(|by| {
            let v1::AuditedApplication { id, name } = by.application.unwrap_or_default();
            let application = Some(name).filter(|name| !name.is_empty());
            FailuresBy { application_id: id, application, failures: by.failures }
        });
        Self {
            user: data.user.unwrap_or_default().into(),
            last_failure_at: time(data.last_failure_at.as_ref()),
            failures_by: failures_by.collect(),
            recovery_codes_created_at: time(data.recovery_codes_created_at.as_ref()),
            recovery_codes_used: data.recovery_codes_used,
            last_block: data.last_block.map(Block::from),
            last_bypass: data.last_bypass.map(Block::from),
        }
    }
}

/// Which part of the audit a node has.
#[derive(Serialize)]
pub(crate) struct Extent {
    node: String,
    /// What came before is pruned; 0: nothing is.
    from_index: u64,
    to_index: u64,
    /// Null: nothing is.
    missing: Option<Gap>,
}

/// From the first up to, and not with, the second.
#[derive(Serialize)]
struct Gap {
    from_index: u64,
    to_index: u64,
}

impl From<v1::AuditExtent> for Extent {
    fn from(extent: v1::AuditExtent) -> Self {
        let v1::AuditExtent { node, from_index, to_index, missing } = extent;
        let gap = |v1::AuditGap { from_index, to_index }| Gap { from_index, to_index };
        Self { node, from_index, to_index, missing: missing.map(gap) }
    }
}
