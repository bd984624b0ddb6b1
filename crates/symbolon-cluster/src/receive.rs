//! A snapshot on its way in: kept apart until it is whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use symbolon_core::ClusterId;
use symbolon_proto::peer::v1 as peer;
use symbolon_store::Snapshots;
use tonic::Status;

use crate::convert::damaged;
use crate::off_thread::blocking;
use crate::raft_types::SnapshotMeta;
use crate::snapshot::{Contents, SnapshotFile};

/// Numbers the transfers of this process, so that no two share a file.
static TRANSFERS: AtomicU64 = AtomicU64::new(0);

/// Removes a received file once nobody needs it, whatever became of it.
#[derive(Debug)]
pub(crate) struct Received {
    incoming: Incoming,
    name: String,
}

#[derive(Clone)]
struct Incoming(Snapshots);

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Incoming")
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Err(error) = self.incoming.0.remove(&self.name) {
            tracing::debug!(%error, "a received snapshot is not there to be removed");
        }
    }
}

fn disk(error: symbolon_store::StoreError) -> Status {
    tracing::error!(%error, "cannot keep a snapshot that a peer sends");
    Status::internal("the snapshot cannot be kept")
}

/// Writes what a peer sends to a file. A stream can end without an error and yet have been cut off,
/// so only its last message says that it was whole.
pub(crate) async fn receive<S>(incoming: &Snapshots, mut chunks: S) -> Result<SnapshotFile, Status>
where
    S: Stream<Item = Result<peer::SnapshotChunk, Status>> + Unpin,
{
    let number = TRANSFERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("{number:020}");
    let received = Received { incoming: Incoming(incoming.clone()), name: name.clone() };
    let mut file = incoming.create(&name).map_err(disk)?;
    let mut hash = Sha256::new();
    let mut count = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if let Some(end) = chunk.end {
            if end.chunks != count || end.sha256[..] != hash.finalize()[..] {
                return Err(Status::data_loss("the snapshot is not what was sent"));
            }
            file.finish().map_err(disk)?;
            return Ok(SnapshotFile {
                snapshots: incoming.clone(),
                name,
                _received: Some(Arc::new(received)),
                contents: None,
            });
        }
        hash.update(&chunk.data);
        count += 1;
        file.chunk(&chunk.data).map_err(disk)?;
    }
    Err(Status::data_loss("the snapshot was cut off"))
}

/// Checks a received snapshot before Raft has it: one that cannot be installed would end the node.
pub(crate) async fn checked(
    mut file: SnapshotFile,
    cluster: ClusterId,
    meta: &SnapshotMeta,
) -> Result<SnapshotFile, Status> {
    let copy = file.clone();
    let contents = blocking(move || Contents::read(&copy)).await.and_then(|contents| {
        if contents.is_of(cluster, meta)? { Ok(contents) } else { Err(damaged("announcement")) }
    });
    match contents {
        Ok(contents) => {
            file.contents = Some(Arc::new(contents));
            Ok(file)
        }
        Err(error) => {
            tracing::error!(%error, "a snapshot that a peer sent is not installed");
            Err(Status::data_loss("the snapshot cannot be installed"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(data: &[u8]) -> peer::SnapshotChunk {
        peer::SnapshotChunk { data: data.to_vec().into(), ..Default::default() }
    }

    fn sent() -> Vec<peer::SnapshotChunk> {
        let data: [&[u8]; 3] = [b"header", b"rows", b"audit"];
        let end = peer::SnapshotEnd {
            chunks: data.len() as u64,
            sha256: Sha256::digest(data.concat()).to_vec(),
        };
        let end = peer::SnapshotChunk { end: Some(end), ..Default::default() };
        data.into_iter().map(chunk).chain([end]).collect()
    }

    async fn received(
        chunks: Vec<peer::SnapshotChunk>,
    ) -> (Snapshots, Result<SnapshotFile, Status>) {
        let incoming = Snapshots::default();
        let stream = futures_util::stream::iter(chunks.into_iter().map(Ok));
        let file = receive(&incoming, stream).await;
        (incoming, file)
    }

    #[tokio::test]
    async fn a_whole_snapshot_is_kept_for_as_long_as_it_is_needed() {
        let (incoming, file) = received(sent()).await;
        let file = file.unwrap();
        let mut reader = incoming.read(&file.name).unwrap();
        assert_eq!(reader.next_chunk().unwrap().unwrap(), b"header");
        drop(file);
        assert!(incoming.list().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_that_is_cut_off_anywhere_is_refused_and_leaves_nothing() {
        let whole = sent();
        for length in 0..whole.len() {
            let (incoming, file) = received(whole[..length].to_vec()).await;
            assert_eq!(file.unwrap_err().code(), tonic::Code::DataLoss, "{length}");
            assert!(incoming.list().unwrap().is_empty(), "{length}");
        }
    }

    #[tokio::test]
    async fn one_that_lacks_a_part_is_refused() {
        for missing in 0..3 {
            let mut chunks = sent();
            chunks.remove(missing);
            let (_, file) = received(chunks).await;
            assert_eq!(file.unwrap_err().code(), tonic::Code::DataLoss, "{missing}");
        }
        let mut chunks = sent();
        chunks[1] = chunk(b"other");
        assert_eq!(received(chunks).await.1.unwrap_err().code(), tonic::Code::DataLoss);
    }
}
