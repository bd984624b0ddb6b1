//! Exit codes: what scripts go by. The numbers from 64 on are those of `sysexits.h`.

use std::process::ExitCode;

use tonic::Code;

use crate::output;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Done; of a verification: allow.
    Done = 0,
    /// Of a verification: deny. Of anything else: no, it is not so or cannot be so.
    No = 1,
    /// Of a verification: something is asked of the user first.
    Challenge = 3,
    /// The command line or a value in it is wrong.
    Usage = 64,
    /// No node could be reached, none has a master, or none answered in time.
    Unavailable = 69,
    /// A defect, here or in the server.
    Software = 70,
    /// Not now: overload.
    TryAgain = 75,
    /// No token, or one without the right.
    NotPermitted = 77,
    /// A file or setting on this machine is wrong.
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Code> for Exit {
    fn from(code: Code) -> Self {
        match code {
            Code::Ok => Self::Done,
            Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition | Code::OutOfRange => {
                Self::No
            }
            Code::InvalidArgument => Self::Usage,
            Code::Unavailable | Code::Unimplemented | Code::DeadlineExceeded | Code::Cancelled => {
                Self::Unavailable
            }
            Code::Unknown | Code::Internal | Code::DataLoss => Self::Software,
            Code::ResourceExhausted | Code::Aborted => Self::TryAgain,
            Code::PermissionDenied | Code::Unauthenticated => Self::NotPermitted,
        }
    }
}

/// Says what is wrong with a command line, or what was asked with `--help` or `--version`, and gives
/// the exit code of it.
#[must_use]
pub fn usage_exit(error: &clap::Error) -> ExitCode {
    let asked_for_help = !error.use_stderr();
    if error.print().is_err() {
        output::note("The help text could not be written.");
        return Exit::Software.into();
    }
    match asked_for_help {
        true => Exit::Done.into(),
        false => Exit::Usage.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_exit_code_of_the_contract() {
        for (code, exit) in [
            (Code::Ok, 0),
            (Code::NotFound, 1),
            (Code::AlreadyExists, 1),
            (Code::FailedPrecondition, 1),
            (Code::OutOfRange, 1),
            (Code::InvalidArgument, 64),
            (Code::Unavailable, 69),
            (Code::Unimplemented, 69),
            (Code::Unknown, 70),
            (Code::Internal, 70),
            (Code::DataLoss, 70),
            (Code::Cancelled, 69),
            (Code::DeadlineExceeded, 69),
            (Code::ResourceExhausted, 75),
            (Code::Aborted, 75),
            (Code::PermissionDenied, 77),
            (Code::Unauthenticated, 77),
        ] {
            assert_eq!(Exit::from(code) as u8, exit, "{code:?}");
        }
    }

    #[test]
    fn help_is_no_mistake() {
        let command = || clap::Command::new("symbolon").arg(clap::Arg::new("name").long("name"));
        for (arguments, exit) in [
            (["symbolon", "--help"], ExitCode::SUCCESS),
            (["symbolon", "--nmae"], ExitCode::from(64)),
        ] {
            let error = command().try_get_matches_from(arguments).unwrap_err();
            assert_eq!(usage_exit(&error), exit);
        }
    }
}
