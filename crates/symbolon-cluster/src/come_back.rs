//! The way back of a node that an epoch went on without, or whose disk went back in time: its data is set
//! aside, and it takes part again, empty and under another number, because old data under an old number
//! would diverge in silence. It is known by its key, so nobody has to help.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use symbolon_core::KeyPin;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use symbolon_service::Clock;
use symbolon_store::{DataDir, Header, Kek};
use tonic::Code;

use crate::dial::Dial;
use crate::epochs::EpochName;
use crate::error::ClusterError;
use crate::join::{self, Member};
use crate::keys::PrivateKey;
use crate::peer_client;
use crate::succession::Succession;
use crate::tls;

/// Where the data of a node lies that must come back empty; it is set aside now if it was not before.
/// `None`: the node's data is in its place, or there is none.
///
/// # Errors
/// [`ClusterError`] when it cannot be read or moved.
pub fn away(data_dir: &DataDir) -> Result<Option<DataDir>, ClusterError> {
    let aside = data_dir.returning()?;
    if aside.is_some() || Succession::of(data_dir)?.left().is_none() {
        return Ok(aside);
    }
    tracing::warn!("this node takes no part in its cluster as it is: its data is set aside");
    data_dir.set_aside()?;
    Ok(data_dir.returning()?)
}

/// Asks each node that was known once whether this one may come back, and sets the data directory up
/// anew when one says so. Can be repeated.
///
/// # Errors
/// [`ClusterError`] of the last node that was asked.
pub async fn come_back(
    data_dir: &DataDir,
    aside: &DataDir,
    kek: &Kek,
    (clock, dial): (&dyn Clock, &dyn Dial),
    member: Member<'_>,
) -> Result<Header, ClusterError> {
    let old = aside.header()?;
    let opened = old.keys.open(kek);
    let next = || old.next_keys.as_ref().map(|keys| keys.open(kek));
    let (_, node_key) = opened.or_else(|error| next().unwrap_or(Err(error)))?;
    let key = PrivateKey::from_pkcs8(&node_key)?;
    let own = key.self_signed(clock.now())?;
    let succession = Succession::of(aside)?;
    let left = succession.left().ok_or(ClusterError::Succession)?;
    let first = EpochName { epoch: old.epoch, lineage: old.lineage };
    let was_in = succession.current()?.map_or(first, |(statement, _)| statement.name);
    let request = peer::RejoinRequest {
        previous: old.node.0,
        name: member.name.to_owned(),
        peer_address: member.peer_address.to_owned(),
        api_address: member.api_address.to_owned(),
        left: left.by.clone(),
        epoch: was_in.epoch,
        lineage: was_in.lineage.0.to_vec(),
    };
    let mut last = ClusterError::Unavailable { message: "no other node is known".to_owned() };
    for contact in &left.contact {
        match ask(&own, dial, contact, request.clone()).await {
            Ok(response) => return set_up(data_dir, kek, &key, member, response),
            Err(error @ ClusterError::NotTakenBack { .. }) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "not back yet");
                last = error;
            }
        }
    }
    Err(last)
}

async fn ask(
    own: &Arc<CertifiedKey>,
    dial: &dyn Dial,
    contact: &store::KnownNode,
    request: peer::RejoinRequest,
) -> Result<peer::JoinResponse, ClusterError> {
    let peer = contact.peer_address.clone();
    let unreachable = |cause: String| ClusterError::Unreachable { peer: peer.clone(), cause };
    let pin = KeyPin::from_slice(&contact.pin).ok_or(ClusterError::Succession)?;
    let config = tls::client_config(own, pin).map_err(|error| unreachable(error.to_string()))?;
    let stream = peer_client::connect(dial, &contact.peer_address, config).await;
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    let client = peer_client::join_client(stream).await;
    let mut client = client.map_err(|error| unreachable(error.to_string()))?;
    let response = client.rejoin(request).await;
    response.map(tonic::Response::into_inner).map_err(|status| match status.code() {
        Code::AlreadyExists => ClusterError::NotTakenBack { message: status.message().to_owned() },
        _ => join::not_joined(&status),
    })
}

fn set_up(
    data_dir: &DataDir,
    kek: &Kek,
    key: &PrivateKey,
    member: Member<'_>,
    response: peer::JoinResponse,
) -> Result<Header, ClusterError> {
    let header = join::set_up(data_dir, kek, key, member.name, response)?;
    let place = data_dir.came_back()?;
    tracing::warn!(
        node = header.node.0,
        kept = %place.display(),
        "this node is back; what it had is kept aside"
    );
    Ok(header)
}
