//! A running node: the log, the state, the peers, and the tasks between them.

use std::sync::Arc;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{Config, SnapshotPolicy};
use symbolon_core::{NodeId, Retention};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::peer::v1::join_service_server::JoinServiceServer;
use symbolon_proto::peer::v1::peer_service_server::PeerServiceServer;
use symbolon_service::{Clock, Entropy, Identity, Service, Vault};
use symbolon_store::{NodeKeys, Store};
use tokio::task::JoinSet;

use crate::address_book::AddressBook;
use crate::audit_log::AuditLog;
use crate::certify::Certifier;
use crate::clocks::Clocks;
use crate::committer::{BATCH_PROPOSALS_MAX, Committer, EpochGate, PROPOSAL_BYTES_MAX};
use crate::dial::Dial;
use crate::error::ClusterError;
use crate::halt::Halt;
use crate::hand_over::hand_over;
use crate::hello::{Greeter, Presence};
use crate::island::Island;
use crate::join_service::{JOIN_BYTES_MAX, JoinApi};
use crate::key_keeper::KeyKeeper;
use crate::keys::{Certificates, bad};
use crate::log_store::{LogStore, READ_BYTES_MAX};
use crate::machine::Machine;
use crate::members::is_in_epoch;
use crate::network::Network;
use crate::opened::Opened;
use crate::opening;
use crate::own_proposals::OwnProposals;
use crate::pair::Pair;
use crate::peer_client::{MESSAGE_BYTES_MAX, Peers, Purpose};
use crate::peer_service::{PeerApi, PeerCaller, PeerCertificate, is_open, read_index};
use crate::promote::Promoter;
use crate::proposer::{Master, Proposer, follow_master};
use crate::published::Published;
use crate::raft_types::Raft;
use crate::rollback::{self, Memory};
use crate::seize::Seizer;
use crate::seizing;
use crate::space::OwnDisk;
use crate::tls;
use crate::vault::KeyringVault;
use crate::ways::{self, Way, Ways};

// An append fits into a message of the peer port, whatever its entries hold; one that did not would
// hold up replication for good.
const _: () =
    assert!(READ_BYTES_MAX + 2 * BATCH_PROPOSALS_MAX * PROPOSAL_BYTES_MAX <= MESSAGE_BYTES_MAX);

/// openraft's settings. Every timing that matters is written down here.
/// `snapshot_entries`: from one snapshot to the next.
pub(crate) fn raft_config(snapshot_entries: u64) -> Result<Arc<Config>, ClusterError> {
    let config = Config {
        cluster_name: "symbolon".to_owned(),
        heartbeat_interval: 100,
        election_timeout_min: 400,
        election_timeout_max: 800,
        enable_pre_vote: Some(true),
        max_payload_entries: 256,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_entries),
        // A node that was away for a moment needs no snapshot.
        max_in_snapshot_log_to_keep: snapshot_entries / 10,
        purge_batch_size: 1_000,
        allow_log_reversion: None,
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    let config = config.validate().map_err(|error| ClusterError::Raft(error.to_string()))?;
    Ok(Arc::new(config))
}

mod ledger;
mod tasks;

/// What a node needs besides its store.
pub struct NodeSettings {
    /// Where peers reach it, `host:port`.
    pub peer_address: String,
    /// Where clients reach it, a URL.
    pub api_address: String,
    /// Names and addresses that the API port's certificate is for.
    pub api_names: Vec<String>,
    /// Space on the disk that is kept for bad times, bytes.
    pub disk_reserve_bytes: u64,
    /// Log entries from one snapshot to the next.
    pub snapshot_entries: u64,
    /// How long audit rows are kept.
    pub audit: Retention,
    /// The clock of the machine.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// How peers are reached.
    pub dial: Arc<dyn Dial>,
}

/// How the work of a node has ended without being asked to.
#[derive(Debug)]
pub enum Ended {
    /// It cannot go on, and why.
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// Something was written that the process must start from: a seize, or that one went on without this
    /// node.
    StartAgain,
}

/// A running node.
pub struct ClusterNode {
    identity: Identity,
    raft: Raft,
    store: Store,
    published: Arc<Published>,
    presence: Arc<Presence>,
    peers: Arc<Peers>,
    proposer: Proposer,
    committer: Committer,
    greeter: Arc<Greeter>,
    master: Master,
    ways: Ways,
    island: Arc<Island>,
    promoter: Promoter,
    seizer: Seizer,
    gate: Arc<EpochGate>,
    vault: Arc<KeyringVault>,
    certificates: Arc<Certificates>,
    halt: Arc<Halt>,
    disk: Arc<OwnDisk>,
    audit: Arc<AuditLog>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for ClusterNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterNode").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl ClusterNode {
    /// Starts the node of a store with its keys.
    ///
    /// # Errors
    /// [`ClusterError`] when the store is damaged.
    pub async fn start(
        store: Store,
        keys: NodeKeys,
        mut settings: NodeSettings,
    ) -> Result<Arc<Self>, ClusterError> {
        let clocks = Clocks::new(&settings.clock);
        settings.clock = Arc::clone(&clocks) as _;
        seizing::carry_out(&store)?;
        let Opened { identity, standing, node_key } = Opened::open(&store, &keys)?;
        let vault = Arc::new(KeyringVault::new(keys.keyring()));
        let mut machine = opening::load(&store)?;
        let pair = Pair::before(&mut machine, &settings.clock);
        let published = machine.published();
        let audit = Arc::clone(&machine.audit);
        let book = AddressBook::new(Arc::clone(&published), &store.header.known_nodes);
        let certificates = Arc::new(Certificates::new(&node_key, settings.clock.now())?);
        let gate = EpochGate::new(is_in_epoch(&published, &standing));
        let own = (&node_key, &settings.clock, &settings.dial);
        let peers = Arc::new(Peers::new(standing.clone(), Arc::new(book), own)?);
        let memory = Arc::new(Memory::load(&store)?);
        let scene = rollback::Scene::new(&machine, &peers, (&store, &memory), &clocks);
        scene.ask(&settings).await?;
        clocks.start(published.view().state.clock());
        let raft = start_raft(&store, (&peers, &memory), machine, &settings).await?;
        let of_store = (&store, memory, pair);
        let greeter = Greeter::new(&raft, &peers, &published, of_store, (&clocks, &settings));
        let (halt, disk) = (Arc::clone(&greeter.halt), Arc::clone(&greeter.disk));
        let reserve = store.reserve(settings.disk_reserve_bytes)?;
        let mut tasks = JoinSet::new();
        let master = follow_master(&raft, &mut tasks);
        let committer = Committer::start(&raft, (&clocks, &published), (&disk, &gate), &mut tasks);
        let own = (identity.node, master.clone());
        let island = Island::open(&greeter, &settings, &identity.name)?;
        tasks.spawn(Arc::clone(&island).run());
        let ways = ways::follow(&raft, &greeter.presence, &island, own, &mut tasks);
        let to_log = (ways.clone(), &island);
        let proposer = Proposer::start(committer.clone(), Arc::clone(&peers), to_log, &mut tasks);
        tasks::spawn_watches(&mut tasks, &greeter, &master, reserve);
        let of_keys = (&certificates, &vault, &node_key);
        tasks.spawn(Certifier::new(of_keys, &published, &clocks, &settings).run());
        let proposals = OwnProposals::new(&published, &proposer, identity.node, &settings);
        let of_island = (&island, proposals.clone());
        tasks::spawn_store_tasks(&mut tasks, &audit, &greeter, (&settings, of_island));
        let keeper = KeyKeeper::new(keys, &vault, &published, proposals, &raft, &store.log);
        let seizer = Seizer::new(&greeter, node_key, &settings.entropy);
        tasks::spawn_own_tasks(&mut tasks, keeper, (standing, &committer, &greeter), settings);
        Ok(Arc::new(Self {
            identity,
            raft,
            store,
            published,
            presence: Arc::clone(&greeter.presence),
            peers,
            proposer,
            committer,
            promoter: Promoter::new(&greeter, &master),
            seizer,
            gate,
            greeter,
            master,
            ways,
            island,
            vault,
            certificates,
            halt,
            disk,
            audit,
            tasks: tokio::sync::Mutex::new(tasks),
        }))
    }

    /// The time as this node keeps it.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.greeter.clocks) as _
    }

    /// The cluster's vault.
    #[must_use]
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::clone(&self.vault) as _
    }

    /// What the API port presents unless the configuration names a certificate.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// TLS of the peer port.
    ///
    /// # Errors
    /// [`ClusterError::Certificate`].
    pub fn peer_tls(&self) -> Result<rustls::ServerConfig, ClusterError> {
        tls::server_config(&self.certificates).map_err(|error| bad("peer TLS")(error.into()))
    }

    /// The services of the peer port. Requests must carry a [`PeerCaller`]; those that
    /// [`caller`](Self::caller) knows none for, a [`PeerCertificate`].
    #[must_use]
    pub fn peer_routes(&self, service: Arc<Service>) -> tonic::service::Routes {
        let peer = PeerApi {
            raft: self.raft.clone(),
            peers: Arc::clone(&self.peers),
            committer: self.committer.clone(),
            greeter: Arc::clone(&self.greeter),
            incoming: self.store.incoming.clone(),
            audit: Arc::clone(&self.audit),
            promoter: self.promoter.clone(),
            ways: self.ways.clone(),
            island: Arc::clone(&self.island),
        };
        let join = JoinApi {
            service,
            peers: Arc::clone(&self.peers),
            vault: Arc::clone(&self.vault),
            ca_certificate: self.store.header.ca_certificate.clone(),
            greeter: Arc::clone(&self.greeter),
            gate: Arc::clone(&self.gate),
        };
        let peer = PeerServiceServer::new(peer)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let join = JoinServiceServer::new(join).max_decoding_message_size(JOIN_BYTES_MAX);
        tonic::service::Routes::new(peer).add_service(join)
    }

    /// Whether a certificate shows the key of a registered node.
    #[must_use]
    pub fn is_peer(&self, certificate: &PeerCertificate) -> bool {
        self.peers.holder(certificate).is_some()
    }

    /// Who makes a call of this path of the peer port, by the certificate that was shown; `None` where
    /// anybody may. It can be asked before the message is read.
    ///
    /// # Errors
    /// What somebody is told who may not make the call.
    pub fn caller(
        &self,
        path: &str,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Option<PeerCaller>, tonic::Status> {
        if is_open(path) {
            return Ok(None);
        }
        self.peers.caller(certificate).map(Some)
    }

    /// Whether this node has applied what makes it part of the cluster.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.published.view().state.node(self.identity.node).is_some() && self.running().is_ok()
    }

    /// Raft's term, as this node's vote has it.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.raft.metrics().borrow_watched().current_term
    }

    /// The master, as far as known, and whether it is this node.
    #[must_use]
    pub fn master(&self) -> (Option<NodeId>, bool) {
        let master = *self.master.borrow();
        (master, master == Some(self.identity.node))
    }

    /// Whether this node has a quorum behind it: as the master by its acknowledgements, else by the
    /// master's word that it has them, within the last seconds, told by itself or by a node that
    /// reaches it.
    #[must_use]
    pub fn has_quorum_contact(&self) -> bool {
        self.quorum_master().is_some()
    }

    fn quorum_master(&self) -> Option<NodeId> {
        self.greeter.look().master()
    }

    /// Whether no quorum is in reach of this node, and it decides verifications by itself.
    #[must_use]
    pub fn decides_alone(&self) -> bool {
        self.island.decides()
    }

    /// The node through which this one reaches the master, and the master, where it does not reach it
    /// itself.
    #[must_use]
    pub fn relay(&self) -> Option<(NodeId, NodeId)> {
        match *self.ways.borrow() {
            Some(Way::Through { relay, master }) => Some((relay, master)),
            _ => None,
        }
    }

    /// Whether this node's disk is full: then it decides nothing.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.disk.is_full()
    }

    fn running(&self) -> Result<(), String> {
        let metrics = self.raft.metrics();
        let state = metrics.borrow_watched().running_state.clone();
        state.map_err(|error| error.to_string())
    }

    /// Resolves when the work of this node has ended without being asked to.
    pub async fn ended(&self) -> Ended {
        let fence = &self.greeter.fence;
        let reason = tokio::select! {
            biased;
            () = fence.starts_again() => return Ended::StartAgain,
            reason = self.stopped() => reason,
        };
        // Raft ends before what ends it is on disk.
        if fence.is_ending() {
            fence.starts_again().await;
            return Ended::StartAgain;
        }
        if self.halt.halted_at().is_some() {
            std::future::pending::<()>().await;
        }
        // A store that has failed is why, whichever of those who wait for it was first to end.
        Ended::Failed(self.store.kv.failure().map_or_else(|| reason.into(), Into::into))
    }

    async fn stopped(&self) -> String {
        // They end with Raft, and change less often than the others.
        let mut metrics = self.raft.server_metrics();
        let mut tasks = self.tasks.lock().await;
        loop {
            if let Err(error) = self.running() {
                return error;
            }
            tokio::select! {
                changed = metrics.changed() => if changed.is_err() {
                    return "the task of the replicated log has ended".to_owned();
                },
                Some(ended) = tasks.join_next() => {
                    let cause = ended.err().map_or_else(|| "it returned".to_owned(), |e| e.to_string());
                    return format!("a task of the node has ended: {cause}");
                }
            }
        }
    }

    /// Numbers of the store, for metrics.
    #[must_use]
    pub fn sync_stats(&self) -> symbolon_store::SyncStats {
        self.store.kv.stats()
    }

    /// Hands leadership over where another voter can take it, and stops.
    pub async fn stop(&self) {
        self.greeter.leave().await;
        let (presence, clocks) = (&self.presence, &self.greeter.clocks);
        hand_over(&self.raft, presence, clocks, self.identity.node, self.master.clone()).await;
        self.tasks.lock().await.abort_all();
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "raft did not stop cleanly");
        }
        self.greeter.remember();
        if let Err(error) = LogStore::new(&self.store).settle().await {
            tracing::error!(%error, "the last sync failed");
        }
    }

    async fn read_index_once(&self) -> Result<u64, tonic::Status> {
        let (master, own) = self.master();
        if own {
            return read_index(&self.raft).await;
        }
        let master = master.ok_or_else(|| tonic::Status::unavailable("no master"))?;
        let mut client = self.peers.client(master, Purpose::Proposals);
        let request = self.peers.request(master, peer::ReadIndexRequest {});
        let response = client.read_index(request).await?;
        Ok(self.peers.accept(master, response)?.log_index)
    }
}

async fn start_raft(
    store: &Store,
    (peers, memory): (&Arc<Peers>, &Arc<Memory>),
    machine: Machine,
    settings: &NodeSettings,
) -> Result<Raft, ClusterError> {
    let network = Network::new(Some((Arc::clone(peers), Arc::clone(memory))));
    let log = LogStore::new(store);
    let config = raft_config(settings.snapshot_entries)?;
    let raft = Raft::new(store.header.node.0, config, network, log, machine).await;
    raft.map_err(|error| ClusterError::Raft(error.to_string()))
}
