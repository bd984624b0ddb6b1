//! `symbolon settings explain`

use serde::Serialize;
use symbolon_proto::v1::{
    ExplainRequest, ExplainResponse, ExplainedOutcome, ExplainedRule,
    settings_service_client::SettingsServiceClient,
};

use super::value;
use crate::{
    context::Context,
    error::Failure,
    output::{self, Format},
    table, view,
};

#[derive(Serialize)]
struct Explained {
    username: Option<String>,
    outcome: &'static str,
    reason_detail: Option<&'static str>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    rule: String,
    finding: String,
    stands_in_the_way: bool,
    decides: bool,
    settings: Vec<view::Setting>,
}

pub(super) async fn run(
    context: &Context,
    username: String,
    application: String,
    format: Format,
) -> Result<(), Failure> {
    let question = ExplainRequest { username, application };
    let answer = context
        .read(question.clone(), async |channel, request| {
            SettingsServiceClient::new(channel).explain(request).await
        })
        .await?;
    match format {
        Format::Json => output::json(&json(answer)),
        Format::Table => table(&question, &answer),
    }
}

fn json(answer: ExplainResponse) -> Explained {
    let (outcome, detail) = (answer.outcome(), answer.reason_detail());
    let denied = outcome == ExplainedOutcome::DeniedWhateverCode;
    Explained {
        username: Some(answer.username).filter(|name| !name.is_empty()),
        outcome: outcome.as_str_name(),
        reason_detail: denied.then(|| detail.as_str_name()),
        rules: answer.rules.into_iter().map(Rule::from).collect(),
    }
}

impl From<ExplainedRule> for Rule {
    fn from(rule: ExplainedRule) -> Self {
        Self {
            rule: rule.rule,
            finding: rule.finding,
            stands_in_the_way: rule.stands_in_the_way,
            decides: rule.decides,
            settings: rule.settings.iter().map(view::Setting::from).collect(),
        }
    }
}

fn table(question: &ExplainRequest, answer: &ExplainResponse) -> Result<(), Failure> {
    let who = &question.username;
    let whom = match &*question.application {
        "" => String::new(),
        application => format!(" at {application}"),
    };
    output::line(&match answer.outcome() {
        ExplainedOutcome::ApplicationRefused => format!("{who}{whom}: the application is refused."),
        ExplainedOutcome::DeniedWhateverCode => {
            let reason = answer.reason_detail().as_str_name();
            format!("{who}{whom}: DENY, whatever the code is ({reason}).")
        }
        ExplainedOutcome::AllowedWhateverCode => {
            format!("{who}{whom}: ALLOW once, whatever the code is.")
        }
        _ => format!("{who}{whom}: a code is looked at."),
    })?;
    let rows = answer.rules.iter().map(|rule| {
        let mark = match (rule.decides, rule.stands_in_the_way) {
            (true, _) => "decides",
            (false, true) => "too",
            (false, false) => "",
        };
        let settings = rule.settings.iter();
        let settings = settings.map(|it| format!("{} = {}", it.name, value(it, it.value)));
        let settings: Vec<_> = settings.collect();
        vec![rule.rule.clone(), mark.to_owned(), rule.finding.clone(), settings.join(", ")]
    });
    output::line(&table::rows(&["RULE", "", "FINDING", "GOES BY"], rows))
}
