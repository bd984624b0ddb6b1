//! An event in one line.

use symbolon_proto::v1::{self, audit_event::Details};

use super::changes;
use crate::{
    error::Failure,
    output::{self, Format},
    table::or_dash,
    view,
};

/// Prints events as they come.
pub(super) struct Printer {
    format: Format,
    has_headings: bool,
    /// What was said of the audit of a node.
    said: Option<String>,
}

impl Printer {
    pub(super) fn new(format: Format) -> Self {
        Self { format, has_headings: false, said: None }
    }

    pub(super) fn print(&mut self, events: &[v1::AuditEvent]) -> Result<(), Failure> {
        if self.format == Format::Table && !self.has_headings {
            self.has_headings = true;
            output::line(&row(["TIME", "BY", "EVENT", "ABOUT", "DECISION", "FROM", "NODE"]))?;
        }
        for event in events {
            match self.format {
                Format::Json => output::json(&view::AuditEvent::from(event.clone()))?,
                Format::Table => output::line(&line(event))?,
            }
        }
        Ok(())
    }

    /// Says, once for each node, what of the audit is not there: nobody is to take a part for all of it.
    pub(super) fn extent(&mut self, extent: &v1::AuditExtent, at_end: bool) {
        let node = output::printable(&extent.node);
        let mut text = String::new();
        if extent.from_index > 0 {
            text = format!(
                "The audit of {node} reaches back to log index {}; what came before is pruned.",
                extent.from_index
            );
        }
        if let Some(v1::AuditGap { from_index, to_index }) = extent.missing {
            text = format!(
                "{text} Log indexes {from_index} to {} are missing at {node}, which gets them from \
                 the other nodes: ask again later, or ask another node.",
                to_index.saturating_sub(1)
            );
        }
        let text = text.trim();
        // At the end only what has changed meanwhile is news.
        let is_news = !text.is_empty() && self.said.as_deref() != Some(text);
        if is_news && !(at_end && self.said.is_some() && extent.missing.is_none()) {
            output::note(text);
            self.said = Some(text.to_owned());
        }
    }
}

fn row(cells: [&str; 7]) -> String {
    let [time, by, event, about, decision, from, node] = cells.map(output::printable);
    format!("{time:<24}  {by:<14}  {event:<25}  {about:<24}  {decision:<20}  {from:<15}  {node}")
}

fn line(event: &v1::AuditEvent) -> String {
    let time = or_dash(view::time(event.time.as_ref()).as_deref());
    let by = event.caller.as_ref().map_or("", |caller| match &*caller.name {
        "" => &*caller.id,
        name => name,
    });
    let (mut decision, mut from) = (String::new(), "");
    if let Some(Details::Verified(verified)) = &event.details {
        decision = match verified.decision() {
            v1::Decision::Deny => format!("DENY {}", verified.reason_detail().as_str_name()),
            decided if verified.bypassed => format!("{} BYPASS", decided.as_str_name()),
            decided if verified.exempt => format!("{} EXEMPT", decided.as_str_name()),
            decided if verified.recovery > 0 => {
                format!("{} RECOVERY {}", decided.as_str_name(), verified.recovery)
            }
            v1::Decision::Challenge => {
                format!("CHALLENGE {}", view::prompt(verified.prompt()).unwrap_or_default())
            }
            decided => decided.as_str_name().to_owned(),
        };
        from = &verified.client_ip;
    }
    if let Some(Details::SessionTold(told)) = &event.details {
        from = &told.station;
    }
    row([
        &time,
        &or_dash(Some(by)),
        event.r#type().as_str_name(),
        &or_dash(Some(&about(event))),
        &or_dash(Some(&decision)),
        &or_dash(Some(from)),
        &or_dash(Some(&event.node)),
    ])
}

fn application(row: Option<&v1::AuditedApplication>) -> String {
    row.map(|row| if row.name.is_empty() { &row.id } else { &row.name })
        .cloned()
        .unwrap_or_default()
}

fn administrator(row: Option<&v1::AuditedAdministrator>) -> String {
    row.map(|row| if row.name.is_empty() { &row.id } else { &row.name })
        .cloned()
        .unwrap_or_default()
}

fn user(user: Option<&v1::AuditedUser>) -> String {
    let name = user.map(|user| if user.username.is_empty() { &user.id } else { &user.username });
    name.cloned().unwrap_or_default()
}

fn of_user(whose: Option<&v1::AuditedUser>, token: Option<&v1::AuditedToken>) -> String {
    let token = token.map(|token| if token.serial.is_empty() { &token.id } else { &token.serial });
    format!("{} {}", user(whose), token.map_or("", |token| token))
}

/// Whom or what it is about.
pub(crate) fn about(event: &v1::AuditEvent) -> String {
    match &event.details {
        None => String::new(),
        Some(Details::RecoveryCodesReleased(_) | Details::ClockConfirmed(_)) => String::new(),
        Some(Details::Verified(it)) => {
            format!(
                "{} {}",
                user(it.user.as_ref()),
                it.application.as_ref().map_or("", |it| &it.name)
            )
        }
        Some(Details::ClusterCreated(it)) => it.name.clone(),
        Some(Details::UserCreated(it)) => user(it.user.as_ref()),
        Some(Details::UserUpdated(it)) => {
            format!("{}{}", user(it.user.as_ref()), changes::of_user(it))
        }
        Some(Details::UserBlocked(it)) => format!("{} {:?}", user(it.user.as_ref()), it.reason),
        Some(Details::UserUnblocked(it)) => format!("{} {:?}", user(it.user.as_ref()), it.reason),
        Some(Details::UserDeleted(it)) => user(it.user.as_ref()),
        Some(Details::PersonalDataExported(it)) => user(it.user.as_ref()),
        Some(Details::PinSet(it)) => user(it.user.as_ref()),
        Some(Details::PinChanged(it)) => user(it.user.as_ref()),
        Some(Details::PinCleared(it)) => user(it.user.as_ref()),
        Some(Details::BypassGranted(it)) => format!("{} {:?}", user(it.user.as_ref()), it.reason),
        Some(Details::BypassCancelled(it)) => format!("{} {:?}", user(it.user.as_ref()), it.reason),
        Some(Details::RecoveryCodesCreated(it)) => user(it.user.as_ref()),
        Some(Details::TokenEnrolled(it)) => of_user(it.user.as_ref(), it.token.as_ref()),
        Some(Details::TokenConfirmed(it)) => of_user(it.user.as_ref(), it.token.as_ref()),
        Some(Details::TokenResynchronised(it)) => of_user(it.user.as_ref(), it.token.as_ref()),
        Some(Details::TokenRemoved(it)) => of_user(it.user.as_ref(), it.token.as_ref()),
        Some(Details::ApplicationCreated(it)) => {
            format!("{}{}", application(it.application.as_ref()), changes::of_new_application(it))
        }
        Some(Details::ApplicationUpdated(it)) => application_updated(it),
        Some(Details::ApplicationKeyRotated(it)) => application(it.application.as_ref()),
        Some(Details::ApplicationKeyRetired(it)) => application(it.application.as_ref()),
        Some(Details::NamesNotAudited(it)) => names_not_audited(it),
        Some(Details::ApplicationDeleted(it)) => application(it.application.as_ref()),
        Some(Details::RadiusClientSet(it)) => radius_client_set(it),
        Some(Details::RadiusClientRemoved(it)) => application(it.application.as_ref()),
        Some(Details::RadiusClientSigns(it)) => radius_client_signs(it),
        Some(Details::SessionTold(it)) => session_told(it),
        Some(Details::AdministratorCreated(it)) => {
            format!("{} {}", administrator(it.administrator.as_ref()), it.role)
        }
        Some(Details::AdministratorUpdated(it)) => {
            format!("{}{}", administrator(it.administrator.as_ref()), changes::of_administrator(it))
        }
        Some(Details::AdministratorTokenRotated(it)) => administrator(it.administrator.as_ref()),
        Some(Details::AdministratorDeleted(it)) => administrator(it.administrator.as_ref()),
        Some(Details::JoinTokenCreated(it)) => it.id.clone(),
        Some(Details::JoinTokenExpired(it)) => it.id.clone(),
        Some(Details::NodeAdmitted(it)) => it.name.clone(),
        Some(Details::NodeAddressesChanged(it)) => format!("{} {}", it.name, it.api_address),
        Some(Details::EpochStarted(it)) => format!("epoch {} {}", it.epoch, it.name),
        Some(Details::NodeReadmitted(it)) => it.name.clone(),
        Some(Details::NodeRemoved(it)) => it.name.clone(),
        Some(Details::EpochDiscarded(it)) => format!("epoch {} {}", it.epoch, it.lineage),
        Some(Details::Merged(it)) => {
            format!("{} {}", user(it.user.as_ref()), it.kind().as_str_name())
        }
        Some(Details::AcceptedTwice(it)) => of_user(it.user.as_ref(), it.token.as_ref()),
        Some(Details::DoublesAcknowledged(it)) => it.doubles.to_string(),
        Some(Details::MergeRefused(it)) => format!("{} {}", it.journal, it.first),
        Some(Details::DataKeyRotationStarted(it)) => format!("key {}", it.key),
        Some(Details::DataKeyActivated(it)) => format!("key {}", it.key),
        Some(Details::DataKeyRetired(it)) => format!("key {}", it.key),
        Some(Details::SettingsChanged(it)) => settings(&it.settings),
    }
}

fn settings(changed: &[v1::AuditedSetting]) -> String {
    let row = |it: &v1::AuditedSetting| format!("{}={}->{}", it.name, it.before, it.after);
    changed.iter().map(row).collect::<Vec<_>>().join(" ")
}

fn names_not_audited(it: &v1::NamesNotAuditedDetails) -> String {
    format!("{} {} times", application(it.application.as_ref()), it.verifications)
}

fn application_updated(it: &v1::ApplicationUpdatedDetails) -> String {
    format!("{}{}", application(it.application.as_ref()), changes::of_application(it))
}

fn radius_client_set(it: &v1::RadiusClientSetDetails) -> String {
    let secrets = if it.new_secrets { ", with new secrets" } else { "" };
    format!("{}{secrets}", application(it.application.as_ref()))
}

fn radius_client_signs(it: &v1::RadiusClientSignsDetails) -> String {
    format!("{} {}", application(it.application.as_ref()), it.device)
}

/// Whose, where, and what: of a session that is over, for how long it was and how much went in and out.
fn session_told(it: &v1::SessionToldDetails) -> String {
    let application = application(it.application.as_ref());
    let mut words = vec![&*it.user_name, &*application, &*it.status, &*it.session];
    words.retain(|word| !word.is_empty());
    let mut text = words.join(" ");
    if it.status == "stop" {
        let v1::SessionToldDetails { seconds, octets_in, octets_out, .. } = it;
        text.push_str(&format!(" {seconds}s in={octets_in} out={octets_out}"));
        if it.cause > 0 {
            text.push_str(&format!(" cause={}", it.cause));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let verified = v1::VerifiedDetails {
            user: Some(v1::AuditedUser { username: "al\x1b[2Jice\n".into(), ..Default::default() }),
            application: Some(v1::AuditedApplication { name: "vpn".into(), ..Default::default() }),
            decision: v1::Decision::Deny.into(),
            reason_detail: v1::ReasonDetail::CodeMismatch.into(),
            client_ip: "192.0.2.1".into(),
            ..Default::default()
        };
        let event = v1::AuditEvent {
            time: Some(prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 }),
            node: "node-1".into(),
            r#type: v1::EventType::Verified.into(),
            details: Some(Details::Verified(verified)),
            ..Default::default()
        };
        let words: Vec<_> = line(&event).split_whitespace().map(str::to_owned).collect();
        let expected = [
            "2026-01-01T00:00:00Z",
            "-",
            "VERIFIED",
            "al",
            "[2Jice",
            "vpn",
            "DENY",
            "CODE_MISMATCH",
            "192.0.2.1",
            "node-1",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_session_that_is_over_tells_whose_it_was_and_for_how_long() {
        let begun = v1::SessionToldDetails {
            user_name: "alice".into(),
            application: Some(v1::AuditedApplication { name: "vpn".into(), ..Default::default() }),
            status: "start".into(),
            session: "s-1".into(),
            station: "192.0.2.1".into(),
            ..Default::default()
        };
        assert_eq!(session_told(&begun), "alice vpn start s-1");
        let (seconds, octets_in, octets_out, cause) = (3_600, 8_589_934_599, 9, 1);
        let status = "stop".to_owned();
        let over =
            v1::SessionToldDetails { status, seconds, octets_in, octets_out, cause, ..begun };
        let told = "alice vpn stop s-1 3600s in=8589934599 out=9 cause=1";
        assert_eq!(session_told(&over), told);
        let details = Some(Details::SessionTold(over));
        let event = v1::AuditEvent { details, node: "node-1".into(), ..Default::default() };
        assert!(
            line(&event).contains(&format!("{told}  ")) && line(&event).contains(" 192.0.2.1 ")
        );
    }
}
