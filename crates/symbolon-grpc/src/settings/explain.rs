//! What rules find, as people read it.

use symbolon_core::{Finding, Lasting, Timestamp};
use symbolon_proto::{reason_detail, v1};
use symbolon_service::Explained;

use super::setting;

pub(super) fn answer(explained: &Explained) -> v1::ExplainResponse {
    let deciding = explained.deciding();
    let outcome = match deciding {
        None => v1::ExplainedOutcome::Evaluated,
        Some(finding) if finding.lets_in() => v1::ExplainedOutcome::AllowedWhateverCode,
        Some(finding) if finding.refuses() => v1::ExplainedOutcome::ApplicationRefused,
        Some(_) => v1::ExplainedOutcome::DeniedWhateverCode,
    };
    let detail = deciding.and_then(Finding::denial).map(reason_detail).unwrap_or_default();
    let rule = |finding: &Finding| v1::ExplainedRule {
        rule: finding.rule().to_owned(),
        finding: found(explained, *finding),
        stands_in_the_way: finding.stands_in_the_way(),
        decides: deciding == Some(*finding),
        settings: finding
            .settings()
            .iter()
            .map(|known| setting(&explained.settings, known.info()))
            .collect(),
    };
    v1::ExplainResponse {
        username: explained.user.as_ref().map(ToString::to_string).unwrap_or_default(),
        outcome: outcome.into(),
        reason_detail: detail.into(),
        rules: explained.findings.iter().map(rule).collect(),
        log_index: explained.index.0,
    }
}

fn found(explained: &Explained, finding: Finding) -> String {
    let left = |until: Timestamp| {
        let seconds = until.0.saturating_sub(explained.at.0).div_ceil(1000);
        format!("for {} yet", Lasting(seconds))
    };
    match finding {
        Finding::Application { disabled: true, .. } => {
            "the application is switched off; its key is refused".to_owned()
        }
        Finding::Application { verifies: false, .. } => {
            "the application has no right to verify".to_owned()
        }
        Finding::Application { .. } => "the application may ask".to_owned(),
        Finding::Name { ambiguous: true, .. } => {
            "the name fits several users and is none's whole name".to_owned()
        }
        Finding::Name { user: None, exempt: true, .. } => {
            "the name is nobody's, and the application lets such names in".to_owned()
        }
        Finding::Name { user: None, .. } => "the name is nobody's".to_owned(),
        Finding::Name { .. } => match &explained.user {
            Some(name) => format!("it is {name}"),
            None => "it is a user's".to_owned(),
        },
        Finding::Enabled { disabled: true, .. } => "the account is switched off".to_owned(),
        Finding::Enabled { .. } => "the account is switched on".to_owned(),
        Finding::Block { until: Some(until) } => format!("the account is blocked {}", left(until)),
        Finding::Block { .. } => "there is no block".to_owned(),
        Finding::Lock { failures, limit } if failures >= limit => {
            format!("{failures} failures in a row: locked from {limit} on")
        }
        Finding::Lock { failures, limit } => {
            format!("{failures} failures in a row; locked from {limit} on")
        }
        Finding::Wait { failures, until: Some(until), .. } => {
            format!("{failures} failures in a row: no code is taken {}", left(until))
        }
        Finding::Wait { threshold, .. } => {
            format!("no wait; failures bring one from {threshold} on")
        }
        Finding::Share { failures, share } => {
            format!("{failures} of these failures by the application, which may bring {share}")
        }
        Finding::Exempt { exempt: true } => {
            "the application lets users in who are switched off, whatever the code".to_owned()
        }
        Finding::Exempt { .. } => "the application makes no exception".to_owned(),
        Finding::Bypass { until: Some(until) } => {
            format!("the next sign-in succeeds, whatever the code, {}", left(until))
        }
        Finding::Bypass { .. } => "there is no bypass".to_owned(),
        Finding::Token { usable, pending, recovery_codes, held } => {
            tokens(usable, pending, recovery_codes, held)
        }
        Finding::Pin { set: false, .. } => "there is no PIN".to_owned(),
        Finding::Pin { due: true, may_change: true, .. } => {
            "another must be chosen at the next sign-in".to_owned()
        }
        Finding::Pin { due: true, .. } => {
            "it must be changed, and users may not do so: the help desk sets another".to_owned()
        }
        Finding::Pin { due_at: Some(due_at), .. } => {
            format!("there is one; it stands {}", left(due_at))
        }
        Finding::Pin { .. } => "there is one".to_owned(),
    }
}

fn tokens(usable: usize, pending: usize, recovery_codes: u32, held: bool) -> String {
    let held = if held { ", held since a seize until they are released" } else { "" };
    format!(
        "tokens in use: {usable}; still to be proved by a code: {pending}; recovery codes: \
         {recovery_codes}{held}"
    )
}
