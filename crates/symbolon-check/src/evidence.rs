//! What is known when a run is over.

use std::collections::BTreeSet;

use symbolon_core::{LineageId, RequestId};

use crate::{Event, HostId, Nanos, Told, Verify};

/// Something that must not be.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Who found it.
    pub checker: &'static str,
    /// What it is.
    pub what: String,
}

impl Problem {
    /// A problem that a checker found.
    pub fn new(checker: &'static str, what: impl Into<String>) -> Self {
        Self { checker, what: what.into() }
    }
}

/// A machine was put back to an earlier time.
#[derive(Clone, Copy, Debug)]
pub struct PutBack {
    /// Which.
    pub host: HostId,
    /// To when, and when.
    pub span: (Nanos, Nanos),
}

/// A machine was emptied by people who were told to.
#[derive(Clone, Copy, Debug)]
pub struct Emptied {
    /// Which.
    pub host: HostId,
    /// The lineage that it was in, if that was known.
    pub lineage: Option<LineageId>,
    /// When.
    pub at: Nanos,
}

/// A node decided alone, and nothing but the network was wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    /// Which.
    pub host: HostId,
    /// From when.
    pub from: Nanos,
    /// And until when.
    pub to: Nanos,
}

impl Evidence {
    /// Whether a decision was made by an island whose disk was put back since.
    pub(crate) fn is_gone(&self, verify: &Verify) -> bool {
        let island = verify.outcome.told().is_some_and(|told| told.island);
        let is_within = |back: &PutBack| {
            back.host == verify.host && (back.span.0..=back.span.1).contains(&verify.ended)
        };
        let is_emptied = |it: &Emptied| it.host == verify.host && verify.ended <= it.at;
        island && (self.put_back.iter().any(is_within) || self.emptied.iter().any(is_emptied))
    }
}

impl Evidence {
    /// Whether what a lineage alone held at a time may have been removed by people who were told to: with the
    /// last node that was in it, or with what such a node had in quarantine.
    pub(crate) fn is_emptied(&self, lineage: LineageId, at: Nanos) -> bool {
        let took_it = |it: &Emptied| it.at >= at || it.lineage.is_none_or(|of| of == lineage);
        lineage != self.lineage && self.emptied.iter().any(took_it)
    }
}

/// What is known when a run is over.
pub struct Evidence {
    /// What clients were told.
    pub told: Told,
    /// The audit of each node, as far as it could be read.
    pub audits: Vec<Vec<Event>>,
    /// The lineage that all nodes are in.
    pub lineage: LineageId,
    /// Request ids of writes that lie in quarantine somewhere.
    pub quarantined: BTreeSet<RequestId>,
    /// Machines that were put back to an earlier time: what they decided alone in between is gone for good.
    pub put_back: Vec<PutBack>,
    /// Machines that were emptied.
    pub emptied: Vec<Emptied>,
    /// Nodes that decided alone, as far as somebody has looked.
    pub alone: Vec<Alone>,
    /// Number of a token whose codes nobody shows, and that is guessed at everywhere.
    pub guessed: Option<usize>,
    /// Hard limit of failures.
    pub hard_limit: u32,
    /// Codes may be refused as used for so long after an epoch has begun.
    pub floor: Nanos,
}

impl Evidence {
    /// The audit of the node that has most of it.
    pub(crate) fn longest(&self) -> &[Event] {
        self.audits.iter().max_by_key(|audit| audit.len()).map_or(&[], Vec::as_slice)
    }
}
