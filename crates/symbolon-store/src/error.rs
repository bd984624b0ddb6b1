//! What can go wrong with a disk, said so that an administrator can act on it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::Space;

/// Why the store could not do what it was asked to. Cloned, because the first failed write or sync
/// is repeated to all later ones.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// Another process, or another handle of this one, has the store open.
    #[error("the store in {} is in use by another process; stop it first", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// sled gave up on what it found. What it said is not told: it may hold anything.
    #[error(
        "the files in {} are damaged: {doing} them met what nobody has written; the \
         data directory away and join again under a new node name",
        path.display()
    )]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What was under way.
        doing: &'static str,
    },
    /// The store does not hold what its anchor tells of.
    #[error(
        "the store in {} has lost what it had acknowledged: {loss}; move the data directory away \
         and join again under a new node name",
        path.display()
    )]
    Lost {
        /// The store's directory.
        path: PathBuf,
        /// What is not there.
        loss: Loss,
    },
    /// The anchor is of an earlier time than the store.
    #[error(
        "{} is older than the store beside it: it tells of sync {found}, and the store of {store}; \
         restore both from one copy, or move the data directory away and join again under a new \
         node name",
        path.display()
    )]
    TipBehind {
        /// The anchor's file.
        path: PathBuf,
        /// Its last sync.
        found: u64,
        /// The store's.
        store: u64,
    },
    /// The data directory has a header and no anchor.
    #[error(
        "{} is missing though the header is there, and without it nobody can tell whether the store \
         has lost something; restore it together with the store, or move the data directory away \
         and join again under a new node name",
        path.display()
    )]
    TipMissing {
        /// The anchor's file.
        path: PathBuf,
    },
    /// The system failed under sled.
    #[error("{doing} the store in {} failed; check the disk, then restart", path.display())]
    Engine {
        /// The store's directory.
        path: PathBuf,
        /// What was under way.
        doing: &'static str,
        /// sled's error.
        #[source]
        source: EngineFault,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {}; check that it exists, its owner, and the disk", path.display())]
    File {
        /// What was under way, as a verb.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// A stored value is not what was written.
    #[error(
        "the {space} value under key {key}{} is corrupt: {finding}; move the data directory away \
         and join again under a new node name",
        within(path.as_deref())
    )]
    Corrupt {
        /// The store's directory, where it is known.
        path: Option<PathBuf>,
        /// Key space.
        space: Space,
        /// The key, prefix included, in hexadecimal.
        key: String,
        /// What is wrong with it.
        finding: Finding,
    },
    /// This node was found to have another state than the majority of its cluster, or an older disk than
    /// it had told its peers.
    #[error(
        "{} says that this node's state was found to differ from that of the majority of its \
         cluster, or its disk to have gone back in time; move the data directory away and join again \
         under a new node name",
        path.display()
    )]
    Diverged {
        /// The file that says so.
        path: PathBuf,
    },
    /// A file's content is not what was written.
    #[error("{} is corrupt: {finding}; {remedy}", path.display())]
    CorruptFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        finding: FileFinding,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A newer release wrote this.
    #[error(
        "{} has layout version {found}, and this release reads up to {readable}; run the release \
         that wrote it, or a newer one",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Version that a reader must know.
        found: u32,
        /// Newest version that this release knows.
        readable: u32,
    },
    /// The data directory already belongs to a cluster.
    #[error("{} exists: this node already has data; choose an empty data directory", path.display())]
    HeaderExists {
        /// The header file.
        path: PathBuf,
    },
    /// The data directory was never set up.
    #[error("{} is missing: create a cluster or join one first", path.display())]
    HeaderMissing {
        /// The header file.
        path: PathBuf,
    },
    /// The data directory has a header and no store: taking an empty one would forget the vote.
    #[error(
        "{} is missing though the header is there; restore it, or move the data directory away and \
         join again under a new node name",
        path.display()
    )]
    StoreMissing {
        /// The store's directory.
        path: PathBuf,
    },
    /// The data directory has data and no header.
    #[error(
        "{} holds data though the header is missing; restore the header, or move the data directory \
         away",
        path.display()
    )]
    StoreWithoutHeader {
        /// The store's directory.
        path: PathBuf,
    },
    /// A log entry that does not follow the last one.
    #[error("log entry {found} was to be appended where {expected} comes next")]
    NotConsecutive {
        /// The only index that may come next.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A truncation of entries that were purged, so that applied ones would be taken back.
    #[error("the log was to be truncated from {from}, but is purged up to {purged}")]
    TruncatesPurged {
        /// First index to remove.
        from: u64,
        /// Last purged index.
        purged: u64,
    },
    /// A key that is empty, too long, of no space, or of the reserved one.
    #[error(
        "a key of {bytes} bytes is not allowed here; at most {} of a known space are",
        crate::KEY_BYTES_MAX
    )]
    Key {
        /// Length of the key.
        bytes: usize,
    },
    /// A batch that holds keys of the Raft log and others: they cannot become durable together.
    #[error("a batch holds keys of the log and others")]
    MixedBatch,
    /// A value over [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    #[error("a value of {bytes} bytes is too long; at most {} are allowed", crate::VALUE_BYTES_MAX)]
    ValueTooLong {
        /// Length of the value.
        bytes: usize,
    },
    /// A snapshot chunk that is empty or over [`CHUNK_BYTES_MAX`](crate::CHUNK_BYTES_MAX).
    #[error("a snapshot chunk has {bytes} bytes; 1 to {} are allowed", crate::CHUNK_BYTES_MAX)]
    Chunk {
        /// Length of the chunk.
        bytes: usize,
    },
    /// A snapshot name that could leave its directory.
    #[error(
        "`{name}` cannot name a snapshot; letters, digits, `.`, `_` and `-` can, not a `.` first"
    )]
    SnapshotName {
        /// The name.
        name: String,
    },
    /// There is no snapshot of that name.
    #[error("there is no snapshot {name}")]
    SnapshotMissing {
        /// The name.
        name: String,
    },
    /// A second snapshot install while one is under way.
    #[error("a snapshot is being installed already")]
    InstallUnderWay,
    /// The store was closed while someone waited for it.
    #[error("the store is closed")]
    Closed,
    /// The simulated process has ended: its disk was crashed or opened anew.
    #[cfg(any(test, feature = "sim"))]
    #[error("the simulated process is dead")]
    SimDead,
    /// A fault that a test asked for.
    #[cfg(any(test, feature = "sim"))]
    #[error("simulated disk fault")]
    SimFault,
}

impl StoreError {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn corrupt(key: &[u8], finding: Finding) -> Self {
        // A key of no space cannot come from a scan of one; meta is where strays would lie.
        let space = Space::of(key).unwrap_or(Space::Meta);
        let mut hex = String::with_capacity(2 * key.len());
        for byte in key {
            use fmt::Write as _;
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self::Corrupt { path: None, space, key: hex, finding }
    }

    /// The same, about `to` where it was about `from`.
    pub(crate) fn moved(mut self, from: &Path, to: &Path) -> Self {
        match &mut self {
            Self::Damaged { path, .. }
            | Self::Lost { path, .. }
            | Self::Engine { path, .. }
            | Self::Corrupt { path: Some(path), .. }
                if *path == from =>
            {
                to.clone_into(path);
            }
            _ => {}
        }
        self
    }

    /// The same, with the directory of the store that it is about.
    pub(crate) fn in_store(mut self, store: &Path) -> Self {
        if let Self::Corrupt { path, .. } = &mut self {
            path.get_or_insert_with(|| store.to_owned());
        }
        self
    }
}

/// An error of sled. Opaque, so that nothing outside this crate depends on sled.
#[derive(Debug, Clone, Error)]
#[error(transparent)]
pub struct EngineFault(sled::Error);

impl EngineFault {
    pub(crate) const fn new(error: sled::Error) -> Self {
        Self(error)
    }

    /// What the system said, where it failed.
    #[must_use]
    pub const fn system(&self) -> Option<&io::Error> {
        match &self.0 {
            sled::Error::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// What a store has lost, compared with its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Loss {
    /// Its end.
    #[error("it ends with sync {found}, and the file tip tells of {expected}")]
    Round {
        /// Its last sync.
        found: u64,
        /// The anchor's.
        expected: u64,
    },
    /// Entries at the end of the log.
    #[error("its log ends with entry {}, and the file tip tells of {expected}", number(*found))]
    LogEnd {
        /// Last entry, or last purged one.
        found: Option<u64>,
        /// The anchor's.
        expected: u64,
    },
    /// An entry of the log, replaced by an older one.
    #[error("its log entry {0} is not the one that the file tip tells of")]
    LogEntry(u64),
    /// That entries were purged.
    #[error("its log is purged up to {}, and the file tip tells of {expected}", number(*found))]
    Purged {
        /// Last purged entry.
        found: Option<u64>,
        /// The anchor's.
        expected: u64,
    },
    /// A vote or a truncation.
    #[error("it knows of {found} votes and truncations, and the file tip of {expected}")]
    Revision {
        /// How many it knows of.
        found: u64,
        /// The anchor's.
        expected: u64,
    },
    /// The vote.
    #[error("its vote is not the one that the file tip tells of")]
    Vote,
    /// The end of what lies beside the log.
    #[error("its rows end with sync {found}, and the file tip tells of {expected}")]
    Stored {
        /// Their last sync.
        found: u64,
        /// The anchor's.
        expected: u64,
    },
    /// Writes of the image.
    #[error("its image was written {found} times, and the file tip tells of {expected}")]
    Image {
        /// How often.
        found: u64,
        /// The anchor's.
        expected: u64,
    },
}

fn within(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(" in {}", path.display()))
}

fn number(index: Option<u64>) -> String {
    index.map_or_else(|| "none".to_owned(), |index| index.to_string())
}

/// What is wrong with a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Finding {
    /// Shorter than the frame around every value.
    #[error("it is only {0} bytes long")]
    Short(usize),
    /// Written by a release that frames values otherwise.
    #[error("its schema byte is {0}, which this release does not know")]
    Schema(u8),
    /// Content and checksum disagree.
    #[error("its checksum does not match")]
    Checksum,
    /// A part of a large value is not there.
    #[error("part {0} is missing")]
    PartMissing(u32),
    /// Parts that no value refers to.
    #[error("it is a part of no value")]
    PartOrphaned,
    /// A key whose length does not fit its space.
    #[error("its key has the wrong length")]
    KeyLength,
    /// A value whose length does not fit its meaning.
    #[error("its value has the wrong length")]
    ValueLength,
    /// The log has a hole.
    #[error("log entry {0} is missing before it")]
    Hole(u64),
    /// The log holds an entry of another time.
    #[error("it was not written after the log entry before it")]
    Chain,
    /// A key that nothing of this release writes.
    #[error("it is of no known key space")]
    Stray,
    /// A value without which others mean nothing.
    #[error("it is missing, and others are there that need it")]
    Missing,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FileFinding {
    /// Does not start with the bytes that such a file starts with.
    #[error("it is not such a file")]
    Magic,
    /// Ends too early.
    #[error("it ends too early")]
    Torn,
    /// A chunk's checksum is wrong.
    #[error("the checksum of chunk {0} does not match")]
    Chunk(u64),
    /// A chunk says that it is longer than any chunk may be.
    #[error("chunk {0} has an impossible length")]
    ChunkLength(u64),
    /// The checksum of the whole is wrong.
    #[error("its checksum does not match")]
    Checksum,
    /// Something follows the end.
    #[error("something follows its end")]
    Trailing,
    /// It is one of several, and one before it is gone.
    #[error("the file that it follows is missing")]
    Follows,
    /// The checksum is right and the content is not what it must be.
    #[error("its content cannot be understood")]
    Content,
}
