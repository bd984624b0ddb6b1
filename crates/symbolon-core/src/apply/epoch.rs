//! What a seize leaves: one node goes on alone, and what the others may have taken is not taken again.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::{DISCARD_WORD_MAX, FLOOR_MARGIN_MILLISECONDS, OTHER_EPOCHS_MAX};
use crate::otp::MovingFactor;
use crate::{
    AuditRow, DiscardEpoch, Floor, MeetEpoch, Node, OtherEpoch, RecoveryCodes, Refusal, Reply, Row,
    RowKey, StartEpoch, State, Token, User,
};

impl State {
    pub(super) fn start_epoch(
        &mut self,
        context: &Context<'_>,
        command: &StartEpoch,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut cluster = self.cluster().cloned().ok_or(Refusal::WrongPhase)?;
        if command.epoch == cluster.epoch && command.lineage == cluster.lineage {
            return Ok(Reply::Done);
        }
        if command.epoch <= cluster.epoch {
            return Err(Refusal::WrongPhase);
        }
        if !self.is_member(command.node) {
            return Err(Refusal::Stale);
        }
        cluster.epoch = command.epoch;
        cluster.lineage = command.lineage;
        cluster.floor = Some(Floor {
            at: self.clock.max(command.clock).plus(FLOOR_MARGIN_MILLISECONDS),
            recovery_codes_held: true,
        });
        self.put(Row::Cluster(cluster), out);
        let others: Vec<_> = self.nodes().filter(|node| node.id != command.node).cloned().collect();
        for node in others {
            let changed_at = context.stamp.index;
            self.put(Row::Node(Node { superseded: true, changed_at, ..node }), out);
        }
        self.void_what_is_granted(context, out);
        let row = AuditRow::EpochStarted {
            epoch: command.epoch,
            lineage: command.lineage,
            node: command.node,
            administrator: command.administrator,
        };
        self.record(context, row, out);
        // A change of the data key may have waited for the others alone.
        self.activate_spread_key(context, out);
        Ok(Reply::Done)
    }

    /// Whether an epoch apart is to be decided about.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        let others = self.cluster().map_or(&[][..], |cluster| &cluster.others);
        others.iter().any(|other| !other.is_discarded())
    }

    /// Takes note of an epoch apart, and of the word by which it discards this one.
    pub(super) fn meet_epoch(
        &mut self,
        command: &MeetEpoch,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let MeetEpoch { epoch, lineage, word } = *command;
        let mut cluster = self.cluster().cloned().ok_or(Refusal::WrongPhase)?;
        if lineage == cluster.lineage {
            return Err(Refusal::WrongPhase);
        }
        let theirs = word.min(DISCARD_WORD_MAX);
        let is_full = cluster.others.len() >= OTHER_EPOCHS_MAX;
        match cluster.others.iter_mut().find(|it| (it.epoch, it.lineage) == (epoch, lineage)) {
            Some(known) if known.theirs >= theirs => return Ok(Reply::Done),
            Some(known) => known.theirs = theirs,
            None if is_full => return Err(Refusal::LimitReached),
            None => cluster.others.push(OtherEpoch { epoch, lineage, ours: 0, theirs }),
        }
        self.put(Row::Cluster(cluster), out);
        Ok(Reply::Done)
    }

    /// This side has the last word about an epoch apart.
    pub(super) fn discard_epoch(
        &mut self,
        context: &Context<'_>,
        command: &DiscardEpoch,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let DiscardEpoch { epoch, lineage } = *command;
        let mut cluster = self.cluster().cloned().ok_or(Refusal::WrongPhase)?;
        let mut known = cluster.others.iter_mut();
        let known = known.find(|it| (it.epoch, it.lineage) == (epoch, lineage));
        let known = known.filter(|known| !known.is_discarded()).ok_or(Refusal::WrongPhase)?;
        known.ours = known.theirs.saturating_add(1);
        self.put(Row::Cluster(cluster), out);
        self.record(context, AuditRow::EpochDiscarded { epoch, lineage }, out);
        Ok(Reply::Done)
    }

    /// Each counts once, and may have been used on the side that is lost.
    fn void_what_is_granted(&mut self, context: &Context<'_>, out: &mut Output) {
        let open: Vec<_> = self.challenges.iter().map(|open| open.id).collect();
        for id in open {
            self.delete(RowKey::Challenge(id), out);
        }
        let granted: Vec<_> =
            self.users.iter().filter(|user| user.bypass.is_some()).cloned().collect();
        for user in granted {
            let revision = context.stamp.index;
            self.put(Row::User(User { bypass: None, revision, ..user }), out);
        }
    }

    pub(super) fn release_recovery_codes(
        &mut self,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut cluster = self.cluster().cloned().ok_or(Refusal::WrongPhase)?;
        let held = cluster.floor.as_mut().filter(|floor| floor.recovery_codes_held);
        held.ok_or(Refusal::WrongPhase)?.recovery_codes_held = false;
        self.put(Row::Cluster(cluster), out);
        self.record(context, AuditRow::RecoveryCodesReleased, out);
        Ok(Reply::Done)
    }

    /// Whether recovery codes are not taken: they were made before a seize, and not released since.
    pub(crate) fn are_held(&self, codes: &RecoveryCodes) -> bool {
        let floor = self.cluster().and_then(|cluster| cluster.floor);
        floor.is_some_and(|floor| floor.recovery_codes_held && codes.created_at < floor.at)
    }

    /// The highest step of a token that counts as used since the last seize; 0: none does. The window
    /// lies above the time, as the lost master saw it too.
    pub(super) fn floor_step(&self, token: &Token) -> u64 {
        let floor = self.cluster().and_then(|cluster| cluster.floor);
        match (floor, token.parameters.factor()) {
            (Some(floor), MovingFactor::Time { .. }) => {
                let step = token.parameters.step(floor.at, token.drift);
                step.saturating_add(self.tolerance().totp_steps)
            }
            (None, _) | (_, MovingFactor::Counter) => 0,
        }
    }

    /// The epoch as a token notes it.
    pub(super) fn epoch_of_tokens(&self) -> u32 {
        let epoch = self.cluster().map_or(1, |cluster| cluster.epoch);
        u32::try_from(epoch).unwrap_or(u32::MAX)
    }

    /// Whether one code of a token is enough. How far the counter of a token has gone on the side that is
    /// lost nobody knows, so in each epoch it must once show two codes in a row.
    pub(super) fn is_settled(&self, token: &Token) -> bool {
        token.parameters.factor() != MovingFactor::Counter
            || token.epoch.max(1) >= self.epoch_of_tokens()
    }

    /// Notes of the tokens whose marks are moved which of them have shown two codes in a row by it.
    /// Whether one code of any of them is enough.
    pub(super) fn settle(&self, moved: &mut [Token]) -> bool {
        for token in moved.iter_mut() {
            let first = self.token(token.id).filter(|row| row.awaits_second).map(|row| row.mark);
            if first.and_then(|mark| mark.checked_add(1)) == Some(token.mark) {
                self.note_epoch(token);
            }
        }
        moved.iter().any(|token| self.is_settled(token))
    }

    pub(super) fn note_epoch(&self, token: &mut Token) {
        if !self.is_settled(token) {
            token.epoch = self.epoch_of_tokens();
            token.awaits_second = false;
        }
    }
}
