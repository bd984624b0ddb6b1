//! Snapshots: the rows and the scalars at one log index, as a file in checked chunks.
//!
//! Of the audit a snapshot holds the end alone, from which replies are rebuilt, and where it begins in
//! the hash chain. A node that lacks what is before asks its peers for it.

use std::io;
use std::sync::Arc;

use openraft::storage::RaftSnapshotBuilder;
use prost::Message as _;
use symbolon_core::{ClusterId, LogIndex, Row, State};
use symbolon_proto::store::v1 as store;
use symbolon_proto::{row_decode, row_encode, row_key_encode, scalars_from_proto};
use symbolon_store::{Image, Install, SnapshotWriter, Snapshots};

use crate::audit_extent::Point;
use crate::audit_log::{AuditLog, given};
use crate::convert::{damaged, log_id_decode, stored_membership_decode};
use crate::log_store::{io_error, settle};
use crate::machine::Machine;
use crate::off_thread::blocking;
use crate::raft_types::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::receive::Received;
use crate::space::when_there_is_space;

/// Bytes after which a chunk is written. Chunks hold whole messages, so they are a little longer.
const CHUNK_BYTES: usize = 256 << 10;
/// 1: with all of the audit. 2: with the end of it.
const VERSION: u32 = 2;

/// A finished snapshot and where it lies.
#[derive(Clone)]
pub(crate) struct SnapshotFile {
    pub(crate) snapshots: Snapshots,
    pub(crate) name: String,
    /// Of a file that came from a peer: keeps it until nobody needs it.
    pub(crate) _received: Option<Arc<Received>>,
    /// Of a file that came from a peer: what was found in it when it was checked.
    pub(crate) contents: Option<Arc<Contents>>,
}

impl std::fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotFile({})", self.name)
    }
}

impl SnapshotFile {
    /// A snapshot of this node's own.
    pub(crate) fn own(snapshots: &Snapshots, name: String) -> Self {
        Self { snapshots: snapshots.clone(), name, _received: None, contents: None }
    }
}

/// Name of the snapshot at a log id: sorts by age.
pub(crate) fn file_name(last: Option<&LogId>) -> String {
    last.map_or_else(
        || format!("{:020}", 0),
        |id| format!("{:020}-{}-{}", id.index, id.leader_id.term, id.leader_id.node_id),
    )
}

/// Writes a snapshot of the state as it was when the builder was made.
#[derive(Clone)]
pub(crate) struct SnapshotBuilder {
    image: Image,
    audit: Arc<AuditLog>,
    snapshots: Snapshots,
    state: State,
    scalars: store::Scalars,
    applied: Option<LogId>,
    membership: StoredMembership,
}

impl SnapshotBuilder {
    pub(crate) fn new(machine: &Machine) -> Self {
        Self {
            image: machine.image.clone(),
            audit: Arc::clone(&machine.audit),
            snapshots: machine.snapshots.clone(),
            state: machine.state.clone(),
            scalars: machine.scalars(),
            applied: machine.applied,
            membership: machine.membership.clone(),
        }
    }

    fn write(&self) -> io::Result<String> {
        let name = file_name(self.applied.as_ref());
        let applied = self.applied.map_or(0, |id| id.index);
        let tail = self.audit.tail(applied, self.state.clock(), self.state.audit_chain())?;
        let mut file = self.snapshots.create(&name).map_err(io_error)?;
        let header = store::SnapshotHeader {
            version: VERSION,
            cluster: self.state.cluster().map(|row| row.id.0.to_vec()).unwrap_or_default(),
            scalars: Some(self.scalars.clone()),
            rows: self.state.rows_len() as u64,
            audit_from: Some(tail.to_proto()),
        };
        file.chunk(&header.encode_to_vec()).map_err(io_error)?;
        let mut chunk = Chunk::default();
        // First, while nobody has pruned it.
        for pair in self.audit.rows(tail.index..=applied) {
            let (index, batch) = pair?;
            #[cfg(feature = "planted")]
            if index == applied && symbolon_core::planted::is("snapshot-without-newest") {
                continue;
            }
            chunk.push_audit(index, &batch, &mut file)?;
        }
        for row in self.state.rows() {
            chunk.push_row(&row, &mut file)?;
        }
        chunk.flush(&mut file)?;
        file.finish().map_err(io_error)?;
        self.snapshots.remove_older(&name).map_err(io_error)?;
        Ok(name)
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let builder = self.clone();
        // A snapshot that is ahead of the image on disk is put in its place at the next start: the entries in
        // between are not applied, and their audit is never written. Were that so at all nodes, it would be
        // lost for good.
        let is_ahead = false;
        #[cfg(feature = "planted")]
        let is_ahead = is_ahead || symbolon_core::planted::is("snapshot-before-image");
        if !is_ahead {
            settle(&self.image).await?;
        }
        // An error would end the node, which decides sign-ins: of space that somebody else took it would die
        // when another node joins.
        let write = || {
            let builder = builder.clone();
            blocking(move || builder.write())
        };
        let name = when_there_is_space("a snapshot", write).await?;
        tracing::info!(snapshot = name, "took a snapshot");
        Ok(Snapshot {
            meta: SnapshotMeta {
                last_log_id: self.applied,
                last_membership: self.membership.clone(),
            },
            snapshot: SnapshotFile::own(&self.snapshots, name),
        })
    }
}

#[derive(Default)]
struct Chunk {
    message: store::SnapshotRows,
    bytes: usize,
}

impl Chunk {
    fn push_row(&mut self, row: &Row, file: &mut SnapshotWriter) -> io::Result<()> {
        let bytes = row_encode(row);
        let message = store::Row::decode(&bytes[..]).map_err(|_| damaged("row"))?;
        self.message.row.push(message);
        self.grow(bytes.len(), file)
    }

    fn push_audit(
        &mut self,
        index: u64,
        batch: &[u8],
        file: &mut SnapshotWriter,
    ) -> io::Result<()> {
        let message = store::AuditBatch::decode(batch).map_err(|_| damaged("audit row"))?;
        self.message.audit.push(store::SnapshotAudit { index, batch: Some(message) });
        self.grow(batch.len(), file)
    }

    fn grow(&mut self, bytes: usize, file: &mut SnapshotWriter) -> io::Result<()> {
        self.bytes += bytes;
        if self.bytes >= CHUNK_BYTES { self.flush(file) } else { Ok(()) }
    }

    fn flush(&mut self, file: &mut SnapshotWriter) -> io::Result<()> {
        if self.bytes > 0 {
            file.chunk(&self.message.encode_to_vec()).map_err(io_error)?;
        }
        *self = Self::default();
        Ok(())
    }
}

/// Replaces the machine's state by a snapshot's. A crash in between leaves the old one or the new.
pub(crate) async fn install(
    machine: &mut Machine,
    meta: &SnapshotMeta,
    file: SnapshotFile,
) -> io::Result<()> {
    let own = file_name(meta.last_log_id.as_ref());
    let replacing = Replacing {
        image: machine.image.clone(),
        audit: Arc::clone(&machine.audit),
        snapshots: machine.snapshots.clone(),
        own: own.clone(),
        end: Point {
            index: machine.applied.map_or(0, |id| id.index.saturating_add(1)),
            before: machine.state.audit_chain(),
        },
    };
    let installed = blocking(move || replacing.replace(&file)).await?;
    machine.state = installed.state;
    machine.applied = installed.applied;
    machine.membership = installed.membership;
    let index = LogIndex(machine.applied.map_or(0, |id| id.index));
    machine.published.publish(machine.state.clone(), index);
    tracing::info!(snapshot = own, "installed a snapshot");
    Ok(())
}

struct Installed {
    state: State,
    applied: Option<LogId>,
    membership: StoredMembership,
}

/// What a snapshot holds, the audit aside.
pub(crate) struct Contents {
    state: State,
    scalars: store::Scalars,
    /// Where its audit begins.
    tail: Point,
}

impl Contents {
    /// Reads a snapshot and checks all of it: its rows are those of its digest, and its audit is that
    /// of its chain.
    pub(crate) fn read(file: &SnapshotFile) -> io::Result<Self> {
        let mut reader = file.snapshots.read(&file.name).map_err(io_error)?;
        let first = reader.next_chunk().map_err(io_error)?;
        let header = read_header(&first.ok_or_else(|| damaged("snapshot without a header"))?)?;
        // The first version held all of it.
        let tail = match &header.audit_from {
            None => Point::default(),
            point => Point::from_proto(point.as_ref())?,
        };
        let mut rows = Vec::new();
        let mut chain = tail.before;
        let scalars = header.scalars.as_ref().ok_or_else(|| damaged("snapshot without scalars"))?;
        let last = applied(scalars)?.map_or(0, |id| id.index);
        let mut expected = tail.index;
        if tail.index > last.saturating_add(1) {
            return Err(damaged("snapshot whose audit begins after its end"));
        }
        while let Some(bytes) = reader.next_chunk().map_err(io_error)? {
            let chunk = read_chunk(&bytes)?;
            for message in chunk.row {
                rows.push(row_decode(&message.encode_to_vec()).map_err(invalid)?);
            }
            for message in chunk.audit {
                if !(expected..=last).contains(&message.index) {
                    return Err(damaged("snapshot with audit of another place"));
                }
                expected = message.index.saturating_add(1);
                let batch = message.batch.unwrap_or_default().encode_to_vec();
                chain = given(chain, message.index, &batch)?.after;
            }
        }
        if header.rows != rows.len() as u64 {
            return Err(damaged("snapshot that lacks rows"));
        }
        let message = header.scalars.ok_or_else(|| damaged("snapshot without scalars"))?;
        let scalars = scalars_from_proto(&message).map_err(invalid)?;
        if chain != scalars.audit_chain {
            return Err(damaged("snapshot with another audit than its state tells of"));
        }
        let state = State::restore(rows, scalars, []).map_err(invalid)?;
        if state.cluster().map(|row| row.id.0.to_vec()).unwrap_or_default() != header.cluster {
            return Err(damaged("snapshot of another cluster than its header says"));
        }
        Ok(Self { state, scalars: message, tail })
    }

    /// The last entry that it holds.
    pub(crate) fn applied(&self) -> io::Result<Option<LogId>> {
        applied(&self.scalars)
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> u64 {
        self.state.rows_len() as u64
    }

    /// Whether the snapshot is what was announced.
    pub(crate) fn is_of(&self, cluster: ClusterId, meta: &SnapshotMeta) -> io::Result<bool> {
        Ok(self.state.cluster().is_none_or(|row| row.id == cluster)
            && self.applied()? == meta.last_log_id
            && stored_membership_decode(&self.scalars.membership)? == meta.last_membership)
    }
}

/// A node whose image is to be a snapshot's.
struct Replacing {
    image: Image,
    audit: Arc<AuditLog>,
    snapshots: Snapshots,
    /// Name of its copy of the snapshot.
    own: String,
    /// Where its audit ends.
    end: Point,
}

impl Replacing {
    fn replace(self, file: &SnapshotFile) -> io::Result<Installed> {
        // Checked before it replaces anything.
        let contents = match &file.contents {
            Some(contents) => Arc::clone(contents),
            None => Arc::new(Contents::read(file)?),
        };
        let mut install = self.image.begin_install().map_err(io_error)?;
        for row in contents.state.rows() {
            install.row(&row_key_encode(row.key()), &row_encode(&row)).map_err(io_error)?;
        }
        let mut reader = file.snapshots.read(&file.name).map_err(io_error)?;
        let mut copy = self.snapshots.create(&self.own).map_err(io_error)?;
        let mut events = 0;
        let mut is_header = true;
        while let Some(bytes) = reader.next_chunk().map_err(io_error)? {
            copy.chunk(&bytes).map_err(io_error)?;
            if !std::mem::take(&mut is_header) {
                events += install_audit(&bytes, self.end.index, &mut install)?;
            }
        }
        // In this order: after a crash in between, the snapshot is installed again at start.
        copy.finish().map_err(io_error)?;
        let scalars = contents.scalars.encode_to_vec();
        let applied = applied(&contents.scalars)?;
        let audit = (contents.tail, applied.map_or(0, |id| id.index));
        self.audit.install(self.end, audit, events, |extent| {
            install.commit(&scalars, extent).map_err(io_error)
        })?;
        self.snapshots.remove_older(&self.own).map_err(io_error)?;

        let applied = contents.applied()?;
        let state = contents.state.clone();
        let last = applied.map_or(0, |id| id.index);
        let recent = self.audit.recent(last, state.clock(), state.audit_chain())?;
        Ok(Installed {
            state: state.with_recent(recent),
            applied,
            membership: stored_membership_decode(&contents.scalars.membership)?,
        })
    }
}

/// Returns how many events are of entries from `new_from` on.
fn install_audit(bytes: &[u8], new_from: u64, install: &mut Install) -> io::Result<u64> {
    let mut events = 0;
    for message in read_chunk(bytes)?.audit {
        let batch = message.batch.unwrap_or_default();
        if message.index >= new_from {
            events += batch.row.len() as u64;
        }
        install.audit(message.index, batch.encode_to_vec()).map_err(io_error)?;
    }
    Ok(events)
}

fn read_chunk(bytes: &[u8]) -> io::Result<store::SnapshotRows> {
    store::SnapshotRows::decode(bytes).map_err(|_| damaged("snapshot chunk"))
}

/// The newest snapshot of the machine.
pub(crate) fn current(machine: &Machine) -> io::Result<Option<Snapshot>> {
    let Some(info) = machine.snapshots.latest().map_err(io_error)? else {
        return Ok(None);
    };
    let mut reader = machine.snapshots.read(&info.name).map_err(io_error)?;
    let first = reader.next_chunk().map_err(io_error)?;
    let header = read_header(&first.ok_or_else(|| damaged("snapshot without a header"))?)?;
    let scalars = header.scalars.ok_or_else(|| damaged("snapshot without scalars"))?;
    Ok(Some(Snapshot {
        meta: SnapshotMeta {
            last_log_id: applied(&scalars)?,
            last_membership: stored_membership_decode(&scalars.membership)?,
        },
        snapshot: SnapshotFile::own(&machine.snapshots, info.name),
    }))
}

fn applied(scalars: &store::Scalars) -> io::Result<Option<LogId>> {
    match &scalars.applied_log_id[..] {
        [] => Ok(None),
        bytes => log_id_decode(bytes).map(Some),
    }
}

fn read_header(bytes: &[u8]) -> io::Result<store::SnapshotHeader> {
    let header = store::SnapshotHeader::decode(bytes).map_err(|_| damaged("snapshot header"))?;
    if header.version > VERSION {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "the snapshot has version {}, and this release reads up to {VERSION}; upgrade it",
                header.version
            ),
        ));
    }
    Ok(header)
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use symbolon_store::{ImageBatch, SimDisk, Store};

    use super::*;
    use crate::damage::build::header;

    #[tokio::test]
    async fn a_snapshot_is_never_ahead_of_the_image_on_disk() {
        let disk = SimDisk::new();
        let store = Store::create_simulated(&disk, header()).unwrap();
        let machine = Machine::load(store.image.clone(), store.snapshots.clone()).unwrap();
        let rows = vec![(b"row".to_vec(), Some(b"value".to_vec()))];
        let scalars = b"after entry 9".to_vec();
        store.image.write(ImageBatch { rows, scalars, ..ImageBatch::default() }).unwrap();
        SnapshotBuilder::new(&machine).build_snapshot().await.unwrap();
        disk.crash();
        let store = Store::simulated(&disk).unwrap();
        assert_eq!(store.image.scalars().unwrap().as_deref(), Some(&b"after entry 9"[..]));
    }
}
