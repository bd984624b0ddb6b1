//! The joiner's side of a join.

use symbolon_core::{ClusterId, KeyPin, LineageId, NodeId, Secret};
use symbolon_proto::peer::v1 as peer;
use symbolon_service::{Clock, JoinCredential};
use symbolon_store::{DataDir, DataKey, Header, Kek, Keyring, KnownNode, WrappedKeys};

use crate::dial::Dial;
use crate::error::ClusterError;
use crate::keys::PrivateKey;
use crate::peer_client;
use crate::succession::Succession;
use crate::tls;

/// What to join and as whom.
pub struct JoinTarget<'a> {
    /// The join token as it was given.
    pub token: &'a str,
    /// Peer port of any node of the cluster, `host:port`.
    pub peer: &'a str,
    /// What this node is called.
    pub name: &'a str,
    /// Where peers will reach it, `host:port`.
    pub peer_address: &'a str,
    /// Where clients will reach it, a URL.
    pub api_address: &'a str,
    /// The node's key from an earlier attempt with this token, so that both are the same join.
    pub key: Option<Secret>,
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Where peers reach it, `host:port`.
    pub peer_address: &'a str,
    /// Where clients reach it, a URL.
    pub api_address: &'a str,
}

/// Joins a cluster and writes the new node's data directory. `keep_key` is given the node's private
/// key before anything is sent, so that a join that is cut off can be repeated as the same one.
///
/// # Errors
/// [`ClusterError`]; the data directory is then not set up.
pub async fn join_cluster(
    data_dir: &DataDir,
    kek: &Kek,
    (clock, dial): (&dyn Clock, &dyn Dial),
    target: JoinTarget<'_>,
    keep_key: impl FnOnce(&Secret) -> Result<(), ClusterError>,
) -> Result<Header, ClusterError> {
    let token = JoinCredential::parse(target.token).ok_or(ClusterError::JoinTokenShape)?;
    let key = match &target.key {
        Some(pkcs8) => PrivateKey::from_pkcs8(pkcs8)?,
        None => PrivateKey::generate()?,
    };
    keep_key(key.pkcs8())?;
    let response = ask(&target, &token, &key, (clock, dial)).await?;
    set_up(data_dir, kek, &key, target.name, response)
}

/// Sets a data directory up for a node that was admitted.
pub(crate) fn set_up(
    data_dir: &DataDir,
    kek: &Kek,
    key: &PrivateKey,
    name: &str,
    mut response: peer::JoinResponse,
) -> Result<Header, ClusterError> {
    // Before the header, which says that the rest is there.
    if let Some(statement) = response.statement.take() {
        data_dir.put_succession(&Succession::starting_in(statement).encode())?;
    }
    let header = header(kek, key, name, response)?;
    drop(data_dir.create(header.clone())?);
    Ok(header)
}

async fn ask(
    target: &JoinTarget<'_>,
    token: &JoinCredential,
    key: &PrivateKey,
    (clock, dial): (&dyn Clock, &dyn Dial),
) -> Result<peer::JoinResponse, ClusterError> {
    let peer = target.peer.to_owned();
    let unreachable = |cause: String| ClusterError::Unreachable { peer: peer.clone(), cause };
    let own = key.self_signed(clock.now())?;
    let config = tls::join_config(&own, token.ca_pin).map_err(|e| unreachable(e.to_string()))?;
    let stream = peer_client::connect(dial, target.peer, config).await.map_err(|error| {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(_)) => {
                ClusterError::WrongCluster { peer: peer.clone() }
            }
            _ => unreachable(error.to_string()),
        }
    })?;
    let client = peer_client::join_client(stream).await;
    let mut client = client.map_err(|error| unreachable(error.to_string()))?;
    let request = peer::JoinRequest {
        join_token: token.id.0,
        secret: token.secret.expose().to_vec(),
        name: target.name.to_owned(),
        peer_address: target.peer_address.to_owned(),
        api_address: target.api_address.to_owned(),
    };
    let response = client.join(request).await;
    response.map(tonic::Response::into_inner).map_err(|status| not_joined(&status))
}

/// Why a cluster has not taken a node.
pub(crate) fn not_joined(status: &tonic::Status) -> ClusterError {
    let message = status.message().to_owned();
    match status.code() {
        tonic::Code::Unavailable => ClusterError::Unavailable { message },
        _ => ClusterError::Refused { message },
    }
}

fn header(
    kek: &Kek,
    key: &PrivateKey,
    name: &str,
    response: peer::JoinResponse,
) -> Result<Header, ClusterError> {
    let damaged = || ClusterError::Refused { message: "its answer lacks a part".to_owned() };
    let data_keys =
        response.data_key.into_iter().map(|key| DataKey::from_secret(&Secret::new(key)));
    let data_keys = data_keys.collect::<Result<_, _>>().map_err(|_| damaged())?;
    let fingerprint_key = Secret::new(response.fingerprint_key);
    let keyring = Keyring::of(data_keys, Some(&fingerprint_key)).map_err(|_| damaged())?;
    let known = response.known_node.into_iter().map(|known| {
        Some(KnownNode {
            node: NodeId(known.node),
            pin: KeyPin::from_slice(&known.pin)?,
            peer_address: known.peer_address,
            name: known.name,
        })
    });
    let keys = WrappedKeys::wrap(kek, &keyring, key.pkcs8())
        .map_err(|source| ClusterError::Unwrap { what: "keyring", source })?;
    Ok(Header {
        cluster: ClusterId::from_slice(&response.cluster).ok_or_else(damaged)?,
        epoch: response.epoch,
        lineage: LineageId::from_slice(&response.lineage).ok_or_else(damaged)?,
        node: NodeId(response.node),
        node_name: name.to_owned(),
        keys,
        next_keys: None,
        ca_certificate: response.ca_certificate,
        known_nodes: known.collect::<Option<_>>().ok_or_else(damaged)?,
    })
}
