//! The format of a snapshot: chunks with checksums, and a hash over all.
//!
//! ```text
//! "SYMBSNAP", version (4)
//! for each chunk: length (4, at least 1), CRC-32 (4), payload
//! 0 (4), SHA-256 of everything before it (32)
//! ```
//!
//! with integers little-endian. The checksum tells a reader at once, the hash tells it at the end
//! that nothing is missing, doubled or swapped.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::snapshots::Draft;
use crate::{FileFinding, SnapshotInfo, StoreError};

/// Longest chunk, in bytes.
pub const CHUNK_BYTES_MAX: usize = 1 << 20;

const MAGIC: &[u8; 8] = b"SYMBSNAP";
/// Version of the format that this release writes and reads.
const VERSION: u32 = 1;
const HASH_BYTES: usize = 32;
const REMEDY: &str =
    "remove it; the node makes another from its own data, or fetches one from the cluster";

/// A snapshot being written. Dropped before [`finish`](Self::finish), it leaves nothing behind.
pub struct SnapshotWriter {
    draft: Draft,
    hash: Sha256,
}

impl SnapshotWriter {
    pub(crate) fn new(draft: Draft) -> Result<Self, StoreError> {
        let mut writer = Self { draft, hash: Sha256::new() };
        writer.write(MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        Ok(writer)
    }

    /// Adds a chunk of 1 to [`CHUNK_BYTES_MAX`] bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Chunk`] for any other length, or when writing fails.
    pub fn chunk(&mut self, payload: &[u8]) -> Result<(), StoreError> {
        let length = u32::try_from(payload.len())
            .ok()
            .filter(|_| (1..=CHUNK_BYTES_MAX).contains(&payload.len()))
            .ok_or(StoreError::Chunk { bytes: payload.len() })?;
        self.write(&length.to_le_bytes())?;
        self.write(&crc32fast::hash(payload).to_le_bytes())?;
        self.write(payload)
    }

    /// Ends the snapshot, and gives it its name. It is durable on return.
    ///
    /// # Errors
    ///
    /// When writing fails; whether the snapshot is there is unknown then.
    pub fn finish(mut self) -> Result<SnapshotInfo, StoreError> {
        self.write(&0_u32.to_le_bytes())?;
        let hash = self.hash.finalize();
        self.draft.write(&hash)?;
        self.draft.publish()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.draft.write(bytes)
    }
}

/// A snapshot being read.
pub struct SnapshotReader {
    from: Box<dyn Read + Send>,
    path: PathBuf,
    hash: Sha256,
    chunks: u64,
    ended: bool,
}

impl SnapshotReader {
    pub(crate) fn new(from: Box<dyn Read + Send>, path: &Path) -> Result<Self, StoreError> {
        let mut reader =
            Self { from, path: path.to_owned(), hash: Sha256::new(), chunks: 0, ended: false };
        if &reader.read_array::<8>()? != MAGIC {
            return Err(reader.corrupt(FileFinding::Magic));
        }
        let found = u32::from_le_bytes(reader.read_array()?);
        if found > VERSION {
            return Err(StoreError::NewerVersion { path: reader.path, found, readable: VERSION });
        }
        if found == 0 {
            return Err(reader.corrupt(FileFinding::Content));
        }
        Ok(reader)
    }

    /// The next chunk. `None` says that all chunks came, whole and in order: what they said counts
    /// only then.
    ///
    /// # Errors
    ///
    /// [`StoreError::CorruptFile`] when the file is not what was written.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let length = u32::from_le_bytes(self.read_array()?) as usize;
        if length == 0 {
            self.check_end()?;
            self.ended = true;
            return Ok(None);
        }
        if length > CHUNK_BYTES_MAX {
            return Err(self.corrupt(FileFinding::ChunkLength(self.chunks)));
        }
        let checksum = u32::from_le_bytes(self.read_array()?);
        let mut payload = vec![0; length];
        self.read(&mut payload)?;
        if crc32fast::hash(&payload) != checksum {
            return Err(self.corrupt(FileFinding::Chunk(self.chunks)));
        }
        self.chunks += 1;
        Ok(Some(payload))
    }

    fn check_end(&mut self) -> Result<(), StoreError> {
        let expected = self.hash.clone().finalize();
        if self.read_array::<HASH_BYTES>()?.as_slice() != expected.as_slice() {
            return Err(self.corrupt(FileFinding::Checksum));
        }
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.corrupt(FileFinding::Trailing)),
            Err(source) => Err(StoreError::file("read", &self.path, source)),
        }
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), StoreError> {
        self.from.read_exact(into).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt(FileFinding::Torn),
            _ => StoreError::file("read", &self.path, source),
        })?;
        self.hash.update(&*into);
        Ok(())
    }

    fn corrupt(&self, finding: FileFinding) -> StoreError {
        StoreError::CorruptFile { path: self.path.clone(), finding, remedy: REMEDY }
    }
}
