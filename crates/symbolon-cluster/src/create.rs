//! Founding a cluster on its first node.

use std::sync::Arc;

use bytes::Bytes;
use symbolon_core::{
    Administrator, AdministratorId, Caller, ClusterId, Command, CreateCluster, DataKeyId,
    Fingerprint, LineageId, LogIndex, Name, Node, NodeId, Proposal, Reply, RequestId, Secret,
};
use symbolon_proto::batch_encode;
use symbolon_service::{
    CA_KEY, Clock, Credential, CredentialKind, Entropy, Vault as _, hash_secret,
};
use symbolon_store::{DataDir, DataKey, Header, Kek, Keyring, WrappedKeys};
use zeroize::Zeroizing;

use crate::error::ClusterError;
use crate::keys::{Authority, PrivateKey, bad, ca_pem};
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::network::Network;
use crate::node::raft_config;
use crate::raft_types::{Payload, Raft};
use crate::vault::KeyringVault;

/// Log entries between snapshots while the cluster is made: it has a few.
const FIRST_ENTRIES: u64 = 1_000;

/// Name of the first administrator.
const ADMINISTRATOR: &str = "admin";

/// What the founder must keep.
pub struct Founded {
    /// Bearer token of the first administrator.
    pub administrator: Zeroizing<String>,
    /// Certificate of the cluster CA, PEM, for clients.
    pub ca_pem: String,
    /// Who the node is.
    pub header: Header,
}

/// Makes a cluster of one node in an empty data directory.
///
/// # Errors
/// [`ClusterError`]; a directory that was half set up must be removed before the next attempt.
pub async fn create_cluster(
    data_dir: &DataDir,
    kek: &Kek,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    cluster_name: Name,
    node_name: Name,
    (peer_address, api_address): (String, String),
) -> Result<Founded, ClusterError> {
    let now = clock.now();
    let draw = |length| {
        let mut bytes = vec![0; length];
        entropy.fill(&mut bytes);
        bytes
    };
    let data_key =
        DataKey::generate().map_err(|source| ClusterError::Unwrap { what: "data key", source })?;
    let node_key = PrivateKey::generate()?;
    let authority = Authority::generate(cluster_name.as_str(), now)?;
    let keyring = Arc::new(Keyring::new(data_key));
    let keys = WrappedKeys::wrap(kek, &keyring, node_key.pkcs8())
        .map_err(|source| ClusterError::Unwrap { what: "keyring", source })?;
    let header = Header {
        cluster: ClusterId::from_slice(&draw(16)).unwrap_or_default(),
        epoch: 1,
        lineage: LineageId::from_slice(&draw(16)).unwrap_or_default(),
        node: NodeId(1),
        node_name: node_name.to_string(),
        keys,
        next_keys: None,
        ca_certificate: authority.certificate.to_vec(),
        known_nodes: Vec::new(),
    };
    let id = draw(8).try_into().map_or(1, u64::from_be_bytes).max(1);
    let secret = Secret::new(draw(32));
    let node = Node {
        id: header.node,
        name: node_name,
        pin: node_key.pin(),
        peer_address,
        api_address,
        superseded: false,
        changed_at: LogIndex(0),
    };
    let administrator = Administrator::first(
        AdministratorId(id),
        Name::new(ADMINISTRATOR).map_err(|error| bad("administrator")(error.into()))?,
        hash_secret(&secret),
    );
    let vault = KeyringVault::new(keyring);
    let ca_key = vault
        .seal(DataKeyId::FIRST, CA_KEY, &authority.pkcs8)
        .map_err(|error| bad("sealed CA key")(error.into()))?;
    let command = CreateCluster {
        cluster: header.cluster,
        name: cluster_name,
        lineage: header.lineage,
        ca_certificate: header.ca_certificate.clone(),
        ca_key,
        administrator: Box::new(administrator),
        node,
    };
    write_first_entry(data_dir, header.clone(), &*clock, command).await?;
    let credential = Credential { kind: CredentialKind::Administrator, id, secret };
    Ok(Founded {
        administrator: credential.to_text(),
        ca_pem: ca_pem(&header.ca_certificate),
        header,
    })
}

async fn write_first_entry(
    data_dir: &DataDir,
    header: Header,
    clock: &dyn Clock,
    command: CreateCluster,
) -> Result<(), ClusterError> {
    let node = header.node;
    let now = clock.now();
    let proposal = Proposal {
        caller: Caller::Node(node),
        request_id: RequestId::default(),
        fingerprint: Fingerprint::default(),
        seen: LogIndex(0),
        made_at: now,
        node,
        command: Command::CreateCluster(command),
    };
    let store = data_dir.create(header)?;
    let machine = Machine::load(store.image.clone(), store.snapshots.clone())?;
    let log = LogStore::new(&store);
    let fail = |error: &dyn std::fmt::Display| ClusterError::Raft(error.to_string());
    let raft =
        Raft::new(node.0, raft_config(FIRST_ENTRIES)?, Network::new(None), log.clone(), machine)
            .await
            .map_err(|error| fail(&error))?;
    let members = std::collections::BTreeMap::from([(node.0, ())]);
    raft.initialize(members).await.map_err(|error| fail(&error))?;
    raft.wait(Some(std::time::Duration::from_secs(10)))
        .current_leader(node.0, "the only node leads")
        .await
        .map_err(|error| fail(&error))?;
    let payload = batch_encode(now, &[proposal]);
    let response =
        raft.client_write(Payload(Bytes::from(payload))).await.map_err(|error| fail(&error))?;
    let created = response.data.0.first().is_some_and(|a| a.reply == Reply::ClusterCreated);
    raft.shutdown().await.map_err(|error| fail(&error))?;
    if !created {
        return Err(ClusterError::Raft("the first entry was refused".to_owned()));
    }
    log.settle().await.map_err(|error| fail(&error))
}
