//! Subcommands of cargo.

use crate::{
    Result,
    workspace::{self, Workspace},
};

struct Tool {
    subcommand: &'static str,
    package: &'static str,
    /// Installed when the tool is missing; one that is there is taken as it is.
    version: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { subcommand: "nextest", package: "cargo-nextest", version: "0.9.143" },
    Tool { subcommand: "deny", package: "cargo-deny", version: "0.20.2" },
    Tool { subcommand: "fuzz", package: "cargo-fuzz", version: "0.13.2" },
];

pub(crate) fn ensure(workspace: &Workspace) -> Result {
    for Tool { subcommand, package, version } in TOOLS {
        if workspace::succeeds(workspace.command("cargo").args([subcommand, "--version"])) {
            continue;
        }
        println!("setup: installing {package} {version} with cargo; this takes minutes");
        let mut command = workspace.command("cargo");
        command.args(["install", "--quiet", "--locked", "--version", version, package]);
        workspace::run(&mut command)?;
    }
    Ok(())
}
