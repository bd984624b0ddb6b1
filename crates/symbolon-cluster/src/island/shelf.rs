//! What an island keeps on disk.

use std::collections::BTreeMap;

use prost::Message as _;
use symbolon_core::{
    Apart, AuditEvent, Hold, JournalId, LogIndex, NodeId, RecordId, Timestamp, TokenId,
};
use symbolon_proto::store::v1 as store;
use symbolon_proto::{agreed_decode, agreed_encode, audit_decode, audit_encode};
use symbolon_store::{Batch, Framed, Space, StoreError};

use crate::error::ClusterError;

/// Kinds of keys of the space: a journal by its id, a record by journal and number, a code by its token,
/// and since when the node has been an island.
const JOURNAL: u8 = b'j';
const RECORD: u8 = b'r';
const AGREED: u8 = b'a';
const SINCE: u8 = b's';

/// A journal of which records are left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// What had been applied when it was begun.
    pub(crate) applied: LogIndex,
    /// The first record that is left.
    pub(crate) first: u64,
    /// The last one.
    pub(crate) last: u64,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Shelf(pub(super) Framed);

/// What was found at the start.
#[derive(Default)]
pub(super) struct Found {
    pub(super) apart: Apart,
    pub(super) journals: BTreeMap<JournalId, Extent>,
    pub(super) agreed: BTreeMap<TokenId, (Hold, NodeId)>,
    pub(super) since: Option<Timestamp>,
}

fn key(kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    Space::Journal.key(&[&[kind][..], &rest.concat()].concat())
}

fn record_key(record: RecordId) -> Vec<u8> {
    key(RECORD, &[&record.journal.0, &record.number.to_be_bytes()])
}

impl Shelf {
    /// Reads all of it.
    pub(super) fn load(&self) -> Result<Found, ClusterError> {
        let mut found = Found::default();
        let (from, to) = Space::Journal.bounds();
        for pair in self.0.scan(&from, &to) {
            let (key, value) = pair?;
            take(&mut found, key.get(1..).unwrap_or_default(), &value).ok_or_else(damaged)?;
        }
        // One that was begun and has no record yet is nothing.
        found.journals.retain(|_, extent| extent.last > 0);
        #[cfg(feature = "planted")]
        if symbolon_core::planted::is("allowance-forgotten") {
            found.apart.forget_failures();
        }
        Ok(found)
    }

    /// All records, each as it is.
    pub(super) fn left(&self) -> Result<Vec<store::LeftRecord>, ClusterError> {
        let found = self.load()?;
        let (from, to) = (key(RECORD, &[]), key(RECORD + 1, &[]));
        let records = self.0.scan(&from, &to).map(|pair| {
            let (key, record) = pair?;
            let RecordId { journal, number } = record_at(&key)?;
            let begun_at = found.journals.get(&journal).map_or(0, |extent| extent.applied.0);
            Ok(store::LeftRecord { journal: journal.0.to_vec(), number, begun_at, record })
        });
        records.collect()
    }

    /// Records of a journal from one number to before another, each with its own. A number may be missing:
    /// a crash came before it was written, and after the next one was.
    pub(super) fn read(
        &self,
        journal: JournalId,
        from: u64,
        to: u64,
    ) -> Result<BTreeMap<u64, AuditEvent>, ClusterError> {
        let place = |number| record_key(RecordId { journal, number });
        let read = self.0.scan(&place(from), &place(to)).map(|pair| {
            let (key, value) = pair?;
            Ok((record_at(&key)?.number, event(&value).ok_or_else(damaged)?))
        });
        read.collect()
    }
}

/// The record at a key.
fn record_at(key: &[u8]) -> Result<RecordId, ClusterError> {
    record_of(key.get(2..).unwrap_or_default()).ok_or_else(damaged)
}

/// The same, of what follows the kind in the key.
fn record_of(rest: &[u8]) -> Option<RecordId> {
    let (journal, number) = rest.split_at_checked(16)?;
    let number = u64::from_be_bytes(number.try_into().ok()?);
    Some(RecordId { journal: JournalId::from_slice(journal)?, number })
}

fn damaged() -> ClusterError {
    ClusterError::Journal
}

pub(super) fn event(value: &[u8]) -> Option<AuditEvent> {
    let record = store::IslandRecord::decode(value).ok()?;
    audit_decode(LogIndex(record.applied_index), &record.audit).ok()?.pop()
}

fn take(found: &mut Found, key: &[u8], value: &[u8]) -> Option<()> {
    let (kind, rest) = key.split_first()?;
    match *kind {
        JOURNAL => {
            let applied = LogIndex(store::IslandJournal::decode(value).ok()?.applied_index);
            let extent = Extent { applied, first: 0, last: 0 };
            found.journals.insert(JournalId::from_slice(rest)?, extent);
        }
        // After the journals, by the order of the keys.
        RECORD => {
            let record = record_of(rest)?;
            let (extent, number) = (found.journals.get_mut(&record.journal)?, record.number);
            (extent.first, extent.last) =
                (if extent.first == 0 { number } else { extent.first }, number);
            let event = event(value)?;
            found.apart.note(record, &event);
            found.apart.remember(&event);
        }
        AGREED => {
            let token = TokenId(u64::from_be_bytes(rest.try_into().ok()?));
            let (hold, node) = agreed_decode(token, value).ok()?;
            // Before the journals, so that what this node took itself counts.
            found.apart.hold(hold);
            found.agreed.insert(token, (hold, node));
        }
        SINCE => found.since = Some(Timestamp(store::IslandSince::decode(value).ok()?.at)),
        _ => return None,
    }
    Some(())
}

pub(super) fn put_journal(batch: &mut Batch, journal: JournalId, applied: LogIndex) {
    let message = store::IslandJournal { applied_index: applied.0 };
    batch.insert(key(JOURNAL, &[&journal.0]), message.encode_to_vec());
}

pub(super) fn put_record(batch: &mut Batch, record: RecordId, event: &AuditEvent) {
    let message = store::IslandRecord {
        applied_index: event.index.0,
        audit: audit_encode(None, event.at, std::slice::from_ref(event)),
    };
    batch.insert(record_key(record), message.encode_to_vec());
}

pub(super) fn remove_record(batch: &mut Batch, record: RecordId) {
    batch.remove(record_key(record));
}

pub(super) fn remove_journal(batch: &mut Batch, journal: JournalId) {
    batch.remove(key(JOURNAL, &[&journal.0]));
}

pub(super) fn put_agreed(batch: &mut Batch, hold: &Hold, node: NodeId) {
    let token = hold.shown.token.0.to_be_bytes();
    batch.insert(key(AGREED, &[&token]), agreed_encode(hold, node));
}

pub(super) fn remove_agreed(batch: &mut Batch, token: TokenId) {
    batch.remove(key(AGREED, &[&token.0.to_be_bytes()]));
}

pub(super) fn put_since(batch: &mut Batch, since: Option<Timestamp>) {
    match since {
        Some(at) => batch.insert(key(SINCE, &[]), store::IslandSince { at: at.0 }.encode_to_vec()),
        None => batch.remove(key(SINCE, &[])),
    }
}

/// Writes, and waits until it is durable.
pub(super) async fn keep(shelf: &Shelf, batch: Batch) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    shelf.0.write(batch)?;
    #[cfg(feature = "planted")]
    if symbolon_core::planted::is("record-not-synced") {
        return Ok(());
    }
    durable(shelf).await
}

/// Waits until what was written is durable.
pub(super) async fn durable(shelf: &Shelf) -> Result<(), StoreError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    shelf.0.sync_log(Box::new(move |result| {
        // Nobody waits any more when the node is stopping.
        let _ = sender.send(result);
    }));
    receiver.await.unwrap_or(Err(StoreError::Closed))
}
