//! Numbers and names that are stored, sent or documented: another one, and what was written before is
//! read as something else.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use symbolon_core::otp::{Algorithm, Parameters};
    use symbolon_core::{
        Administrator, AdministratorId, Application, ApplicationId, DataKeyId, Denial, Digest,
        Exemptions, FirstFactor, KeyHash, LogIndex, Name, NodeId, OldKey, PhoneKind, ProfileField,
        RequestId, RestoreError, Right, Rights, Role, Row, Scalars, Scope, ScopePart, Sealed,
        SealedField, SealedPlace, SessionStatus, Signed, SourceRange, Sources, State, Strangers,
        Timestamp, Token, TokenId, Unreachable, UserId,
    };

    /// Whoever seals fields again goes on from there.
    #[test]
    fn a_place_among_sealed_fields_moves_with_what_was_reached() {
        let mut place = SealedPlace::default();
        for field in
            [SealedField::CaKey, SealedField::Seed(TokenId(5)), SealedField::Pin(UserId(7))]
        {
            place.reach(field);
        }
        assert_eq!(place, SealedPlace { token: TokenId(5), user: UserId(7) });
        place.reach(SealedField::RecoveryCodes(UserId(8)));
        place.reach(SealedField::ApiKey(ApplicationId(9)));
        place.reach(SealedField::RadiusSecrets(ApplicationId(9)));
        assert_eq!(place, SealedPlace { token: TokenId(5), user: UserId(8) });
    }

    #[test]
    fn denials_have_the_numbers_and_names_that_they_always_had() {
        let all = [
            (Denial::CodeMismatch, 1, "CODE_MISMATCH"),
            (Denial::CodeAlreadyUsed, 2, "CODE_ALREADY_USED"),
            (Denial::UnknownUser, 3, "UNKNOWN_USER"),
            (Denial::NoToken, 4, "NO_TOKEN"),
            (Denial::Locked, 5, "LOCKED"),
            (Denial::Disabled, 6, "DISABLED"),
            (Denial::Blocked, 7, "BLOCKED"),
            (Denial::Waiting, 8, "WAITING"),
            (Denial::ShareSpent, 9, "SHARE_SPENT"),
            (Denial::FirstFactorDenied, 24, "FIRST_FACTOR_DENIED"),
            (Denial::FirstFactorUnreachable, 25, "FIRST_FACTOR_UNREACHABLE"),
        ];
        for (denial, number, name) in all {
            assert_eq!((denial.number(), denial.name()), (number, name));
        }
    }

    #[test]
    fn what_devices_and_targets_do_has_the_numbers_and_names_that_it_always_had() {
        let factors = [FirstFactor::Good, FirstFactor::Denied, FirstFactor::Unreachable];
        let denials = [None, Some(Denial::FirstFactorDenied), Some(Denial::FirstFactorUnreachable)];
        for (number, (factor, denial)) in (0..).zip(factors.into_iter().zip(denials)) {
            assert_eq!((factor.number(), factor.denial()), (number, denial));
            assert_eq!(FirstFactor::from_number(number), Some(factor));
        }
        for (number, signed) in (0..).zip([Signed::Auto, Signed::Always, Signed::Never]) {
            assert_eq!((signed.number(), Signed::from_number(number)), (number, Some(signed)));
        }
        for (number, told) in (0..).zip([Unreachable::Silence, Unreachable::Reject]) {
            assert_eq!((told.number(), Unreachable::from_number(number)), (number, Some(told)));
        }
        assert_eq!(
            [Signed::Auto, Signed::Always, Signed::Never].map(Signed::name),
            ["auto", "yes", "no"]
        );
        assert_eq!(
            [Unreachable::Silence, Unreachable::Reject].map(Unreachable::name),
            ["silence", "reject"]
        );
        assert_eq!((FirstFactor::from_number(3), Signed::from_number(3)), (None, None));
        assert_eq!(Unreachable::from_number(2), None);
    }

    #[test]
    fn what_is_told_of_sessions_has_the_numbers_of_rfc_2866() {
        let told = [
            (1, SessionStatus::Start, "start"),
            (2, SessionStatus::Stop, "stop"),
            (7, SessionStatus::AccountingOn, "accounting-on"),
            (8, SessionStatus::AccountingOff, "accounting-off"),
        ];
        for (number, status, name) in told {
            assert_eq!((status.number(), status.name()), (number, name));
            assert_eq!(SessionStatus::from_number(number), Some(status));
            assert_eq!(SessionStatus::from_name(name), Some(status));
        }
        assert_eq!([0, 3, 9].map(SessionStatus::from_number), [None; 3]);
    }

    #[test]
    fn parts_of_a_profile_have_the_numbers_and_names_that_they_always_had() {
        let fields = [(1, "email"), (2, "phones"), (3, "groups"), (4, "tags"), (5, "language")];
        let found = ProfileField::ALL.map(|field| (field.number(), field.name()));
        assert_eq!(found, fields);
        let kinds = [PhoneKind::Mobile, PhoneKind::Office, PhoneKind::Backup];
        for (number, kind) in (1..).zip(kinds) {
            assert_eq!((kind.number(), PhoneKind::from_number(number)), (number, Some(kind)));
        }
        assert_eq!([0, 4].map(PhoneKind::from_number), [None, None]);
    }

    #[test]
    fn roles_and_rights_have_the_numbers_and_names_that_they_always_had() {
        let roles = [
            (Role::Administrator, "administrator"),
            (Role::HelpDesk, "help-desk"),
            (Role::Auditor, "auditor"),
        ];
        for (number, (role, name)) in (0..).zip(roles) {
            assert_eq!((u32::from(role.number()), role.name()), (number, name));
            assert_eq!(Role::from_number(number), Some(role));
        }
        assert_eq!(Role::from_number(3), None);
        let bits = Right::ALL.map(|right| (Rights::NONE.with(right).bits(), right.name()));
        let names = ["verify", "self-service", "help-desk", "auditor", "administrator"];
        assert_eq!(bits, [1, 2, 4, 8, 16].into_iter().zip(names).collect::<Vec<_>>()[..]);
        assert_eq!(Rights::VERIFY.with(Right::Verify), Rights::VERIFY, "a right is there once");
        let known: BTreeSet<_> =
            (0..=u8::MAX).filter(|it| Rights::from_bits(*it).is_some()).collect();
        assert_eq!(known, (0..32).collect());
    }

    #[test]
    fn ids_and_digests_are_read_from_exactly_their_bytes_and_shown_as_hexadecimal() {
        let bytes: Vec<u8> = (0..33).collect();
        let digest = Digest::from_slice(&bytes[1..]).unwrap();
        assert_eq!(digest.0[..], bytes[1..]);
        let text = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
        assert_eq!(
            (digest.to_string(), format!("{digest:?}")),
            (text.to_owned(), format!("Digest({text})"))
        );
        let id = RequestId::from_slice(&bytes[1..17]).unwrap();
        assert_eq!(id.as_bytes()[..], bytes[1..17]);
        assert_eq!(
            (id.to_string(), format!("{id:?}")),
            (text[..32].to_owned(), format!("RequestId({})", &text[..32]))
        );
        for wrong in [0, 15, 17, 31, 33] {
            assert_eq!(Digest::from_slice(&bytes[..wrong]), None);
            assert_eq!(RequestId::from_slice(&bytes[..wrong]), None);
        }
        assert_eq!(
            (UserId(31).to_string(), format!("{:?}", UserId(31))),
            ("000000000000001f".to_owned(), "UserId(000000000000001f)".to_owned())
        );
        assert_eq!(
            (NodeId(3).to_string(), LogIndex(4).to_string()),
            ("3".to_owned(), "4".to_owned())
        );
        assert_eq!(DataKeyId(5).to_string(), "5");
        assert_eq!(Timestamp(61_437).to_string(), "61.437s");
    }

    /// What a row says is told apart even where both rows say something that came later.
    #[test]
    fn rows_that_differ_in_what_came_later_have_other_digests() {
        let scopes = ["group:sales", "tag:sales", "domain:sales", "group:IT"];
        let scopes = scopes.map(|scope| Row::Administrator(help_desk(&[scope])));
        let more = Row::Administrator(help_desk(&["group:sales", "group:IT"]));
        let sources = ["192.0.2.0/24", "192.0.2.0/25", "2001:db8::/32"];
        let sources = sources.map(|range| Row::Application(portal(&[range], 9)));
        let others = [portal(&["192.0.2.0/24", "2001:db8::/32"], 9), portal(&["192.0.2.0/24"], 10)];
        let met = |since, met, untold| Strangers { since: Timestamp(since), met, untold };
        let strangers = [met(0, 0, 0), met(1, 1, 0), met(1, 2, 0), met(1, 2, 1), met(2, 2, 1)];
        let strangers = strangers.map(|strangers| Application { strangers, ..portal(&[], 9) });
        let exempt = |unknown_users, disabled_users| Application {
            exempt: Exemptions { unknown_users, disabled_users, islands: false },
            ..portal(&[], 8)
        };
        let exempt =
            [exempt(false, false), exempt(true, false), exempt(false, true), exempt(true, true)];
        let algorithms = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        let tokens = algorithms.map(|algorithm| Row::Token(token(algorithm)));
        let mut rows = scopes.to_vec();
        rows.push(more);
        rows.extend(sources);
        rows.extend(others.map(Row::Application));
        rows.extend(strangers.map(Row::Application));
        rows.extend(exempt.map(Row::Application));
        rows.extend(tokens);
        let digests: BTreeSet<_> = rows.iter().map(digest).collect();
        assert_eq!(digests.len(), rows.len());
    }

    /// The digest of a state of one row, as the refusal to restore it under another tells it.
    fn digest(row: &Row) -> Digest {
        match State::restore([row.clone()], Scalars::default(), []) {
            Err(RestoreError::Digest { found, .. }) => found,
            other => panic!("{other:?}"),
        }
    }

    fn help_desk(scope: &[&str]) -> Administrator {
        let parts = scope.iter().map(|part| ScopePart::parse(part).unwrap());
        let name = Name::new("helen").unwrap();
        Administrator {
            role: Role::HelpDesk,
            scope: Scope::new(parts).unwrap(),
            ..Administrator::first(AdministratorId(2), name, KeyHash([1; 32]))
        }
    }

    fn portal(sources: &[&str], until: u64) -> Application {
        let ranges = sources.iter().map(|range| SourceRange::parse(range).unwrap());
        Application {
            id: ApplicationId(1),
            name: Name::new("portal").unwrap(),
            key: KeyHash([2; 32]),
            old_key: Some(OldKey { key: KeyHash([3; 32]), until: Timestamp(until) }),
            reveal: None,
            rights: Rights::VERIFY,
            sources: Sources::new(ranges).unwrap(),
            disabled: false,
            exempt: Exemptions::default(),
            strangers: Strangers::default(),
            created_at: Timestamp(1),
            changed_at: LogIndex(1),
        }
    }

    fn token(algorithm: Algorithm) -> Token {
        Token {
            id: TokenId(1),
            user: UserId(1),
            parameters: Parameters::hotp(algorithm, 6).unwrap(),
            seed: Sealed::new(vec![1; 30]),
            serial: None,
            pending: true,
            mark: 1,
            drift: 0,
            epoch: 0,
            awaits_second: false,
            created_at: Timestamp(1),
            changed_at: LogIndex(1),
        }
    }
}
