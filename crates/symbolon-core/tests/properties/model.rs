//! The promises in their plainest form, to judge answers by.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use symbolon_core::limits::{
    FAILURES_MAX, OUTCOME_AGE_MILLISECONDS_MAX, RETRANSMISSION_MILLISECONDS,
};
use symbolon_core::{
    Answer, Caller, Command, Denial, Fingerprint, Outcome, Output, Proposal, Refusal, Reply,
    RequestId, Row, Stamp, State, Timestamp, TokenId, UserId, Verdict,
};

type Judged = Result<(), TestCaseError>;

#[derive(Default)]
pub(crate) struct Model {
    /// Marks that were accepted.
    accepted: HashSet<(TokenId, u64)>,
    failures: HashMap<UserId, u32>,
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
        if let (Command::Verify(outcome), Reply::Verified(verdict)) =
            (&proposal.command, answer.reply)
        {
            prop_assert_eq!(out.events.len(), 1, "each decision is audited once");
            decidable(stamp, proposal, outcome, before)?;
            self.decided(proposal, outcome, verdict, before)?;
        }
        for (user, failures) in &self.failures {
            prop_assert_eq!(after.user(*user).map(|user| user.failures), Some(*failures));
        }
        Ok(())
    }

    fn decided(
        &mut self,
        proposal: &Proposal,
        outcome: &Outcome,
        verdict: Verdict,
        before: &State,
    ) -> Judged {
        let Some(user) = outcome.user else {
            prop_assert_eq!(verdict.denial, Some(Denial::UnknownUser));
            prop_assert_eq!(verdict.failures, 0);
            return Ok(());
        };
        let failures = self.failures.entry(user).or_default();
        prop_assert!(*failures < FAILURES_MAX || verdict.denial == Some(Denial::Locked));
        match verdict.denial {
            None => {
                *failures = 0;
                let token = before.token(verdict.token.unwrap()).unwrap();
                prop_assert_eq!(token.user, user);
                prop_assert!(verdict.mark > token.mark);
                let (first, last) = token.parameters.window(proposal.made_at);
                prop_assert!((first..=last).contains(&verdict.mark));
                let claimed = outcome
                    .matches
                    .iter()
                    .any(|found| (found.token, found.step) == (token.id, verdict.mark));
                prop_assert!(claimed, "accepted what nobody found");
                prop_assert!(self.accepted.insert((token.id, verdict.mark)), "accepted twice");
            }
            Some(Denial::CodeMismatch) => *failures += 1,
            Some(Denial::CodeAlreadyUsed | Denial::NoToken | Denial::Locked) => {}
            Some(Denial::UnknownUser) => prop_assert!(false, "the user is known"),
        }
        prop_assert_eq!(verdict.failures, *failures);
        Ok(())
    }
}

/// Whether a decision was due at all: fresh, in time, and asked for by one who may.
fn decidable(stamp: Stamp, proposal: &Proposal, outcome: &Outcome, state: &State) -> Judged {
    let age = stamp.at.distance(proposal.made_at);
    prop_assert!(age <= OUTCOME_AGE_MILLISECONDS_MAX, "late");
    let user = state.user_by_name(&outcome.user_name);
    prop_assert_eq!(user.map(|user| user.id), outcome.user);
    let user_changes = user.iter().map(|user| user.changed_at);
    let tokens = user.iter().flat_map(|user| &user.tokens);
    let token_changes = tokens.map(|id| state.token(*id).unwrap().changed_at);
    let application = state.application(outcome.application).unwrap();
    let newest = user_changes.chain(token_changes).chain([application.changed_at]).max();
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
            let new = after.token(old.id).map(|token| token.mark);
            prop_assert!(new >= Some(old.mark), "a mark fell");
        }
    }
    Ok(())
}
