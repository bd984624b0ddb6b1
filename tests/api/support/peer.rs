//! The peer port as a stranger or a node of the tests' own sees it.

use std::io;
use std::net::SocketAddr;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use prost::Message;
use symbolon_proto::peer::v1 as peer;
use tonic::Status;

use super::identity::Identity;
use super::tls;
use super::wire::Wire;

const JOIN: &str = "/symbolon.peer.v1.JoinService/Join";

/// The parts of `symbolon_join_ID_SECRET_PIN`.
#[derive(Clone)]
pub(crate) struct JoinToken {
    pub(crate) id: u64,
    pub(crate) secret: Vec<u8>,
}

impl JoinToken {
    pub(crate) fn parse(text: &str) -> Self {
        let rest = text.strip_prefix("symbolon_join_").unwrap();
        let (id, rest) = rest.split_once('_').unwrap();
        Self {
            id: u64::from_str_radix(id, 16).unwrap(),
            secret: BASE64URL_NOPAD.decode(&rest.as_bytes()[..43]).unwrap(),
        }
    }
}

/// A connection to a peer port under this key.
pub(crate) async fn connect(address: SocketAddr, own: &Identity) -> Wire {
    let config = tls::peer(Some(own));
    Wire::connect(address, config).await.unwrap()
}

/// Whether a connection without a certificate comes to carry a call.
pub(crate) async fn without_certificate(address: SocketAddr) -> io::Result<()> {
    let wire = Wire::connect(address, tls::peer(None)).await?;
    // In TLS 1.3 a client learns only after its own handshake that it is refused.
    let hello = super::wire::framed(&[]);
    let reply = wire
        .send("/symbolon.peer.v1.PeerService/Hello", hello)
        .await;
    reply.map(drop).map_err(io::Error::other)
}

/// Asks to be admitted under a name.
pub(crate) async fn join(
    wire: &Wire,
    token: &JoinToken,
    name: &str,
) -> Result<peer::JoinResponse, Status> {
    let request = peer::JoinRequest {
        join_token: token.id,
        secret: token.secret.clone(),
        name: name.to_owned(),
        // Nobody listens there.
        peer_address: "127.0.0.1:9".to_owned(),
        api_address: "https://127.0.0.1:9".to_owned(),
    };
    wire.ask(JOIN, &request).await
}

/// The header that a node puts on its messages.
pub(crate) fn header(of: &peer::JoinResponse, to: u64) -> peer::PeerHeader {
    peer::PeerHeader {
        cluster: of.cluster.clone(),
        epoch: of.epoch,
        lineage: of.lineage.clone(),
        from: of.node,
        to,
    }
}

/// The same connection with this header on every message.
pub(crate) fn heading(wire: &Wire, header: &peer::PeerHeader) -> Wire {
    let text = BASE64.encode(&header.encode_to_vec());
    wire.with("symbolon-peer-bin", &text)
}
