//! Any RADIUS client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::callers::sources;
use super::*;
use symbolon_core::{
    CertificateName, CertificateNames, CodePlace, FirstFactor, NoteRadiusSigner, RadiusClient,
    RadiusPolicy, RadiusTarget, RemoveRadiusClient, ReplyAttribute, SessionReport, SessionStatus,
    SetRadiusClient, Signed, Unreachable,
};

pub(super) fn first_factor() -> impl Strategy<Value = FirstFactor> {
    (0..3_u32).prop_map(|number| FirstFactor::from_number(number).unwrap())
}

fn device() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

fn certificates() -> impl Strategy<Value = CertificateNames> {
    let dns = "[a-z0-9][a-z0-9-]{0,8}\\.example";
    let dns = dns.prop_filter_map("a name", |name| CertificateName::of_dns(&name));
    let name = prop_oneof![dns, device().prop_map(CertificateName::of_address)];
    vec(name, 0..3).prop_map(|names| CertificateNames::new(names).unwrap_or_default())
}

fn policy() -> impl Strategy<Value = RadiusPolicy> {
    let text = || "\\PC{0,12}";
    let target = (text(), any::<u32>());
    let target = target
        .prop_map(|(address, timeout_milliseconds)| RadiusTarget { address, timeout_milliseconds });
    let attribute = (text(), text(), text()).prop_map(|(group, name, value)| ReplyAttribute {
        group,
        name,
        value,
    });
    let code = prop_oneof![
        Just(CodePlace::Challenge),
        text().prop_map(CodePlace::Behind),
        text().prop_map(CodePlace::Before),
    ];
    let told = (0..3_u32, 0..2_u32, any::<bool>());
    let devices = (sources(), certificates());
    (devices, told, vec(target, 0..3), code, vec(attribute, 0..3)).prop_map(
        |(
            (ranges, certificates),
            (signed, unreachable, retry_identity),
            targets,
            code,
            attributes,
        )| RadiusPolicy {
            ranges,
            certificates,
            signed: Signed::from_number(signed).unwrap(),
            targets,
            code,
            unreachable: Unreachable::from_number(unreachable).unwrap(),
            retry_identity,
            attributes,
        },
    )
}

fn report() -> impl Strategy<Value = Arc<SessionReport>> {
    let status = (0..4_usize).prop_map(|place| [1, 2, 7, 8][place]);
    let told = (status, any::<u32>(), any::<u64>(), any::<u64>(), any::<u32>());
    let text = || "\\PC{0,12}";
    let texts = (text(), option::of(user_name()), text(), text());
    (id(ApplicationId), device(), texts, told).prop_map(
        |(
            application,
            device,
            (user_name, name, session, station),
            (status, seconds, octets_in, octets_out, cause),
        )| {
            Arc::new(SessionReport {
                application,
                device,
                status: SessionStatus::from_number(status).unwrap(),
                user_name,
                name,
                session,
                station,
                seconds,
                octets_in,
                octets_out,
                cause,
            })
        },
    )
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let application = || id(ApplicationId);
    let revision = || option::of(index());
    let set = (application(), policy(), sealed(), any::<bool>(), number(), revision());
    prop_oneof![
        set.prop_map(
            |(application, policy, secrets, new_secrets, overlap_milliseconds, revision)| {
                Command::SetRadiusClient(SetRadiusClient {
                    application,
                    policy,
                    secrets,
                    new_secrets,
                    overlap_milliseconds,
                    revision,
                })
            }
        ),
        (application(), revision()).prop_map(|(application, revision)| {
            Command::RemoveRadiusClient(RemoveRadiusClient { application, revision })
        }),
        (application(), device()).prop_map(|(application, device)| {
            Command::NoteRadiusSigner(NoteRadiusSigner { application, device })
        }),
        report().prop_map(Command::TellSession),
    ]
}

pub(super) fn row() -> impl Strategy<Value = Row> {
    let until = option::of((1..=u64::MAX).prop_map(Timestamp));
    (id(ApplicationId), policy(), sealed(), until, vec(device(), 0..3), index()).prop_map(
        |(id, policy, secrets, old_secret_until, signers, changed_at)| {
            Row::RadiusClient(RadiusClient {
                id,
                policy,
                secrets,
                old_secret_until,
                signers,
                changed_at,
            })
        },
    )
}

pub(super) fn audit_row() -> impl Strategy<Value = AuditRow> {
    let before = option::of(policy().prop_map(Arc::new));
    prop_oneof![
        (id(ApplicationId), before, policy(), any::<bool>()).prop_map(
            |(application, before, after, new_secrets)| AuditRow::RadiusClientSet {
                application,
                before,
                after: Arc::new(after),
                new_secrets,
            }
        ),
        id(ApplicationId).prop_map(|application| AuditRow::RadiusClientRemoved { application }),
        (id(ApplicationId), device()).prop_map(|(application, device)| {
            AuditRow::RadiusClientSigns { application, device }
        }),
        (option::of((1..=u64::MAX).prop_map(UserId)), report())
            .prop_map(|(user, report)| AuditRow::SessionTold { user, report }),
    ]
}
