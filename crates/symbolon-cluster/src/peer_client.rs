//! Connections to peers.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::sign::CertifiedKey;
use symbolon_core::limits::NODES_MAX;
use symbolon_core::{KeyPin, NodeId};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::peer::v1::join_service_client::JoinServiceClient;
use symbolon_proto::peer::v1::peer_service_client::PeerServiceClient;
use symbolon_service::Clock;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use crate::address_book::AddressBook;
use crate::dial::{Dial, Line};
use crate::epochs::{Relation, Unproved};
use crate::error::ClusterError;
use crate::keys::{PrivateKey, pin_of};
use crate::peer_header::{self, Standing};
use crate::peer_service::{PeerCaller, PeerCertificate};
use crate::tls;

/// Longest wait for a connection, and for the handshake on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// What HTTP/2 wants to be told; peers are told apart by their keys.
const PEER_URL: &str = "http://peer.symbolon";
/// Longest message from a peer.
pub(crate) const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// What a connection is for. Each purpose has a connection of its own, so that a snapshot never
/// holds up a heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Purpose {
    Raft,
    Proposals,
    Presence,
    Snapshots,
}

/// Certificates of peers that are known by sight: each peer has one, and a new one once in a while.
const SHOWN_MAX: usize = 2 * NODES_MAX;

/// Gives out clients for peers; connections are made on first use and again when they break.
pub(crate) struct Peers {
    pub(crate) standing: Standing,
    pub(crate) book: Arc<AddressBook>,
    own: Arc<CertifiedKey>,
    key: Arc<PrivateKey>,
    clock: Arc<dyn Clock>,
    dial: Arc<dyn Dial>,
    channels: Mutex<BTreeMap<(NodeId, Purpose), Channel>>,
    /// Keys of the certificates that registered peers have shown lately: a certificate takes longer to read
    /// than most calls of a peer to answer.
    shown: Mutex<Vec<(Arc<[u8]>, KeyPin)>>,
}

impl Peers {
    /// `key`: the node's, by which its peers know it.
    ///
    /// # Errors
    /// [`ClusterError::Certificate`].
    pub(crate) fn new(
        standing: Standing,
        book: Arc<AddressBook>,
        (key, clock, dial): (&Arc<PrivateKey>, &Arc<dyn Clock>, &Arc<dyn Dial>),
    ) -> Result<Self, ClusterError> {
        let own = key.self_signed(clock.now())?;
        let (key, clock, dial) = (Arc::clone(key), Arc::clone(clock), Arc::clone(dial));
        Ok(Self {
            standing,
            book,
            own,
            key,
            clock,
            dial,
            channels: Mutex::default(),
            shown: Mutex::default(),
        })
    }

    pub(crate) fn client(&self, node: NodeId, purpose: Purpose) -> PeerServiceClient<Channel> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry((node, purpose)).or_insert_with(|| {
            let own = (Arc::clone(&self.own), Arc::clone(&self.dial));
            channel(node, Arc::clone(&self.book), own)
        });
        PeerServiceClient::new(channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The node whose key a connection has proved; refuses who holds no node's.
    pub(crate) fn caller(
        &self,
        certificate: Option<&PeerCertificate>,
    ) -> Result<PeerCaller, Status> {
        let pin = certificate.and_then(|certificate| self.pin_of(certificate));
        let caller = pin.and_then(|pin| Some(PeerCaller { node: self.book.holder(pin)?, pin }));
        caller.ok_or_else(|| {
            tracing::warn!("a call with a key that no node has registered is refused");
            Status::permission_denied("this key is not registered with the cluster")
        })
    }

    /// The number of a peer that calls. One that came back gives itself another than this node's state has for
    /// its key, which may be all that a node knows that was away meanwhile, and the peer may lead by now: it is
    /// believed where a registered peer has told the same.
    pub(crate) fn number(&self, caller: PeerCaller, metadata: &MetadataMap) -> NodeId {
        let claimed = peer_header::sender(metadata);
        let is_known = |node: &NodeId| self.book.was_told(*node, caller.pin);
        claimed.filter(is_known).unwrap_or(caller.node)
    }

    /// The node whose key a certificate shows.
    pub(crate) fn holder(&self, certificate: &PeerCertificate) -> Option<NodeId> {
        self.pin_of(certificate).and_then(|pin| self.book.holder(pin))
    }

    fn pin_of(&self, certificate: &PeerCertificate) -> Option<KeyPin> {
        let shown = || self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pin)) = shown().iter().find(|(known, _)| *known == certificate.0) {
            return Some(*pin);
        }
        let pin = pin_of(&certificate.0)?;
        // Strangers come with as many as they like.
        if self.book.holder(pin).is_some() {
            let mut shown = shown();
            if shown.len() >= SHOWN_MAX {
                shown.clear();
            }
            shown.push((Arc::clone(&certificate.0), pin));
        }
        Some(pin)
    }

    /// How a peer's epoch stands to this node's; its statement counts when the state has the key that
    /// signed it.
    pub(crate) fn relation(&self, claim: &peer::EpochClaim) -> Result<Relation, Unproved> {
        self.standing.relation(claim, &self.book.others(), |pin| self.book.has_key(pin))
    }

    /// What this node says to be in, and what that discards.
    pub(crate) fn claim(&self) -> peer::EpochClaim {
        let claim = self.standing.claim(&self.book.others(), (&self.key, self.clock.now()));
        claim.unwrap_or_else(|error| {
            tracing::error!(%error, "what this epoch discards is not told");
            let Standing { epoch, lineage, statement, .. } = &self.standing;
            let (lineage, statement) = (lineage.0.to_vec(), statement.clone());
            peer::EpochClaim { epoch: *epoch, lineage, statement }
        })
    }

    /// A message to a peer, with its header.
    pub(crate) fn request<T>(&self, node: NodeId, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        self.standing.attach(request.metadata_mut(), node);
        request
    }

    /// A peer's answer, once its header is checked.
    pub(crate) fn accept<T>(&self, node: NodeId, response: Response<T>) -> Result<T, Status> {
        self.standing.check(response.metadata(), node).map_err(|refusal| {
            tracing::warn!(peer = node.0, %refusal, "an answer of a peer is not looked at");
            Status::failed_precondition(format!("answer of node {node}: {refusal}"))
        })?;
        Ok(response.into_inner())
    }
}

fn channel(
    node: NodeId,
    book: Arc<AddressBook>,
    (own, dial): (Arc<CertifiedKey>, Arc<dyn Dial>),
) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let contact = book.find(node);
        let (own, dial) = (Arc::clone(&own), Arc::clone(&dial));
        async move {
            let contact = contact.ok_or_else(|| io::Error::other("the node is not registered"))?;
            let config = tls::client_config(&own, contact.pin).map_err(io::Error::other)?;
            connect(&*dial, &contact.address, config).await.map(TokioIo::new)
        }
    });
    Endpoint::from_static(PEER_URL)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(3))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .connect_with_connector_lazy(connector)
}

/// What goes to a peer.
pub(crate) type PeerStream = TlsStream<Box<dyn Line>>;

/// A client of a node that may not know this one as a peer, over the one connection that was made.
pub(crate) async fn join_client(
    stream: PeerStream,
) -> Result<JoinServiceClient<Channel>, tonic::transport::Error> {
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = stream.take().ok_or_else(|| io::Error::other("connection lost"));
        std::future::ready(stream)
    });
    let channel = Endpoint::from_static(PEER_URL).connect_with_connector(connector).await?;
    Ok(JoinServiceClient::new(channel))
}

/// A TLS connection to a peer port.
pub(crate) async fn connect(
    dial: &dyn Dial,
    address: &str,
    config: rustls::ClientConfig,
) -> io::Result<PeerStream> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection within a second");
    let stream = timeout(CONNECT_TIMEOUT, dial.dial(address)).await.map_err(late)??;
    let connector = TlsConnector::from(Arc::new(config));
    let name = tls::peer_name().map_err(io::Error::other)?;
    timeout(CONNECT_TIMEOUT, connector.connect(name, stream)).await.map_err(late)?
}
