//! What peers bring for the log, and what each may.

use bytes::Bytes;
use symbolon_core::{Caller, Command, NodeId, Proposal};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::proposal_decode;
use tonic::Status;

use crate::committer::PROPOSAL_BYTES_MAX;
use crate::guard::missing;
use crate::peer_client::Purpose;
use crate::peer_service::PeerApi;

/// What a node may propose: commands of its callers, and those about itself.
fn permitted(node: NodeId, proposal: &Proposal) -> bool {
    let own = match proposal.caller {
        Caller::Node(id) => id == node,
        Caller::Administrator(_) | Caller::Application(_) => true,
    };
    own && proposal.node == node && !matches!(proposal.command, Command::CreateCluster(_))
}

impl PeerApi {
    /// What a peer proposes, when it may: for itself, or verifications for another member.
    pub(crate) fn permitted(
        &self,
        peer: NodeId,
        message: &peer::ProposeRequest,
    ) -> Result<Vec<Proposal>, Status> {
        let relayed = message.relay || message.of_node != 0;
        let of = if message.of_node == 0 { peer } else { NodeId(message.of_node) };
        let is_known = of == peer || self.peers.book.is_registered(of);
        let read = message.proposal.iter().map(|bytes| {
            if bytes.len() > PROPOSAL_BYTES_MAX {
                return Err(missing("a proposal of at most 8 KiB"));
            }
            let proposal = proposal_decode(bytes).map_err(|_| missing("proposal"))?;
            let verifies = matches!(proposal.command, Command::Verify(_));
            if !is_known || !permitted(of, &proposal) || (relayed && !verifies) {
                tracing::warn!(peer = peer.0, "a proposal that is not the peer's to make");
                return Err(Status::permission_denied("not this peer's to propose"));
            }
            Ok(proposal)
        });
        read.collect()
    }

    /// Brings verifications of a peer that does not reach the master to it.
    pub(crate) async fn relay(
        &self,
        master: NodeId,
        (of, proposal): (NodeId, Vec<Bytes>),
    ) -> Result<peer::ProposeResponse, Status> {
        let mut client = self.peers.client(master, Purpose::Proposals);
        let message = peer::ProposeRequest { proposal, relay: false, of_node: of.0 };
        let response = client.propose(self.peers.request(master, message)).await?;
        self.peers.accept(master, response)
    }
}
