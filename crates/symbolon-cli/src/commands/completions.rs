//! `symbolon completions`

use crate::{error::Failure, exit::Exit, output};

/// Arguments of `symbolon completions`.
#[derive(clap::Args)]
pub struct CompletionsArguments {
    /// The shell to complete for
    shell: clap_complete::Shell,
}

/// `program` is the whole command line, of which this crate knows only a part.
pub(crate) fn run(
    arguments: &CompletionsArguments,
    program: &mut clap::Command,
) -> Result<Exit, Failure> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, program, name, &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
