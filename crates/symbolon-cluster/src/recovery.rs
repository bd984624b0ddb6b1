//! A node without Raft and without a port: what is left where the server does not start as part of its
//! cluster. It tells what its disk holds, and can be seized; that is carried out when the server starts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::{LogIndex, NodeId, Output, Stamp, State};
use symbolon_proto::batch_decode;
use symbolon_service::{Clock, Entropy, Identity, NotPromoted, SeizedBy, Seizure, Vault};
use symbolon_store::{NodeKeys, Store};
use tokio::sync::watch;

use crate::address_book::AddressBook;
use crate::audit_log::AuditLog;
use crate::clocks::Clocks;
use crate::convert::{entry_decode, log_id_decode};
use crate::dial::{Dial, Tcp};
use crate::epochs::Statement;
use crate::error::ClusterError;
use crate::hello::{Heard, Presence};
use crate::machine::Machine;
use crate::opened::Opened;
use crate::opening;
use crate::peer_client::Peers;
use crate::published::Published;
use crate::quarantine::Quarantines;
use crate::raft_types::{EntryPayload, LogId, Membership};
use crate::rollback::{self, Memory, Said};
use crate::seize::{Planner, failed};
use crate::seizing::{last_log_id, voted_term};
use crate::status::Recovery;
use crate::succession::Succession;
use crate::vault::KeyringVault;

mod ledger;

/// Entries that are read at once.
const STEP: u64 = 1_000;

/// See the module.
pub struct RecoveryNode {
    identity: Identity,
    peers: Arc<Peers>,
    published: Arc<Published>,
    presence: Arc<Presence>,
    store: Store,
    memory: Memory,
    clocks: Arc<Clocks>,
    vault: Arc<KeyringVault>,
    audit: Arc<AuditLog>,
    quarantines: Arc<Quarantines>,
    membership: Membership,
    term: u64,
    last: Option<LogId>,
    planner: Planner,
    recovery: Mutex<Recovery>,
    /// One seize at a time.
    turn: tokio::sync::Mutex<()>,
    planned: watch::Sender<bool>,
}

impl std::fmt::Debug for RecoveryNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryNode").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl RecoveryNode {
    /// Over the store of a node, with its keys.
    ///
    /// # Errors
    /// [`ClusterError::LeftBehind`] and [`ClusterError::GoneBack`] when its data is about to be set aside;
    /// any other when the store is damaged.
    pub async fn start(
        store: Store,
        keys: &NodeKeys,
        (clock, entropy): (&Arc<dyn Clock>, Arc<dyn Entropy>),
    ) -> Result<Arc<Self>, ClusterError> {
        let succession = Succession::load(&store)?;
        if let Some(left) = succession.left() {
            let by = left.by.as_ref().map(|signed| Statement::decode(&signed.statement));
            let by = by.transpose().map_err(|_| ClusterError::Succession)?;
            return Err(by.map_or(ClusterError::GoneBack, |by| {
                let epoch = by.name.epoch;
                ClusterError::LeftBehind { epoch }
            }));
        }
        let Opened { identity, standing, node_key } = Opened::open(&store, keys)?;
        let machine = opening::load(&store)?;
        let membership = read_on(&store, &machine)?;
        let published = machine.published();
        let book = AddressBook::new(Arc::clone(&published), &store.header.known_nodes);
        let clocks = Clocks::new(clock);
        let dial = Arc::new(Tcp) as Arc<dyn Dial>;
        let kept_time = Arc::clone(&clocks) as Arc<dyn Clock>;
        let peers = Peers::new(standing, Arc::new(book), (&node_key, &kept_time, &dial))?;
        let peers = Arc::new(peers);
        let presence = Arc::<Presence>::default();
        let planner = Planner {
            peers: Arc::clone(&peers),
            published: Arc::clone(&published),
            presence: Arc::clone(&presence),
            store: store.clone(),
            clock: kept_time,
            key: node_key,
            entropy,
        };
        let node = Arc::new(Self {
            identity,
            peers,
            published,
            presence,
            memory: Memory::load(&store)?,
            clocks,
            vault: Arc::new(KeyringVault::new(keys.keyring())),
            audit: machine.audit,
            quarantines: Quarantines::new(store.directory()),
            membership,
            term: voted_term(&store)?,
            last: last_log_id(&store)?,
            planner,
            recovery: Mutex::new(Recovery { went_back: succession.went_back() }),
            turn: tokio::sync::Mutex::default(),
            planned: watch::Sender::new(succession.plan()?.is_some()),
            store,
        });
        // Whoever seizes is told the same; here it is the clocks that are wanted.
        if let Err(error) = node.ask().await {
            tracing::warn!(%error, "this node cannot be seized");
        }
        node.clocks.start(node.published.view().state.clock());
        node.quarantines.count_open().await;
        Ok(node)
    }

    /// The time as this node keeps it.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clocks) as _
    }

    /// The cluster's vault.
    #[must_use]
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::clone(&self.vault) as _
    }

    /// Resolves when a seize is planned, which the server carries out when it starts.
    pub async fn planned(&self) {
        let mut planned = self.planned.subscribe();
        if planned.wait_for(|planned| *planned).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks the others what a seize is decided by: who answers, and the end of their logs. Of those that do
    /// not answer it is not known whether they hear each other.
    async fn ask(&self) -> Result<Vec<(NodeId, Option<LogId>)>, NotPromoted> {
        let scene = rollback::Scene {
            peers: &self.peers,
            store: &self.store,
            memory: &self.memory,
            clocks: &self.clocks,
            voters: BTreeSet::new(),
            view: self.published.view(),
            is_leaving: true,
        };
        let mut answering = Vec::new();
        for (node, said) in scene.ask_all().await {
            match said {
                Said::Epoch(claim) => {
                    if scene.gone_on(&claim).map_err(|error| failed(&error))?.is_some() {
                        let (node, epoch) = (self.planner.names(&[node.0]), claim.epoch);
                        return Err(NotPromoted::GoneOn { node, epoch });
                    }
                }
                Said::Greeting(greeting) => {
                    if let Some(lacks) = rollback::lacks(&self.store, greeting.yours.as_ref()) {
                        self.recovery().went_back.get_or_insert((node, lacks));
                    }
                    let heard = Heard::of(&greeting, self.clock().now(), None);
                    self.presence.note(node, heard);
                    answering.push((node, heard.last));
                }
            }
        }
        Ok(answering)
    }

    /// Says what a seize would do, or plans it for whoever wants it.
    async fn seize(&self, by: Option<SeizedBy>) -> Result<Seizure, NotPromoted> {
        let _turn = self.turn.lock().await;
        if *self.planned.borrow() {
            return Err(NotPromoted::StartingAgain);
        }
        let answering = self.ask().await?;
        let is_whole = self.recovery().went_back.is_none();
        let voters = self.membership.get_joint_config();
        let mut seizure = self.planner.outlook((voters, is_whole), answering)?;
        if let Some(by) = by {
            let last = self.planner.plan(by).map_err(|error| failed(&error))?;
            seizure.last_index = LogIndex(last);
            self.planned.send_replace(true);
        }
        Ok(seizure)
    }

    fn recovery(&self) -> std::sync::MutexGuard<'_, Recovery> {
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the log on from where the image ends, which may be a while before. Applied to the view, and to
/// nothing on disk, is what is known to count. Who takes part in Raft by the last word of the log.
fn read_on(store: &Store, machine: &Machine) -> Result<Membership, ClusterError> {
    let damaged = |index, error: &dyn std::fmt::Display| ClusterError::Log {
        path: store.image.path(),
        index,
        cause: error.to_string(),
    };
    let mut membership = machine.membership.membership().clone();
    let Some(last) = store.log.last_index() else { return Ok(membership) };
    let committed = store.log.committed()?.as_deref().map(log_id_decode).transpose();
    let committed = committed.map_err(|error| damaged(last, &error))?.map_or(0, |id| id.index);
    let first = machine.applied.map_or(0, |id| id.index) + 1;
    let mut state = State::clone(&machine.state);
    for start in (first..=last).step_by(STEP as usize) {
        for (index, bytes) in store.log.read(start..=last.min(start.saturating_add(STEP - 1)))? {
            let entry = entry_decode(bytes.into()).map_err(|error| damaged(index, &error))?;
            match entry.payload {
                EntryPayload::Membership(later) => membership = later,
                EntryPayload::Normal(payload) if index <= committed => {
                    let batch = batch_decode(&payload.0).map_err(|error| damaged(index, &error))?;
                    let (at, proposals) = batch;
                    let stamp = Stamp { index: LogIndex(index), at };
                    for proposal in &proposals {
                        state.apply(stamp, proposal, &mut Output::default());
                    }
                }
                EntryPayload::Normal(_) | EntryPayload::Blank => {}
            }
        }
    }
    if first <= committed.min(last) {
        machine.published.publish(state, LogIndex(committed.min(last)));
    }
    Ok(membership)
}
