//! The replication of Symbolon: one log over many nodes, and the state that each makes of it.
//!
//! This crate owns openraft and everything that only exists because there is more than one node:
//! the peer port, membership, forwarding to the master, batches, and the keys by which nodes know
//! each other. It must never know sled, RADIUS, LDAP, HTTP or what a command means: proposals go in,
//! answers come out, and what happens between is `State::apply`.

mod acknowledged;
mod address_book;
mod audit_aside;
mod audit_extent;
mod audit_index;
mod audit_keeper;
mod audit_log;
mod audit_peers;
mod audit_read;
mod certify;
mod clock;
mod clocks;
mod come_back;
mod committer;
mod convert;
mod copies;
mod create;
#[cfg(test)]
mod damage;
mod dial;
mod digests;
mod epochs;
mod error;
mod fence;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod halt;
mod hand_over;
mod hello;
mod image_writer;
mod inspect;
mod island;
mod join;
mod join_service;
mod key_keeper;
mod keys;
mod lead;
mod log_store;
mod machine;
mod members;
mod merger;
mod network;
mod node;
mod off_thread;
mod opened;
mod opening;
mod own_proposals;
mod pair;
mod peer_client;
mod peer_header;
mod peer_service;
mod promote;
mod proposed;
mod proposer;
mod published;
mod quarantine;
mod raft_types;
mod receive;
mod recovery;
mod resealer;
mod rollback;
mod seize;
mod seizing;
mod snapshot;
mod space;
mod status;
mod succession;
#[cfg(test)]
mod suite;
mod tls;
mod vault;
mod ways;

pub use clock::{OsEntropy, SystemClock};
pub use come_back::{away, come_back};
pub use create::{Founded, create_cluster};
pub use dial::{Dial, Line, Tcp};
pub use error::ClusterError;
pub use inspect::{
    Counts, Inspection, Position, Positions, VoteGiven, check_log, check_snapshot, inspect,
};
pub use join::{JoinTarget, Member, join_cluster};
pub use keys::{Certificates, ca_pem, names_of};
pub use node::{ClusterNode, Ended, NodeSettings};
pub use peer_service::{PeerCaller, PeerCertificate, longest_call};
pub use recovery::RecoveryNode;
pub use space::is_for_want_of_space;
pub use vault::KeyringVault;
