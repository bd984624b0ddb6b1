//! Deciding a verification.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::MATCHES_MAX;
use crate::otp::MovingFactor;
use crate::{
    Account, AuditRow, Denial, Match, Outcome, Refusal, Reply, Row, State, Token, User, Verdict,
    Verified,
};

impl State {
    pub(super) fn verify(
        &mut self,
        context: &Context<'_>,
        outcome: &Outcome,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let proposal = context.proposal;
        let application_is_fresh = self
            .application(outcome.application)
            .is_some_and(|row| row.changed_at <= proposal.seen);
        if !application_is_fresh {
            return Err(Refusal::Stale);
        }
        // By name, not by the id in the outcome: a user created after `seen` is found here too.
        let account = self.account(&outcome.user_name);
        let user = account.user();
        let user_is_fresh = match user {
            Some(user) => outcome.user == Some(user.id) && self.is_fresh(user, context),
            None => outcome.user.is_none(),
        };
        if !user_is_fresh {
            return Err(Refusal::Stale);
        }

        let mut spent = Vec::new();
        let (nobodys, is_stranger) = (nobodys(account), user.is_none());
        let verdict = match user.cloned() {
            None => Verdict { denial: Some(nobodys), failures: 0 },
            Some(user) => self.decide(user, context, outcome, &mut spent, out),
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
            spent,
        };
        self.record(context, AuditRow::Verified(verified), out);
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
        mut user: User,
        context: &Context<'_>,
        outcome: &Outcome,
        spent: &mut Vec<Match>,
        out: &mut Output,
    ) -> Verdict {
        let denied = |denial, failures| Verdict { denial: Some(denial), failures };
        let standing = self.standing(&user, Some(outcome.application), self.clock);
        if let Some(denial) = standing.denial() {
            return denied(denial, user.failures);
        }
        let mut fresh: Vec<Token> = Vec::new();
        for found in outcome.matches.iter().take(MATCHES_MAX) {
            match self.judge(&user, found, context) {
                // A serving node names a token once; whatever it says, a mark never falls.
                Judged::Fresh(token) => match fresh.iter_mut().find(|known| known.id == token.id) {
                    Some(known) => known.mark = known.mark.max(found.step),
                    None => fresh.push(Token { mark: found.step, ..token }),
                },
                // A used code that is still in its window is not counted: VPN clients send doubles.
                Judged::Used => return denied(Denial::CodeAlreadyUsed, user.failures),
                Judged::Foreign => {}
            }
        }
        let allowed = !fresh.is_empty();
        // A code that is right for several tokens is spent for all of them.
        for mut token in fresh {
            if token.parameters.factor() == MovingFactor::Counter {
                token.changed_at = context.stamp.index;
            }
            spent.push(Match { token: token.id, step: token.mark });
            self.put(Row::Token(token), out);
        }
        if !allowed {
            user.fail(outcome.application, self.clock);
        }
        let had_failed = user.failures > 0;
        if allowed {
            user.forgive();
        }
        let failures = user.failures;
        if had_failed {
            self.put(Row::User(user), out);
        }
        Verdict { denial: (!allowed).then_some(Denial::CodeMismatch), failures }
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
        let (first, last) = token.position().window(token.parameters, at);
        if !(first..=last).contains(&found.step) {
            Judged::Foreign
        } else if found.step > token.mark {
            Judged::Fresh(token.clone())
        } else {
            Judged::Used
        }
    }
}

/// Why a name that is no one user's gets nothing.
const fn nobodys(account: Account<'_>) -> Denial {
    match account {
        Account::Ambiguous => Denial::AmbiguousName,
        Account::Of(_) | Account::Nobodys => Denial::UnknownUser,
    }
}

enum Judged {
    /// Not this user's token, or outside its window.
    Foreign,
    /// Right, and not above the mark.
    Used,
    /// Right and new.
    Fresh(Token),
}
