//! The disk of a node: sled, the files beside it, and the keys that seal what must not be read.
//!
//! This crate owns durability. [`Kv`] is a key-value store with atomic batches that are durable only
//! once a [`Kv::sync`] has called back: [`DiskKv`] on disk, `SimKv` (feature `sim`) in a simulated
//! one that forgets. [`Framed`] puts a checksum on every value, [`Log`] and [`Image`] keep the Raft
//! log and the applied state in it, [`Snapshots`] and [`Header`] are files beside it, [`Keyring`]
//! seals secret fields. [`Anchor`] tells a store that has lost something from one that has not.
//! [`DataDir`] puts them together.
//!
//! It must never know openraft, a socket, a clock, a user or a command: entries, votes, rows and
//! scalars are bytes to it, and their meaning is the business of those who write them.

mod anchor;
mod data_dir;
mod disk_kv;
mod error;
mod files;
mod flusher;
mod framed;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod header;
mod image;
mod journal;
mod kek;
mod keyspace;
mod kv;
mod log;
mod look;
mod node_keys;
mod reserve;
mod seal;
#[cfg(any(test, feature = "sim"))]
mod sim_kv;
mod sled_part;
mod snapshot_file;
mod snapshots;
mod succession;
mod tip;

pub use anchor::Anchor;
pub use data_dir::{DataDir, Store};
pub use disk_kv::DiskKv;
pub use error::{EngineFault, FileFinding, Finding, Loss, StoreError};
pub use framed::{Framed, VALUE_BYTES_MAX};
pub use header::{Header, KnownNode, WrappedKeys};
pub use image::{AuditRows, Image, ImageBatch, ImageRows, Install, Rebase};
pub use kek::{Kek, KekError, WrapPurpose};
pub use keyspace::{KEY_BYTES_MAX, Space};
pub use kv::{Batch, Kv, Op, Pair, Scan, SyncDone, SyncStats};
pub use log::Log;
pub use look::{FileSize, Look};
pub use node_keys::{KekPlace, KeysError, NodeKeys, kek_successor};
pub use reserve::{DiskLevel, DiskSpace, Reserve};
pub use seal::{DataKey, FieldRef, Keyring, SealError};
#[cfg(any(test, feature = "sim"))]
pub use sim_kv::{SimCopy, SimDisk, SimDisks, SimKv};
pub use snapshot_file::{CHUNK_BYTES_MAX, SnapshotReader, SnapshotWriter};
pub use snapshots::{SnapshotInfo, Snapshots};
pub use tip::{Marks, Tip};
