//! Processes that end or stand still, and disks that forget, fail, are slow or full, were changed by somebody
//! or are those of an earlier time.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use symbolon_check::{PutBack, Rng};
use tokio::time::sleep;

use crate::evidence::panics_of;
use crate::fault::{Kind, span};
use crate::machine::{Claim, files_in};
use crate::run::{World, lock};

/// A node whose disk fails is gone by then: it writes all the time.
const FAILS_WITHIN: Duration = Duration::from_secs(20);
/// As long as the program's own limits together.
const STOPS_WITHIN: Duration = Duration::from_secs(40);
/// The exit code of a node that refuses its settings or its data.
const REFUSED: i32 = 78;
/// The signal that tells a process to end.
const SIGTERM: i32 = 15;
/// Exit code of one that the disk has no space for.
const NO_SPACE: i32 = 75;
/// What it says then.
const WANTS_SPACE: &str = "Give the disk space";
/// Exit codes of a node to which nobody has done anything lately: it was told to, or starts again; nobody is
/// there; its data is refused.
const WELL: [i32; 3] = [0, 69, REFUSED];
/// How long a node with damaged files is watched.
const DAMAGE_SHOWS_WITHIN: Duration = Duration::from_secs(5);
/// How long one that was taken from waits until all is well again without it being needed.
const PEACE: Duration = Duration::from_secs(60);

impl World {
    /// The process of a machine, when nobody else has it and it runs.
    pub(crate) fn claim(&self, id: usize) -> Option<Claim> {
        let claim = self.machines[id].claim()?;
        self.cluster.node(id + 1).is_running().then_some(claim)
    }

    pub(crate) fn kill(&self, id: usize) {
        self.cluster.node(id + 1).kill9();
    }

    /// `kill -9`, and what was not synced is gone.
    pub(crate) fn power_off(&self, id: usize) {
        self.kill(id);
        self.machines[id].shadow.lose_power();
    }

    /// Starts a node that does not run, whatever its disk holds.
    pub(crate) fn start(&self, id: usize) {
        self.machines[id].shadow.keep_power();
        self.cluster.node(id + 1).spawn();
    }

    /// The exit code of a node that ends within that time.
    async fn ended(&self, id: usize, within: Duration) -> Option<Option<i32>> {
        let node = self.cluster.node(id + 1);
        let until = self.history.now() + nanos(within);
        while self.history.now() < until {
            if let Some(status) = node.exit_status() {
                return Some(status.code());
            }
            sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// As an init system does: a node that ended by itself is started again.
    pub(crate) async fn keep_running(self: Arc<Self>, id: usize) {
        let node = self.cluster.node(id + 1);
        loop {
            sleep(Duration::from_millis(100)).await;
            let machine = &self.machines[id];
            if machine.is_busy() || node.is_running() {
                continue;
            }
            let Some(claim) = machine.claim() else { continue };
            if node.is_running() {
                continue;
            }
            let code = node.exit_status().and_then(|status| status.code());
            // It is waited for.
            node.kill9();
            let end = node.log_end();
            self.count("ends by themselves", 1);
            let why = end.lines().last().unwrap_or_default();
            self.history.say("machine", &format!("node-{} ended with {code:?}: {why}", id + 1));
            // Who comes back empty, and has no space to begin in, is started again until it has.
            let has_no_space = code == Some(NO_SPACE) && end.contains(WANTS_SPACE);
            let is_well = has_no_space || code.is_some_and(|code| WELL.contains(&code));
            if !is_well && !machine.damaged.load(Ordering::SeqCst) {
                self.problem("ends", format!("node-{} ended with {code:?}: {end}", id + 1));
            }
            if code == Some(REFUSED) {
                self.count("starts refused", 1);
                machine.set_refusal(Some(end));
                // An operator looks at it; it may be a matter of who is there.
                sleep(Duration::from_secs(1)).await;
            }
            sleep(Duration::from_millis(500)).await;
            self.start(id);
            drop(claim);
        }
    }

    pub(crate) async fn interrupt(&self, kind: Kind, id: usize, rng: &mut Rng) {
        let Some(claim) = self.claim(id) else { return };
        self.begins(kind, &format!("node-{}", id + 1));
        let (node, time) = (self.cluster.node(id + 1), span(rng));
        match kind {
            Kind::Freeze => {
                node.freeze();
                self.pause(time).await;
                node.thaw();
                return;
            }
            Kind::Stop => {
                node.signal_term();
                let ended = self.ended(id, STOPS_WITHIN).await;
                // Who has only just begun does not hear signals yet, and ends by them.
                let by = node.exit_status().and_then(|status| status.signal());
                if ended != Some(Some(0)) && by != Some(SIGTERM) {
                    self.problem("stops", format!("node-{}: {ended:?}", id + 1));
                }
                self.kill(id);
            }
            Kind::PowerOff => self.power_off(id),
            _ => self.kill(id),
        }
        let time = if rng.chance(300) { Duration::ZERO } else { time };
        self.pause(time).await;
        self.start(id);
        drop(claim);
    }

    /// All at once, as far as nobody else has them.
    pub(crate) async fn interrupt_all(&self, kind: Kind, rng: &mut Rng) {
        let claims: Vec<_> =
            (0..self.machines.len()).filter_map(|id| Some((id, self.claim(id)?))).collect();
        self.begins(kind, &format!("{} nodes", claims.len()));
        for (id, _) in &claims {
            self.kill(*id);
        }
        for (id, _) in claims.iter().filter(|_| kind == Kind::PowerOffAll) {
            self.machines[*id].shadow.lose_power();
        }
        for (id, claim) in claims {
            self.pause(Duration::from_millis(rng.range(0, 2_000))).await;
            self.start(id);
            drop(claim);
        }
    }

    /// Its syncs fail: it must end rather than answer for what may not be there.
    pub(crate) async fn failing_disk(&self, id: usize, rng: &mut Rng) {
        let Some(_claim) = self.claim(id) else { return };
        self.begins(Kind::FailingDisk, &format!("node-{}", id + 1));
        let shadow = &self.machines[id].shadow;
        let before = panics_of(self.cluster.node(id + 1)).0;
        shadow.fail_syncs(true);
        // A node that has nothing to write has nothing to sync: it is cut off, or the others are not there.
        if self.ended(id, FAILS_WITHIN).await.is_none() {
            self.history.say("fault", &format!("node-{} synced nothing", id + 1));
        }
        if rng.chance(500) {
            self.power_off(id);
        } else {
            self.kill(id);
            shadow.fail_syncs(false);
        }
        self.excuse(id, before);
        self.start(id);
    }

    pub(crate) async fn slow_disk(&self, id: usize, rng: &mut Rng) {
        let Some(_claim) = self.claim(id) else { return };
        self.begins(Kind::SlowDisk, &format!("node-{}", id + 1));
        self.machines[id].shadow.slow_syncs(true);
        self.pause(span(rng)).await;
        self.machines[id].shadow.slow_syncs(false);
    }

    pub(crate) async fn full_disk(&self, id: usize, rng: &mut Rng) {
        let Some(_claim) = self.claim(id) else { return };
        self.begins(Kind::FullDisk, &format!("node-{}", id + 1));
        let (machine, until) = (&self.machines[id], self.history.now() + nanos(span(rng)));
        while self.history.now() < until && self.is_cruel() {
            machine.fill();
            self.pause(Duration::from_millis(200)).await;
        }
        machine.give_back();
        self.history.say("fault", &format!("node-{} has space again", id + 1));
        let node = self.cluster.node(id + 1);
        // Whoever comes back empty in this moment has no place to begin in, and is started again.
        let is_told = node.log_end().contains(WANTS_SPACE);
        if !node.is_running() && !is_told {
            let what = format!("node-{} ended: {}", id + 1, node.log_end());
            self.problem("a full disk", what);
        }
    }

    /// Somebody changes bytes of a file. The node refuses it, and is replaced; or it is none that counts.
    pub(crate) async fn damage(&self, id: usize, rng: &mut Rng) {
        let Ok(_taking) = self.taking.try_lock() else { return };
        let truce = self.truce();
        if !self.are_well_soon().await {
            return;
        }
        let Some(claim) = self.claim(id) else { return };
        drop(truce);
        let (node, machine) = (self.cluster.node(id + 1), &self.machines[id]);
        let before = panics_of(node).0;
        self.kill(id);
        // What lies in quarantine is merged by now, and kept for people, who are told that it is damaged.
        let mut files = files_in(&node.data_dir());
        files.retain(|file| file.components().all(|part| part.as_os_str() != "quarantine"));
        if files.is_empty() {
            return;
        }
        let file = rng.pick(&files);
        let mut bytes = fs::read(file).unwrap_or_default();
        let times = rng.range(1, 9);
        for _ in 0..times {
            let place = rng.index(bytes.len());
            bytes[place] ^= u8::try_from(rng.range(1, 256)).unwrap_or(1);
        }
        fs::write(file, bytes).unwrap();
        let shown = file.strip_prefix(node.data_dir()).unwrap_or(file).display().to_string();
        self.begins(Kind::Damage, &format!("node-{} {times} bytes of {shown}", id + 1));
        machine.damaged.store(true, Ordering::SeqCst);
        self.start(id);
        let is_refused = self.ended(id, DAMAGE_SHOWS_WITHIN).await.is_some();
        self.excuse(id, before);
        let what = if is_refused { "refuses them" } else { "goes on" };
        self.history.say("fault", &format!("node-{} {what}", id + 1));
        self.count(if is_refused { "damage refused" } else { "damage without effect" }, 1);
        // Where nothing shows it may be no part of what counts, or show at a later start.
        if is_refused || rng.chance(500) {
            self.replace(id).await;
        }
        drop(claim);
        self.peace().await;
    }

    /// A machine is put back to an earlier time, as is done with virtual ones. Only while all others are well:
    /// whoever loses what a majority has acknowledged has lost it.
    pub(crate) async fn roll_back(&self, id: usize, rng: &mut Rng) {
        let Ok(_taking) = self.taking.try_lock() else { return };
        let node = self.cluster.node(id + 1);
        let copy = node.config_file().with_file_name("copy");
        let saved = {
            let Some(_claim) = self.claim(id) else { return };
            self.kill(id);
            if copy.exists() {
                fs::remove_dir_all(&copy).unwrap();
            }
            node.copy_data(&copy);
            let saved = self.history.now();
            self.start(id);
            saved
        };
        self.pause(Duration::from_millis(rng.range(5_000, 25_000))).await;
        let truce = self.truce();
        if !self.are_well_soon().await {
            return;
        }
        let Some(claim) = self.claim(id) else { return };
        drop(truce);
        self.kill(id);
        node.put_data_back(&copy);
        self.begins(Kind::RollBack, &format!("node-{}", id + 1));
        let span = (saved, self.history.now());
        lock(&self.put_back).push(PutBack { host: id, span });
        self.machines[id].put_back.fetch_add(1, Ordering::SeqCst);
        self.start(id);
        drop(claim);
        self.peace().await;
    }

    /// Panics since then were to be.
    fn excuse(&self, id: usize, before: u64) {
        let now = panics_of(self.cluster.node(id + 1)).0;
        self.machines[id].excused.fetch_add(now - before, Ordering::SeqCst);
    }

    /// Waits until all is well, or the faults end.
    async fn peace(&self) {
        let until = self.history.now() + nanos(PEACE);
        while self.is_cruel() && self.history.now() < until && !self.are_all_well().await {
            self.pause(Duration::from_millis(200)).await;
        }
    }
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
