//! What is written is read back the same, and what is damaged is refused.

#[cfg(test)]
#[path = "roundtrip/arbitrary.rs"]
mod arbitrary;
#[cfg(test)]
#[path = "roundtrip/damaged.rs"]
mod damaged;
#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::mem::discriminant;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message as _;
    use symbolon_core::{
        Answer, AuditEvent, AuditRow, Command, Decision, Denial, Digest, LogIndex, Proof, Proposal,
        Refusal, Reply, Row, Scalars, Timestamp, UserId, Verified,
    };
    use symbolon_proto::{
        AuditHead, answer_from_proto, answer_to_proto, audit_decode, audit_encode, audit_head,
        batch_decode, batch_encode, proposal_decode, proposal_encode, reason_detail, row_decode,
        row_encode, row_key_encode, scalars_from_proto, scalars_to_proto,
    };

    use crate::arbitrary;
    use crate::samples;

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn proposals(proposal in arbitrary::proposal()) {
            let bytes = proposal_encode(&proposal);
            prop_assert_eq!(proposal_decode(&bytes).unwrap(), proposal);
        }

        #[test]
        fn batches(at in any::<u64>(), proposals in vec(arbitrary::proposal(), 0..5)) {
            let bytes = batch_encode(Timestamp(at), &proposals);
            prop_assert_eq!(batch_decode(&bytes).unwrap(), (Timestamp(at), proposals));
        }

        #[test]
        fn rows(row in arbitrary::row()) {
            prop_assert_eq!(row_decode(&row_encode(&row)).unwrap(), row);
        }

        #[test]
        fn audit((index, at, events) in arbitrary::events(), chain in any::<Option<[u8; 32]>>()) {
            let before = chain.map(Digest);
            let bytes = audit_encode(before, at, &events);
            let head = AuditHead { at, events: events.len() as u64, before };
            prop_assert_eq!(audit_head(&bytes).unwrap(), head);
            prop_assert_eq!(audit_decode(index, &bytes).unwrap(), events);
        }

        #[test]
        fn answers(answer in arbitrary::answer()) {
            let bytes = answer_to_proto(&answer).encode_to_vec();
            let message = symbolon_proto::peer::v1::Answer::decode(&*bytes).unwrap();
            prop_assert_eq!(answer_from_proto(message).unwrap(), answer);
        }

        #[test]
        fn scalars(clock in any::<u64>(), chain in any::<[u8; 32]>(), digest in any::<[u8; 32]>()) {
            let scalars = Scalars {
                clock: Timestamp(clock),
                audit_chain: Digest(chain),
                digest: Digest(digest),
            };
            prop_assert_eq!(scalars_from_proto(&scalars_to_proto(scalars)).unwrap(), scalars);
        }

        /// Whoever watches the log grow cannot tell a wrong code from an unknown user.
        #[test]
        fn an_unknown_user_is_as_long_as_a_wrong_code(
            proposal in arbitrary::proposal(),
            mut outcome in arbitrary::outcome(),
            user in 1..=u64::MAX,
        ) {
            outcome.matches.clear();
            let mut size = |user| {
                outcome.user = user;
                let command = Command::Verify(outcome.clone());
                proposal_encode(&Proposal { command, ..proposal.clone() }).len()
            };
            prop_assert_eq!(size(None), size(Some(UserId(user))));
        }

        /// In the image, rows lie in the order of their kinds and ids, each under its own key.
        #[test]
        fn row_keys_keep_the_order_of_ids(one in arbitrary::row(), other in arbitrary::row()) {
            let (one, other) = (one.key(), other.key());
            let (key, other_key) = (row_key_encode(one), row_key_encode(other));
            prop_assert_eq!(one == other, key == other_key);
            if discriminant(&one) == discriminant(&other) {
                prop_assert_eq!(one < other, key < other_key);
            }
        }
    }

    #[test]
    fn refusals() {
        let all = [
            Refusal::Stale,
            Refusal::Late,
            Refusal::FingerprintMismatch,
            Refusal::IdTaken,
            Refusal::NameTaken,
            Refusal::NoSuchUser,
            Refusal::LimitReached,
            Refusal::JoinTokenUnknown,
            Refusal::JoinTokenUsed,
            Refusal::JoinTokenExpired,
            Refusal::NotPermitted,
            Refusal::WrongPhase,
            Refusal::RotationUnderWay,
            Refusal::NoSuchToken,
            Refusal::SerialTaken,
            Refusal::StepRefused,
            Refusal::RevisionChanged,
            Refusal::SettingRefused,
            Refusal::GuessingUnbounded,
            Refusal::NoSuchApplication,
            Refusal::NoSuchAdministrator,
            Refusal::LastAdministrator,
            Refusal::NodeUnknown,
            Refusal::EpochApart,
            Refusal::NoSuchRadiusClient,
            Refusal::RangeTaken,
        ];
        for (number, refusal) in (1..).zip(all) {
            // A new one does not compile until it is named here and above.
            match refusal {
                Refusal::Stale
                | Refusal::Late
                | Refusal::FingerprintMismatch
                | Refusal::IdTaken
                | Refusal::NameTaken
                | Refusal::NoSuchUser
                | Refusal::LimitReached
                | Refusal::JoinTokenUnknown
                | Refusal::JoinTokenUsed
                | Refusal::JoinTokenExpired
                | Refusal::NotPermitted
                | Refusal::WrongPhase
                | Refusal::RotationUnderWay
                | Refusal::NoSuchToken
                | Refusal::SerialTaken
                | Refusal::StepRefused
                | Refusal::RevisionChanged
                | Refusal::SettingRefused
                | Refusal::GuessingUnbounded
                | Refusal::NoSuchApplication
                | Refusal::NoSuchAdministrator
                | Refusal::LastAdministrator
                | Refusal::NodeUnknown
                | Refusal::EpochApart
                | Refusal::NoSuchRadiusClient
                | Refusal::RangeTaken => {}
            }
            let answer = Answer { index: LogIndex(3), reply: Reply::Refused(refusal) };
            let message = answer_to_proto(&answer);
            // Nodes of two releases must mean the same by a number.
            let written = Some(symbolon_proto::peer::v1::answer::Reply::Refused(number));
            assert!(message.reply == written, "{refusal:?} is not number {number}");
            assert_eq!(answer_from_proto(message).unwrap(), answer);
        }
    }

    #[test]
    fn denials_have_the_numbers_of_the_api() {
        use symbolon_proto::v1::ReasonDetail;
        for (denial, detail) in [
            (Denial::CodeMismatch, ReasonDetail::CodeMismatch),
            (Denial::CodeAlreadyUsed, ReasonDetail::CodeReplayed),
            (Denial::UnknownUser, ReasonDetail::UnknownUser),
            (Denial::NoToken, ReasonDetail::NoToken),
            (Denial::Locked, ReasonDetail::Locked),
            (Denial::Disabled, ReasonDetail::Disabled),
            (Denial::Blocked, ReasonDetail::Blocked),
            (Denial::Waiting, ReasonDetail::Waiting),
            (Denial::ShareSpent, ReasonDetail::ShareSpent),
            (Denial::WrongPin, ReasonDetail::WrongPin),
            (Denial::AmbiguousName, ReasonDetail::AmbiguousName),
            (Denial::SecondCodeNeeded, ReasonDetail::SecondCodeNeeded),
            (Denial::RecoveryCodesHeld, ReasonDetail::RecoveryCodesHeld),
            (Denial::AllowanceSpent, ReasonDetail::AllowanceSpent),
            (Denial::FirstFactorDenied, ReasonDetail::FirstFactorDenied),
            (Denial::FirstFactorUnreachable, ReasonDetail::FirstFactorUnreachable),
        ] {
            assert!(reason_detail(denial) == detail, "{denial:?}");
        }
    }

    fn all_commands() -> impl Iterator<Item = (&'static str, Command)> {
        samples::commands()
            .into_iter()
            .chain(samples::key_commands())
            .chain(samples::token_commands())
            .chain(samples::user_commands())
            .chain(samples::settings_commands())
            .chain(samples::callers::commands())
            .chain(samples::pin_commands())
            .chain(samples::bypass_commands())
            .chain(samples::challenge_commands())
            .chain(samples::epoch_commands())
            .chain(samples::merge_commands())
            .chain(samples::radius_commands())
            .chain(samples::radsec_commands())
            .chain(samples::session_commands())
    }

    fn all_rows() -> impl Iterator<Item = (&'static str, Row)> {
        samples::rows()
            .into_iter()
            .chain(samples::key_rows())
            .chain(samples::token_rows())
            .chain(samples::user_rows())
            .chain(samples::settings_rows())
            .chain(samples::callers::rows())
            .chain(samples::pin_rows())
            .chain(samples::bypass_rows())
            .chain(samples::challenge_rows())
            .chain(samples::epoch_rows())
            .chain(samples::merge_rows())
            .chain(samples::radius_rows())
            .chain(samples::radsec_rows())
    }

    fn all_events() -> Vec<AuditEvent> {
        let (_, _, mut events) = samples::audit();
        events.extend(samples::key_audit().2);
        events.extend(samples::token_audit().2);
        events.extend(samples::user_audit().2);
        events.extend(samples::settings_audit().2);
        events.extend(samples::callers::audit().2);
        events.extend(samples::callers::later_audit().2);
        events.extend(samples::callers::exempt_audit().2);
        events.extend(samples::pin_audit().2);
        events.extend(samples::bypass_audit().2);
        events.extend(samples::challenge_audit().2);
        events.extend(samples::changes_audit().2);
        events.extend(samples::export_audit().2);
        events.extend(samples::epoch_audit().2);
        events.extend(samples::callers::island_audit().2);
        events.extend(samples::apart_audit().2);
        events.extend(samples::merge_audit().2);
        events.extend(samples::clock_audit().2);
        events.extend(samples::radius_audit().2);
        events.extend(samples::radsec_audit().2);
        events.extend(samples::session_audit().2);
        events
    }

    /// The samples, and with them the frozen vectors, hold every kind there is.
    #[test]
    fn the_samples_are_complete() {
        let commands: BTreeSet<_> = all_commands()
            .map(|(_, command)| match command {
                Command::Verify(_) => 1,
                Command::CreateCluster(_) => 2,
                Command::CreateUser(_) => 3,
                Command::EnrollToken(_) => 4,
                Command::CreateApplication(_) => 5,
                Command::CreateJoinToken(_) => 6,
                Command::AdmitNode(_) => 7,
                Command::SetNodeAddresses(_) => 8,
                Command::Tick => 9,
                Command::RotateDataKey(_) => 10,
                Command::ConfirmDataKey(_) => 11,
                Command::Reseal(_) => 12,
                Command::RetireDataKey(_) => 13,
                Command::ConfirmToken(_) => 14,
                Command::ResyncToken(_) => 15,
                Command::RemoveToken(_) => 16,
                Command::UpdateUser(_) => 17,
                Command::BlockUser(_) => 18,
                Command::UnblockUser(_) => 19,
                Command::DeleteUser(_) => 20,
                Command::UpdateSettings(_) => 21,
                Command::UpdateApplication(_) => 22,
                Command::RotateApplicationKey(_) => 23,
                Command::RetireApplicationKey(_) => 24,
                Command::DeleteApplication(_) => 25,
                Command::CreateAdministrator(_) => 26,
                Command::UpdateAdministrator(_) => 27,
                Command::RotateAdministratorToken(_) => 28,
                Command::DeleteAdministrator(_) => 29,
                Command::SetPin(_) => 50,
                Command::GrantBypass(_) => 51,
                Command::CancelBypass(_) => 52,
                Command::CreateRecoveryCodes(_) => 53,
                Command::RecordExport(_) => 54,
                Command::StartEpoch(_) => 55,
                Command::ReadmitNode(_) => 56,
                Command::ReleaseRecoveryCodes => 57,
                Command::RemoveNode(_) => 58,
                Command::MeetEpoch(_) => 80,
                Command::DiscardEpoch(_) => 81,
                Command::Merge(_) => 70,
                Command::AcknowledgeDoubles => 71,
                Command::ConfirmClock => 59,
                Command::SetRadiusClient(_) => 90,
                Command::RemoveRadiusClient(_) => 91,
                Command::NoteRadiusSigner(_) => 92,
                Command::TellSession(_) => 93,
            })
            .collect();
        let expected = (1..=29).chain(50..=59).chain(70..=71).chain(80..=81).chain(90..=93);
        assert_eq!(commands, expected.collect());
    }

    #[test]
    fn the_samples_hold_every_row() {
        let rows: BTreeSet<_> = all_rows()
            .map(|(_, row)| match row {
                Row::Cluster(_) => 1,
                Row::Administrator(_) => 2,
                Row::Application(_) => 3,
                Row::User(_) => 4,
                Row::Token(_) => 5,
                Row::Node(_) => 6,
                Row::JoinToken(_) => 7,
                Row::DataKeys(_) => 8,
                Row::Settings(_) => 9,
                Row::Challenge(_) => 10,
                Row::Journal(_) => 11,
                Row::RadiusClient(_) => 12,
            })
            .collect();
        assert_eq!(rows, (1..=12).collect());
    }

    /// A number for each way in which one can end.
    fn verification(verified: &Verified) -> i32 {
        if verified.proof == Proof::Challenge {
            return 60;
        }
        if let Decision::Challenge { .. } = verified.verdict.decision {
            return 61;
        }
        match verified.verdict.denial() {
            None => 1,
            Some(Denial::CodeMismatch) => 2,
            Some(Denial::CodeAlreadyUsed) => 3,
            Some(Denial::UnknownUser) => 4,
            Some(Denial::NoToken) => 5,
            Some(Denial::Locked) => 6,
            Some(Denial::Disabled) => 25,
            Some(Denial::Blocked) => 26,
            Some(Denial::Waiting) => 27,
            Some(Denial::ShareSpent) => 28,
            Some(Denial::WrongPin) => 50,
            Some(Denial::PinExpired) => 62,
            Some(Denial::ChallengeExpired) => 63,
            Some(Denial::NewPinRefused) => 64,
            Some(Denial::AmbiguousName) => 38,
            Some(Denial::SecondCodeNeeded) => 65,
            Some(Denial::RecoveryCodesHeld) => 66,
            Some(Denial::AllowanceSpent) => 67,
            Some(Denial::FirstFactorDenied) => 90,
            Some(Denial::FirstFactorUnreachable) => 91,
        }
    }

    #[test]
    fn the_samples_hold_every_event() {
        let events = all_events();
        let audit_rows: BTreeSet<_> = events
            .iter()
            .map(|event| match &event.row {
                AuditRow::Verified(verified) => verification(verified),
                AuditRow::ClusterCreated { .. } => 7,
                AuditRow::UserCreated { .. } => 8,
                AuditRow::TokenEnrolled { .. } => 9,
                AuditRow::ApplicationCreated { .. } => 10,
                AuditRow::JoinTokenCreated { .. } => 11,
                AuditRow::NodeAdmitted { .. } => 12,
                AuditRow::NodeAddressesChanged { .. } => 13,
                AuditRow::JoinTokenExpired { .. } => 14,
                AuditRow::DataKeyRotationStarted { .. } => 15,
                AuditRow::DataKeyActivated { .. } => 16,
                AuditRow::DataKeyRetired { .. } => 17,
                AuditRow::TokenConfirmed { .. } => 18,
                AuditRow::TokenResynchronised { .. } => 19,
                AuditRow::TokenRemoved { .. } => 20,
                AuditRow::UserUpdated { .. } => 21,
                AuditRow::UserBlocked { .. } => 22,
                AuditRow::UserUnblocked { .. } => 23,
                AuditRow::UserDeleted { .. } => 24,
                AuditRow::SettingsChanged { .. } => 29,
                AuditRow::ApplicationUpdated(_) => 30,
                AuditRow::ApplicationKeyRotated { .. } => 31,
                AuditRow::ApplicationKeyRetired { .. } => 32,
                AuditRow::ApplicationDeleted { .. } => 33,
                AuditRow::AdministratorCreated { .. } => 34,
                AuditRow::AdministratorUpdated(_) => 35,
                AuditRow::AdministratorTokenRotated { .. } => 36,
                AuditRow::AdministratorDeleted { .. } => 37,
                AuditRow::NamesNotAudited { .. } => 39,
                AuditRow::PinSet { .. } => 51,
                AuditRow::PinCleared { .. } => 52,
                AuditRow::BypassGranted { .. } => 53,
                AuditRow::BypassCancelled { .. } => 54,
                AuditRow::RecoveryCodesCreated { .. } => 55,
                AuditRow::PinChanged { .. } => 56,
                AuditRow::PersonalDataExported { .. } => 57,
                AuditRow::EpochStarted { .. } => 67,
                AuditRow::NodeReadmitted { .. } => 68,
                AuditRow::NodeRemoved { .. } => 69,
                AuditRow::RecoveryCodesReleased => 70,
                AuditRow::EpochDiscarded { .. } => 84,
                AuditRow::Merged(_) => 80,
                AuditRow::AcceptedTwice(_) => 81,
                AuditRow::DoublesAcknowledged { .. } => 82,
                AuditRow::MergeRefused { .. } => 83,
                AuditRow::ClockConfirmed => 71,
                AuditRow::RadiusClientSet { .. } => 92,
                AuditRow::RadiusClientRemoved { .. } => 93,
                AuditRow::RadiusClientSigns { .. } => 94,
                AuditRow::SessionTold { .. } => 95,
            })
            .collect();
        let expected = (1..=39).chain(50..=57).chain(60..=71).chain(80..=84).chain(90..=95);
        assert_eq!(audit_rows, expected.collect());
    }
}
