//! A RADIUS client, and each of its fields with another value.

use std::net::IpAddr;

use symbolon_core::{
    ApplicationId, CertificateNames, CodePlace, LogIndex, RadiusClient, RadiusPolicy, RadiusTarget,
    ReplyAttribute, Row, Sealed, Signed, Timestamp, Unreachable,
};

use super::rows::sources;

fn target(address: &str, timeout_milliseconds: u32) -> RadiusTarget {
    RadiusTarget { address: address.to_owned(), timeout_milliseconds }
}

fn attribute(group: &str, name: &str, value: &str) -> ReplyAttribute {
    let [group, name, value] = [group, name, value].map(str::to_owned);
    ReplyAttribute { group, name, value }
}

fn devices(addresses: &[&str]) -> Vec<IpAddr> {
    let device = |text: &&str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    addresses.iter().map(device).collect()
}

fn policy() -> RadiusPolicy {
    RadiusPolicy {
        ranges: sources("192.0.2.0/24"),
        certificates: CertificateNames::default(),
        signed: Signed::Auto,
        targets: vec![target("r1:1812", 1_000)],
        code: CodePlace::Challenge,
        unreachable: Unreachable::Silence,
        retry_identity: false,
        attributes: vec![attribute("staff", "Class", "x")],
    }
}

pub(crate) fn client() -> RadiusClient {
    RadiusClient {
        id: ApplicationId(30),
        policy: policy(),
        secrets: Sealed::new(vec![1, 0, 0, 0, 1, 9]),
        old_secret_until: Some(Timestamp(500)),
        signers: devices(&["192.0.2.7", "192.0.2.9"]),
        changed_at: LogIndex(7),
    }
}

pub(crate) fn alterations(row: &RadiusClient) -> Vec<Row> {
    let mut rows = altered!(RadiusClient, row, {
        id: ApplicationId(31),
        policy: RadiusPolicy::default(),
        secrets: Sealed::new(vec![1, 0, 0, 0, 1, 8]),
        old_secret_until: None,
        signers: devices(&["192.0.2.7"]),
        changed_at: LogIndex(0),
    });
    let clients = [
        RadiusClient { old_secret_until: Some(Timestamp(501)), ..row.clone() },
        RadiusClient { signers: devices(&["192.0.2.7", "192.0.2.8"]), ..row.clone() },
        RadiusClient { signers: devices(&["192.0.2.9", "192.0.2.7"]), ..row.clone() },
        RadiusClient { signers: devices(&["192.0.2.7", "::192.0.2.9"]), ..row.clone() },
    ];
    rows.extend(clients.map(Row::RadiusClient));
    rows.extend(policies().map(|policy| Row::RadiusClient(RadiusClient { policy, ..row.clone() })));
    rows
}

fn named(names: &[&str]) -> RadiusPolicy {
    let certificates = CertificateNames::parse(names.iter().copied());
    let certificates = certificates.unwrap_or_else(|error| panic!("{error}"));
    RadiusPolicy { certificates, ..policy() }
}

/// Each with one field another.
fn policies() -> impl Iterator<Item = RadiusPolicy> {
    let places = [
        CodePlace::Behind(String::new()),
        CodePlace::Behind("+".to_owned()),
        CodePlace::Before("+".to_owned()),
        CodePlace::Before(",".to_owned()),
    ];
    let targets = [
        vec![],
        vec![target("r2:1812", 1_000)],
        vec![target("r1:1812", 1_001)],
        vec![target("r1:1812", 1_000), target("r2:1812", 1_000)],
        vec![target("r2:1812", 1_000), target("r1:1812", 1_000)],
    ];
    let attributes = [
        vec![],
        vec![attribute("", "Class", "x")],
        vec![attribute("staff", "Classe", "x")],
        vec![attribute("staff", "Class", "y")],
        // The same letters, cut elsewhere.
        vec![attribute("staf", "fClass", "x")],
        vec![attribute("staff", "Class", "x"), attribute("", "Class", "x")],
    ];
    let places = places.map(|code| RadiusPolicy { code, ..policy() });
    let targets = targets.map(|targets| RadiusPolicy { targets, ..policy() });
    let attributes = attributes.map(|attributes| RadiusPolicy { attributes, ..policy() });
    let others = [
        named(&["a.example"]),
        named(&["b.example"]),
        named(&["a.example", "b.example"]),
        // The same letters, cut elsewhere.
        named(&["a.exampleb", "example"]),
        named(&["192.0.2.1"]),
        RadiusPolicy { ranges: sources("192.0.2.0/25"), ..policy() },
        RadiusPolicy { signed: Signed::Always, ..policy() },
        RadiusPolicy { signed: Signed::Never, ..policy() },
        RadiusPolicy { unreachable: Unreachable::Reject, ..policy() },
        RadiusPolicy { retry_identity: true, ..policy() },
    ];
    places.into_iter().chain(targets).chain(attributes).chain(others)
}
