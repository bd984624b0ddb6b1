//! Merging what was decided apart from the log.

use alloc::vec::Vec;

use crate::{JournalId, MergeRecord};

/// See [`Command::Merge`](super::Command::Merge). Proposed by the node whose journal it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merge {
    /// Which journal.
    pub journal: JournalId,
    /// The number of the first record; a journal counts them from 1.
    pub first: u64,
    /// The records, one number after the other, at most [`crate::limits::MERGE_RECORDS_MAX`], with
    /// at most [`crate::limits::MERGE_MARKS_MAX`] marks. `None`: there is nothing in it to merge.
    pub records: Vec<Option<MergeRecord>>,
}
