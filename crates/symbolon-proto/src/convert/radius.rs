//! RADIUS clients: their rows, and the commands and events about them.

use std::net::IpAddr;
use std::sync::Arc;

use symbolon_core::{
    ApplicationId, AuditRow, CertificateNames, CodePlace, Command, LogIndex, NoteRadiusSigner,
    RadiusClient, RadiusPolicy, RadiusTarget, RemoveRadiusClient, ReplyAttribute, Sealed,
    SessionReport, SessionStatus, SetRadiusClient, Signed, Timestamp, Unreachable, UserId,
};

use super::caller::sources_from_proto;
use super::{DecodeError, need, user_name};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;
use crate::store::v1::proposal::Command as Message;

pub(crate) fn row_to_proto(row: &RadiusClient) -> store::RadiusClientRow {
    store::RadiusClientRow {
        application: row.id.0,
        policy: Some(policy_to_proto(&row.policy)),
        secrets: row.secrets.as_bytes().to_vec(),
        old_secret_until: row.old_secret_until.map_or(0, |until| until.0),
        signer: row.signers.iter().map(ToString::to_string).collect(),
        changed_at: row.changed_at.0,
    }
}

pub(crate) fn row_from_proto(m: store::RadiusClientRow) -> Result<RadiusClient, DecodeError> {
    let signers = m.signer.iter().map(|text| address(text));
    Ok(RadiusClient {
        id: ApplicationId(m.application),
        policy: policy_from_proto(need(m.policy, "policy")?)?,
        secrets: Sealed::new(m.secrets),
        old_secret_until: (m.old_secret_until != 0).then_some(Timestamp(m.old_secret_until)),
        signers: signers.collect::<Result<_, _>>()?,
        changed_at: LogIndex(m.changed_at),
    })
}

fn address(text: &str) -> Result<IpAddr, DecodeError> {
    text.parse().map_err(|_| DecodeError::Field("device"))
}

fn policy_to_proto(policy: &RadiusPolicy) -> store::RadiusPolicy {
    let (code_place, separator) = match &policy.code {
        CodePlace::Challenge => (0, String::new()),
        CodePlace::Behind(by) => (1, by.clone()),
        CodePlace::Before(by) => (2, by.clone()),
    };
    let target = |it: &RadiusTarget| store::RadiusTarget {
        address: it.address.clone(),
        timeout_milliseconds: it.timeout_milliseconds,
    };
    let attribute = |it: &ReplyAttribute| store::RadiusAttribute {
        group: it.group.clone(),
        name: it.name.clone(),
        value: it.value.clone(),
    };
    store::RadiusPolicy {
        range: policy.ranges.texts().collect(),
        signed: policy.signed.number(),
        target: policy.targets.iter().map(target).collect(),
        code_place,
        separator,
        unreachable: policy.unreachable.number(),
        retry_identity: policy.retry_identity,
        attribute: policy.attributes.iter().map(attribute).collect(),
        certificate: policy.certificates.texts().collect(),
    }
}

fn policy_from_proto(m: store::RadiusPolicy) -> Result<RadiusPolicy, DecodeError> {
    let code = match m.code_place {
        0 => CodePlace::Challenge,
        1 => CodePlace::Behind(m.separator),
        2 => CodePlace::Before(m.separator),
        _ => return Err(DecodeError::Field("code_place")),
    };
    let target = |m: store::RadiusTarget| RadiusTarget {
        address: m.address,
        timeout_milliseconds: m.timeout_milliseconds,
    };
    let attribute =
        |m: store::RadiusAttribute| ReplyAttribute { group: m.group, name: m.name, value: m.value };
    let certificates = CertificateNames::parse(m.certificate.iter().map(String::as_str));
    Ok(RadiusPolicy {
        ranges: sources_from_proto(m.range)?,
        certificates: certificates.map_err(|_| DecodeError::Field("certificate"))?,
        signed: need(Signed::from_number(m.signed), "signed")?,
        targets: m.target.into_iter().map(target).collect(),
        code,
        unreachable: need(Unreachable::from_number(m.unreachable), "unreachable")?,
        retry_identity: m.retry_identity,
        attributes: m.attribute.into_iter().map(attribute).collect(),
    })
}

/// A command about a RADIUS client; `None` for any other.
pub(crate) fn command_to_proto(command: &Command) -> Option<Message> {
    Some(match command {
        Command::SetRadiusClient(c) => Message::SetRadiusClient(store::SetRadiusClient {
            application: c.application.0,
            policy: Some(policy_to_proto(&c.policy)),
            secrets: c.secrets.as_bytes().to_vec(),
            new_secrets: c.new_secrets,
            overlap_milliseconds: c.overlap_milliseconds,
            revision: c.revision.map(|revision| revision.0),
        }),
        Command::RemoveRadiusClient(c) => {
            let (application, revision) = (c.application.0, c.revision.map(|it| it.0));
            Message::RemoveRadiusClient(store::RemoveRadiusClient { application, revision })
        }
        Command::NoteRadiusSigner(c) => {
            let (application, device) = (c.application.0, c.device.to_string());
            Message::NoteRadiusSigner(store::NoteRadiusSigner { application, device })
        }
        Command::TellSession(report) => {
            Message::TellSession(store::TellSession { report: Some(report_to_proto(report)) })
        }
        _ => return None,
    })
}

pub(crate) fn set_from_proto(m: store::SetRadiusClient) -> Result<Command, DecodeError> {
    Ok(Command::SetRadiusClient(SetRadiusClient {
        application: ApplicationId(m.application),
        policy: policy_from_proto(need(m.policy, "policy")?)?,
        secrets: Sealed::new(m.secrets),
        new_secrets: m.new_secrets,
        overlap_milliseconds: m.overlap_milliseconds,
        revision: m.revision.map(LogIndex),
    }))
}

pub(crate) fn remove_from_proto(m: &store::RemoveRadiusClient) -> Command {
    let (application, revision) = (ApplicationId(m.application), m.revision.map(LogIndex));
    Command::RemoveRadiusClient(RemoveRadiusClient { application, revision })
}

pub(crate) fn note_from_proto(m: &store::NoteRadiusSigner) -> Result<Command, DecodeError> {
    let (application, device) = (ApplicationId(m.application), address(&m.device)?);
    Ok(Command::NoteRadiusSigner(NoteRadiusSigner { application, device }))
}

pub(crate) fn tell_from_proto(m: store::TellSession) -> Result<Command, DecodeError> {
    Ok(Command::TellSession(Arc::new(report_from_proto(need(m.report, "report")?)?)))
}

fn report_to_proto(report: &SessionReport) -> store::SessionReport {
    store::SessionReport {
        application: report.application.0,
        device: report.device.to_string(),
        status: report.status.number(),
        user_name: report.user_name.clone(),
        name: report.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        session: report.session.clone(),
        station: report.station.clone(),
        seconds: report.seconds,
        octets_in: report.octets_in,
        octets_out: report.octets_out,
        cause: report.cause,
    }
}

fn report_from_proto(m: store::SessionReport) -> Result<SessionReport, DecodeError> {
    Ok(SessionReport {
        application: ApplicationId(m.application),
        device: address(&m.device)?,
        status: need(SessionStatus::from_number(m.status), "status")?,
        user_name: m.user_name,
        name: Some(m.name).filter(|name| !name.is_empty()).map(user_name).transpose()?,
        session: m.session,
        station: m.station,
        seconds: m.seconds,
        octets_in: m.octets_in,
        octets_out: m.octets_out,
        cause: m.cause,
    })
}

/// An event about a RADIUS client; `None` for any other.
pub(crate) fn event_to_proto(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::RadiusClientSet { application, before, after, new_secrets } => {
            Event::RadiusClientSet(store::RadiusClientSet {
                application: application.0,
                before: before.as_deref().map(policy_to_proto),
                after: Some(policy_to_proto(after)),
                new_secrets: *new_secrets,
            })
        }
        AuditRow::RadiusClientRemoved { application } => {
            Event::RadiusClientRemoved(store::RadiusClientRemoved { application: application.0 })
        }
        AuditRow::RadiusClientSigns { application, device } => {
            let (application, device) = (application.0, device.to_string());
            Event::RadiusClientSigns(store::RadiusClientSigns { application, device })
        }
        AuditRow::SessionTold { user, report } => Event::SessionTold(store::SessionTold {
            user: user.map_or(0, |user| user.0),
            report: Some(report_to_proto(report)),
        }),
        _ => return None,
    })
}

/// The inverse.
pub(crate) fn event_from_proto(event: Event) -> Result<AuditRow, DecodeError> {
    Ok(match event {
        Event::RadiusClientSet(m) => AuditRow::RadiusClientSet {
            application: ApplicationId(m.application),
            before: m.before.map(policy_from_proto).transpose()?.map(Arc::new),
            after: Arc::new(policy_from_proto(need(m.after, "after")?)?),
            new_secrets: m.new_secrets,
        },
        Event::RadiusClientRemoved(m) => {
            AuditRow::RadiusClientRemoved { application: ApplicationId(m.application) }
        }
        Event::RadiusClientSigns(m) => AuditRow::RadiusClientSigns {
            application: ApplicationId(m.application),
            device: address(&m.device)?,
        },
        Event::SessionTold(m) => AuditRow::SessionTold {
            user: (m.user != 0).then_some(UserId(m.user)),
            report: Arc::new(report_from_proto(need(m.report, "report")?)?),
        },
        _ => return Err(DecodeError::Field("event")),
    })
}
