//! `symbolon verify`

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use symbolon_proto::v1::{
    self, Decision, VerifyRequest, VerifyResponse,
    verification_service_client::VerificationServiceClient,
};

use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    request_id::RequestId,
    view::Verification,
};

/// More than the longest code.
const CODE_LINE_BYTES_MAX: u64 = 1024;

/// Arguments of `symbolon verify`.
#[derive(clap::Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    options: Options,
    /// Name to sign in with
    user: String,
    /// The one-time password, or the answer to a challenge; without it one line of standard input
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// How to prove it; without it the user's default
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Application to ask for; it follows from an API key, administrators must name one
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    application: String,
    /// Address of the user's client, for the audit
    #[arg(long, value_name = "IP", default_value = "", hide_default_value = true)]
    client_ip: String,
    /// 32 hexadecimal digits that name this request: sent again, it gets the first answer again
    #[arg(long, value_name = "HEX")]
    request_id: Option<RequestId>,
    /// The challenge that is answered: 32 hexadecimal digits, as the request before was told
    #[arg(long, value_name = "HEX")]
    state: Option<RequestId>,
}

/// A way to prove the second factor.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Method {
    Otp,
}

pub(crate) async fn run(arguments: VerifyArguments) -> Result<Exit, Failure> {
    let VerifyArguments { options, user, code, method, application, client_ip, request_id, state } =
        arguments;
    let context = Context::new(&options)?;
    let request_id = match request_id {
        Some(id) => id,
        None => RequestId::random()?,
    };
    let is_typed = code.is_none() && io::stdin().is_terminal();
    let mut question = VerifyRequest {
        code: match (code, state) {
            (Some(code), _) => code,
            (None, None) => read_code(&format!("Code for {}: ", output::printable(&user)))?,
            (None, Some(_)) => read_code(&format!("Answer for {}: ", output::printable(&user)))?,
        },
        username: user,
        application,
        client_ip,
        method: match method {
            Some(Method::Otp) => v1::Method::Otp.into(),
            None => v1::Method::Unspecified.into(),
        },
        state: state.map(|state| state.to_vec()).unwrap_or_default(),
        request_id: request_id.to_vec(),
        context: String::new(),
    };
    let mut answer = verify(&context, question.clone()).await?;
    // Whoever sits there answers at once.
    while is_typed && answer.decision() == Decision::Challenge {
        question.code = read_code(&format!("{} ", output::printable(&answer.prompt)))?;
        question.state = answer.state;
        question.request_id = RequestId::random()?.to_vec();
        answer = verify(&context, question.clone()).await?;
    }
    let exit = exit(answer.decision())?;
    let verification = Verification::from(answer);
    match options.output.output {
        Format::Json => output::json(&verification)?,
        Format::Table => output::line(&in_words(&verification))?,
    }
    Ok(exit)
}

pub(crate) async fn verify(
    context: &Context,
    question: VerifyRequest,
) -> Result<VerifyResponse, Failure> {
    context
        .decide(question, async |channel, request| {
            VerificationServiceClient::new(channel).verify(request).await
        })
        .await
        .map_err(never_no)
}

/// An application that does not exist is a mistake in the question, not an answer to it.
fn never_no(mut failure: Failure) -> Failure {
    if failure.exit == Exit::No {
        failure.exit = Exit::Usage;
    }
    failure
}

/// Anything but a clear yes or no is a failure, so that no script takes it for either.
fn exit(decision: Decision) -> Result<Exit, Failure> {
    match decision {
        Decision::Allow => Ok(Exit::Done),
        Decision::Deny => Ok(Exit::No),
        Decision::Challenge => Ok(Exit::Challenge),
        Decision::Unspecified => Err(Failure::new(
            Exit::Software,
            "The server answered with a decision that this program does not know.",
            "Use the program and the server of one version.",
        )),
    }
}

fn in_words(verification: &Verification) -> String {
    let mut words = vec![verification.decision.to_owned()];
    words.extend(verification.reason.map(str::to_owned));
    words.extend(verification.reason_detail.map(|detail| format!("({detail})")));
    words.extend(verification.prompt_kind.map(str::to_owned));
    words.extend(verification.island.then(|| "(by a node without a quorum)".to_owned()));
    let mut text = words.join(" ");
    if let (Some(prompt), Some(state)) = (&verification.prompt, &verification.state) {
        text = format!("{text}\n{prompt}\nAnswer it with --state {state}");
    }
    text
}

fn read_code(prompt: &str) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output::ask(prompt);
    }
    let mut line = String::new();
    let read = stdin.lock().take(CODE_LINE_BYTES_MAX).read_line(&mut line);
    let code = line.trim();
    match read {
        Ok(_) if !code.is_empty() => Ok(code.to_owned()),
        Ok(_) => Err(Failure::usage(
            "There is no code on standard input.",
            "Type one, or give it with --code.",
        )),
        Err(error) => Err(Failure::usage(
            format!("The code cannot be read from standard input: {error}."),
            "Type one, or give it with --code.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allow_is_0_and_only_deny_is_1() {
        assert_eq!(exit(Decision::Challenge), Ok(Exit::Challenge));
        assert_eq!(Exit::Challenge as u8, 3);
        assert_eq!(exit(Decision::Allow), Ok(Exit::Done));
        assert_eq!(exit(Decision::Deny), Ok(Exit::No));
        assert_eq!(exit(Decision::Unspecified).unwrap_err().exit, Exit::Software);
    }

    #[test]
    fn the_reason_is_told_and_the_detail_to_those_who_get_it() {
        let mut answer = VerifyResponse {
            decision: Decision::Deny.into(),
            reason: v1::Reason::Denied.into(),
            ..VerifyResponse::default()
        };
        assert_eq!(in_words(&answer.clone().into()), "DENY DENIED");
        answer.reason_detail = v1::ReasonDetail::UnknownUser.into();
        assert_eq!(in_words(&answer.into()), "DENY DENIED (UNKNOWN_USER)");
        let allow =
            VerifyResponse { decision: Decision::Allow.into(), ..VerifyResponse::default() };
        assert_eq!(in_words(&allow.into()), "ALLOW");
    }
}
