//! Devices that ask by RADIUS. Their secrets are told apart by their text.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::language::time_text;
use symbolon_core::{
    AuditRow, CertificateName, CertificateNames, NoteRadiusSigner, RadiusDevices, RadiusPolicy,
    RadiusTarget, RemoveRadiusClient, SessionReport, SessionStatus, SetRadiusClient, Signed,
    SourceRange, Sources,
};

/// `radius APPLICATION from RANGES`, with `secrets TEXT`, which are new ones, and `overlap TIME`, `signed yes`,
/// `targets HOST,HOST`, `certificates NAME,NAME`; `radius APPLICATION gone`; `radius APPLICATION signs ADDRESS`;
/// `radius APPLICATION tells STATUS`, with `user NAME`, `session TEXT` and `station TEXT`, `octets IN,OUT`.
pub(super) fn command(application: &str, words: &mut Words) -> Result<(Command, Caller), String> {
    let revision = settings::revision(words)?;
    let id = ApplicationId(number("application", application));
    Ok(match words.next("from, gone, signs or tells")?.as_str() {
        "from" => {
            let secrets = words.option("secrets")?;
            let new_secrets = secrets.is_some();
            let content = format!("sealed {}", secrets.as_deref().unwrap_or("secrets"));
            let overlap = words.option("overlap")?.map(|text| time(&text)).transpose()?;
            let command = SetRadiusClient {
                application: id,
                policy: policy(words)?,
                secrets: sealed(&content, words)?,
                new_secrets,
                overlap_milliseconds: overlap.unwrap_or_default().0,
                revision,
            };
            (Command::SetRadiusClient(command), root())
        }
        "gone" => {
            let command = RemoveRadiusClient { application: id, revision };
            (Command::RemoveRadiusClient(command), root())
        }
        "signs" => {
            let device = address(&words.next("an address")?)?;
            let command = NoteRadiusSigner { application: id, device };
            (Command::NoteRadiusSigner(command), node_one())
        }
        "tells" => (Command::TellSession(Arc::new(report(id, words)?)), Caller::Application(id)),
        other => return Err(format!("radius {other}?")),
    })
}

fn report(application: ApplicationId, words: &mut Words) -> Result<SessionReport, String> {
    let status = words.next("a status")?;
    let user_name = words.option("user")?.unwrap_or_default();
    let octets = words.option("octets")?.unwrap_or_else(|| "0,0".to_owned());
    let octets = octets
        .split_once(',')
        .and_then(|(one, other)| Some((one.parse::<u64>().ok()?, other.parse::<u64>().ok()?)));
    let (octets_in, octets_out) = octets.ok_or("octets IN,OUT")?;
    Ok(SessionReport {
        application,
        device: address("192.0.2.9")?,
        status: SessionStatus::from_name(&status).ok_or("start, stop, ...?")?,
        name: UserName::new(user_name.as_str()).ok(),
        user_name,
        session: words.option("session")?.unwrap_or_default(),
        station: words.option("station")?.unwrap_or_default(),
        seconds: 60,
        octets_in,
        octets_out,
        cause: 1,
    })
}

fn policy(words: &mut Words) -> Result<RadiusPolicy, String> {
    let ranges = words.next("ranges")?;
    let ranges = ranges.split(',').filter(|range| *range != "nowhere").map(SourceRange::parse);
    let ranges = ranges.collect::<Result<Vec<_>, _>>().and_then(Sources::new);
    let signed = match words.option("signed")?.as_deref() {
        None | Some("auto") => Signed::Auto,
        Some("yes") => Signed::Always,
        Some("no") => Signed::Never,
        Some(odd) => return Err(format!("signed {odd}?")),
    };
    let targets = words.option("targets")?.unwrap_or_default();
    let targets = targets.split(',').filter(|host| !host.is_empty());
    let target =
        |host: &str| RadiusTarget { address: host.to_owned(), timeout_milliseconds: 1_000 };
    let names = words.option("certificates")?.unwrap_or_default();
    let names = CertificateNames::parse(names.split(',').filter(|name| !name.is_empty()));
    Ok(RadiusPolicy {
        ranges: ranges.map_err(|error| error.to_string())?,
        certificates: names.map_err(|error| error.to_string())?,
        signed,
        targets: targets.map(target).collect(),
        ..RadiusPolicy::default()
    })
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{text} is no address"))
}

/// `first-factor denied`, `first-factor unreachable`: what a target has said of the password.
pub(super) fn first_factor(words: &mut Words) -> Result<FirstFactor, String> {
    match words.option("first-factor")?.as_deref() {
        None | Some("good") => Ok(FirstFactor::Good),
        Some("denied") => Ok(FirstFactor::Denied),
        Some("unreachable") => Ok(FirstFactor::Unreachable),
        Some(odd) => Err(format!("first-factor {odd}?")),
    }
}

/// How devices ask as an application.
pub(crate) fn client(state: &State, application: &str) -> String {
    let id = ApplicationId(number("application", application));
    let Some(client) = state.radius_client(id) else {
        return "none".to_owned();
    };
    let secrets = &client.secrets.as_bytes()[5..];
    let secrets = String::from_utf8_lossy(secrets).into_owned();
    let mut text = format!("{}, {secrets}", shown(&client.policy));
    if let Some(until) = client.old_secret_until {
        text.push_str(&format!(", old until {}", time_text(until)));
    }
    for device in &client.signers {
        text.push_str(&format!(", {device} signs"));
    }
    format!("{text}, revision {}", client.changed_at)
}

fn shown(policy: &RadiusPolicy) -> String {
    let mut text = format!("from {}", policy.ranges.texts().collect::<Vec<_>>().join(" "));
    if !policy.certificates.is_empty() {
        let names: Vec<_> = policy.certificates.texts().collect();
        text.push_str(&format!(", certificates {}", names.join(" ")));
    }
    if policy.signed != Signed::Auto {
        text.push_str(&format!(", signed {}", policy.signed.name()));
    }
    for target in &policy.targets {
        text.push_str(&format!(", asks {}", target.address));
    }
    text
}

/// The names of a certificate, in its order.
fn certificate(names: &str) -> Result<Vec<CertificateName>, String> {
    let names = names.split(',').map(CertificateName::parse);
    names.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// As which application a device asks: one that comes from an address, or with `certificate:NAME,NAME`.
pub(crate) fn device(state: &State, device: &str) -> Result<String, String> {
    let devices = RadiusDevices::of(state);
    let id = match device.split_once(':') {
        Some(("certificate", names)) => devices.named(&certificate(names)?),
        _ => devices.at(address(device)?),
    };
    let application = id.and_then(|id| state.application(id));
    Ok(application.map_or_else(|| "nobody's".to_owned(), |row| row.name.to_string()))
}

/// Whether that device must sign.
pub(crate) fn must_sign(state: &State, device: &str) -> Result<String, String> {
    let device = address(device)?;
    let id = RadiusDevices::of(state).at(device);
    let client = id.and_then(|id| state.radius_client(id)).ok_or("nobody's")?;
    Ok(if client.must_sign(device) { "yes" } else { "no" }.to_owned())
}

pub(crate) fn audit(row: &AuditRow) -> String {
    match row {
        AuditRow::RadiusClientSet { before, after, new_secrets, .. } => {
            let before = before.as_ref().map_or_else(|| "none".to_owned(), |it| shown(it));
            let secrets = if *new_secrets { ", new secrets" } else { "" };
            format!("RADIUS {before}; now {}{secrets}", shown(after))
        }
        AuditRow::RadiusClientRemoved { .. } => "RADIUS gone".to_owned(),
        AuditRow::RadiusClientSigns { device, .. } => format!("RADIUS {device} signs"),
        AuditRow::SessionTold { user, report } => {
            let whose = user.map_or("nobody's", |_| "a user's");
            let SessionReport { user_name, session, station, octets_in, octets_out, .. } =
                &**report;
            let status = report.status.name();
            format!("{status} {user_name}, {whose}: {session} {station} {octets_in} {octets_out}")
        }
        other => unreachable!("{other:?}"),
    }
}
