//! Tells a cluster that has gone on without this node from a copy of it.
//!
//! A copy of a node's disk, started elsewhere and seized there, makes an epoch that came of this node's,
//! with a statement that a registered key has signed, as a seize of the node itself does. What a copy
//! cannot do is keep the node that it is a copy of from being where it is: that node is there in this
//! epoch, or was further in it than the copy was when it was seized.

use symbolon_core::NodeId;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use tokio::time::{Duration, Instant, sleep, timeout_at};
use tonic::Code;

use crate::epochs::{Statement, signer};
use crate::peer_client::{Peers, Purpose};
use crate::rollback::Memory;

/// Less than a peer waits for what it hears of it.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Whether the node that signed a statement has been further in this node's epoch than the statement
/// says it ever was. `own_end`: the end of this node's log.
pub(crate) fn was_further(
    peers: &Peers,
    memory: &Memory,
    own_end: u64,
    (signed, statement): (&store::SignedStatement, &Statement),
) -> bool {
    let Some(fork) = statement.fork_of(peers.standing.name()) else {
        return false;
    };
    let Some(node) = peers.book.holder(signer(signed)) else {
        return false;
    };
    // One that came back under another number had left its log behind.
    if node != statement.node {
        return false;
    }
    let reached = if node == peers.standing.node { own_end } else { memory.of(node).index };
    reached > fork
}

/// Whether the node that signed a statement is in this node's epoch now.
pub(crate) async fn is_here(peers: &Peers, signed: &store::SignedStatement) -> bool {
    match peers.book.holder(signer(signed)) {
        Some(node) => lives(peers, node).await,
        None => false,
    }
}

/// Whether a node of this number answers in this node's epoch, where it is known to be.
pub(crate) async fn lives(peers: &Peers, node: NodeId) -> bool {
    if node == peers.standing.node {
        return true;
    }
    let until = Instant::now() + ANSWER_WITHIN;
    while Instant::now() < until {
        let mut client = peers.client(node, Purpose::Presence);
        let nothing = peers.request(node, peer::ReadAuditRequest { from: 0, to: 0 });
        match timeout_at(until, client.read_audit(nothing)).await {
            Ok(Ok(answer)) => return peers.accept(node, answer).is_ok(),
            // It is there, and in another epoch.
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => return false,
            // A connection that broke is made again.
            Ok(Err(_)) => sleep(ASK_AGAIN).await,
            Err(_) => return false,
        }
    }
    false
}
