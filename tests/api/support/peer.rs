//! The peer port as a stranger sees it, and as a node does that is none of the product's.

use std::net::SocketAddr;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use prost::Message;
use symbolon_proto::peer::v1 as peer;
use symbolon_testkit::Cluster;
use tonic::{Code, Status};

use super::identity::Identity;
use super::wire::{Reply, Wire};
use super::{tls, until};

pub(crate) const HEADER: &str = "symbolon-peer-bin";
pub(crate) const HELLO: &str = "/symbolon.peer.v1.PeerService/Hello";
pub(crate) const COMPARE_EPOCHS: &str = "/symbolon.peer.v1.PeerService/CompareEpochs";
pub(crate) const REJOIN: &str = "/symbolon.peer.v1.JoinService/Rejoin";
pub(crate) const PROPOSE: &str = "/symbolon.peer.v1.PeerService/Propose";
pub(crate) const READ_INDEX: &str = "/symbolon.peer.v1.PeerService/ReadIndex";
pub(crate) const APPEND: &str = "/symbolon.peer.v1.PeerService/AppendEntries";
pub(crate) const VOTE: &str = "/symbolon.peer.v1.PeerService/Vote";
pub(crate) const PRE_VOTE: &str = "/symbolon.peer.v1.PeerService/PreVote";
pub(crate) const JOIN: &str = "/symbolon.peer.v1.JoinService/Join";

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:9";

/// What a join token says to a joiner, its pin aside.
#[derive(Clone)]
pub(crate) struct JoinToken {
    pub(crate) id: u64,
    pub(crate) secret: Vec<u8>,
}

impl JoinToken {
    /// Takes `symbolon_join_ID_SECRET_PIN` apart.
    pub(crate) fn parse(text: &str) -> Self {
        let (id, rest) = text.strip_prefix("symbolon_join_").unwrap().split_once('_').unwrap();
        Self {
            id: u64::from_str_radix(id, 16).unwrap(),
            secret: BASE64URL_NOPAD.decode(&rest.as_bytes()[..43]).unwrap(),
        }
    }

    pub(crate) async fn of(cluster: &Cluster, life_seconds: u32) -> Self {
        let made = cluster.admin(1).create_join_token(life_seconds).await.unwrap();
        Self::parse(&made.join_token)
    }

    /// What a node of that name asks with it.
    pub(crate) fn request(&self, name: &str) -> peer::JoinRequest {
        peer::JoinRequest {
            join_token: self.id,
            secret: self.secret.clone(),
            name: name.to_owned(),
            peer_address: NOWHERE.to_owned(),
            api_address: format!("https://{NOWHERE}"),
        }
    }
}

/// A connection to a peer port under this key.
pub(crate) async fn connect(address: SocketAddr, own: &Identity) -> Wire {
    Wire::connect(address, tls::peer(Some(own))).await.unwrap()
}

/// Asks a node to be admitted under a name.
pub(crate) async fn join(
    address: SocketAddr,
    own: &Identity,
    token: &JoinToken,
    name: &str,
) -> Result<peer::JoinResponse, Status> {
    connect(address, own).await.ask(JOIN, &token.request(name)).await
}

/// A registered node that runs nowhere: the tests have its key.
pub(crate) struct Guest {
    pub(crate) own: Identity,
    pub(crate) told: peer::JoinResponse,
}

impl Guest {
    /// Joins, and waits until every node knows it.
    pub(crate) async fn join(cluster: &Cluster, name: &str) -> Self {
        let token = JoinToken::of(cluster, 0).await;
        let own = Identity::new();
        let told = join(cluster.node(1).peer(), &own, &token, name).await.unwrap();
        let guest = Self { own, told };
        for number in cluster.numbers() {
            let wire = guest.connect(cluster, number).await;
            until("a node knows the guest", async || wire.ask::<()>(HELLO, &()).await.is_ok())
                .await;
        }
        guest
    }

    /// A connection to a node with the right header on every message.
    pub(crate) async fn connect(&self, cluster: &Cluster, number: usize) -> Wire {
        let header = self.header(number_to_id(number));
        heading(&connect(cluster.node(number).peer(), &self.own).await, &header)
    }

    pub(crate) fn header(&self, to: u64) -> peer::PeerHeader {
        peer::PeerHeader {
            cluster: self.told.cluster.clone(),
            epoch: self.told.epoch,
            lineage: self.told.lineage.clone(),
            from: self.told.node,
            to,
        }
    }
}

/// Nodes join one after the other, so that their ids are their numbers.
pub(crate) fn number_to_id(number: usize) -> u64 {
    number.try_into().unwrap()
}

/// The same connection with this header on every message.
pub(crate) fn heading(wire: &Wire, header: &peer::PeerHeader) -> Wire {
    wire.with(HEADER, &BASE64_NOPAD.encode(&header.encode_to_vec()))
}

/// The header of an answer.
pub(crate) fn header_of(reply: &Reply) -> peer::PeerHeader {
    let text = reply.headers.get(HEADER).unwrap().as_bytes();
    let bytes = BASE64_NOPAD.decode(text.trim_ascii_end()).unwrap();
    peer::PeerHeader::decode(&*bytes).unwrap()
}

pub(crate) fn assert_refused(status: &Status, code: Code, words: &str, what: &str) {
    assert_eq!(status.code(), code, "{what}: {status:?}");
    assert!(status.message().contains(words), "{what}: {:?}", status.message());
}
