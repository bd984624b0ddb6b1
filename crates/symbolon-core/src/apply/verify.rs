//! Deciding a verification.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::MATCHES_MAX;
use crate::otp::{MovingFactor, Position};
use crate::{
    Account, AuditRow, ChallengeAnswer, Decision, Denial, Exemptions, Match, Outcome, Proof,
    Refusal, Reply, Row, Standing, State, Token, User, Verdict, Verified,
};

impl State {
    pub(super) fn verify(
        &mut self,
        context: &Context<'_>,
        outcome: &Outcome,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let proposal = context.proposal;
        let application = self.application(outcome.application);
        let application = application.filter(|row| row.changed_at <= proposal.seen);
        let Some(exempt) = application.map(|row| row.exempt) else {
            return Err(Refusal::Stale);
        };
        // Settings say what is looked at. They change so rarely that it is not worth asking which of them
        // an outcome went by.
        if !self.settings_are_fresh(proposal.seen) {
            return Err(Refusal::Stale);
        }
        // By name, not by the id in the outcome: a user created after `seen` is found here too. A user of
        // exactly that name is whose it is, and an id is found sooner.
        let named = outcome.user.and_then(|id| self.user(id));
        let account = match named.filter(|user| user.name == outcome.user_name) {
            Some(user) => Account::Of(user),
            None => self.account(&outcome.user_name),
        };
        let user = account.user();
        let user_is_fresh = match user {
            Some(user) => outcome.user == Some(user.id) && self.is_fresh(user, context),
            None => outcome.user.is_none(),
        };
        if !user_is_fresh {
            return Err(Refusal::Stale);
        }

        self.answer_is_fresh(user, outcome, context)?;

        let mut spent = Spent::default();
        let (nobodys, is_stranger) = (nobodys(account, exempt), user.is_none());
        let verdict = match (outcome.first_factor.denial(), user.cloned()) {
            // Before all else: it is not for them to know how an account stands.
            (Some(denial), user) => {
                let failures = user.map_or(0, |user| user.failures);
                Verdict { decision: Decision::Deny(denial), failures }
            }
            (None, None) => {
                spent.proof = nobodys.map_or(Proof::Exempt, |_| Proof::Code);
                Verdict { decision: nobodys.map_or(Decision::Allow, Decision::Deny), failures: 0 }
            }
            (None, Some(user)) => self.decide(user, context, outcome, &mut spent, out),
        };
        if is_stranger && !self.meet_stranger(context, outcome.application, out) {
            return Ok(Reply::Verified(verdict));
        }
        let verified = Verified {
            user_name: outcome.user_name.clone(),
            user: outcome.user,
            application: outcome.application,
            client_ip: outcome.client_ip.clone(),
            method: outcome.method,
            verdict,
            spent: spent.steps,
            proof: spent.proof,
        };
        self.record(context, AuditRow::Verified(verified), out);
        if let (Some(user), Proof::Challenge, true) =
            (outcome.user, spent.proof, verdict.is_allow())
        {
            self.record(context, AuditRow::PinChanged { user }, out);
        }
        Ok(Reply::Verified(verdict))
    }

    /// Whether neither the user nor a token of theirs changed after the outcome's `seen`.
    fn is_fresh(&self, user: &User, context: &Context<'_>) -> bool {
        let seen = context.proposal.seen;
        user.changed_at <= seen
            && user
                .tokens
                .iter()
                .all(|id| self.token(*id).is_some_and(|token| token.changed_at <= seen))
    }

    fn decide(
        &mut self,
        user: User,
        context: &Context<'_>,
        outcome: &Outcome,
        spent: &mut Spent,
        out: &mut Output,
    ) -> Verdict {
        let denied = |denial, failures| Verdict { decision: Decision::Deny(denial), failures };
        let standing = self.standing(&user, Some(outcome.application), self.clock);
        if let Some(answer) = &outcome.answer {
            spent.proof = Proof::Challenge;
            return self.decide_answer(user, context, outcome, (answer, standing), out);
        }
        let bypass = user.bypass.as_ref().is_some_and(|bypass| self.clock < bypass.until);
        // Both are for those whose token is lost. Whatever else bars the account bars them too.
        let needs_token = !bypass && outcome.recovery_code.is_none();
        let is_helped = |denial| matches!(denial, Denial::NoToken | Denial::PinExpired);
        if let Some(denial) = standing.denial().filter(|it| needs_token || !is_helped(*it)) {
            return denied(denial, user.failures);
        }
        // Nothing is spent, counted or forgiven: nobody has shown anything.
        if standing == Standing::Exempt {
            spent.proof = Proof::Exempt;
            return Verdict { decision: Decision::Allow, failures: user.failures };
        }
        if bypass {
            return self.spend_bypass(user, context, outcome, spent, out);
        }
        if let Some(number) = outcome.recovery_code {
            return self.spend_recovery_code(user, number, outcome, spent, out);
        }
        self.decide_code(user, context, outcome, spent, out)
    }

    fn decide_code(
        &mut self,
        mut user: User,
        context: &Context<'_>,
        outcome: &Outcome,
        spent: &mut Spent,
        out: &mut Output,
    ) -> Verdict {
        // A used code that is still in its window is not counted: VPN clients send doubles.
        let used = || Verdict {
            decision: Decision::Deny(Denial::CodeAlreadyUsed),
            failures: user.failures,
        };
        let Some(mut fresh) = self.judge_all(&user, &outcome.matches, context) else {
            return used();
        };
        let mut denial = None;
        if fresh.is_empty() {
            // A right code is spent by a wrong PIN too: whoever has got hold of one code has one guess
            // at the PIN with it, wherever and how often at once it is shown.
            let Some(betrayed) = self.judge_all(&user, &outcome.wrong_pin, context) else {
                return used();
            };
            let wrong_code = betrayed.is_empty();
            denial = Some(if wrong_code { Denial::CodeMismatch } else { Denial::WrongPin });
            fresh = betrayed;
        }
        let is_right = denial.is_none();
        let needs_second = is_right && !self.settle(&mut fresh);
        if is_right {
            self.follow_clocks(&mut fresh, context);
        }
        // A code that is right for several tokens is spent for all of them.
        self.spend(fresh, context, spent, out);
        // Neither counted nor forgiven: the code is right, and may be one that the lost master took.
        if needs_second {
            let decision = Decision::Deny(Denial::SecondCodeNeeded);
            return Verdict { decision, failures: user.failures };
        }
        let had_failed = user.failures > 0;
        let decision = match denial {
            Some(denial) => {
                user.fail(outcome.application, self.clock);
                Decision::Deny(denial)
            }
            // Nothing is forgiven before the sign-in is allowed.
            None if self.pin_due_at(&user).is_some_and(|due_at| due_at <= self.clock) => {
                let decision = self.ask_for_pin(user.id, outcome, out);
                return Verdict { decision, failures: user.failures };
            }
            None => {
                user.forgive();
                Decision::Allow
            }
        };
        let failures = user.failures;
        if had_failed || failures > 0 {
            self.put(Row::User(user), out);
        }
        Verdict { decision, failures }
    }

    fn decide_answer(
        &mut self,
        user: User,
        context: &Context<'_>,
        outcome: &Outcome,
        (answer, standing): (&ChallengeAnswer, Standing),
        out: &mut Output,
    ) -> Verdict {
        let denied = |denial| Verdict { decision: Decision::Deny(denial), failures: user.failures };
        // First whether it was asked: how an account stands is not for who was asked nothing.
        let Some(asked) = self.asked(&user, outcome, answer).cloned() else {
            return denied(Denial::ChallengeExpired);
        };
        if let Some(denial) = standing.denial() {
            return denied(denial);
        }
        self.answer(user, outcome, (&asked, answer), context, out)
    }

    /// Moves the marks of tokens to the codes that were found.
    fn spend(
        &mut self,
        tokens: Vec<Token>,
        context: &Context<'_>,
        spent: &mut Spent,
        out: &mut Output,
    ) {
        for mut token in tokens {
            if token.parameters.factor() == MovingFactor::Counter {
                token.changed_at = context.stamp.index;
                token.awaits_second = !self.is_settled(&token);
            }
            spent.steps.push(Match { token: token.id, step: token.mark });
            self.put(Row::Token(token), out);
        }
    }

    /// Notes by how much the clocks of tokens are ahead that an accepted code was shown of. A drift moves
    /// by no more than the window reaches, and only for a right code that nothing else was wrong with.
    fn follow_clocks(&self, tokens: &mut [Token], context: &Context<'_>) {
        if !self.remembers_drift() {
            return;
        }
        for token in tokens {
            let at = context.proposal.made_at;
            let Some(drift) = Position::drift_at(token.parameters, token.mark, at) else {
                // As far as two codes in a row could set it, it stays.
                continue;
            };
            if drift != token.drift {
                token.drift = drift;
                token.changed_at = context.stamp.index;
            }
        }
    }

    /// Lets a user in without looking at the code, once. Failures stay: whoever guesses while somebody
    /// else has a bypass gains nothing by it. A right code is spent too, since it was shown.
    fn spend_bypass(
        &mut self,
        mut user: User,
        context: &Context<'_>,
        outcome: &Outcome,
        spent: &mut Spent,
        out: &mut Output,
    ) -> Verdict {
        // One after the other: a mark that the first moves is there for the second.
        for found in [&outcome.matches, &outcome.wrong_pin] {
            let fresh = self.judge_all(&user, found, context).unwrap_or_default();
            self.spend(fresh, context, spent, out);
        }
        spent.proof = Proof::Bypass;
        user.bypass = None;
        let failures = user.failures;
        self.put(Row::User(user), out);
        Verdict { decision: Decision::Allow, failures }
    }

    /// A used one is told as such and is no failure: nobody has guessed it. One that is held is as right,
    /// and stays unused.
    fn spend_recovery_code(
        &mut self,
        mut user: User,
        number: u8,
        outcome: &Outcome,
        spent: &mut Spent,
        out: &mut Output,
    ) -> Verdict {
        let codes = user.recovery_codes.as_deref();
        let denial = match codes.and_then(|codes| codes.is_used(number)) {
            None => Some(Denial::CodeMismatch),
            Some(true) => Some(Denial::CodeAlreadyUsed),
            Some(false) if codes.is_some_and(|codes| self.are_held(codes)) => {
                Some(Denial::RecoveryCodesHeld)
            }
            Some(false) => None,
        };
        match denial {
            // A serving node claims what there is not.
            Some(Denial::CodeMismatch) => user.fail(outcome.application, self.clock),
            Some(_) => spent.proof = Proof::RecoveryCode(number),
            None => {
                spent.proof = Proof::RecoveryCode(number);
                user.recovery_codes = codes.map(|codes| Arc::new(codes.spending(number)));
                user.forgive();
            }
        }
        let failures = user.failures;
        if denial.is_none_or(|denial| denial == Denial::CodeMismatch) {
            self.put(Row::User(user), out);
        }
        Verdict { decision: denial.map_or(Decision::Allow, Decision::Deny), failures }
    }

    /// The tokens of which a new code was found, each with its mark moved to it; `None` when one of the
    /// codes is used.
    fn judge_all(&self, user: &User, found: &[Match], context: &Context<'_>) -> Option<Vec<Token>> {
        let mut fresh: Vec<Token> = Vec::new();
        for found in found.iter().take(MATCHES_MAX) {
            match self.judge(user, found, context) {
                // A serving node names a token once; whatever it says, a mark never falls.
                Judged::Fresh(token) => match fresh.iter_mut().find(|known| known.id == token.id) {
                    Some(known) => known.mark = known.mark.max(found.step),
                    None => fresh.push(Token { mark: found.step, ..token }),
                },
                Judged::Used => return None,
                Judged::Foreign => {}
            }
        }
        Some(fresh)
    }

    fn judge(&self, user: &User, found: &Match, context: &Context<'_>) -> Judged {
        let usable = |token: &&Token| token.user == user.id && !token.pending;
        let token = self.token(found.token).filter(usable);
        let Some(token) = token else {
            return Judged::Foreign;
        };
        // The window lies around the time at which the code was presented. That time is within 30 s
        // of the stamp, so waiting for a new master costs a user nothing but patience.
        let at = context.proposal.made_at;
        let (first, last) = token.position(self.tolerance()).window(token.parameters, at);
        #[cfg(feature = "planted")]
        if crate::planted::is("mark-or-equal") && found.step == token.mark {
            return Judged::Fresh(token.clone());
        }
        if !(first..=last).contains(&found.step) {
            Judged::Foreign
        } else if found.step > token.mark.max(self.floor_step(token)) {
            Judged::Fresh(token.clone())
        } else {
            Judged::Used
        }
    }
}

/// Why a name that is no one user's gets nothing, unless the application lets such names in. A name that
/// fits several users may be meant for one who has a token, so it never is.
fn nobodys(account: Account<'_>, exempt: Exemptions) -> Option<Denial> {
    match account {
        Account::Ambiguous => Some(Denial::AmbiguousName),
        Account::Of(_) | Account::Nobodys => (!exempt.unknown_users).then_some(Denial::UnknownUser),
    }
}

/// What a verification was decided by, and what it used up.
#[derive(Default)]
struct Spent {
    steps: Vec<Match>,
    proof: Proof,
}

enum Judged {
    /// Not this user's token, or outside its window.
    Foreign,
    /// Right, and not above the mark, or of before the last seize.
    Used,
    /// Right and new.
    Fresh(Token),
}
