//! What every peer message carries and both sides compare before openraft sees the message: which
//! cluster, which epoch of which lineage, from whom, to whom.

use prost::Message as _;
use symbolon_core::{ClusterId, LineageId, NodeId};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::epochs::Ancestor;

const KEY: &str = "symbolon-peer-bin";

/// This node's side of the comparison.
#[derive(Clone)]
pub(crate) struct Standing {
    pub(crate) cluster: ClusterId,
    pub(crate) epoch: u64,
    pub(crate) lineage: LineageId,
    pub(crate) node: NodeId,
    /// The epochs that led to this one, oldest first.
    pub(crate) ancestry: Vec<Ancestor>,
    /// What started this one; `None` in the first.
    pub(crate) statement: Option<store::SignedStatement>,
}

/// Why a peer's message is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum HeaderRefusal {
    #[error("the message carries no readable peer header")]
    Missing,
    #[error("it is of another cluster")]
    Cluster,
    #[error("it is of epoch {theirs}, and this node is in epoch {ours} of another lineage or age")]
    Epoch { ours: u64, theirs: u64 },
    #[error("it is for node {0}, which this is not")]
    Addressee(u64),
    #[error("it says to be from node {0}, whose key it does not hold")]
    Sender(u64),
}

impl Standing {
    /// Puts the header on a message to `to`.
    pub(crate) fn attach(&self, metadata: &mut MetadataMap, to: NodeId) {
        let header = peer::PeerHeader {
            cluster: self.cluster.0.to_vec(),
            epoch: self.epoch,
            lineage: self.lineage.0.to_vec(),
            from: self.node.0,
            to: to.0,
        };
        metadata.insert_bin(KEY, MetadataValue::from_bytes(&header.encode_to_vec()));
    }

    /// Looks only whether a message is of this cluster: what nodes of different epochs may ask each other.
    pub(crate) fn check_cluster(&self, metadata: &MetadataMap) -> Result<(), HeaderRefusal> {
        let header = read(metadata)?;
        if header.cluster == self.cluster.0 { Ok(()) } else { Err(HeaderRefusal::Cluster) }
    }

    fn is_of_another_epoch(&self, header: &peer::PeerHeader) -> bool {
        #[cfg(feature = "planted")]
        if symbolon_core::planted::is("term-as-fence") {
            return false;
        }
        header.epoch != self.epoch || header.lineage != self.lineage.0
    }

    /// Compares a message's header; `peer` is the node whose key was proved.
    pub(crate) fn check(&self, metadata: &MetadataMap, peer: NodeId) -> Result<(), HeaderRefusal> {
        let header = read(metadata)?;
        if header.cluster != self.cluster.0 {
            Err(HeaderRefusal::Cluster)
        } else if self.is_of_another_epoch(&header) {
            Err(HeaderRefusal::Epoch { ours: self.epoch, theirs: header.epoch })
        } else if header.to != self.node.0 {
            Err(HeaderRefusal::Addressee(header.to))
        } else if header.from != peer.0 {
            Err(HeaderRefusal::Sender(header.from))
        } else {
            Ok(())
        }
    }
}

/// The number that a message says to be from.
pub(crate) fn sender(metadata: &MetadataMap) -> Option<NodeId> {
    read(metadata).ok().map(|header| NodeId(header.from))
}

fn read(metadata: &MetadataMap) -> Result<peer::PeerHeader, HeaderRefusal> {
    let bytes = metadata.get_bin(KEY).and_then(|value| value.to_bytes().ok());
    let header = bytes.and_then(|bytes| peer::PeerHeader::decode(bytes).ok());
    header.ok_or(HeaderRefusal::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(node: u64) -> Standing {
        Standing {
            cluster: ClusterId([1; 16]),
            epoch: 1,
            lineage: LineageId([2; 16]),
            node: NodeId(node),
            ancestry: Vec::new(),
            statement: None,
        }
    }

    fn checked(sender: &Standing, to: u64, peer: u64) -> Result<(), HeaderRefusal> {
        let mut metadata = MetadataMap::new();
        sender.attach(&mut metadata, NodeId(to));
        standing(1).check(&metadata, NodeId(peer))
    }

    #[test]
    fn a_message_of_the_same_cluster_epoch_and_lineage_is_looked_at() {
        assert_eq!(checked(&standing(2), 1, 2), Ok(()));
    }

    #[test]
    fn anything_else_is_refused_before_it_is_looked_at() {
        let other_cluster = Standing { cluster: ClusterId([9; 16]), ..standing(2) };
        let other_lineage = Standing { lineage: LineageId([9; 16]), ..standing(2) };
        let newer = Standing { epoch: 2, ..standing(2) };
        let older = Standing { epoch: 0, ..standing(2) };
        assert_eq!(checked(&other_cluster, 1, 2), Err(HeaderRefusal::Cluster));
        assert_eq!(checked(&other_lineage, 1, 2), Err(HeaderRefusal::Epoch { ours: 1, theirs: 1 }));
        assert_eq!(checked(&newer, 1, 2), Err(HeaderRefusal::Epoch { ours: 1, theirs: 2 }));
        assert_eq!(checked(&older, 1, 2), Err(HeaderRefusal::Epoch { ours: 1, theirs: 0 }));
        assert_eq!(checked(&standing(2), 3, 2), Err(HeaderRefusal::Addressee(3)));
        assert_eq!(checked(&standing(2), 1, 3), Err(HeaderRefusal::Sender(2)));
        let empty = standing(1).check(&MetadataMap::new(), NodeId(2));
        assert_eq!(empty, Err(HeaderRefusal::Missing));
    }
}
