//! The promises in their plainest form, to judge answers by.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use symbolon_core::limits::{OUTCOME_AGE_MILLISECONDS_MAX, RETRANSMISSION_MILLISECONDS};
use symbolon_core::{
    Answer, ApplicationId, AuditRow, Caller, Command, Denial, Exemptions, Fingerprint, Match,
    Outcome, Output, Proof, Proposal, Refusal, Reply, RequestId, Row, Setting, Stamp, State,
    Timestamp, TokenId, UserId, Verified,
};

type Judged = Result<(), TestCaseError>;

#[derive(Default)]
pub(crate) struct Model {
    /// Marks that were accepted.
    accepted: HashSet<(TokenId, u64)>,
    /// Failures since the last success: who brought each, and when it was counted.
    failures: HashMap<UserId, Vec<(ApplicationId, Timestamp)>>,
    /// Until when somebody is let in without a code.
    bypasses: HashMap<UserId, Timestamp>,
    /// Numbers of recovery codes that are used; absent: the user has none.
    recovery: HashMap<UserId, HashSet<u8>>,
    /// What was set: the value by the setting's name.
    settings: HashMap<&'static str, u64>,
    /// The last answer to each request that was recorded.
    answered: HashMap<(Caller, RequestId), (Fingerprint, Timestamp, Answer)>,
}

impl Model {
    /// Judges what one entry did.
    pub(crate) fn judge(
        &mut self,
        stamp: Stamp,
        proposal: &Proposal,
        answer: &Answer,
        out: &Output,
        before: &State,
        after: &State,
    ) -> Judged {
        let clock = before.clock().max(stamp.at);
        prop_assert_eq!(after.clock(), clock);
        marks_stand(before, after)?;
        drifts_stand(proposal, out, before, after)?;

        let key = (proposal.caller, proposal.request_id);
        let first = self.answered.get(&key);
        let first = first.filter(|(_, at, _)| at.plus(RETRANSMISSION_MILLISECONDS) >= clock);
        if let Some((fingerprint, _, first)) = first {
            prop_assert_eq!(out, &Output::default());
            if *fingerprint == proposal.fingerprint {
                prop_assert_eq!(answer, first);
            } else {
                prop_assert_eq!(answer.reply, Reply::Refused(Refusal::FingerprintMismatch));
            }
            return Ok(());
        }
        prop_assert_eq!(answer.index, stamp.index);
        if let Reply::Refused(_) = answer.reply {
            prop_assert_eq!(out, &Output::default());
            prop_assert!(before.rows().eq(after.rows()));
        }
        if out.events.iter().any(|event| event.reply().is_some()) {
            let known = (proposal.fingerprint, clock, *answer);
            self.answered.insert(key, known);
        }
        if let (Command::Verify(outcome), Reply::Verified(_)) = (&proposal.command, answer.reply) {
            prop_assert_eq!(out.events.len(), 1, "each decision is audited once");
            decidable(stamp, proposal, outcome, before)?;
            let AuditRow::Verified(verified) = &out.events[0].row else {
                return Err(TestCaseError::fail("a decision is audited as one"));
            };
            self.decided(proposal, outcome, verified, before, after)?;
        }
        if let (Command::EnrollToken(enrolled), Reply::TokenEnrolled(_)) =
            (&proposal.command, answer.reply)
        {
            self.failures.insert(enrolled.user, Vec::new());
        }
        if let (Command::UpdateSettings(update), Reply::SettingsChanged) =
            (&proposal.command, answer.reply)
        {
            for (setting, value) in &update.changes {
                let name = setting.info().name;
                self.settings.remove(name);
                self.settings.extend(value.map(|value| (name, value)));
            }
        }
        let kept_back = self.set("island.allowance", 3) * guessed_at(after);
        let bounded =
            self.set("lockout.threshold", 10) + kept_back <= self.set("lockout.hard_limit", 100);
        prop_assert!(bounded, "more can be guessed than the hard limit allows");
        self.about_tokens(proposal, answer)?;
        self.about_users(proposal, answer, before, clock);
        for (user, failures) in &self.failures {
            let counted = after.user(*user).map(|user| user.failures as usize);
            prop_assert_eq!(counted, Some(failures.len()));
        }
        Ok(())
    }

    /// Codes that prove or set a token are spent by it. A token that is gone may be given anew.
    fn about_tokens(&mut self, proposal: &Proposal, answer: &Answer) -> Judged {
        let Reply::TokenChanged(_) = answer.reply else {
            return Ok(());
        };
        match &proposal.command {
            Command::ConfirmToken(command) => {
                let shown = (command.shown.token, command.shown.step);
                prop_assert!(self.accepted.insert(shown), "accepted twice");
            }
            Command::ResyncToken(command) => {
                let shown = (command.shown.token, command.shown.step);
                prop_assert!(self.accepted.insert(shown), "accepted twice");
            }
            Command::RemoveToken(command) => {
                self.accepted.retain(|(token, _)| *token != command.token);
            }
            _ => {}
        }
        Ok(())
    }

    /// An account that is unblocked begins anew; one that is deleted is gone with its tokens.
    fn about_users(
        &mut self,
        proposal: &Proposal,
        answer: &Answer,
        before: &State,
        now: Timestamp,
    ) {
        let Reply::UserChanged(user) = answer.reply else {
            return;
        };
        match &proposal.command {
            Command::UnblockUser(_) | Command::SetPin(_) => {
                self.failures.insert(user, Vec::new());
            }
            Command::GrantBypass(command) => {
                let longest = self.set("bypass.longest", 3600) * 1000;
                let until = now.plus(command.milliseconds.min(longest));
                self.bypasses.insert(user, until);
            }
            Command::CancelBypass(_) => _ = self.bypasses.remove(&user),
            Command::CreateRecoveryCodes(_) => _ = self.recovery.insert(user, HashSet::new()),
            Command::DeleteUser(_) => {
                self.bypasses.remove(&user);
                self.recovery.remove(&user);
                self.failures.remove(&user);
                let gone = before.user(user).map_or(&[][..], |user| &user.tokens[..]);
                self.accepted.retain(|(token, _)| !gone.contains(token));
            }
            _ => {}
        }
    }

    fn set(&self, name: &str, default: u64) -> u64 {
        self.settings.get(name).copied().unwrap_or(default)
    }

    /// From the threshold on the first wait; twice as long with each further failure, up to the longest.
    fn waits(&self, failures: &[(ApplicationId, Timestamp)], now: Timestamp) -> bool {
        let Some((_, last)) = failures.last() else {
            return false;
        };
        let threshold = self.set("lockout.threshold", 10);
        if (failures.len() as u64) < threshold {
            return false;
        }
        let longest = self.set("lockout.longest_wait", 3600);
        let mut seconds = self.set("lockout.first_wait", 30);
        for _ in threshold..failures.len() as u64 {
            seconds = (2 * seconds).min(longest);
        }
        now.0 < last.0 + seconds * 1000
    }

    fn decided(
        &mut self,
        proposal: &Proposal,
        outcome: &Outcome,
        verified: &Verified,
        before: &State,
        after: &State,
    ) -> Judged {
        if let Some(denial) = outcome.first_factor.denial() {
            let failures = outcome.user.and_then(|user| self.failures.get(&user));
            return first_factor(verified, denial, failures.map_or(0, Vec::len));
        }
        let Some(user) = outcome.user else {
            return stranger(verified, before.application(outcome.application).unwrap().exempt);
        };
        self.evaluated(user, proposal, outcome, verified, before, after)
    }

    /// Of somebody who is there, and whose first factor held.
    fn evaluated(
        &mut self,
        user: UserId,
        proposal: &Proposal,
        outcome: &Outcome,
        verified: &Verified,
        before: &State,
        after: &State,
    ) -> Judged {
        let verdict = verified.verdict;
        // What is right: a token of this user, at a step of its window.
        let right = |found: &&Match| {
            let token = before.token(found.token);
            let token = token.filter(|token| token.user == user && !token.pending);
            token.is_some_and(|token| {
                let position = token.position(before.tolerance());
                let (first, last) = position.window(token.parameters, proposal.made_at);
                (first..=last).contains(&found.step)
            })
        };
        let wrong_pin: Vec<_> = outcome.wrong_pin.iter().filter(right).collect();
        let right: Vec<_> = outcome.matches.iter().filter(right).collect();
        // A wrong PIN counts only where no code is right without it.
        let shown = if right.is_empty() { &wrong_pin } else { &right };
        let is_used = |found: &&Match| before.token(found.token).unwrap().mark >= found.step;
        let bypass = self.bypasses.get(&user).is_some_and(|until| after.clock() < *until);
        let tokenless = bypass || outcome.recovery_code.is_some();
        let barred = self.barred(user, outcome.application, before, after.clock());
        let is_disabled = before.user(user).unwrap().disabled;
        let needs_token = !tokenless && !is_disabled;
        let barred = barred.filter(|denial| needs_token || *denial != Denial::NoToken);
        if barred.is_none() && is_disabled {
            let failures = self.failures.get(&user).map_or(0, Vec::len);
            return exempted(verified, failures);
        }
        if barred.is_none() && bypass {
            return self.let_in(&[right, wrong_pin].concat(), verified, user);
        }
        if barred.is_none() && tokenless {
            return self.recovered(outcome, verified, user, after.clock());
        }
        prop_assert_eq!(verified.proof, Proof::Code);
        let expected = if barred.is_some() {
            barred
        } else if shown.iter().any(is_used) {
            Some(Denial::CodeAlreadyUsed)
        } else if !right.is_empty() {
            None
        } else if wrong_pin.is_empty() {
            Some(Denial::CodeMismatch)
        } else {
            Some(Denial::WrongPin)
        };
        prop_assert_eq!(verdict.denial(), expected);
        let failures = self.failures.entry(user).or_default();
        match expected {
            None => failures.clear(),
            Some(Denial::CodeMismatch | Denial::WrongPin) => {
                failures.push((outcome.application, after.clock()));
            }
            Some(_) => {}
        }
        prop_assert_eq!(verdict.failures as usize, failures.len());
        if matches!(expected, None | Some(Denial::WrongPin)) {
            self.all_spent(shown, verified, after)?;
        }
        Ok(())
    }

    /// Whatever token the code fits is spent, and no other.
    fn all_spent(&mut self, shown: &[&Match], verified: &Verified, after: &State) -> Judged {
        for spent in &verified.spent {
            prop_assert!(shown.contains(&spent));
            prop_assert!(self.accepted.insert((spent.token, spent.step)), "accepted twice");
        }
        for found in shown {
            let mark = after.token(found.token).unwrap().mark;
            prop_assert!(mark >= found.step, "a token that the code fits is not spent");
        }
        Ok(())
    }

    /// A bypass: what was shown is spent as far as it is new, and failures stay.
    fn let_in(&mut self, shown: &[&Match], verified: &Verified, user: UserId) -> Judged {
        self.bypasses.remove(&user);
        prop_assert_eq!((verified.proof, verified.verdict.denial()), (Proof::Bypass, None));
        let failures = self.failures.get(&user).map_or(0, Vec::len);
        prop_assert_eq!(verified.verdict.failures as usize, failures);
        for spent in &verified.spent {
            prop_assert!(shown.contains(&spent));
            prop_assert!(self.accepted.insert((spent.token, spent.step)), "accepted twice");
        }
        Ok(())
    }

    /// A recovery code is good once.
    fn recovered(
        &mut self,
        outcome: &Outcome,
        verified: &Verified,
        user: UserId,
        now: Timestamp,
    ) -> Judged {
        let number = outcome.recovery_code.unwrap();
        let known = self.recovery.get_mut(&user).filter(|_| (1..=10).contains(&number));
        let failures = self.failures.entry(user).or_default();
        let (denial, proof) = match known.map(|used| used.insert(number)) {
            None => {
                failures.push((outcome.application, now));
                (Some(Denial::CodeMismatch), Proof::Code)
            }
            Some(false) => (Some(Denial::CodeAlreadyUsed), Proof::RecoveryCode(number)),
            Some(true) => {
                failures.clear();
                (None, Proof::RecoveryCode(number))
            }
        };
        prop_assert_eq!((verified.verdict.denial(), verified.proof), (denial, proof));
        prop_assert_eq!(verified.verdict.failures as usize, failures.len());
        prop_assert!(verified.spent.is_empty());
        Ok(())
    }

    /// Why no code of the user's is evaluated.
    fn barred(
        &self,
        user: UserId,
        application: ApplicationId,
        before: &State,
        now: Timestamp,
    ) -> Option<Denial> {
        let kept_back = self.set("island.allowance", 3) * guessed_at(before);
        let hard_limit = self.set("lockout.hard_limit", 100);
        let failures = self.failures.get(&user).map_or(&[][..], |failures| &failures[..]);
        let known = before.user(user).unwrap();
        let blocked = known.block.as_ref().is_some_and(|block| now < block.until);
        let exempt = before.application(application).unwrap().exempt;
        if known.disabled && !exempt.disabled_users {
            Some(Denial::Disabled)
        } else if blocked {
            Some(Denial::Blocked)
        } else if failures.len() as u64 >= hard_limit - kept_back {
            Some(Denial::Locked)
        } else if self.waits(failures, now) {
            Some(Denial::Waiting)
        } else if brought(failures, application) >= hard_limit / 2 {
            Some(Denial::ShareSpent)
        } else if known.tokens.iter().all(|id| before.token(*id).unwrap().pending) {
            Some(Denial::NoToken)
        } else {
            None
        }
    }
}

/// Nothing is looked at, spent, counted or forgiven.
fn first_factor(verified: &Verified, denial: Denial, failures: usize) -> Judged {
    prop_assert_eq!((verified.verdict.denial(), verified.proof), (Some(denial), Proof::Code));
    prop_assert_eq!((verified.verdict.failures as usize, verified.spent.len()), (failures, 0));
    Ok(())
}

/// A name that is nobody's.
fn stranger(verified: &Verified, exempt: Exemptions) -> Judged {
    if exempt.unknown_users {
        return exempted(verified, 0);
    }
    let expected = (Some(Denial::UnknownUser), Proof::Code);
    prop_assert_eq!((verified.verdict.denial(), verified.proof), expected);
    prop_assert_eq!(verified.verdict.failures, 0);
    Ok(())
}

/// Let in without a code: nothing is spent, counted or forgiven.
fn exempted(verified: &Verified, failures: usize) -> Judged {
    prop_assert_eq!((verified.verdict.denial(), verified.proof), (None, Proof::Exempt));
    prop_assert_eq!((verified.verdict.failures as usize, verified.spent.len()), (failures, 0));
    Ok(())
}

fn brought(failures: &[(ApplicationId, Timestamp)], by: ApplicationId) -> u64 {
    failures.iter().filter(|(known, _)| *known == by).count() as u64
}

/// Whether a decision was due at all: fresh, in time, and asked for by one who may.
fn decidable(stamp: Stamp, proposal: &Proposal, outcome: &Outcome, state: &State) -> Judged {
    let age = stamp.at.distance(proposal.made_at);
    prop_assert!(age <= OUTCOME_AGE_MILLISECONDS_MAX, "late");
    let user = state.account(&outcome.user_name).user();
    prop_assert_eq!(user.map(|user| user.id), outcome.user);
    let user_changes = user.iter().map(|user| user.changed_at);
    let tokens = user.iter().flat_map(|user| &user.tokens);
    let token_changes = tokens.map(|id| state.token(*id).unwrap().changed_at);
    let application = state.application(outcome.application).unwrap();
    let settings = state.settings().changed_at;
    let others = [application.changed_at, settings];
    let newest = user_changes.chain(token_changes).chain(others);
    let newest = newest.max();
    prop_assert!(newest.unwrap() <= proposal.seen, "stale");
    let permitted = match proposal.caller {
        Caller::Application(id) => id == outcome.application,
        Caller::Administrator(_) => true,
        Caller::Node(_) => false,
    };
    prop_assert!(permitted, "not permitted");
    Ok(())
}

fn marks_stand(before: &State, after: &State) -> Judged {
    for row in before.rows() {
        if let Row::Token(old) = row {
            let new = after.token(old.id);
            prop_assert!(new.is_none_or(|new| new.mark >= old.mark), "a mark fell");
        }
    }
    Ok(())
}

/// A clock is taken for another than before only by a code that was accepted, and by no more than codes may
/// be off; or by two codes in a row.
fn drifts_stand(proposal: &Proposal, out: &Output, before: &State, after: &State) -> Judged {
    for row in before.rows() {
        let Row::Token(old) = row else { continue };
        let moved = after.token(old.id).map_or(0, |new| new.drift.abs_diff(old.drift));
        if moved == 0 || matches!(proposal.command, Command::ResyncToken(_)) {
            continue;
        }
        let accepted = out.events.iter().any(|event| match &event.row {
            AuditRow::Verified(verified) => {
                let is_allowed = verified.verdict.denial().is_none();
                let is_shown = verified.spent.iter().any(|spent| spent.token == old.id);
                is_allowed && verified.proof == Proof::Code && is_shown
            }
            _ => false,
        });
        prop_assert!(accepted, "a drift moved without a right code");
        let reach = before.setting(Setting::TotpWindow);
        prop_assert!(u64::from(moved) <= reach, "a drift moved by more than the window");
        prop_assert!(before.setting(Setting::TotpDriftMemory) == 1, "a drift moved unasked");
    }
    Ok(())
}

/// Nodes, and those that were removed within three days.
fn guessed_at(state: &State) -> u64 {
    let removed = state.cluster().map_or(&[][..], |cluster| &cluster.removed);
    let three_days = 72 * 3600 * 1000;
    let lately = removed.iter().filter(|at| state.clock().0 < at.0 + three_days);
    (state.nodes().count() + lately.count()) as u64
}
