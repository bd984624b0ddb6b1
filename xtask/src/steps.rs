//! The steps of the gate, in order, and the repairs.

use std::process::Command;

use crate::{
    Result, fuzz,
    setup::{self, peers, python},
    sim, tidy, torture,
    workspace::{self, Workspace},
};

pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Takes seconds, so it is worth running after another step has failed.
    pub(crate) cheap: bool,
    pub(crate) action: Action,
}

pub(crate) enum Action {
    /// Arguments to cargo, and what to add to its environment.
    Cargo(&'static [&'static str], fn(&Workspace, &mut Command)),
    /// Work done in this process.
    Here(fn(&Workspace) -> Result),
}

pub(crate) const STEPS: &[Step] = &[
    Step { name: "setup", cheap: true, action: Action::Here(setup::run) },
    Step { name: "fmt", cheap: true, action: Action::Cargo(&["fmt", "--all", "--check"], plain) },
    Step { name: "clippy", cheap: false, action: Action::Cargo(CLIPPY, plain) },
    Step { name: "test", cheap: false, action: Action::Cargo(TEST, with_python) },
    Step { name: "bench", cheap: false, action: Action::Cargo(BENCH, plain) },
    Step { name: "sim", cheap: false, action: Action::Here(sim::gate) },
    Step { name: "torture", cheap: false, action: Action::Here(torture::gate) },
    Step { name: "fuzz", cheap: false, action: Action::Here(fuzz::smoke) },
    Step { name: "doctest", cheap: false, action: Action::Cargo(DOCTEST, plain) },
    Step { name: "doc", cheap: false, action: Action::Cargo(DOC, rustdoc_denies) },
    Step { name: "deny", cheap: true, action: Action::Cargo(DENY, plain) },
    Step { name: "tidy", cheap: true, action: Action::Here(tidy::run) },
];

const CLIPPY: &[&str] = &[
    "clippy",
    "--locked",
    "--keep-going",
    "--workspace",
    "--all-targets",
    "--all-features",
    "--",
    "-Dwarnings",
];
const TEST: &[&str] =
    &["nextest", "run", "--locked", "--workspace", "--all-features", "--no-tests=fail"];
/// It only shows that it works: in a debug build, and for a minute or two.
const BENCH: &[&str] =
    &["bench", "--profile=dev", "--locked", "--package=symbolon", "--bench=speed", "--", "--quick"];
const DOCTEST: &[&str] =
    &["test", "--locked", "--no-fail-fast", "--doc", "--workspace", "--all-features"];
const DOC: &[&str] =
    &["doc", "--locked", "--keep-going", "--workspace", "--no-deps", "--document-private-items"];
/// `advisories` is left out: it fetches a database, and a gate must not depend on the day.
const DENY: &[&str] =
    &["deny", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];

impl Step {
    pub(crate) fn command_shown(&self, workspace: &Workspace) -> String {
        match self.action {
            Action::Cargo(args, extend) => {
                let command = cargo(workspace, args, extend);
                let added = command.get_envs().filter_map(|(name, value)| {
                    Some(format!("{}='{}' ", name.to_string_lossy(), value?.to_string_lossy()))
                });
                format!("{}{}", added.collect::<String>(), workspace::shown(&command))
            }
            Action::Here(_) => format!("cargo xtask verify --only {}", self.name),
        }
    }

    pub(crate) fn run(&self, workspace: &Workspace) -> Result {
        match self.action {
            Action::Cargo(args, extend) => workspace::run(&mut cargo(workspace, args, extend)),
            Action::Here(work) => work(workspace),
        }
    }
}

/// Repairs what can be repaired. rustfmt comes last, as clippy's repairs need it.
pub(crate) fn fix(workspace: &Workspace) -> Result {
    let clippy =
        ["clippy", "--fix", "--allow-dirty", "--workspace", "--all-targets", "--all-features"];
    workspace::run(&mut cargo(workspace, &clippy, plain))?;
    workspace::run(&mut cargo(workspace, &["fmt", "--all"], plain))
}

/// A benchmark of that name, in release mode.
pub(crate) fn bench(workspace: &Workspace, name: &str, arguments: &[String]) -> Result {
    let mut args = vec!["bench", "--locked", "--package", "symbolon", "--bench", name, "--"];
    args.extend(arguments.iter().map(String::as_str));
    workspace::run(&mut cargo(workspace, &args, with_peers))
}

fn cargo(workspace: &Workspace, args: &[&str], extend: fn(&Workspace, &mut Command)) -> Command {
    let mut command = workspace.command("cargo");
    command.args(args);
    extend(workspace, &mut command);
    command
}

fn plain(_: &Workspace, _: &mut Command) {}

fn rustdoc_denies(_: &Workspace, command: &mut Command) {
    command.env("RUSTDOCFLAGS", "-Dwarnings");
}

/// Others that are measured beside, where they are installed.
fn with_peers(workspace: &Workspace, command: &mut Command) {
    command.env("SYMBOLON_BENCH_PRIVACYIDEA", peers::programs(workspace));
}

/// Tests that talk to the server from another language need its interpreter.
fn with_python(workspace: &Workspace, command: &mut Command) {
    command.env("SYMBOLON_TEST_PYTHON", python::interpreter(workspace));
}
