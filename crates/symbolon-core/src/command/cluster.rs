//! The cluster, its nodes and its join tokens.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

#[cfg(doc)]
use super::Command;
use crate::{
    Administrator, AdministratorId, ClusterId, JoinTokenId, KeyHash, KeyPin, LineageId, Name, Node,
    NodeId, Sealed, Timestamp,
};

/// See [`Command::CreateCluster`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateCluster {
    /// Drawn by `init`.
    pub cluster: ClusterId,
    /// What administrators call it.
    pub name: Name,
    /// Of epoch 1.
    pub lineage: LineageId,
    /// Certificate of the cluster CA, DER.
    pub ca_certificate: Vec<u8>,
    /// Its private key, sealed.
    pub ca_key: Sealed,
    /// The first administrator. `changed_at` is set by `apply`.
    pub administrator: Box<Administrator>,
    /// The first node. `changed_at` is set by `apply`.
    pub node: Node,
}

/// See [`Command::CreateJoinToken`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateJoinToken {
    /// Drawn by the service.
    pub join_token: JoinTokenId,
    /// Hash of its secret.
    pub secret_hash: KeyHash,
    /// The secret, sealed for this token.
    pub secret: Sealed,
    /// Milliseconds from the stamp on for which it may be used.
    pub life_milliseconds: u64,
}

/// See [`Command::AdmitNode`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdmitNode {
    /// The token the node brought.
    pub join_token: JoinTokenId,
    /// Hash of the secret it brought.
    pub secret: KeyHash,
    /// The node's name.
    pub name: Name,
    /// The key it proved to hold.
    pub pin: KeyPin,
    /// Where peers will reach it.
    pub peer_address: String,
    /// Where clients will reach it.
    pub api_address: String,
}

/// See [`Command::SetNodeAddresses`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetNodeAddresses {
    /// Which node.
    pub node: NodeId,
    /// Where peers reach it.
    pub peer_address: String,
    /// Where clients reach it.
    pub api_address: String,
}

/// See [`Command::StartEpoch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StartEpoch {
    /// Its number: higher than that of the one before.
    pub epoch: u64,
    /// Drawn by the node.
    pub lineage: LineageId,
    /// The node that goes on, and proposes this.
    pub node: NodeId,
    /// The administrator who made it go on; `None`: root on the node's machine.
    pub administrator: Option<AdministratorId>,
    /// When that was, by the node's clock.
    pub clock: Timestamp,
}

/// See [`Command::ReadmitNode`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadmitNode {
    /// The id that the node had.
    pub previous: NodeId,
    /// Its disk went back in time, so that it must not go on under that id, though it is a member.
    pub gone_back: bool,
    /// The node's name, as before.
    pub name: Name,
    /// The key it proved to hold, as before.
    pub pin: KeyPin,
    /// Where peers will reach it.
    pub peer_address: String,
    /// Where clients will reach it.
    pub api_address: String,
}

/// See [`Command::MeetEpoch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeetEpoch {
    /// Its number.
    pub epoch: u64,
    /// Its lineage.
    pub lineage: LineageId,
    /// The word by which it discards this one; 0: it does not.
    pub word: u32,
}

/// See [`Command::DiscardEpoch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiscardEpoch {
    /// Its number.
    pub epoch: u64,
    /// Its lineage.
    pub lineage: LineageId,
}

/// See [`Command::RemoveNode`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoveNode {
    /// Which one.
    pub node: NodeId,
}
