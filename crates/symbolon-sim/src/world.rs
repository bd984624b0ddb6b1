//! All hosts, the network between them, and the time that passes for them.
//!
//! Each host has a runtime of its own whose time stands still until the world lets it go on, up to the same
//! moment for all. No message takes less than one step of the world, so nothing that a host does within a
//! step can matter to another in the same step, and the order in which they are taken is no secret clock.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use symbolon_check::Rng;
use symbolon_core::LineageId;
use symbolon_store::{Kek, SimDisks};
use tokio::runtime::{Builder, RngSeed, Runtime};
use tokio::time::Instant;

use crate::host::{Exit, Machine, Running, Slot};
use crate::net::{HostId, LATENCY_MIN, Net};
use crate::os;
use crate::time::{HostClock, MILLISECOND, Nanos, SECOND};
use crate::trace::{self, Trace};

/// One step of the world.
pub(crate) const STEP: Nanos = LATENCY_MIN;

/// What one host is like, and what is on it just now.
pub(crate) struct Host {
    pub(crate) machine: Machine,
    pub(crate) slot: Slot,
    process: Option<Process>,
    /// Its program is stopped until then, and does not notice.
    pub(crate) paused_until: Nanos,
    /// The term of its vote when its power failed, and the lineage. Others may have heard of it.
    pub(crate) voted: Option<(LineageId, u64)>,
    /// How long the disk takes to sync.
    pub(crate) sync_time: (Nanos, Nanos),
    sync_due: Option<Nanos>,
    /// When the service manager starts the program.
    pub(crate) starts_at: Option<Nanos>,
    /// Millionths by which its monotonic clock runs fast.
    pub(crate) drift: i64,
    /// What it said when it last refused to start.
    pub(crate) refused: Option<String>,
}

impl Host {
    pub(crate) const fn has_quick_disk(&self) -> bool {
        self.sync_time.1 <= 2 * MILLISECOND
    }
}

struct Process {
    runtime: Runtime,
    /// The first moment of its runtime, and when that was.
    began: (Instant, Nanos),
    exit: Arc<Mutex<Option<Exit>>>,
}

impl Process {
    /// What its clock shows when the world's shows `now`.
    fn until(&self, now: Nanos, drift: i64) -> Instant {
        let (began, at) = self.began;
        let passed = i64::try_from(now - at).unwrap_or(i64::MAX);
        let passed = passed + passed / 1_000_000 * drift;
        began + Duration::from_nanos(passed.cast_unsigned())
    }
}

/// See the module.
pub(crate) struct World {
    pub(crate) now: Nanos,
    pub(crate) net: Net,
    pub(crate) hosts: Vec<Host>,
    pub(crate) trace: Trace,
    pub(crate) rng: Rng,
    clients: Runtime,
    clients_began: Instant,
    /// How often a program ended without being asked to: started again, failed, refused.
    pub(crate) exits: [u64; 3],
}

fn runtime(rng: &mut Rng) -> Runtime {
    let seed = RngSeed::from_bytes(&rng.next().to_le_bytes());
    let built =
        Builder::new_current_thread().enable_time().start_paused(true).rng_seed(seed).build();
    built.unwrap_or_else(|error| panic!("no runtime: {error}"))
}

impl World {
    pub(crate) fn new(count: usize, place: &Path, trace: Trace, mut rng: Rng) -> Self {
        let net = Net::new(count, rng.fork());
        let disks = SimDisks::default();
        let (snapshot_entries, audit_rows) = (rng.range(60, 1_500), 2_000_000);
        let hosts = (0..count).map(|id| {
            let kek = place.join(format!("kek-{id}"));
            Kek::create(&kek).unwrap_or_else(|error| panic!("no KEK: {error}"));
            let directory = place.join(format!("data-{id}"));
            disks.of(&directory).defer_syncs(true);
            Host {
                machine: Machine {
                    id,
                    name: format!("node-{id}"),
                    directory,
                    kek,
                    disks: disks.clone(),
                    clock: HostClock::default(),
                    net: net.clone(),
                    snapshot_entries,
                    audit_rows,
                },
                slot: Slot::default(),
                process: None,
                paused_until: 0,
                voted: None,
                sync_time: (200_000, 2 * MILLISECOND),
                sync_due: None,
                starts_at: None,
                drift: 0,
                refused: None,
            }
        });
        let hosts = hosts.collect();
        let clients = runtime(&mut rng);
        let clients_began = clients.block_on(async { Instant::now() });
        Self { now: 0, net, hosts, trace, rng, clients, clients_began, exits: [0; 3] }
    }

    /// Lets time pass: one step.
    pub(crate) fn step(&mut self) {
        self.now += STEP;
        os::set_now(self.now);
        self.net.deliver(self.now);
        for id in 0..self.hosts.len() {
            self.step_host(id);
        }
        let until = self.clients_began + Duration::from_nanos(self.now);
        self.clients.block_on(async { tokio::time::sleep_until(until).await });
    }

    pub(crate) fn run_until(&mut self, end: Nanos) {
        while self.now < end {
            self.step();
        }
    }

    /// Lets time pass until something holds, and no longer than so long. Whether it does.
    pub(crate) fn wait(&mut self, longest: Nanos, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + longest;
        while self.now < end {
            if holds(self) {
                return true;
            }
            self.run_until(self.now + 50 * MILLISECOND);
        }
        holds(self)
    }

    fn step_host(&mut self, id: HostId) {
        self.sync(id);
        let now = self.now;
        let host = &mut self.hosts[id];
        if host.starts_at.is_some_and(|at| at <= now) {
            host.starts_at = None;
            self.start(id);
            return;
        }
        let Some(process) = &host.process else { return };
        if host.paused_until > now {
            return;
        }
        trace::set_host(Some(id));
        let until = process.until(now, host.drift);
        if host.paused_until > 0 {
            host.paused_until = 0;
            // All at once: it has been asleep.
            let sleep = async {
                let missed = until.duration_since(Instant::now());
                tokio::time::advance(missed).await;
            };
            process.runtime.block_on(sleep);
        }
        process.runtime.block_on(async { tokio::time::sleep_until(until).await });
        let exit = process.exit.lock().unwrap_or_else(PoisonError::into_inner).take();
        trace::set_host(None);
        if let Some(exit) = exit {
            self.ended(id, exit);
        }
    }

    /// The disk does what is due.
    fn sync(&mut self, id: HostId) {
        let disk = self.disk(id);
        let host = &mut self.hosts[id];
        match host.sync_due {
            Some(due) if due <= self.now => {
                host.sync_due = None;
                trace::set_host(Some(id));
                disk.complete_syncs();
                trace::set_host(None);
            }
            None if disk.waiting_syncs() > 0 => {
                let (least, most) = host.sync_time;
                host.sync_due = Some(self.now + self.rng.range(least, most + 1));
            }
            _ => {}
        }
    }

    fn ended(&mut self, id: HostId, exit: Exit) {
        self.trace.say(&format!("host-{id}"), &format!("EXIT {exit:?}"));
        self.kill(id);
        let host = &mut self.hosts[id];
        let (kind, pause) = match exit {
            Exit::StartAgain => (0, 100 * MILLISECOND),
            Exit::Failed(_) => (1, SECOND),
            Exit::Refused(why) => {
                host.refused = Some(why);
                (2, 5 * SECOND)
            }
        };
        self.exits[kind] += 1;
        self.hosts[id].starts_at = Some(self.now + pause);
    }

    /// Starts the program of a host, whose machine is on.
    fn start(&mut self, id: HostId) {
        let (machine, slot) = (self.hosts[id].machine.clone(), Arc::clone(&self.hosts[id].slot));
        self.hosts[id].refused = None;
        self.begin(id, machine.serve(slot));
    }

    /// Runs something on a host until it is done, and nothing else there.
    fn begin(&mut self, id: HostId, program: impl Future<Output = Exit> + Send + 'static) {
        trace::set_host(Some(id));
        let runtime = runtime(&mut self.rng);
        let exit = Arc::<Mutex<Option<Exit>>>::default();
        let told = Arc::clone(&exit);
        runtime.spawn(async move {
            let exit = program.await;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(exit);
        });
        let began = (runtime.block_on(async { Instant::now() }), self.now);
        self.hosts[id].process = Some(Process { runtime, began, exit });
        trace::set_host(None);
    }

    pub(crate) fn disk(&self, id: HostId) -> symbolon_store::SimDisk {
        let machine = &self.hosts[id].machine;
        machine.disks.of(&machine.directory)
    }

    /// From now on the monotonic clock of a host runs so many millionths fast.
    pub(crate) fn set_drift(&mut self, id: HostId, drift: i64) {
        let now = self.now;
        let host = &mut self.hosts[id];
        if let Some(process) = host.process.as_mut().filter(|_| drift != host.drift) {
            process.began = (process.until(now, host.drift), now);
        }
        host.drift = drift;
    }

    pub(crate) fn is_on(&self, id: HostId) -> bool {
        self.hosts[id].process.is_some()
    }

    /// Switches a machine on, and starts its program a little later.
    pub(crate) fn power_on(&mut self, id: HostId) {
        self.net.switch(id, true);
        self.hosts[id].starts_at = Some(self.now + 10 * MILLISECOND);
    }

    /// The program of a host dies; what it wrote is with the system.
    pub(crate) fn kill(&mut self, id: HostId) {
        trace::set_host(Some(id));
        let host = &mut self.hosts[id];
        host.paused_until = 0;
        host.starts_at = None;
        *host.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop(host.process.take());
        trace::set_host(None);
    }

    /// The power of a host fails: what was not synced is gone, or some of it.
    pub(crate) fn power_off(&mut self, id: HostId) {
        if let Some(running) = self.running(id) {
            let lineage = running.service.ledger().status().lineage;
            self.hosts[id].voted = Some((lineage, running.node.term()));
        }
        self.net.switch(id, false);
        let seed = self.rng.next();
        self.disk(id).crash_seeded(seed);
        self.hosts[id].sync_due = None;
        self.kill(id);
    }

    pub(crate) fn running(&self, id: HostId) -> Option<Running> {
        if self.hosts[id].paused_until > self.now {
            return None;
        }
        self.hosts[id].slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a client's task.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.clients.spawn(task);
    }

    /// Runs something on a host on which nothing runs, while time passes.
    pub(crate) fn run_on<T: Send + 'static>(
        &mut self,
        id: HostId,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let done = Arc::<Mutex<Option<T>>>::default();
        let told = Arc::clone(&done);
        self.net.switch(id, true);
        self.begin(id, async move {
            let result = work.await;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            std::future::pending().await
        });
        let is_done =
            |done: &Mutex<Option<T>>| done.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.wait(60 * SECOND, |_| is_done(&done));
        self.kill(id);
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.take()
    }

    /// Asks a running node something, while time passes. `None`: it is down, or died.
    pub(crate) fn ask<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &mut self,
        id: HostId,
        question: impl FnOnce(Running) -> F,
    ) -> Option<T> {
        let running = self.running(id)?;
        let runtime = running.runtime.clone();
        let asked = runtime.spawn(question(running));
        self.wait(60 * SECOND, |_| asked.is_finished());
        if !asked.is_finished() {
            asked.abort();
            return None;
        }
        self.clients.block_on(asked).ok()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for id in 0..self.hosts.len() {
            self.kill(id);
        }
    }
}
