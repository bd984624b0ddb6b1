//! What came with RADIUS: devices that ask as an application, and a first factor that they bring.

use std::sync::Arc;

use super::*;
use symbolon_core::{
    CertificateNames, CodePlace, NoteRadiusSigner, RadiusClient, RadiusPolicy, RadiusTarget,
    RemoveRadiusClient, ReplyAttribute, SessionReport, SessionStatus, SetRadiusClient, Signed,
    SourceRange, Sources, Unreachable,
};

const VPN: ApplicationId = ApplicationId(0x0102_0304_0506_0708);

fn sources(ranges: &[&str]) -> Sources {
    let ranges = ranges.iter().map(|range| SourceRange::parse(range));
    let ranges = ranges.collect::<Result<Vec<_>, _>>().and_then(Sources::new);
    ranges.unwrap_or_else(|error| panic!("{error}"))
}

fn device(text: &str) -> std::net::IpAddr {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Whatever one can say.
fn whole() -> RadiusPolicy {
    let target = |address: &str, timeout_milliseconds| RadiusTarget {
        address: address.to_owned(),
        timeout_milliseconds,
    };
    let attribute = |group: &str, name: &str, value: &str| {
        let [group, name, value] = [group, name, value].map(str::to_owned);
        ReplyAttribute { group, name, value }
    };
    RadiusPolicy {
        ranges: sources(&["192.0.2.0/24", "2001:db8::/64"]),
        certificates: CertificateNames::default(),
        signed: Signed::Always,
        targets: vec![target("radius.example:1812", 2_500), target("192.0.2.1:1645", 100)],
        code: CodePlace::Behind("+".to_owned()),
        unreachable: Unreachable::Reject,
        retry_identity: true,
        attributes: vec![attribute("", "Class", "0x01"), attribute("staff", "Filter-Id", "é")],
    }
}

/// No more than one must say.
fn least() -> RadiusPolicy {
    RadiusPolicy { ranges: sources(&["192.0.2.7/32"]), ..RadiusPolicy::default() }
}

/// Commands about it.
pub(crate) fn radius_commands() -> Vec<(&'static str, Command)> {
    let set = SetRadiusClient {
        application: VPN,
        policy: whole(),
        secrets: Sealed::new(vec![0x45; 40]),
        new_secrets: true,
        overlap_milliseconds: 604_800_000,
        revision: Some(LogIndex(0)),
    };
    let first = SetRadiusClient {
        policy: RadiusPolicy {
            code: CodePlace::Before(",".to_owned()),
            signed: Signed::Never,
            ..least()
        },
        new_secrets: false,
        overlap_milliseconds: 0,
        revision: None,
        ..set.clone()
    };
    let remove = |revision| RemoveRadiusClient { application: VPN, revision };
    let note = |text| {
        Command::NoteRadiusSigner(NoteRadiusSigner { application: VPN, device: device(text) })
    };
    let verify =
        |first_factor| Command::Verify(Outcome { first_factor, matches: Vec::new(), ..outcome() });
    vec![
        ("set-radius-client", Command::SetRadiusClient(set)),
        ("set-radius-client-least", Command::SetRadiusClient(first)),
        ("remove-radius-client", Command::RemoveRadiusClient(remove(Some(LogIndex(4711))))),
        ("remove-radius-client-as-it-is", Command::RemoveRadiusClient(remove(None))),
        ("note-radius-signer", note("192.0.2.9")),
        ("note-radius-signer-6", note("2001:db8::9")),
        ("verify-first-factor-denied", verify(FirstFactor::Denied)),
        ("verify-first-factor-unreachable", verify(FirstFactor::Unreachable)),
    ]
}

/// Rows about it.
pub(crate) fn radius_rows() -> Vec<(&'static str, Row)> {
    let client = RadiusClient {
        id: VPN,
        policy: whole(),
        secrets: Sealed::new(vec![0x45; 40]),
        old_secret_until: Some(AT),
        signers: vec![device("192.0.2.9"), device("2001:db8::9")],
        changed_at: LogIndex(304),
    };
    let least = RadiusClient {
        policy: least(),
        old_secret_until: None,
        signers: Vec::new(),
        ..client.clone()
    };
    vec![
        ("radius-client", Row::RadiusClient(client)),
        ("radius-client-least", Row::RadiusClient(least)),
    ]
}

/// Events about it.
pub(crate) fn radius_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let set = |before: Option<RadiusPolicy>, new_secrets| AuditRow::RadiusClientSet {
        application: VPN,
        before: before.map(Arc::new),
        after: Arc::new(whole()),
        new_secrets,
    };
    let denied = |denial| {
        let it = outcome();
        AuditRow::Verified(Verified {
            user_name: it.user_name,
            user: it.user,
            application: it.application,
            client_ip: it.client_ip,
            method: it.method,
            verdict: Verdict { decision: Decision::Deny(denial), failures: 3 },
            spent: Vec::new(),
            proof: Default::default(),
        })
    };
    audit_of(vec![
        set(None, true),
        set(Some(least()), false),
        AuditRow::RadiusClientSigns { application: VPN, device: device("192.0.2.9") },
        AuditRow::RadiusClientSigns { application: VPN, device: device("2001:db8::9") },
        AuditRow::RadiusClientRemoved { application: VPN },
        denied(Denial::FirstFactorDenied),
        denied(Denial::FirstFactorUnreachable),
    ])
}

/// What came with RADIUS over TLS: devices that are known by their certificates, with or without others.
fn certified(policy: RadiusPolicy) -> RadiusPolicy {
    let certificates = CertificateNames::parse(["vpn.example.org", "2001:db8::7"]);
    let certificates = certificates.unwrap_or_else(|error| panic!("{error}"));
    RadiusPolicy { certificates, ..policy }
}

/// Commands about it.
pub(crate) fn radsec_commands() -> Vec<(&'static str, Command)> {
    let set = SetRadiusClient {
        application: VPN,
        policy: certified(RadiusPolicy::default()),
        secrets: Sealed::new(vec![0x46; 40]),
        new_secrets: true,
        overlap_milliseconds: 0,
        revision: None,
    };
    vec![("set-radius-client-certificates", Command::SetRadiusClient(set))]
}

/// Rows about it.
pub(crate) fn radsec_rows() -> Vec<(&'static str, Row)> {
    let client = RadiusClient {
        id: VPN,
        policy: certified(whole()),
        secrets: Sealed::new(vec![0x46; 40]),
        old_secret_until: None,
        signers: Vec::new(),
        changed_at: LogIndex(305),
    };
    vec![("radius-client-certificates", Row::RadiusClient(client))]
}

/// Events about it.
pub(crate) fn radsec_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    audit_of(vec![AuditRow::RadiusClientSet {
        application: VPN,
        before: Some(Arc::new(certified(least()))),
        after: Arc::new(certified(RadiusPolicy::default())),
        new_secrets: false,
    }])
}

/// What devices tell of sessions: all that they can, and no more than they must.
fn reports() -> [Arc<SessionReport>; 2] {
    let report = SessionReport {
        application: VPN,
        device: device("192.0.2.9"),
        status: SessionStatus::Stop,
        user_name: "SALES\\Zoë".to_owned(),
        name: Some(outcome().user_name),
        session: "5F0C-0001".to_owned(),
        station: "198.51.100.4".to_owned(),
        seconds: 3_600,
        octets_in: 8_589_934_592,
        octets_out: 4_711,
        cause: 1,
    };
    let least = SessionReport {
        application: VPN,
        device: device("2001:db8::9"),
        status: SessionStatus::AccountingOn,
        user_name: String::new(),
        name: None,
        session: String::new(),
        station: String::new(),
        seconds: 0,
        octets_in: 0,
        octets_out: 0,
        cause: 0,
    };
    [report, least].map(Arc::new)
}

/// Commands about them.
pub(crate) fn session_commands() -> Vec<(&'static str, Command)> {
    let names = ["tell-session", "tell-session-least"];
    names.into_iter().zip(reports().map(Command::TellSession)).collect()
}

/// Events about them.
pub(crate) fn session_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let [report, least] = reports();
    audit_of(vec![
        AuditRow::SessionTold { user: outcome().user, report },
        AuditRow::SessionTold { user: None, report: least },
    ])
}
