//! Rows to alter.

use symbolon_core::otp::{Algorithm, Parameters};
use symbolon_core::{
    Administrator, AdministratorId, Application, ApplicationId, Bypass, Cluster, ClusterId,
    DisplayName, Exemptions, KeyHash, LineageId, LogIndex, Name, Profile, Reason, RecoveryCodes,
    Reveal, Rights, Scope, ScopePart, Sealed, SourceRange, Sources, Strangers, Timestamp, Token,
    User, UserName,
};

use super::{TOKEN, USER};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn reveal(secret: u8, until: u64) -> Option<Reveal> {
    Some(Reveal { secret: Sealed::new(vec![secret; 3]), until: Timestamp(until) })
}

pub(crate) fn cluster() -> Cluster {
    Cluster {
        id: ClusterId([1; 16]),
        name: name("main"),
        epoch: 1,
        lineage: LineageId([2; 16]),
        ca_certificate: vec![3; 3],
        ca_key: Sealed::new(vec![4; 3]),
        floor: None,
        last_node: 0,
        others: Vec::new(),
        doubles: 0,
        removed: Vec::new(),
        created_at: Timestamp(5),
    }
}

pub(crate) fn administrator() -> Administrator {
    Administrator {
        changed_at: LogIndex(1),
        ..Administrator::first(AdministratorId(2), name("root"), KeyHash([1; 32]))
    }
}

pub(crate) fn application() -> Application {
    Application {
        id: ApplicationId(30),
        name: name("vpn"),
        key: KeyHash([2; 32]),
        old_key: None,
        exempt: Exemptions::default(),
        strangers: Strangers::default(),
        reveal: reveal(1, 100),
        rights: Rights::VERIFY,
        sources: Sources::default(),
        disabled: false,
        created_at: Timestamp(6),
        changed_at: LogIndex(2),
    }
}

pub(crate) fn bypass() -> Bypass {
    let reason = Reason::new("left it").unwrap_or_else(|error| panic!("{error}"));
    Bypass { reason, since: Timestamp(1), until: Timestamp(2) }
}

pub(crate) fn recovery_codes() -> RecoveryCodes {
    let sealed = Sealed::new(vec![1, 0, 0, 0, 1, 8]);
    RecoveryCodes { sealed, used: 3, created_at: Timestamp(3) }
}

pub(crate) fn user() -> User {
    User {
        id: USER,
        name: user_name("alice"),
        display_name: display_name("Alice"),
        failures: 3,
        failed_at: Timestamp(8),
        failed_by: vec![(ApplicationId(30), 2)],
        tokens: vec![TOKEN],
        created_at: Timestamp(7),
        changed_at: LogIndex(3),
        disabled: false,
        block: None,
        pin: None,
        bypass: None,
        recovery_codes: None,
        profile: None,
        revision: LogIndex(0),
    }
}

pub(crate) fn scope(part: &str) -> Scope {
    Scope::new(ScopePart::parse(part)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn sources(range: &str) -> Sources {
    Sources::new(SourceRange::parse(range)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn known() -> Profile {
    let groups = vec!["staff".to_owned()];
    let profile =
        Profile::new("a@example.com".to_owned(), Vec::new(), groups, Vec::new(), "de".to_owned());
    profile.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn user_name(text: &str) -> UserName {
    UserName::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn display_name(text: &str) -> DisplayName {
    DisplayName::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn parameters(algorithm: Algorithm, digits: u8, period_seconds: u32) -> Parameters {
    Parameters::totp(algorithm, digits, period_seconds).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn token() -> Token {
    Token {
        id: TOKEN,
        user: USER,
        parameters: Parameters::default(),
        seed: Sealed::new(vec![5; 3]),
        serial: None,
        pending: false,
        mark: 8,
        drift: 0,
        epoch: 0,
        awaits_second: false,
        created_at: Timestamp(9),
        changed_at: LogIndex(4),
    }
}
