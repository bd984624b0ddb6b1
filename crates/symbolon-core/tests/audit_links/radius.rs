//! Events about devices that ask by RADIUS, and what is denied for the first factor.

use std::sync::Arc;

use symbolon_core::{
    ApplicationId, AuditRow, CertificateNames, CodePlace, Decision, Denial, Proof, RadiusPolicy,
    RadiusTarget, ReplyAttribute, SessionReport, SessionStatus, Signed, SourceRange, Sources,
    Unreachable, UserId, UserName,
};

use super::events::{fields, verified};

type Set = (ApplicationId, Option<RadiusPolicy>, RadiusPolicy, bool);

fn sources(ranges: &[&str]) -> Sources {
    Sources::new(ranges.iter().map(|range| SourceRange::parse(range).unwrap())).unwrap()
}

fn policy() -> RadiusPolicy {
    let [group, name, value] = ["staff", "Class", "x"].map(str::to_owned);
    RadiusPolicy {
        ranges: sources(&["192.0.2.0/24"]),
        targets: vec![RadiusTarget { address: "r1:1812".to_owned(), timeout_milliseconds: 1_000 }],
        attributes: vec![ReplyAttribute { group, name, value }],
        ..RadiusPolicy::default()
    }
}

pub(crate) fn of_radius() -> Vec<AuditRow> {
    let application = ApplicationId(1);
    let said: Set = (application, Some(policy()), policy(), false);
    let mut rows = fields(
        said,
        &[
            |it| it.0 = ApplicationId(9),
            |it| it.1 = None,
            |it| it.1 = Some(RadiusPolicy { ranges: sources(&["192.0.2.0/25"]), ..policy() }),
            |it| it.2.ranges = sources(&["192.0.2.0/25"]),
            |it| it.2.ranges = sources(&["192.0.2.0/24", "2001:db8::/32"]),
            |it| it.2.signed = Signed::Always,
            |it| it.2.signed = Signed::Never,
            |it| it.2.targets.clear(),
            |it| it.2.targets[0].address.push('2'),
            |it| it.2.targets[0].timeout_milliseconds += 1,
            |it| it.2.code = CodePlace::Behind(String::new()),
            |it| it.2.code = CodePlace::Behind("+".to_owned()),
            |it| it.2.code = CodePlace::Before("+".to_owned()),
            |it| it.2.unreachable = Unreachable::Reject,
            |it| it.2.retry_identity = true,
            |it| it.2.attributes.clear(),
            |it| it.2.attributes[0].group.clear(),
            |it| it.2.attributes[0].name.push('e'),
            |it| it.2.attributes[0].value.push('y'),
            |it| it.3 = true,
        ],
        |(application, before, after, new_secrets)| AuditRow::RadiusClientSet {
            application,
            before: before.map(Arc::new),
            after: Arc::new(after),
            new_secrets,
        },
    );
    for application in [1, 9].map(ApplicationId) {
        rows.push(AuditRow::RadiusClientRemoved { application });
        for device in ["192.0.2.7", "192.0.2.8", "::192.0.2.7", "2001:db8::7"] {
            let device = device.parse().unwrap();
            rows.push(AuditRow::RadiusClientSigns { application, device });
        }
    }
    for denial in [Denial::FirstFactorDenied, Denial::FirstFactorUnreachable] {
        rows.push(verified(Decision::Deny(denial), Proof::Code));
    }
    rows
}

/// Devices that are known by their certificates.
pub(crate) fn of_radsec() -> Vec<AuditRow> {
    let named = |names: &[&str]| {
        let certificates = CertificateNames::parse(names.iter().copied()).unwrap();
        RadiusPolicy { certificates, ..policy() }
    };
    let one = || named(&["a.example"]);
    let pairs = [
        (None, one()),
        (Some(policy()), one()),
        (Some(one()), policy()),
        (Some(one()), one()),
        (Some(policy()), named(&["a.example", "b.example"])),
        // The same letters, cut elsewhere.
        (Some(policy()), named(&["a.exampleb", "example"])),
        (Some(policy()), named(&["192.0.2.1"])),
        (Some(policy()), RadiusPolicy { ranges: Sources::default(), ..one() }),
        (Some(policy()), RadiusPolicy { signed: Signed::Always, ..one() }),
    ];
    let set = |(before, after): (Option<RadiusPolicy>, RadiusPolicy)| AuditRow::RadiusClientSet {
        application: ApplicationId(1),
        before: before.map(Arc::new),
        after: Arc::new(after),
        new_secrets: false,
    };
    pairs.map(set).into()
}

/// What devices tell.
pub(crate) fn of_sessions() -> Vec<AuditRow> {
    let report = SessionReport {
        application: ApplicationId(1),
        device: "192.0.2.7".parse().unwrap(),
        status: SessionStatus::Stop,
        user_name: "Alice".to_owned(),
        name: Some(UserName::new("alice").unwrap()),
        session: "s-1".to_owned(),
        station: "198.51.100.4".to_owned(),
        seconds: 2,
        octets_in: 3,
        octets_out: 4,
        cause: 5,
    };
    fields(
        (Some(UserId(1)), report),
        &[
            |it| it.0 = None,
            |it| it.0 = Some(UserId(2)),
            |it| it.1.application = ApplicationId(9),
            |it| it.1.device = "::192.0.2.7".parse().unwrap(),
            |it| it.1.status = SessionStatus::Start,
            |it| it.1.status = SessionStatus::AccountingOff,
            |it| it.1.user_name.push('a'),
            |it| it.1.name = None,
            |it| it.1.session.push('1'),
            |it| it.1.station.push('1'),
            |it| it.1.seconds += 1,
            |it| it.1.octets_in += 1 << 32,
            |it| it.1.octets_out += 1,
            |it| it.1.cause += 1,
        ],
        |(user, report)| AuditRow::SessionTold { user, report: Arc::new(report) },
    )
}
