//! Runs real servers in network namespaces, and tortures them.

use crate::{
    Result,
    workspace::{self, Workspace},
};

/// The step of the gate: the same choices each time, so that what fails has a name.
pub(crate) fn gate(workspace: &Workspace) -> Result {
    let arguments = ["--minutes", "5", "--seed", "1", "--nodes", "3"];
    run(workspace, &arguments.map(str::to_owned))
}

/// `cargo xtask torture`, with the arguments of the program.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result {
    let mut cargo = workspace.command("cargo");
    cargo.args(["build", "--locked", "--profile", "sim"]);
    cargo.args(["--package", "symbolon", "--package", "symbolon-torture"]);
    if arguments.iter().any(|argument| argument == "--plant") {
        cargo.args(["--features", "symbolon/planted"]);
    }
    workspace::run(&mut cargo)?;
    if workspace::capture(workspace.command("id").arg("-u"))?.trim() != "0" {
        return Err("namespaces and disks are made by root: `sudo -E cargo xtask torture`".into());
    }
    let program = workspace.root.join("target/sim/symbolon");
    let mut torture = workspace.command("target/sim/symbolon-torture");
    workspace::run(torture.arg("--binary").arg(program).args(arguments))
}
