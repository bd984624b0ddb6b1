//! Makes a store durable: two threads that wait for the disk for everybody else.
//!
//! `symbolon-log` syncs the journal and moves the anchor, for all who came while it was on its last trip.
//! `symbolon-store` makes rows and sled's part durable, which takes longer and is wanted rarely; whoever asked for
//! it then waits for a trip of the other, which tells the anchor.
//!
//! sled's `flush` writes with `sync_file_range`, which reaches neither the disk's cache nor the file's
//! metadata: durable means `flush` and then `fdatasync` of its file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::disk_kv::round_pair;
use crate::journal::Journal;
use crate::kv::{Op, SyncDone, SyncStats};
use crate::sled_part::SledPart;
use crate::{Anchor, StoreError};

/// The anchor may be written and not synced for so long. It is read from the system's cache if the
/// process ends; if the power fails, losses are noticed up to what was synced so long before.
const TIP_UNSYNCED_MAX: Duration = Duration::from_millis(50);

/// sled is asked so often to write out what it holds.
const WRITE_OUT_EVERY: Duration = Duration::from_millis(250);

/// Nice value of the thread that syncs the log.
const NICE: i32 = -10;

/// What everybody knows of a store that is open.
#[derive(Default)]
pub(crate) struct Shared {
    /// The first failed write or sync.
    poison: OnceLock<StoreError>,
    batches: AtomicU64,
    syncs: AtomicU64,
    callbacks: AtomicU64,
}

impl Shared {
    pub(crate) fn refuse_if_poisoned(&self) -> Result<(), StoreError> {
        self.poison.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Keeps the first error, and returns it.
    pub(crate) fn poison(&self, error: StoreError) -> StoreError {
        self.poison.get_or_init(|| error).clone()
    }

    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.poison.get().cloned()
    }

    pub(crate) fn wrote(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> SyncStats {
        SyncStats {
            batches: self.batches.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            callbacks: self.callbacks.load(Ordering::Relaxed),
        }
    }
}

/// The way to the threads. Dropped, it waits until they have closed the store.
pub(crate) struct Flusher {
    /// Taken when dropped, which ends the threads.
    queues: Option<(mpsc::Sender<SyncDone>, mpsc::Sender<Wanted>)>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// Somebody who waits for the journal.
struct Wanted {
    done: SyncDone,
    /// Whether the anchor must be durable too.
    with_tip: bool,
}

impl Flusher {
    /// `stored`: the round that sled's part holds.
    pub(crate) fn start(
        (sled, stored): (&Arc<SledPart>, u64),
        journal: &Arc<Journal>,
        rows: &Arc<Journal>,
        anchor: &Anchor,
        shared: &Arc<Shared>,
    ) -> Result<Self, StoreError> {
        let (log_queue, wanted) = mpsc::channel();
        let (queue, waiting) = mpsc::channel();
        let log = LogThread {
            journal: Arc::clone(journal),
            anchor: anchor.clone(),
            shared: Arc::clone(shared),
            tip_unsynced: None,
        };
        let store = StoreThread {
            sled: Arc::clone(sled),
            rows: Arc::clone(rows),
            round: None,
            found: stored,
            anchor: anchor.clone(),
            shared: Arc::clone(shared),
            log: log_queue.clone(),
        };
        let mut flusher = Self {
            queues: Some((queue, log_queue)),
            threads: Vec::new(),
            shared: Arc::clone(shared),
        };
        let no_thread = |source| StoreError::file("start a thread for", sled.path(), source);
        let thread = thread::Builder::new().name("symbolon-store".to_owned());
        flusher.threads.push(thread.spawn(move || store.run(&waiting)).map_err(no_thread)?);
        let thread = thread::Builder::new().name("symbolon-log".to_owned());
        flusher.threads.push(thread.spawn(move || log.run(&wanted)).map_err(no_thread)?);
        Ok(flusher)
    }

    /// [`Kv::sync`](crate::Kv::sync)
    pub(crate) fn sync(&self, done: SyncDone) {
        let refused = match &self.queues {
            Some((queue, _)) => queue.send(done).map_err(|mpsc::SendError(done)| done),
            None => Err(done),
        };
        self.told(refused);
    }

    /// [`Kv::sync_log`](crate::Kv::sync_log)
    pub(crate) fn sync_log(&self, done: SyncDone) {
        let wanted = Wanted { done, with_tip: false };
        let refused = match &self.queues {
            Some((_, log)) => log.send(wanted).map_err(|mpsc::SendError(wanted)| wanted.done),
            None => Err(wanted.done),
        };
        self.told(refused);
    }

    fn told(&self, refused: Result<(), SyncDone>) {
        if let Err(done) = refused {
            done(Err(self.shared.failure().unwrap_or(StoreError::Closed)));
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.queues = None;
        // The last handle may be dropped by a callback, on one of these threads: they end after it.
        let here = thread::current().id();
        if self.threads.iter().any(|thread| thread.thread().id() == here) {
            return;
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

/// What the thread `symbolon-store` owns.
struct StoreThread {
    sled: Arc<SledPart>,
    rows: Arc<Journal>,
    /// Of the last trip; `None` before the first.
    round: Option<u64>,
    /// That was found.
    found: u64,
    anchor: Anchor,
    shared: Arc<Shared>,
    log: mpsc::Sender<Wanted>,
}

impl StoreThread {
    fn run(mut self, waiting: &mpsc::Receiver<SyncDone>) {
        loop {
            let first = match waiting.recv_timeout(WRITE_OUT_EVERY) {
                Ok(first) => first,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.write_out() {
                        self.shared.poison(error);
                    }
                    continue;
                }
            };
            let mut group = vec![first];
            group.extend(waiting.try_iter());
            // The log's trip counts one of them.
            let others = group.len() as u64 - 1;
            self.shared.callbacks.fetch_add(others, Ordering::Relaxed);
            let result = self.trip().map_err(|error| self.shared.poison(error));
            // Waited for, so that sled is never two rounds ahead of the anchor.
            let told = self.tell_anchor();
            let result = result.and(told);
            group.into_iter().for_each(|done| call(done, result.clone()));
        }
        self.sled.close();
    }

    fn write_out(&self) -> Result<(), StoreError> {
        self.shared.refuse_if_poisoned()?;
        self.sled.write_out()
    }

    fn tell_anchor(&self) -> Result<(), StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let done: SyncDone = Box::new(move |result| {
            // The receiver lives until this is called.
            let _ = sender.send(result);
        });
        let sent = self.log.send(Wanted { done, with_tip: true });
        sent.map_err(|_| StoreError::Closed)?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn trip(&mut self) -> Result<(), StoreError> {
        self.shared.refuse_if_poisoned()?;
        let image = self.anchor.image();
        // The round that was found may be one that the anchor does not know; it learns of it first.
        let round = self.round.map_or(self.found, |round| round.saturating_add(1));
        if self.round.is_some() {
            self.sled.put(round_pair(round))?;
        }
        self.rows.sync_and_trim()?;
        self.sled.make_durable()?;
        self.round = Some(round);
        self.anchor.note(|marks| {
            marks.stored = round;
            marks.image = marks.image.max(image);
        });
        Ok(())
    }
}

/// What the thread `symbolon-log` owns.
struct LogThread {
    journal: Arc<Journal>,
    anchor: Anchor,
    shared: Arc<Shared>,
    /// Since when the anchor is written and not synced.
    tip_unsynced: Option<Instant>,
}

impl LogThread {
    fn run(mut self, wanted: &mpsc::Receiver<Wanted>) {
        run_sooner();
        loop {
            let first = match self.tip_unsynced {
                None => wanted.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(since) => {
                    wanted.recv_timeout(TIP_UNSYNCED_MAX.saturating_sub(since.elapsed()))
                }
            };
            let first = match first {
                Ok(first) => Some(first),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            // Group commit: whoever came while the last sync was under way shares the next one.
            let group: Vec<_> = first.into_iter().chain(wanted.try_iter()).collect();
            self.serve(group);
        }
        // Whoever closes a store leaves its anchor whole.
        if self.tip_unsynced.is_some() {
            self.serve(Vec::new());
        }
    }

    fn serve(&mut self, group: Vec<Wanted>) {
        let is_late = self.tip_unsynced.is_some_and(|since| since.elapsed() >= TIP_UNSYNCED_MAX);
        let with_tip = group.is_empty() || is_late || group.iter().any(|wanted| wanted.with_tip);
        let result = self.trip(with_tip);
        // Counted before the callbacks, so that whoever was called back sees itself counted.
        if !group.is_empty() {
            self.shared.syncs.fetch_add(1, Ordering::Relaxed);
            self.shared.callbacks.fetch_add(group.len() as u64, Ordering::Relaxed);
        }
        group.into_iter().for_each(|wanted| call(wanted.done, result.clone()));
    }

    #[expect(clippy::disallowed_methods, reason = "a thread that waits for a disk, on no runtime")]
    fn trip(&mut self, with_tip: bool) -> Result<(), StoreError> {
        // Also when it fails: it is not tried again.
        let since = self.tip_unsynced.take();
        self.shared.refuse_if_poisoned()?;
        let marks = self.anchor.marks();
        let tripped = self.anchor.trip(marks, with_tip, |record| {
            if let Some((key, value)) = record {
                self.journal.write(&[Op::Insert(key, value)])?;
            }
            self.journal.sync()
        });
        tripped.map_err(|error| self.shared.poison(error))?;
        if !with_tip {
            self.tip_unsynced = Some(since.unwrap_or_else(Instant::now));
        }
        Ok(())
    }
}

/// Everybody waits for this thread, and it works little: it goes first where the system allows that.
fn run_sooner() {
    // On Linux this is of the thread alone. Refused without `LimitNICE` or the like, which harms nothing.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// The others still wait: a panic in one callback must not strand them.
fn call(done: SyncDone, result: Result<(), StoreError>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        tracing::error!("a callback of a sync panicked");
    }
}
