//! What is promised whatever the rules are, judged by what the core says and does alone.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_core::{AuditEvent, AuditRow, Denial, Proof, Row, State, TokenId, UserId};

/// The steps of each token that were accepted, since it was enrolled; and the recovery codes.
#[derive(Default)]
pub(crate) struct Promises(BTreeMap<TokenId, Vec<u64>>, BTreeSet<(Option<UserId>, u8)>);

impl Promises {
    /// Judges what one proposal has done.
    pub(crate) fn judge(&mut self, events: &[AuditEvent], state: &State) -> Result<(), String> {
        for event in events {
            match &event.row {
                AuditRow::Verified(verified) => {
                    let spent = verified.spent.iter();
                    spent.into_iter().try_for_each(|it| self.accept(it.token, it.step))?;
                    let denial = verified.verdict.denial();
                    let is_shown = !verified.spent.is_empty();
                    let wrong_pin = denial == Some(Denial::WrongPin);
                    let helped = verified.proof != Proof::Code;
                    let exempts = state.application(verified.application);
                    let exempts = exempts.is_some_and(|row| !row.exempt.is_none());
                    let is_chosen = exempts || verified.proof != Proof::Exempt;
                    hold(is_chosen, "somebody was let in whom nobody has exempted")?;
                    let is_one = verified.user.is_some() || verified.proof == Proof::Exempt;
                    hold(denial.is_some() || is_one, "a name that is nobody's was allowed")?;
                    let is_right = is_shown && !wrong_pin || helped;
                    hold(denial.is_some() || is_right, "an allowance without a code")?;
                    let spends = wrong_pin || denial == Some(Denial::SecondCodeNeeded);
                    hold(denial.is_none() || !is_shown || spends, "a code spent for nothing")?;
                    if let (None, Proof::RecoveryCode(number)) = (denial, verified.proof) {
                        let is_new = self.1.insert((verified.user, number));
                        hold(is_new, "a recovery code was accepted twice")?;
                    }
                }
                AuditRow::TokenConfirmed { token, step, .. }
                | AuditRow::TokenResynchronised { token, step, .. } => {
                    self.accept(*token, *step)?
                }
                AuditRow::RecoveryCodesCreated { user } | AuditRow::UserDeleted { user, .. } => {
                    self.1.retain(|(owner, _)| *owner != Some(*user));
                }
                // One that is gone may come back as another.
                AuditRow::TokenEnrolled { token, .. } => _ = self.0.insert(*token, Vec::new()),
                _ => {}
            }
        }
        for row in state.rows() {
            if let Row::Token(token) = row {
                let highest = self.0.get(&token.id).and_then(|steps| steps.last());
                hold(highest.is_none_or(|step| token.mark >= *step), "a mark fell")?;
            }
        }
        let lockout = state.lockout();
        hold(lockout.threshold <= lockout.limit && lockout.limit <= 100, "guessing is unbounded")
    }

    fn accept(&mut self, token: TokenId, step: u64) -> Result<(), String> {
        let accepted = self.0.entry(token).or_default();
        hold(accepted.last().is_none_or(|last| *last < step), "a step was accepted twice")?;
        accepted.push(step);
        Ok(())
    }
}

fn hold(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("a promise is broken: {otherwise}")) }
}
