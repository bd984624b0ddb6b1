//! Islands: a node that no quorum is in reach of goes on deciding verifications by itself. What it used up
//! stands beside its state until the log knows of it too.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::limits::{
    ISLAND_AFTER_MILLISECONDS, ISLAND_REPLIES_MAX, ISLAND_STEP_MILLISECONDS_MAX,
    OUTCOME_AGE_MILLISECONDS_MAX, RESYNC_HOTP_COUNTERS, RESYNC_TOTP_STEPS,
    RETRANSMISSION_MILLISECONDS,
};
use crate::otp::MovingFactor;
use crate::{
    Answer, AuditEvent, AuditRow, Caller, Decision, Denial, JournalId, Match, MergeKind,
    Remembered, Reply, RequestId, Row, State, Timestamp, Token, TokenId, User, UserId,
};

/// How long a node has gone without proof of a master that a quorum follows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Isolation {
    without: u64,
}

impl Isolation {
    /// Goes on by the milliseconds since the last call. `proof`: how old the newest proof is, if it still
    /// holds. Whether the node is an island. A node that was asleep or stopped has looked for nothing, so
    /// that time does not count, and the count begins anew.
    pub fn look(&mut self, elapsed: u64, proof: Option<u64>) -> bool {
        self.without = match proof {
            Some(age) => age,
            None if elapsed > ISLAND_STEP_MILLISECONDS_MAX => 0,
            None => self.without.saturating_add(elapsed),
        };
        proof.is_none() && self.without >= ISLAND_AFTER_MILLISECONDS
    }

    /// Milliseconds since the last proof, as far as they count.
    #[must_use]
    pub const fn without(self) -> u64 {
        self.without
    }
}

/// A record of a journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordId {
    /// Of which journal.
    pub journal: JournalId,
    /// Its number in it, from 1.
    pub number: u64,
}

/// The request that a code is held for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Holder {
    /// First in the order: of two that cross, the lower one has the code.
    pub request_id: RequestId,
    /// Who asked.
    pub caller: Caller,
}

impl Holder {
    /// Of an event.
    #[must_use]
    pub const fn of(event: &AuditEvent) -> Self {
        Self { request_id: event.request_id, caller: event.caller }
    }
}

/// That a code is used, as the log may not know yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Which token, and up to where.
    pub shown: Match,
    /// Whose it is.
    pub holder: Holder,
    /// What brings it into the log.
    pub record: RecordId,
}

/// What a node holds beside the log: what it decided as an island, and what it agreed to.
#[derive(Clone, Debug, Default)]
pub struct Apart {
    holds: BTreeMap<TokenId, Hold>,
    /// Tokens whose hold is the first of two codes in a row.
    await_second: BTreeSet<TokenId>,
    failures: BTreeMap<UserId, u64>,
    replies: BTreeMap<Holder, Remembered>,
    /// Tokens whose hold nobody was let in by: of offers that crossed, it was the one that lost.
    lost: BTreeSet<TokenId>,
    /// Requests that this node is deciding, and whether their codes are on offer.
    open: BTreeMap<Holder, bool>,
}

/// Whether a first answer is still given again.
pub(crate) fn is_given_again(first: &Remembered, now: Timestamp) -> bool {
    first.at.plus(RETRANSMISSION_MILLISECONDS) >= now
}

/// What a peer is told that offers a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agreement {
    /// It may take it, as far as this node knows; this is to be on disk before it is told.
    Agreed,
    /// Another request has it.
    Held,
}

impl Apart {
    /// Whether there is nothing: no code is held, no failure counted, no answer given again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.failures.is_empty() && self.replies.is_empty()
    }

    /// Forgets answers that are not given again.
    pub fn expire(&mut self, now: Timestamp) {
        self.replies.retain(|_, first| is_given_again(first, now));
    }

    /// Takes in what was decided.
    pub fn note(&mut self, record: RecordId, event: &AuditEvent) {
        let AuditRow::Verified(verified) = &event.row else { return };
        for shown in &verified.spent {
            let is_last = self.hold(Hold { shown: *shown, holder: Holder::of(event), record });
            if is_last && verified.verdict.denial() == Some(Denial::SecondCodeNeeded) {
                self.await_second.insert(shown.token);
            }
        }
        if let (Some(user), MergeKind::Failed) = (verified.user, MergeKind::of(verified)) {
            *self.failures.entry(user).or_default() += 1;
        }
    }

    /// As if nobody had failed yet.
    #[cfg(feature = "planted")]
    pub fn forget_failures(&mut self) {
        self.failures.clear();
    }

    /// Keeps the answer for retransmissions.
    pub fn remember(&mut self, event: &AuditEvent) {
        let AuditRow::Verified(verified) = &event.row else { return };
        if self.replies.len() >= ISLAND_REPLIES_MAX {
            self.expire(event.at);
        }
        if self.replies.len() < ISLAND_REPLIES_MAX {
            let answer = Answer { index: event.index, reply: Reply::Verified(verified.verdict) };
            let remembered = Remembered { fingerprint: event.fingerprint, at: event.at, answer };
            self.replies.insert(Holder::of(event), remembered);
        }
    }

    /// Holds a code, unless a later one is held. Whether it is the last.
    pub fn hold(&mut self, hold: Hold) -> bool {
        let token = hold.shown.token;
        let is_last =
            self.holds.get(&token).is_none_or(|known| known.shown.step <= hold.shown.step);
        if is_last {
            self.lost.remove(&token);
            self.await_second.remove(&token);
            self.holds.insert(token, hold);
        }
        is_last
    }

    /// Forgets what the log knows of.
    pub fn merged(&mut self, record: RecordId, event: &AuditEvent) {
        let AuditRow::Verified(verified) = &event.row else { return };
        for shown in &verified.spent {
            self.release(shown.token, record);
        }
        if let (Some(user), MergeKind::Failed) = (verified.user, MergeKind::of(verified)) {
            let left = self.failures.get_mut(&user).map(|failures| {
                *failures = failures.saturating_sub(1);
                *failures
            });
            if left == Some(0) {
                self.failures.remove(&user);
            }
        }
    }

    /// Holds a code of a token no longer for a record.
    pub fn release(&mut self, token: TokenId, record: RecordId) {
        if self.holds.get(&token).is_some_and(|hold| hold.record == record) {
            self.holds.remove(&token);
            self.await_second.remove(&token);
            self.lost.remove(&token);
        }
    }

    /// The first answer of this node to a request, for as long as it is given again.
    #[must_use]
    pub fn remembered(&self, caller: Caller, id: RequestId, now: Timestamp) -> Option<Remembered> {
        let first = self.replies.get(&Holder { request_id: id, caller })?;
        is_given_again(first, now).then_some(*first)
    }

    /// Whether one of the codes is held for another request, or one before it is.
    #[must_use]
    pub fn is_held(&self, codes: &[Match], holder: Holder) -> bool {
        codes.iter().any(|code| {
            let hold = self.holds.get(&code.token);
            hold.is_some_and(|hold| {
                code.step < hold.shown.step
                    || (code.step == hold.shown.step && hold.holder != holder)
            })
        })
    }

    /// Failures of an account that this node has counted and the log has not.
    #[must_use]
    pub fn failures(&self, user: UserId) -> u64 {
        self.failures.get(&user).copied().unwrap_or(0)
    }

    /// What a node answers that is asked whether another may take a code.
    pub fn agree(&mut self, state: &State, now: Timestamp, offer: Hold) -> Agreement {
        let token = state.token(offer.shown.token);
        let at = now.plus(OUTCOME_AGE_MILLISECONDS_MAX);
        let far = |token| state.farthest(token, at, RESYNC_HOTP_COUNTERS);
        if token.is_some_and(|token| offer.shown.step > far(token)) {
            return Agreement::Held;
        }
        let used = token.is_some_and(|row| row.mark >= offer.shown.step);
        let first = state.remembered(offer.holder.caller, offer.holder.request_id).is_some();
        if used && !first {
            return Agreement::Held;
        }
        if let Some(known) = self.holds.get(&offer.shown.token).copied() {
            let same = known.shown.step == offer.shown.step;
            if offer.shown.step < known.shown.step {
                return Agreement::Held;
            }
            if same && known.holder != offer.holder {
                let lost = self.lost.contains(&offer.shown.token);
                let mut yields = || offer.holder < known.holder && self.give_way(known.holder);
                if !lost && !yields() {
                    return Agreement::Held;
                }
            }
        }
        self.hold(offer);
        Agreement::Agreed
    }

    /// Begins to decide a request. `offers`: another may be given its codes.
    pub fn open(&mut self, holder: Holder, offers: bool) {
        self.open.insert(holder, offers);
    }

    /// Nobody was let in by the codes of a request, which stay used: another that has offered them may be.
    pub fn lose(&mut self, event: &AuditEvent) {
        for shown in event.spent() {
            if self.holds.get(&shown.token).is_some_and(|hold| hold.holder == Holder::of(event)) {
                self.lost.insert(shown.token);
            }
        }
    }

    /// Whether a request is being decided.
    #[must_use]
    pub fn is_open(&self, holder: Holder) -> bool {
        self.open.contains_key(&holder)
    }

    fn give_way(&mut self, holder: Holder) -> bool {
        self.open.get_mut(&holder).is_some_and(core::mem::take)
    }

    /// A request is decided. Whether its codes were on offer, and no other request was given them.
    pub fn close(&mut self, holder: Holder) -> bool {
        self.open.remove(&holder).unwrap_or(false)
    }

    /// A state in which the codes of a user's tokens count as used that are held, but for one request.
    /// `None`: it is that one.
    #[must_use]
    pub fn laid_over(&self, state: &State, user: &User, but: Holder) -> Option<State> {
        let held = user.tokens.iter().filter_map(|id| Some((*id, self.holds.get(id)?)));
        let mut held = held.filter(|(_, hold)| hold.holder != but).peekable();
        held.peek()?;
        let mut state = state.clone();
        for (id, hold) in held {
            let Some(mut token) = state.token(id).cloned() else { continue };
            if hold.shown.step > token.mark {
                token.mark = hold.shown.step;
                let counts = token.parameters.factor() == MovingFactor::Counter;
                token.awaits_second = counts && self.await_second.contains(&id);
                state.put(Row::Token(token), &mut crate::Output::default());
            }
        }
        Some(state)
    }
}

impl State {
    /// The highest step that a token can show at a time, wherever its clock may have been found to be: what
    /// is beyond is no code. `counters`: how far one that counts may be ahead.
    pub(crate) fn farthest(&self, token: &Token, at: Timestamp, counters: u64) -> u64 {
        match token.parameters.factor() {
            MovingFactor::Time { .. } => {
                let ahead = RESYNC_TOTP_STEPS.saturating_add(self.tolerance().totp_steps);
                token.parameters.step(at, 0).saturating_add(ahead)
            }
            MovingFactor::Counter => token.mark.saturating_add(counters),
        }
    }
}

impl Token {
    /// Whether a code was shown so long before `at` that it is none any more. One of a counter never was.
    #[must_use]
    pub fn is_past(&self, step: u64, at: Timestamp) -> bool {
        let is_of_time = self.parameters.factor() != MovingFactor::Counter;
        is_of_time && step.saturating_add(RESYNC_TOTP_STEPS) < self.parameters.step(at, 0)
    }
}

/// Why a node does not decide by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAlone {
    /// The application takes no decisions of islands.
    Application,
    /// What was shown is only good with the master: a recovery code, a bypass, the answer to a challenge.
    NeedsMaster,
    /// It has been without a master for too long.
    TooLong,
}

/// A decision of an island.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alone {
    /// The answer.
    pub reply: Reply,
    /// What must be on disk before it is given; `None`: nothing was used and nothing failed.
    pub event: Option<AuditEvent>,
}

impl Alone {
    /// Whether somebody is to be let in by codes, which peers may have something to say about.
    #[must_use]
    pub fn is_to_be_offered(&self) -> bool {
        let is_allowed = matches!(&self.reply, Reply::Verified(verdict) if verdict.is_allow());
        is_allowed && self.event.as_ref().is_some_and(|event| !event.spent().is_empty())
    }

    /// The same, denied because somebody else has the code: it is used all the same.
    #[must_use]
    pub fn lost(&self) -> Self {
        let mut lost = self.clone();
        if let Some(AuditRow::Verified(verified)) = lost.event.as_mut().map(|event| &mut event.row)
        {
            verified.verdict.decision = Decision::Deny(Denial::CodeAlreadyUsed);
            lost.reply = Reply::Verified(verified.verdict);
        }
        lost
    }
}
