//! The people who run the cluster: what they do while there are faults, and what the manual has them do
//! afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use symbolon_check::{Emptied, Rng};
use symbolon_testkit::v1::{GetStatusResponse, Role};
use symbolon_testkit::{Client, Code};
use tokio::time::{sleep, timeout};

use crate::client::lineage_of;
use crate::disk::nanos;
use crate::fault::{Kind, span};
use crate::heal;
use crate::machine::Machine;
use crate::run::{World, lock};

/// The name of the cluster.
pub(crate) const CLUSTER: &str = "test";
const PATIENCE: Duration = Duration::from_secs(20);
/// While no fault begins: those that are under way end within that.
const WELL_WITHIN: Duration = Duration::from_secs(35);
const GLANCE: Duration = Duration::from_secs(1);
/// For a node that is left to find out, and to take over.
const SEIZED_WITHIN: Duration = Duration::from_secs(40);
/// For the others to remove a node, and for it to join again.
const REPLACED_WITHIN: Duration = Duration::from_secs(90);

/// Whether a path of a node's port for those who watch it says yes.
pub(crate) async fn says(world: &World, id: usize, path: &str) -> bool {
    let node = world.cluster.node(id + 1);
    node.is_running() && matches!(node.get(path).await, Some((200, _)))
}

impl World {
    pub(crate) fn administrator(&self, id: usize) -> Client {
        self.clients.administrator[id].with_timeout(PATIENCE)
    }

    /// What a node says of the cluster.
    pub(crate) async fn status(&self, id: usize) -> Option<GetStatusResponse> {
        if !self.cluster.node(id + 1).is_running() {
            return None;
        }
        let client = self.clients.administrator[id].with_timeout(GLANCE);
        let status = timeout(GLANCE, client.status()).await.ok()?.ok()?;
        lock(&self.lineages)[id] = lineage_of(&status);
        Some(status)
    }

    /// What all nodes say, when they are in one lineage.
    pub(crate) async fn one_lineage(&self) -> Option<Vec<GetStatusResponse>> {
        let mut all = Vec::new();
        for id in 0..self.machines.len() {
            all.push(self.status(id).await?);
        }
        let lineages: BTreeSet<_> = all.iter().map(|it| (it.epoch, it.lineage.clone())).collect();
        (lineages.len() == 1).then_some(all)
    }

    /// Whether every node is there, has its role, and a quorum.
    pub(crate) async fn are_all_well(&self) -> bool {
        let count = self.machines.len();
        let Some(all) = self.one_lineage().await else { return false };
        let votes = |role| matches!(role, Role::Master | Role::Subordinate);
        let is_whole = |status: &GetStatusResponse| {
            status.nodes.len() == count && status.nodes.iter().all(|node| votes(node.role()))
        };
        if !all.iter().all(is_whole) {
            return false;
        }
        for (id, machine) in self.machines.iter().enumerate() {
            let damaged = machine.damaged.load(Ordering::SeqCst);
            if damaged || machine.is_busy() || !says(self, id, "/readyz?for=quorum").await {
                return false;
            }
        }
        true
    }

    /// Waits until all is well. Whether it is, before the faults end.
    pub(crate) async fn are_well_soon(&self) -> bool {
        let until = self.history.now() + nanos(WELL_WITHIN);
        // That will not be before the end of the round.
        if self.machines.iter().any(|machine| machine.damaged.load(Ordering::SeqCst)) {
            return false;
        }
        while self.is_cruel() && self.history.now() < until {
            if self.are_all_well().await {
                return true;
            }
            self.pause(Duration::from_millis(100)).await;
        }
        if self.is_cruel() {
            let busy: Vec<_> = self.machines.iter().map(Machine::is_busy).collect();
            let what = format!("not all is well: {}; busy {busy:?}", heal::ills(self).await);
            self.history.say("operator", &what);
        }
        false
    }

    pub(crate) async fn promote(&self, id: usize) {
        let asked = (id + 1) % self.machines.len();
        self.begins(Kind::Promote, &format!("node-{} by node-{}", id + 1, asked + 1));
        let name = self.cluster.node(id + 1).name();
        let told = self.administrator(asked).promote_subordinate(name).await;
        let told =
            told.map_or_else(|status| status.message().to_owned(), |was| format!("from {was}"));
        self.history.say("operator", &format!("promotion: {told}"));
    }

    /// A majority is gone for good, as it seems; one that is left goes on alone. Then they come back.
    pub(crate) async fn seize(&self, rng: &mut Rng) {
        let Ok(_taking) = self.taking.try_lock() else { return };
        let truce = self.truce();
        if !self.are_well_soon().await {
            return;
        }
        let count = self.machines.len();
        let left = rng.index(count);
        let Some(survivor) = self.claim(left) else { return };
        let mut gone = Vec::new();
        for id in (1..count).map(|offset| (left + offset) % count) {
            let Some(claim) = self.claim(id) else { return };
            gone.push((id, claim));
        }
        drop(truce);
        // The others that are left may be of the new epoch, or be left behind by it as well.
        let dying = if rng.chance(500) { gone.len() } else { count / 2 + 1 };
        let mut gone: Vec<_> = gone.into_iter().take(dying).collect();
        for (id, _) in &gone {
            if rng.chance(500) { self.power_off(*id) } else { self.kill(*id) }
        }
        drop(survivor);
        let what = format!("node-{} is left by {} others", left + 1, gone.len());
        self.begins(Kind::Seize, &what);
        self.takes_over(left).await;
        self.pause(span(rng)).await;
        for (id, claim) in gone.drain(..) {
            self.start(id);
            drop(claim);
            self.pause(Duration::from_millis(rng.range(0, 3_000))).await;
        }
    }

    /// Asks a node to seize until it does, or does not need to.
    async fn takes_over(&self, id: usize) {
        let name = self.cluster.node(id + 1).name();
        let until = self.history.now() + nanos(SEIZED_WITHIN);
        while self.history.now() < until && self.is_cruel() {
            match self.administrator(id).seize(name, CLUSTER).await {
                Ok(seizure) if seizure.begun => {
                    self.count("epochs begun", 1);
                    self.history
                        .say("operator", &format!("{name} SEIZED, epoch {}", seizure.epoch));
                    return;
                }
                Ok(_) => {}
                Err(status) => {
                    let why = format!("{:?} {}", status.code(), status.message());
                    self.history.say("operator", &format!("{name} does not seize: {why}"));
                }
            }
            self.pause(Duration::from_millis(500)).await;
        }
    }

    pub(crate) async fn replace_some(&self, id: usize) {
        let Ok(_taking) = self.taking.try_lock() else { return };
        let truce = self.truce();
        if !self.are_well_soon().await {
            return;
        }
        let Some(_claim) = self.claim(id) else { return };
        drop(truce);
        self.begins(Kind::Replace, &format!("node-{}", id + 1));
        self.replace(id).await;
    }

    /// Machines whose files somebody changed without effect are replaced before the next round.
    pub(crate) async fn replace_damaged(&self) {
        for (id, machine) in self.machines.iter().enumerate() {
            if machine.damaged.load(Ordering::SeqCst)
                && let Some(_claim) = machine.claim()
            {
                self.replace(id).await;
            }
        }
    }

    /// A node is removed, and its machine joins anew, empty: as the manual has it done with a machine that is
    /// replaced, and with a data directory that the cluster does not take back. Whoever calls has its claim.
    pub(crate) async fn replace(&self, id: usize) {
        let mut until = self.history.now() + nanos(REPLACED_WITHIN);
        // It is switched off first: a master is not removed, and the others find another one.
        self.kill(id);
        while self.history.now() < until {
            if self.is_cruel() {
                // Of the two that are left one may be gone at any time.
                until = self.history.now() + nanos(REPLACED_WITHIN);
            }
            if self.removed(id).await && self.joined(id).await {
                self.count("machines replaced", 1);
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
        let what = format!("node-{} could not be replaced: see the history", id + 1);
        self.problem("removal", what);
    }

    /// Has another node with a quorum remove it. Whether it is no member any more.
    async fn removed(&self, id: usize) -> bool {
        let name = self.cluster.node(id + 1).name();
        let Some(asked) = self.with_quorum(id).await else { return false };
        let told = self.administrator(asked).remove_node(name).await;
        let what = match &told {
            Ok(done) => format!("REMOVED {name} at {}", done.log_index),
            Err(status) => format!("{name} is not removed: {}", status.message()),
        };
        self.history.say("operator", &what);
        told.map_or_else(|status| status.code() == Code::NotFound, |_| true)
    }

    /// Empties its machine, and lets it join. Whether that was possible.
    async fn joined(&self, id: usize) -> bool {
        let (node, machine) = (self.cluster.node(id + 1), &self.machines[id]);
        let Some(asked) = self.with_quorum(id).await else { return false };
        self.kill(id);
        let emptied =
            Emptied { host: id, lineage: lock(&self.lineages)[id], at: self.history.now() };
        lock(&self.emptied).push(emptied);
        let folder = node.data_dir();
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        machine.shadow.keep_power();
        machine.damaged.store(false, Ordering::SeqCst);
        machine.set_refusal(None);
        let token = match self.administrator(asked).create_join_token(0).await {
            Ok(token) => token.join_token,
            Err(status) => {
                self.history.say("operator", &format!("no join token: {}", status.message()));
                return false;
            }
        };
        let file = node.config_file().with_file_name("join.token");
        fs::write(&file, token).unwrap();
        let peer = self.cluster.node(asked + 1).peer().to_string();
        let arguments = ["join", "--token-file", &file.to_string_lossy(), "--peer", &peer];
        let mut joining = node.run(&arguments);
        let until = self.history.now() + nanos(PATIENCE);
        let has_joined = loop {
            match joining.try_wait() {
                Ok(Some(status)) => break status.success(),
                Ok(None) if self.history.now() < until => sleep(GLANCE / 10).await,
                _ => break false,
            }
        };
        // Fails only for one that has ended.
        let _ = joining.kill();
        let _ = joining.wait();
        let what = if has_joined { "JOINED anew" } else { "does not join" };
        self.history.say("operator", &format!("{} {what}", node.name()));
        if has_joined {
            self.start(id);
        }
        has_joined
    }

    /// A node with a quorum that is not this one.
    async fn with_quorum(&self, id: usize) -> Option<usize> {
        let count = self.machines.len();
        for other in (1..count).map(|offset| (id + offset) % count) {
            if says(self, other, "/readyz?for=quorum").await {
                return Some(other);
            }
        }
        None
    }
}
