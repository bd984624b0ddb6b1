//! What holds whatever happens: random sequences of commands, retries among them.

#[cfg(test)]
#[path = "properties/model.rs"]
mod model;
#[cfg(test)]
#[path = "properties/steps.rs"]
mod steps;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    use symbolon_core::limits::RETRANSMISSION_MILLISECONDS;
    use symbolon_core::{AuditEvent, AuditRow, Output, Proof, Reply, RestoreError, Row, State};

    use crate::model::Model;
    use crate::steps::{Log, Step, step};

    fn config() -> ProptestConfig {
        ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        proptest::collection::vec(step(), 60..120)
    }

    /// What is kept of the audit for a restart.
    fn recent(events: &[AuditEvent], state: &State) -> Vec<AuditEvent> {
        let young =
            |event: &&AuditEvent| event.at.plus(RETRANSMISSION_MILLISECONDS) >= state.clock();
        events.iter().filter(young).cloned().collect()
    }

    proptest! {
        #![proptest_config(config())]

        /// Every answer is the one that a plain model of the promises allows: no mark is accepted
        /// twice, no mark falls, retries get the first answer, failures are counted right.
        #[test]
        fn answers_keep_the_promises(steps in steps()) {
            let mut log = Log::default();
            let mut model = Model::default();
            let mut state = State::default();
            for step in &steps {
                let (stamp, proposal) = log.entry(step, &state);
                let before = state.clone();
                let mut out = Output::default();
                let answer = state.apply(stamp, &proposal, &mut out);
                model.judge(stamp, &proposal, &answer, &out, &before, &state)?;
                prop_assert_eq!(state.check(), Ok(()));
            }
        }

        /// Equal logs give equal states, answers, changes and events.
        #[test]
        fn equal_logs_give_equal_states(steps in steps()) {
            let mut log = Log::default();
            let (mut one, mut other) = (State::default(), State::default());
            for step in &steps {
                let (stamp, proposal) = log.entry(step, &one);
                let (mut out_one, mut out_other) = (Output::default(), Output::default());
                let answer = one.apply(stamp, &proposal, &mut out_one);
                prop_assert_eq!(other.apply(stamp, &proposal, &mut out_other), answer);
                prop_assert_eq!(out_one, out_other);
                prop_assert_eq!(one.digest(), other.digest());
            }
        }

        /// A node that restarts anywhere in the log goes on as if it had not.
        #[test]
        fn a_restart_changes_nothing(steps in steps(), restart in any::<prop::sample::Index>()) {
            let mut log = Log::default();
            let mut events = Vec::new();
            let mut state = State::default();
            let mut restarted = None;
            let restart = restart.index(steps.len());
            for (place, step) in steps.iter().enumerate() {
                let (stamp, proposal) = log.entry(step, &state);
                let mut out = Output::default();
                let answer = state.apply(stamp, &proposal, &mut out);
                events.extend(out.events.iter().cloned());
                if let Some(other) = &mut restarted {
                    let mut out_other = Output::default();
                    prop_assert_eq!(State::apply(other, stamp, &proposal, &mut out_other), answer);
                    prop_assert_eq!(out_other, out);
                }
                if place == restart {
                    let recent = recent(&events, &state);
                    let restored = State::restore(state.rows(), state.scalars(), recent);
                    restarted = Some(restored.unwrap());
                }
                if let Some(other) = &restarted {
                    prop_assert_eq!(other.digest(), state.digest());
                    prop_assert_eq!(other.replies_len(), state.replies_len());
                }
            }
        }

        /// A state cannot be restored from rows that are not its own.
        #[test]
        fn one_altered_row_is_noticed(steps in steps(), victim in any::<prop::sample::Index>()) {
            let mut log = Log::default();
            let mut state = State::default();
            for step in &steps {
                let (stamp, proposal) = log.entry(step, &state);
                state.apply(stamp, &proposal, &mut Output::default());
            }
            let rows: Vec<Row> = state.rows().collect();
            let victim = victim.index(rows.len());

            let mut altered = rows.clone();
            alter(&mut altered[victim]);
            let mut missing = rows;
            missing.remove(victim);
            for rows in [altered, missing] {
                let refused = State::restore(rows, state.scalars(), []).unwrap_err();
                let expected = state.digest();
                let noticed =
                    matches!(refused, RestoreError::Digest { expected: e, .. } if e == expected);
                prop_assert!(noticed, "{refused}");
            }
        }
    }

    /// Answers that are reached, and what else is told.
    const KINDS: &[&str] = &[
        "None",
        "Some(CodeMismatch)",
        "Some(CodeAlreadyUsed)",
        "Some(WrongPin)",
        "Bypass",
        "RecoveryCode",
        "Exempt",
        "Some(FirstFactorDenied)",
        "Some(FirstFactorUnreachable)",
        "NoSuchRadiusClient",
        "RangeTaken",
        "ApplicationChanged",
        "Signs",
        "Tells",
        "Some(UnknownUser)",
        "Some(NoToken)",
        "Some(Waiting)",
        "Some(Locked)",
        "Some(ShareSpent)",
        "SettingsChanged",
        "SettingRefused",
        "GuessingUnbounded",
        "RevisionChanged",
        "ClusterCreated",
        "UserCreated",
        "TokenEnrolled",
        "ApplicationCreated",
        "JoinTokenCreated",
        "NodeAdmitted",
        "Done",
        "DataKeyRotationStarted",
        "DataKeyRetired",
        "RotationUnderWay",
        "WrongPhase",
        "repeated",
        "Stale",
        "Late",
        "FingerprintMismatch",
        "IdTaken",
        "NameTaken",
        "NoSuchUser",
        "JoinTokenUnknown",
        "JoinTokenUsed",
        "JoinTokenExpired",
        "NotPermitted",
    ];

    /// The properties say something only about what the steps reach.
    #[test]
    fn the_steps_reach_every_answer() {
        let mut runner = TestRunner::deterministic();
        let mut found = BTreeMap::<String, usize>::new();
        for _ in 0..640 {
            let steps = steps().new_tree(&mut runner).unwrap().current();
            let mut log = Log::default();
            let mut state = State::default();
            for step in &steps {
                let (stamp, proposal) = log.entry(step, &state);
                let mut out = Output::default();
                let answer = state.apply(stamp, &proposal, &mut out);
                if let Some(told) = out.events.last().and_then(|event| told(&event.row)) {
                    *found.entry(told.to_owned()).or_default() += 1;
                }
                let kind = match answer.reply {
                    _ if answer.index != stamp.index => "repeated".to_owned(),
                    Reply::Verified(verdict) => format!("{:?}", verdict.denial()),
                    Reply::Refused(refusal) => format!("{refusal:?}"),
                    reply => format!("{reply:?}").split('(').next().unwrap().to_owned(),
                };
                *found.entry(kind).or_default() += 1;
            }
        }
        for kind in KINDS.iter().copied() {
            let times = found.get(kind).copied().unwrap_or(0);
            assert!(times >= 10, "{kind}: {times} times of {found:?}");
        }
    }

    /// What an answer does not tell.
    fn told(row: &AuditRow) -> Option<&'static str> {
        match row {
            AuditRow::DataKeyRetired { .. } => Some("DataKeyRetired"),
            AuditRow::RadiusClientSigns { .. } => Some("Signs"),
            AuditRow::SessionTold { .. } => Some("Tells"),
            AuditRow::Verified(it) => match it.proof {
                Proof::Code => None,
                Proof::Bypass => Some("Bypass"),
                Proof::RecoveryCode(_) => Some("RecoveryCode"),
                Proof::Challenge => Some("Challenge"),
                Proof::Exempt => Some("Exempt"),
            },
            _ => None,
        }
    }

    fn alter(row: &mut Row) {
        match row {
            Row::Cluster(row) => row.epoch += 1,
            Row::Administrator(row) => row.key.0[31] ^= 1,
            Row::Application(row) => row.key.0[0] ^= 1,
            Row::User(row) => row.failures ^= 1,
            Row::Token(row) => row.mark ^= 1,
            Row::Node(row) => row.pin.0[0] ^= 1,
            Row::JoinToken(row) => row.expires_at = row.expires_at.plus(1),
            Row::DataKeys(row) => row.retired_at.0 += 1,
            Row::Settings(row) => row.changed_at.0 += 1,
            Row::Challenge(row) => row.tries += 1,
            Row::Journal(row) => row.merged += 1,
            Row::RadiusClient(row) => row.changed_at.0 += 1,
        }
    }
}
