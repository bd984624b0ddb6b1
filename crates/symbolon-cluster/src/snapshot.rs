//! Snapshots: the rows, the scalars and the audit at one log index, as a file in checked chunks.

use std::io;
use std::sync::Arc;

use openraft::storage::RaftSnapshotBuilder;
use prost::Message as _;
use symbolon_core::{ClusterId, Digest, LogIndex, Row, State};
use symbolon_proto::store::v1 as store;
use symbolon_proto::{audit_decode, row_decode, row_encode, row_key_encode, scalars_from_proto};
use symbolon_store::{Image, Install, SnapshotWriter, Snapshots};

use crate::convert::{damaged, log_id_decode, stored_membership_decode};
use crate::log_store::io_error;
use crate::machine::{Machine, recent_events};
use crate::raft_types::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::receive::Received;

/// Bytes after which a chunk is written. Chunks hold whole messages, so they are a little longer.
const CHUNK_BYTES: usize = 256 << 10;
const VERSION: u32 = 1;

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
    fn own(snapshots: &Snapshots, name: String) -> Self {
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
            snapshots: machine.snapshots.clone(),
            state: machine.state.clone(),
            scalars: machine.scalars(),
            applied: machine.applied,
            membership: machine.membership.clone(),
        }
    }

    fn write(&self) -> io::Result<String> {
        let name = file_name(self.applied.as_ref());
        let mut file = self.snapshots.create(&name).map_err(io_error)?;
        let header = store::SnapshotHeader {
            version: VERSION,
            cluster: self.state.cluster().map(|row| row.id.0.to_vec()).unwrap_or_default(),
            scalars: Some(self.scalars.clone()),
            rows: self.state.rows_len() as u64,
        };
        file.chunk(&header.encode_to_vec()).map_err(io_error)?;
        let mut chunk = Chunk::default();
        for row in self.state.rows() {
            chunk.push_row(&row, &mut file)?;
        }
        let applied = self.applied.map_or(0, |id| id.index);
        for pair in self.image.audit(..=applied) {
            let (index, batch) = pair.map_err(io_error)?;
            chunk.push_audit(index, &batch, &mut file)?;
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
        let name = blocking(move || builder.write()).await?;
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

/// Does work that waits for the disk where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Replaces the machine's state by a snapshot's. A crash in between leaves the old one or the new.
pub(crate) async fn install(
    machine: &mut Machine,
    meta: &SnapshotMeta,
    file: SnapshotFile,
) -> io::Result<()> {
    let own = file_name(meta.last_log_id.as_ref());
    let (image, snapshots, name) = (machine.image.clone(), machine.snapshots.clone(), own.clone());
    let installed = blocking(move || replace(&image, &snapshots, &name, &file)).await?;
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
}

impl Contents {
    /// Reads a snapshot and checks all of it: its rows are those of its digest, and its audit is that
    /// of its chain.
    pub(crate) fn read(file: &SnapshotFile) -> io::Result<Self> {
        let mut reader = file.snapshots.read(&file.name).map_err(io_error)?;
        let first = reader.next_chunk().map_err(io_error)?;
        let header = read_header(&first.ok_or_else(|| damaged("snapshot without a header"))?)?;
        let mut rows = Vec::new();
        let mut chain = Digest::default();
        while let Some(bytes) = reader.next_chunk().map_err(io_error)? {
            let chunk = read_chunk(&bytes)?;
            for message in chunk.row {
                rows.push(row_decode(&message.encode_to_vec()).map_err(invalid)?);
            }
            for message in chunk.audit {
                let batch = message.batch.unwrap_or_default().encode_to_vec();
                for event in audit_decode(LogIndex(message.index), &batch).map_err(invalid)? {
                    chain = event.link(chain);
                }
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
        Ok(Self { state, scalars: message })
    }

    /// Whether the snapshot is what was announced.
    pub(crate) fn is_of(&self, cluster: ClusterId, meta: &SnapshotMeta) -> io::Result<bool> {
        Ok(self.state.cluster().is_none_or(|row| row.id == cluster)
            && applied(&self.scalars)? == meta.last_log_id
            && stored_membership_decode(&self.scalars.membership)? == meta.last_membership)
    }
}

fn replace(
    image: &Image,
    snapshots: &Snapshots,
    own: &str,
    file: &SnapshotFile,
) -> io::Result<Installed> {
    // Checked before it replaces anything.
    let contents = match &file.contents {
        Some(contents) => Arc::clone(contents),
        None => Arc::new(Contents::read(file)?),
    };
    let mut install = image.begin_install().map_err(io_error)?;
    for row in contents.state.rows() {
        install.row(&row_key_encode(row.key()), row_encode(&row)).map_err(io_error)?;
    }
    let mut reader = file.snapshots.read(&file.name).map_err(io_error)?;
    let mut copy = snapshots.create(own).map_err(io_error)?;
    let mut is_header = true;
    while let Some(bytes) = reader.next_chunk().map_err(io_error)? {
        copy.chunk(&bytes).map_err(io_error)?;
        if !std::mem::take(&mut is_header) {
            install_audit(&bytes, &mut install)?;
        }
    }
    // In this order: after a crash in between, the snapshot is installed again at start.
    copy.finish().map_err(io_error)?;
    install.commit(&contents.scalars.encode_to_vec()).map_err(io_error)?;
    snapshots.remove_older(own).map_err(io_error)?;

    let applied = applied(&contents.scalars)?;
    let state = contents.state.clone();
    let recent = recent_events(image, applied.map_or(0, |id| id.index), state.clock())
        .map_err(io::Error::other)?;
    Ok(Installed {
        state: state.with_recent(recent),
        applied,
        membership: stored_membership_decode(&contents.scalars.membership)?,
    })
}

fn install_audit(bytes: &[u8], install: &mut Install) -> io::Result<()> {
    for message in read_chunk(bytes)?.audit {
        let batch = message.batch.unwrap_or_default().encode_to_vec();
        install.audit(message.index, batch).map_err(io_error)?;
    }
    Ok(())
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

pub(crate) fn applied(scalars: &store::Scalars) -> io::Result<Option<LogId>> {
    match &scalars.applied_log_id[..] {
        [] => Ok(None),
        bytes => log_id_decode(bytes).map(Some),
    }
}

pub(crate) fn read_header(bytes: &[u8]) -> io::Result<store::SnapshotHeader> {
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
