//! What openraft is told about our types.

use std::fmt;

use bytes::Bytes;
use openraft::{OptionalSend, RaftTypeConfig};
use symbolon_core::Answer;

/// An encoded `store.v1.Batch`. It prints its length and nothing else, so no trace of openraft can
/// show what is in an entry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Answers to the proposals of an entry, in order; none for an entry that holds no proposals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replies(pub(crate) Vec<Answer>);

/// Our types for openraft. Nodes are known by id alone: names, keys and addresses are in the
/// registry, which is part of the replicated state.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Payload;
    type R = Replies;
    type NodeId = u64;
    type Node = ();
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = Vote;
    type Payload = EntryPayload;
    type Entry = Entry;
    type AsyncRuntime = openraft::impls::TokioRuntime;
    type Responder<T>
        = openraft::impls::OneshotResponder<Self, T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

pub(crate) type LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, u64>;
pub(crate) type LogId = openraft::LogId<LeaderId>;
pub(crate) type Vote = openraft::impls::Vote<LeaderId>;
pub(crate) type Entry = openraft::Entry<LeaderId, EntryPayload>;
pub(crate) type EntryPayload = openraft::EntryPayload<Payload, u64, ()>;
pub(crate) type Membership = openraft::Membership<u64, ()>;
pub(crate) type StoredMembership = openraft::StoredMembership<LeaderId, u64, ()>;
pub(crate) type SnapshotMeta = openraft::storage::SnapshotMeta<LeaderId, u64, ()>;
pub(crate) type Snapshot =
    openraft::storage::Snapshot<LeaderId, u64, (), crate::snapshot::SnapshotFile>;
pub(crate) type Raft = openraft::Raft<TypeConfig, crate::machine::Machine>;
