//! What went wrong, for whoever typed the command: a sentence of what, a sentence of what to do.

use std::{fmt, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::exit::Exit;

/// A command that did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    remedy: String,
}

impl Failure {
    /// `what` and `remedy` are whole sentences and hold no secret.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, what: what.into(), remedy: remedy.into() }
    }

    /// A file or setting of this machine is wrong.
    pub(crate) fn configuration(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Configuration, what, remedy)
    }

    /// Something on the command line is wrong.
    pub(crate) fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, remedy)
    }

    /// Several in one: all that was said, and the exit code and the remedy of the first.
    pub(crate) fn together(failures: impl IntoIterator<Item = Self>) -> Self {
        let mut failures = failures.into_iter();
        let Some(mut all) = failures.next() else {
            return Self::usage("No server is named.", "Name one with --server.");
        };
        for failure in failures {
            if !all.what.contains(&failure.what) {
                all.what = format!("{} {}", all.what, failure.what);
            }
        }
        all
    }

    /// What a server says when it does not do what it was asked.
    pub(crate) fn status(server: &str, status: &Status) -> Self {
        let code = status.code();
        Self::new(code.into(), what(server, status), remedy(status))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.remedy)
    }
}

fn what(server: &str, status: &Status) -> String {
    let message = match field_mistakes(status) {
        Some(mistakes) => mistakes,
        None => sentence(status.message()),
    };
    match status.code() {
        Code::Unavailable => format!("{server} cannot do it now: {message}"),
        Code::DeadlineExceeded | Code::Cancelled => format!("{server} did not answer in time."),
        Code::Unimplemented => format!("{server} does not know this command: {message}"),
        Code::Unauthenticated => format!("{server} does not know the caller: {message}"),
        Code::PermissionDenied => format!("The caller may not do this: {message}"),
        Code::Unknown | Code::Internal | Code::DataLoss => {
            format!("{server} failed: {message}")
        }
        _ => message,
    }
}

fn remedy(status: &Status) -> String {
    let remedy = match status.code() {
        Code::Unavailable => {
            "Try again in a moment; `symbolon cluster status` tells which nodes are missing."
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            "It may have been done all the same: look, then try again, with a longer --timeout if \
             need be."
        }
        Code::ResourceExhausted | Code::Aborted => match retry_delay(status) {
            Some(delay) => return format!("Try again in {} s.", delay.as_secs_f32().ceil()),
            None => "Try again in a moment.",
        },
        Code::Unauthenticated => {
            "Name the file with the bearer token: --token-file or SYMBOLON_TOKEN_FILE."
        }
        Code::PermissionDenied => "Use the token of somebody who has the right to do it.",
        Code::InvalidArgument | Code::OutOfRange => "Correct it and run the command again.",
        Code::NotFound => "Check the name; `symbolon user list` shows the users there are.",
        Code::AlreadyExists => "Take another name, or go on with what is there.",
        Code::FailedPrecondition => "Change that first, then run the command again.",
        Code::Unimplemented => "Use the program and the server of one version.",
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            "Look into the log of that node for the cause."
        }
    };
    remedy.to_owned()
}

/// When the server says to come back.
pub(crate) fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

/// What is wrong with which field of the request.
fn field_mistakes(status: &Status) -> Option<String> {
    let mistakes: Vec<_> = status
        .get_details_bad_request()?
        .field_violations
        .into_iter()
        .map(|violation| sentence(&format!("{}: {}", violation.field, violation.description)))
        .collect();
    (!mistakes.is_empty()).then(|| mistakes.join(" "))
}

/// The text as one line that ends with a full stop.
fn sentence(text: &str) -> String {
    let text = crate::output::printable(text.trim());
    match text.chars().next_back() {
        None => "It gives no reason.".to_owned(),
        Some('.' | '!' | '?') => text,
        Some(_) => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_failure_says_what_and_what_to_do() {
        let status = Status::unavailable("no master within 5 s");
        let failure = Failure::status("127.0.0.1:8443", &status);
        assert_eq!(
            failure.to_string(),
            "127.0.0.1:8443 cannot do it now: no master within 5 s.\n\
             Try again in a moment; `symbolon cluster status` tells which nodes are missing."
        );
        assert_eq!(failure.exit, Exit::Unavailable);
    }

    #[test]
    fn the_field_is_named() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("username", "it is empty");
        let status = Status::with_error_details(Code::InvalidArgument, "bad request", details);
        let text = Failure::status("a:1", &status).to_string();
        assert!(text.starts_with("username: it is empty.\n"), "{text}");
    }

    #[test]
    fn the_delay_is_told() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1500)));
        let status = Status::with_error_details(Code::ResourceExhausted, "overload", details);
        let text = Failure::status("a:1", &status).to_string();
        assert_eq!(text, "overload.\nTry again in 2 s.");
    }

    #[test]
    fn every_code_has_a_remedy_and_no_control_character_gets_through() {
        for code in (0..=16).map(Code::from_i32) {
            let text = Failure::status("a:1", &Status::new(code, "b\x1b[2Jad\nnews")).to_string();
            let lines: Vec<_> = text.lines().collect();
            assert!(
                lines.len() == 2 && lines.iter().all(|line| line.ends_with('.')),
                "{code:?}: {text}"
            );
            assert!(!text.contains('\x1b'));
        }
    }
}
