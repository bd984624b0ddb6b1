//! `symbolon store`: a look at the data directory of a server that is stopped.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use symbolon_cluster::{ClusterError, check_log, check_snapshot, inspect};
use symbolon_store::{DataDir, Look, Store, StoreError};

use crate::failure::{Failure, chain};
use crate::init::{capitalised, failed, say};
use crate::panics;

mod report;

use report::{Check, Report};

/// What can be looked at.
#[derive(Debug, Clone, Subcommand)]
pub enum StoreCommand {
    /// Show what a data directory holds: who the node is, where log and state are, how much there is
    ///
    /// Nothing of it is content: no names of users, no keys. The server must be stopped. The directory
    /// is not changed; its store is copied for the while, because even opening it would write. On XFS
    /// and Btrfs the copy takes no room, elsewhere as much as `store/` has.
    Inspect(StoreArguments),
    /// Read all of a data directory and tell what is damaged: exit code 0 is sound, 1 is not
    ///
    /// Checks the anchor, every value, the log, the digest of the state, the chain of the audit, and
    /// the snapshots. The server must be stopped. The directory is not changed; its store is copied
    /// for the while, because even opening it would write. On XFS and Btrfs the copy takes no room,
    /// elsewhere as much as `store/` has.
    Verify(StoreArguments),
}

/// Which directory, and how it is shown.
#[derive(Debug, Clone, Args)]
pub struct StoreArguments {
    /// The data directory, `node.data_dir` of the settings
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where the store is copied to for the while; in the data directory unless named
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// How to show results
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

impl StoreArguments {
    fn directory(&self) -> DataDir {
        DataDir::new(&self.data_dir)
    }

    fn look(&self) -> Result<Look, Failure> {
        let scratch = self.scratch.as_deref().unwrap_or(&self.data_dir);
        let look = self.directory().look(scratch);
        look.map_err(|error| failed("this directory cannot be looked at", &error.into()))
    }

    fn show(&self, report: &Report) -> Result<(), Failure> {
        let text = match self.output {
            Format::Table => report.table(),
            Format::Json => serde_json::to_string(report).map_err(|error| {
                Failure::new(Failure::GENERAL, chain(&error), "Try --output table.")
            })?,
        };
        say(text.trim_end());
        Ok(())
    }
}

/// Runs a command. Its exit code says whether the directory is sound.
pub(crate) fn run(command: &StoreCommand) -> Result<ExitCode, Failure> {
    // Messages of panics are nobody's to read here either.
    panics::install();
    match command {
        StoreCommand::Inspect(arguments) => {
            let look = arguments.look()?;
            let report = see(arguments, &look)
                .map_err(|error| failed("this directory cannot be inspected", &error))?;
            arguments.show(&report)?;
            Ok(ExitCode::SUCCESS)
        }
        StoreCommand::Verify(arguments) => {
            let look = arguments.look()?;
            let report = verify(arguments, &look);
            arguments.show(&report)?;
            let sound = report.ok == Some(true);
            Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(Failure::GENERAL) })
        }
    }
}

fn opened(data_dir: &Path, look: &Look) -> Result<Store, StoreError> {
    panics::while_opening(data_dir, || look.store())
}

fn see(arguments: &StoreArguments, look: &Look) -> Result<Report, ClusterError> {
    let mut report = Report::default();
    let directory = arguments.directory();
    report.header(&directory.header()?, directory.layout_version()?);
    report.anchor(&look.tip()?);
    report.files(&look.sizes()?, &look.snapshots().list()?);
    let store = opened(&arguments.data_dir, look)?;
    report.contents(&inspect(&store)?);
    Ok(report)
}

/// Does every check that can be done, and shows what could be seen.
fn verify(arguments: &StoreArguments, look: &Look) -> Report {
    let mut report = Report::default();
    let directory = arguments.directory();
    let header = directory.header().and_then(|header| {
        report.header(&header, directory.layout_version()?);
        Ok(())
    });
    report.check("header", header);
    let tip = look.tip().map(|tip| report.anchor(&tip));
    report.check("anchor", tip);
    let sizes = look.sizes().and_then(|sizes| {
        report.files(&sizes, &look.snapshots().list()?);
        Ok(())
    });
    report.check("files", sizes);
    // Opening compares log and image with the anchor.
    match opened(&arguments.data_dir, look) {
        Err(error) => report.check("store", Err(error)),
        Ok(store) => {
            report.check("store", Ok::<_, StoreError>(()));
            report.check("values", store.kv.check());
            report.check("log", check_log(&store).map(drop));
            let seen = inspect(&store).map(|seen| report.contents(&seen));
            report.check("state and audit", seen);
        }
    }
    for snapshot in look.snapshots().list().unwrap_or_default() {
        let checked = check_snapshot(&look.snapshots(), &snapshot.name).map(drop);
        report.check(&format!("snapshot {}", snapshot.name), checked);
    }
    report.ok = Some(report.checks.iter().all(|check| check.ok));
    report
}

impl Report {
    fn check<E: Into<ClusterError>>(&mut self, name: &str, result: Result<(), E>) {
        let mut check = Check { name: name.to_owned(), ok: true, finding: None, remedy: None };
        if let Err(error) = result {
            let text = chain(&error.into());
            let (finding, remedy) = text.split_once("; ").unwrap_or((&text, "see the finding"));
            check.ok = false;
            check.finding = Some(finding.to_owned());
            check.remedy = Some(capitalised(remedy));
        }
        self.checks.push(check);
    }
}
