//! Deciding a verification without the log, by the same rules, as far as that can be done.

use super::{Context, Output};
use crate::island::is_given_again;
use crate::limits::ISLAND_LIFE_MILLISECONDS;
use crate::{
    Alone, Apart, AuditRow, Command, Decision, Denial, FirstFactor, Holder, LogIndex, MergeKind,
    NotAlone, Outcome, Proposal, Refusal, Reply, Row, Setting, Stamp, State, Timestamp, User,
    Verdict,
};

impl State {
    /// Decides a verification as an island, from what the log has left here and what this node holds beside
    /// it. `applied`: of this state; `now`: by the clock of the node; `since`: it has been an island.
    ///
    /// Nobody is let in by what is only good once in the whole cluster and has no mark: a recovery code, a
    /// bypass, the answer to a challenge. No failure is forgiven. An account takes as many failures as the
    /// setting `island.allowance` says, until the log knows of them.
    ///
    /// # Errors
    /// [`NotAlone`]: it must wait for a master.
    pub fn decide_alone(
        &self,
        apart: &Apart,
        (applied, now, since): (LogIndex, Timestamp, Timestamp),
        proposal: &Proposal,
    ) -> Result<Alone, NotAlone> {
        let at = self.clock.max(now);
        let stamp = Stamp { index: applied, at };
        let idle = |reply| Ok(Alone { reply, event: None });
        let (caller, id) = (proposal.caller, proposal.request_id);
        let first = apart.remembered(caller, id, at);
        let of_log = || {
            let first = self.remembered(caller, id).copied();
            first.filter(|first| is_given_again(first, at))
        };
        if let Some(first) = first.or_else(of_log) {
            let same = first.fingerprint == proposal.fingerprint;
            let refusal = Reply::Refused(Refusal::FingerprintMismatch);
            return idle(if same { first.answer.reply } else { refusal });
        }
        if since.plus(ISLAND_LIFE_MILLISECONDS) < at {
            return Err(NotAlone::TooLong);
        }
        let Command::Verify(outcome) = &proposal.command else {
            return Err(NotAlone::NeedsMaster);
        };
        let mut state = self.clone();
        state.clock = at;
        if let Err(refusal) = state.admit(stamp, proposal) {
            return idle(Reply::Refused(refusal));
        }
        let application = state.application(outcome.application);
        if application.is_some_and(|row| row.exempt.islands) {
            return Err(NotAlone::Application);
        }
        if outcome.recovery_code.is_some() || outcome.answer.is_some() {
            return Err(NotAlone::NeedsMaster);
        }
        let user = state.account(&outcome.user_name).user().cloned();
        let has_bypass = user
            .as_ref()
            .is_some_and(|user| state.stand_alone(apart, user, Holder { request_id: id, caller }));
        // Whoever has not shown the first factor learns nothing of the account, and is denied here as there.
        let is_over = outcome.first_factor != FirstFactor::Good;
        if let Some(user) = user.filter(|user| !is_over && state.is_spent(apart, user, outcome)) {
            let decision = Decision::Deny(Denial::AllowanceSpent);
            return idle(Reply::Verified(Verdict { decision, failures: user.failures }));
        }
        let (context, mut out) = (Context { stamp, proposal }, Output::default());
        let reply = match state.verify(&context, outcome, &mut out) {
            Ok(reply) => reply,
            Err(refusal) => return idle(Reply::Refused(refusal)),
        };
        let event = out.events.into_iter().find(|event| match &event.row {
            AuditRow::Verified(verified) => {
                verified.verdict.is_allow()
                    || !verified.spent.is_empty()
                    || MergeKind::of(verified) == MergeKind::Failed
            }
            _ => false,
        });
        let denied = matches!(&reply, Reply::Verified(verdict) if verdict.denial().is_some());
        // With a bypass, a master would let the user in whatever was typed.
        if has_bypass && denied && !is_over {
            Err(NotAlone::NeedsMaster)
        } else {
            Ok(Alone { reply, event })
        }
    }

    /// Makes of a user's rows what an island goes by. Whether the user has a bypass.
    fn stand_alone(&mut self, apart: &Apart, user: &User, holder: Holder) -> bool {
        if let Some(laid_over) = apart.laid_over(self, user, holder) {
            *self = laid_over;
        }
        let mut user = user.clone();
        let bypass = user.bypass.take().is_some_and(|bypass| self.clock < bypass.until);
        // Another PIN can be chosen with the master alone; until then, this one does.
        let waits = self.pin_changes_in_sign_in();
        if let Some(pin) = user.pin.as_mut().filter(|_| waits) {
            let pin = alloc::sync::Arc::make_mut(pin);
            (pin.must_change, pin.set_at) = (false, self.clock);
        }
        self.put(Row::User(user), &mut Output::default());
        bypass
    }

    /// Whether codes of a user would be evaluated, and are not since too many were wrong here.
    fn is_spent(&self, apart: &Apart, user: &User, outcome: &Outcome) -> bool {
        let standing = self.standing(user, Some(outcome.application), self.clock);
        standing.denial().is_none()
            && standing != crate::Standing::Exempt
            && apart.failures(user.id) >= self.setting(Setting::IslandAllowance)
    }
}
