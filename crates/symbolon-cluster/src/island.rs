//! An island: a node that no quorum is in reach of goes on deciding verifications by itself, by the rules
//! of `symbolon_core::State::decide_alone`. What it decides is on its disk before anybody is told, as a
//! journal of numbered records, which the [`Merger`](crate::merger::Merger) brings into the log afterwards.

mod forget;
mod offers;
mod shelf;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use symbolon_core::limits::{ISLAND_LIFE_MILLISECONDS, ISLAND_RECORDS_MAX};
use symbolon_core::{
    Alone, Answer, Apart, AuditEvent, Caller, Hold, Holder, Isolation, JournalId, LogIndex, Name,
    NodeId, NotAlone, Proposal, RecordId, Remembered, RequestId, Timestamp, TokenId, UserName,
};
use symbolon_proto::store::v1::LeftRecord;
use symbolon_service::{Clock, Entropy, ProposeError, View};
use symbolon_store::{Batch, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::offers::Heard;
pub(crate) use self::shelf::Extent;
use self::shelf::Shelf;
use crate::error::ClusterError;
use crate::fence::Fence;
use crate::hello::{Greeter, Presence, QUORUM_CONTACT};
use crate::node::NodeSettings;
use crate::peer_client::Peers;
use crate::published::Published;

/// See the module.
pub(crate) struct Island {
    own: NodeId,
    name: Name,
    shelf: Shelf,
    peers: Arc<Peers>,
    fence: Arc<Fence>,
    presence: Arc<Presence>,
    published: Arc<Published>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    isolation: Mutex<Watch>,
    /// Since when the node is an island.
    since: watch::Sender<Option<Timestamp>>,
    inner: Mutex<Inner>,
    /// Whether anything is held beside the log. Hardly ever, and asked with each verification.
    is_idle: AtomicBool,
    /// Peers that did not answer an offer.
    silent: Mutex<BTreeMap<NodeId, Instant>>,
    changed: Notify,
    /// Something is held no longer.
    forgotten: Notify,
}

/// How long there has been no proof of a quorum.
struct Watch {
    isolation: Isolation,
    looked: Instant,
    /// When a peer said last that it knows of a master.
    told: Option<Instant>,
}

struct Inner {
    apart: Apart,
    journals: BTreeMap<JournalId, Extent>,
    agreed: BTreeMap<TokenId, (Hold, NodeId)>,
    /// What this node decides now goes into it.
    current: Option<JournalId>,
    /// Records that are not on disk yet, or whose codes are on offer: nothing from the first of them on is
    /// merged.
    unfinished: BTreeSet<RecordId>,
    /// Of those, the ones whose request a master is asked to decide after all. Merged before that, the code
    /// would be used when the master looks at it, and the request would be denied for its own sake.
    handed: BTreeMap<Holder, (Vec<RecordId>, Instant)>,
    /// Since when the node was an island, as its disk has it.
    since: Option<Timestamp>,
}

impl Inner {
    /// Records that wait to be merged.
    fn waiting(&self) -> u64 {
        self.journals.values().map(|it| it.last + 1 - it.first).sum()
    }
}

/// What the store of a node holds that is not merged, for who sets it aside.
///
/// # Errors
/// [`ClusterError`] when it is damaged.
pub(crate) fn left(store: &Store) -> Result<Vec<LeftRecord>, ClusterError> {
    Shelf(store.kv.clone()).left()
}

/// Reads a record that was set aside.
pub(crate) fn left_event(record: &LeftRecord) -> Option<AuditEvent> {
    shelf::event(&record.record)
}

/// What became of a proposal.
pub(crate) enum Decided {
    Answer(Answer),
    /// It is to be tried again, here or elsewhere.
    Again,
    Refused(ProposeError),
}

/// A decision that has a record.
struct Staged {
    place: usize,
    record: RecordId,
    holder: Holder,
    alone: Alone,
    offered: bool,
}

impl Island {
    /// As the disk has it.
    ///
    /// # Errors
    /// [`ClusterError`] when it is damaged.
    pub(crate) fn open(
        greeter: &Greeter,
        settings: &NodeSettings,
        name: &Name,
    ) -> Result<Arc<Self>, ClusterError> {
        let shelf = Shelf(greeter.store.kv.clone());
        let found = shelf.load()?;
        let inner = Inner {
            apart: found.apart,
            journals: found.journals,
            agreed: found.agreed,
            current: None,
            unfinished: BTreeSet::new(),
            handed: BTreeMap::new(),
            since: found.since,
        };
        let watch = Watch { isolation: Isolation::default(), looked: Instant::now(), told: None };
        Ok(Arc::new(Self {
            own: greeter.peers.standing.node,
            name: name.clone(),
            shelf,
            peers: Arc::clone(&greeter.peers),
            fence: Arc::clone(&greeter.fence),
            presence: Arc::clone(&greeter.presence),
            published: Arc::clone(&greeter.published),
            clock: Arc::clone(&settings.clock),
            entropy: Arc::clone(&settings.entropy),
            isolation: Mutex::new(watch),
            since: watch::Sender::new(None),
            is_idle: AtomicBool::new(inner.apart.is_empty()),
            inner: Mutex::new(inner),
            silent: Mutex::default(),
            changed: Notify::new(),
            forgotten: Notify::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when this node is an island, if it is one.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        *self.since.borrow()
    }

    /// Whether it is one, and has not been it for too long.
    pub(crate) fn decides(&self) -> bool {
        let now = self.clock.now();
        self.since().is_some_and(|since| since.plus(ISLAND_LIFE_MILLISECONDS) >= now)
    }

    /// Follows it.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<Timestamp>> {
        self.since.subscribe()
    }

    /// Looks whether there is proof of a quorum: `proof` is when the newest was given.
    pub(crate) fn look(&self, proof: Option<Instant>) {
        let now = Instant::now();
        let (is_island, without) = {
            let mut watch = self.isolation.lock().unwrap_or_else(PoisonError::into_inner);
            let told = watch.told.filter(|at| now.duration_since(*at) < QUORUM_CONTACT);
            let proof = proof.max(told).map(|at| milliseconds(now.duration_since(at)));
            let elapsed = milliseconds(now.duration_since(watch.looked));
            watch.looked = now;
            (watch.isolation.look(elapsed, proof), watch.isolation.without())
        };
        let is_member = || self.published.view().state.is_member(self.own);
        match (is_island, self.since().is_some()) {
            (true, false) if is_member() => self.enter(without),
            #[cfg(feature = "planted")]
            (false, true) if symbolon_core::planted::is("island-for-ever") => {}
            (false, true) => self.leave(),
            _ => {}
        }
        if !is_island && self.lock().since.is_some() {
            self.note_since(None);
        }
    }

    fn enter(&self, without: u64) {
        let kept = self.lock().since;
        let since = kept.unwrap_or_else(|| Timestamp(self.clock.now().0.saturating_sub(without)));
        self.lock().current = None;
        self.note_since(Some(since));
        self.since.send_replace(Some(since));
        metrics::gauge!("symbolon_island").set(1.0);
        tracing::warn!(
            "no master with a quorum is in reach: this node decides verifications by itself, and takes no \
             administrative writes"
        );
    }

    fn leave(&self) {
        self.lock().current = None;
        self.since.send_replace(None);
        metrics::gauge!("symbolon_island").set(0.0);
        tracing::info!(
            "a master with a quorum is in reach again: this node decides nothing by itself"
        );
        self.changed.notify_one();
    }

    /// Keeps for the next start since when the node has been an island. The first record that depends on it
    /// makes it durable.
    fn note_since(&self, since: Option<Timestamp>) {
        let mut batch = Batch::new();
        shelf::put_since(&mut batch, since);
        self.lock().since = since;
        if let Err(error) = self.shelf.0.write(batch) {
            // A store that fails ends the node elsewhere.
            tracing::debug!(%error, "it is not kept since when the node is an island");
        }
    }

    /// Decides verifications without the log, each by itself.
    pub(crate) async fn decide(&self, proposals: &[Proposal]) -> Vec<Decided> {
        let Some(since) = self.since() else {
            return proposals.iter().map(|_| Decided::Again).collect();
        };
        let heard = self.answering();
        let (mut decided, staged, batch) = self.stage(proposals, since, !heard.is_empty());
        let offers: Vec<_> =
            staged.iter().filter(|it| it.offered).flat_map(Staged::holds).collect();
        let (kept, told) =
            tokio::join!(shelf::keep(&self.shelf, batch), self.offer(&heard, &offers));
        let result = match kept {
            Ok(()) => self.finish(staged, &told, &mut decided).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::error!(%error, "what this node decides by itself cannot be kept");
            let stopping = || Decided::Refused(ProposeError::Stopping);
            decided.iter_mut().for_each(|it| *it = stopping());
        }
        decided
    }

    /// Decides, and writes what came of it down. Codes that are to be offered count as used by then,
    /// whether or not somebody is let in by them.
    fn stage(
        &self,
        proposals: &[Proposal],
        since: Timestamp,
        offers: bool,
    ) -> (Vec<Decided>, Vec<Staged>, Batch) {
        let View { state, applied } = self.published.view();
        let (mut inner, now) = (self.lock(), self.clock.now());
        let (mut decided, mut staged, mut batch) = (Vec::new(), Vec::new(), Batch::new());
        for (place, proposal) in proposals.iter().enumerate() {
            let holder = Holder { request_id: proposal.request_id, caller: proposal.caller };
            if inner.apart.is_open(holder) {
                decided.push(Decided::Again);
                continue;
            }
            let alone = match state.decide_alone(&inner.apart, (applied, now, since), proposal) {
                Ok(alone) => alone,
                Err(why) => {
                    decided.push(Decided::Refused(self.refusal(why)));
                    continue;
                }
            };
            decided.push(Decided::Answer(Answer { index: applied, reply: alone.reply }));
            let Some(event) = &alone.event else { continue };
            let Some(record) = self.next_record(&mut inner, applied, &mut batch) else {
                decided.pop();
                decided.push(Decided::Refused(ProposeError::Overloaded("decisions to be merged")));
                continue;
            };
            let offered = offers && alone.is_to_be_offered();
            self.is_idle.store(false, Ordering::Release);
            inner.apart.note(record, event);
            inner.apart.open(holder, offered);
            inner.unfinished.insert(record);
            let lost = offered.then(|| alone.lost());
            let written = lost.as_ref().and_then(|lost| lost.event.as_ref()).unwrap_or(event);
            shelf::put_record(&mut batch, record, written);
            staged.push(Staged { place, record, holder, alone, offered });
        }
        drop(inner);
        if !staged.is_empty() {
            self.tell_waiting();
        }
        (decided, staged, batch)
    }

    /// A place in the journal, which is begun if need be. `None`: too many records wait to be merged.
    /// `applied`: of the view that is decided by, for what came after it is looked up.
    fn next_record(
        &self,
        inner: &mut Inner,
        applied: LogIndex,
        batch: &mut Batch,
    ) -> Option<RecordId> {
        if inner.waiting() >= ISLAND_RECORDS_MAX {
            return None;
        }
        let journal = *inner.current.get_or_insert_with(|| {
            let mut id = JournalId::default();
            self.entropy.fill(&mut id.0);
            shelf::put_journal(batch, id, applied);
            id
        });
        let begun = Extent { applied, first: 1, last: 0 };
        let extent = inner.journals.entry(journal).or_insert(begun);
        extent.last += 1;
        Some(RecordId { journal, number: extent.last })
    }

    /// Lets in by the codes that no peer has given to somebody else, and makes that durable.
    async fn finish(
        &self,
        staged: Vec<Staged>,
        heard: &Heard,
        decided: &mut [Decided],
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let mut done = Vec::new();
        {
            let mut inner = self.lock();
            for Staged { place, record, holder, alone, offered } in staged {
                let is_own = inner.apart.close(holder);
                let taken = offered && (!is_own || heard.is_held(record));
                let alone = if taken { alone.lost() } else { alone };
                let Some(event) = alone.event.clone() else { continue };
                if taken {
                    inner.apart.lose(&event);
                }
                if offered && !heard.has_quorum && !taken {
                    shelf::put_record(&mut batch, record, &event);
                }
                let handed = (offered && heard.has_quorum).then_some(holder);
                done.push((place, record, alone, event, handed));
            }
        }
        if heard.has_quorum {
            self.isolation.lock().unwrap_or_else(PoisonError::into_inner).told =
                Some(Instant::now());
        }
        shelf::keep(&self.shelf, batch).await?;
        // What is written by then is set aside with the rest, and what comes after it is not answered.
        let ends = self.fence.is_ending();
        let mut inner = self.lock();
        for (place, record, alone, event, handed) in done {
            match handed {
                Some(holder) => inner.hand(holder, record),
                None => drop(inner.unfinished.remove(&record)),
            }
            let Some(place) = decided.get_mut(place) else { continue };
            if handed.is_some() || ends {
                // Its code counts as used for this request, which a master may decide now.
                *place = Decided::Again;
                continue;
            }
            self.is_idle.store(false, Ordering::Release);
            inner.apart.remember(&event);
            if let Decided::Answer(answer) = place {
                answer.reply = alone.reply;
            }
        }
        Ok(())
    }

    fn refusal(&self, why: NotAlone) -> ProposeError {
        match why {
            NotAlone::Application => ProposeError::IslandDenied,
            NotAlone::NeedsMaster | NotAlone::TooLong => self.offline(),
        }
    }

    /// That nothing can be written here, for who wants to know when and what to do.
    pub(crate) fn offline(&self) -> ProposeError {
        let view = self.published.view();
        let name = |id| view.state.node(id).map(|row| row.name.clone());
        let last = self.presence.last_master().and_then(name);
        ProposeError::Island {
            since: self.since().unwrap_or_else(|| self.clock.now()),
            master: last,
            node: self.name.clone(),
        }
    }

    /// What this node has decided of a request, as long as it is answered again.
    pub(crate) fn remembered(&self, caller: Caller, id: RequestId) -> Option<Remembered> {
        if self.is_idle() {
            return None;
        }
        self.lock().apart.remembered(caller, id, self.clock.now())
    }

    /// A view in which the codes of a user count as used that are held here.
    pub(crate) fn view_of(&self, view: View, name: &UserName, holder: Holder) -> View {
        if self.is_idle() {
            return view;
        }
        let inner = self.lock();
        let user = view.state.account(name).user();
        let laid_over = user.and_then(|user| inner.apart.laid_over(&view.state, user, holder));
        laid_over
            .map_or_else(|| view.clone(), |state| View { state: Arc::new(state), ..view.clone() })
    }

    fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::Acquire)
    }

    /// Journals with what is left to merge of them, each up to its last record that is decided.
    pub(crate) fn journals(&self) -> Vec<(JournalId, Extent)> {
        let mut inner = self.lock();
        inner.take_back();
        let left = inner.journals.iter().map(|(id, extent)| {
            let open = inner.unfinished.iter().find(|record| record.journal == *id);
            let last = open.map_or(extent.last, |record| extent.last.min(record.number - 1));
            (*id, Extent { last, ..*extent })
        });
        left.filter(|(_, extent)| extent.first <= extent.last).collect()
    }

    /// Records of a journal by number, from one to another. Not for async code.
    pub(crate) fn read(
        &self,
        journal: JournalId,
        (first, last): (u64, u64),
    ) -> Result<BTreeMap<u64, AuditEvent>, ClusterError> {
        self.shelf.read(journal, first, last + 1)
    }

    /// Something is to be merged.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Staged {
    /// What is offered.
    fn holds(&self) -> impl Iterator<Item = Hold> {
        let event = self.alone.event.as_ref();
        let spent = event.into_iter().flat_map(AuditEvent::spent);
        spent.map(|shown| Hold { shown: *shown, holder: self.holder, record: self.record })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
