//! Why a node cannot be made, joined or run.

use std::path::PathBuf;

use symbolon_service::ServiceError;
use symbolon_store::{KekError, KeysError, SealError, StoreError};

/// See the module. Each message ends in what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The disk.
    #[error(transparent)]
    Store(StoreError),
    /// What the disk holds is no state.
    #[error(
        "the applied state in {} is damaged: {cause}; move the data directory away and join again \
         under a new node name",
        path.display()
    )]
    Image {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        cause: String,
    },
    /// A log entry is no log entry.
    #[error(
        "log entry {index} in {} is damaged: {cause}; move the data directory away and join again \
         under a new node name",
        path.display()
    )]
    Log {
        /// The store's directory.
        path: PathBuf,
        /// Which entry.
        index: u64,
        /// What was found.
        cause: String,
    },
    /// A snapshot is whole, and no state.
    #[error(
        "snapshot {name} is damaged: {cause}; remove it; the node makes another from its own data, \
         or fetches one from the cluster"
    )]
    Snapshot {
        /// Its name.
        name: String,
        /// What was found.
        cause: String,
    },
    /// A peer knows of more than the disk holds.
    #[error(
        "the disk of this node has gone back in time: an older copy was put back in {}, or the machine was \
         reverted: node {peer} says that {lacks}; {remedy}",
        path.display()
    )]
    RolledBack {
        /// The store's directory.
        path: PathBuf,
        /// Number of the node that said so.
        peer: u64,
        /// What is not there.
        lacks: String,
        /// Why it is not back by itself, and what to do.
        remedy: String,
    },
    /// The disk went back, and the cluster has gone on: the node has yet to set its data aside and come
    /// back.
    #[error("the disk of this node has gone back in time; start it again")]
    GoneBack,
    /// The cluster has said for good that it does not take the node back.
    #[error("the cluster does not take this node back: {message}")]
    NotTakenBack {
        /// Its words.
        message: String,
    },
    /// What an island kept is no record.
    #[error(
        "what this node decided by itself, while it was cut off, is damaged on its disk; keep the data \
         directory elsewhere, since it tells whose codes may be taken once more, and join again under a new \
         node name"
    )]
    Journal,
    /// The file that says which epoch the node is in.
    #[error(
        "the file `succession` in the data directory cannot be understood; restore it from a backup, or \
         move the data directory away and join again under a new node name"
    )]
    Succession,
    /// A seize that was begun does not fit the log.
    #[error(
        "a seize was begun at log entry {planned}, and the log ends at {found}: the data directory was \
         changed in between; move it away and join again under a new node name"
    )]
    SeizeMisfit {
        /// The last entry when it was begun.
        planned: u64,
        /// The last entry now.
        found: u64,
    },
    /// A seize went on without this node, which has yet to set its data aside and come back.
    #[error("the cluster has gone on in epoch {epoch} without this node; start it again")]
    LeftBehind {
        /// That epoch.
        epoch: u64,
    },
    /// There is no KEK.
    #[error("the key encryption key cannot be used; see `keys.kek` in the settings")]
    Kek(#[source] KekError),
    /// A key in the header does not open.
    #[error(
        "the {what} does not open under this node's KEK; give the KEK file that was there last, not \
         one from before a change"
    )]
    Unwrap {
        /// Which key.
        what: &'static str,
        /// Why.
        #[source]
        source: SealError,
    },
    /// Making a key or certificate.
    #[error("cannot make the {what}; see the cause")]
    Certificate {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// openraft stopped or refused.
    #[error("the replicated log cannot be started: {0}; see the log of this node")]
    Raft(String),
    /// A join token that has not the shape of one.
    #[error("this is no join token; make one with `symbolon cluster join-token create`")]
    JoinTokenShape,
    /// No answer from the node that was named.
    #[error(
        "cannot reach a node of the cluster at {peer}: {cause}; check the address (it is the peer \
         port) and the network"
    )]
    Unreachable {
        /// Address that was given.
        peer: String,
        /// What the connection said.
        cause: String,
    },
    /// The server there is not of the cluster that made the token.
    #[error(
        "the server at {peer} cannot prove that it belongs to the cluster that made this join \
         token; nothing was sent to it; check the address and the token"
    )]
    WrongCluster {
        /// Address that was given.
        peer: String,
    },
    /// The cluster refused the join.
    #[error("the cluster refused: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
    /// The cluster has no master at the moment, or the node that was asked is stopping.
    #[error("the cluster cannot do it now: {message}")]
    Unavailable {
        /// Its words.
        message: String,
    },
    /// A use case failed.
    #[error(transparent)]
    Service(ServiceError),
}

impl From<KeysError> for ClusterError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Kek(error) => Self::Kek(error),
            KeysError::Store(error) => Self::Store(error),
            KeysError::Unwrap { what, source } => Self::Unwrap { what, source },
        }
    }
}

impl From<StoreError> for ClusterError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
