//! Fuzzers: every decoder of bytes that others wrote (`tests/fuzz`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{
    Result,
    workspace::{self, Workspace},
};

/// Each target, and what it starts from: files or directories, and how many kinds of things it knows,
/// by a byte before them.
const TARGETS: &[(&str, &[&str], u8)] = &[
    ("texts", &["README.md"], 0),
    ("peers", &["crates/symbolon-proto/tests/frozen"], 8),
    ("messages", &["crates/symbolon-proto/tests/frozen"], 8),
    ("files", &["crates/symbolon-proto/tests/frozen"], 8),
    ("config", &["deploy/node.toml"], 0),
    (
        "imports",
        &["crates/symbolon-import/tests/data", "crates/symbolon-import/tests/data/rfc6030"],
        4,
    ),
    ("radius", &["crates/symbolon-radius/tests/data"], 0),
    ("eap_ttls", &["crates/symbolon-radius/tests/data/ttls"], 4),
];
/// What one input may take, in MiB and seconds: more is a finding.
const MEMORY_MIB: u32 = 1024;
const INPUT_SECONDS: u32 = 10;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FuzzOptions {
    /// How long each target runs.
    pub(crate) seconds: u32,
    /// All when empty.
    pub(crate) targets: Vec<String>,
}

impl Default for FuzzOptions {
    fn default() -> Self {
        Self { seconds: 600, targets: Vec::new() }
    }
}

/// It only shows that it works, and looks at what was found before.
pub(crate) fn smoke(workspace: &Workspace) -> Result {
    run(workspace, &FuzzOptions { seconds: 10, ..FuzzOptions::default() })
}

pub(crate) fn run(workspace: &Workspace, options: &FuzzOptions) -> Result {
    let names: Vec<_> = TARGETS.iter().map(|(name, ..)| *name).collect();
    if let Some(unknown) = options.targets.iter().find(|target| !names.contains(&target.as_str())) {
        return Err(format!("no fuzzer is called {unknown:?}: {}", names.join(", ")).into());
    }
    let wanted = |name| options.targets.is_empty() || options.targets.iter().any(|it| it == name);
    for (name, sources, kinds) in TARGETS.iter().filter(|(name, ..)| wanted(*name)) {
        let place = workspace.root.join("target/fuzz");
        let (corpus, seeds) = (place.join("corpus").join(name), place.join("seeds").join(name));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&seeds)?;
        for source in *sources {
            seed(&workspace.root.join(source), *kinds, &seeds)?;
        }
        println!("fuzz: {name} for {} s", options.seconds);
        let mut command = cargo_fuzz(workspace, &place, name);
        command.args([&corpus, &seeds]).arg(workspace.root.join("tests/fuzz/found"));
        command.args([
            "--",
            &format!("-max_total_time={}", options.seconds),
            &format!("-rss_limit_mb={MEMORY_MIB}"),
            &format!("-timeout={INPUT_SECONDS}"),
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        workspace::run(&mut command).map_err(|error| {
            format!("{error}; if it found something, mend it and keep the file that it names in tests/fuzz/found")
        })?;
    }
    Ok(())
}

/// Without a sanitizer: the project has no unsafe code of its own, and a stable compiler does.
fn cargo_fuzz(workspace: &Workspace, place: &Path, name: &str) -> Command {
    let mut command = workspace.command("cargo");
    command.env("CARGO_TARGET_DIR", place);
    command.args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", name]);
    command
}

/// Makes inputs of a file, or of each file of a directory: one for each kind.
fn seed(source: &Path, kinds: u8, into: &Path) -> Result {
    let files: Vec<PathBuf> = if source.is_dir() {
        let listed = fs::read_dir(source)?.map(|entry| entry.map(|entry| entry.path()));
        listed.collect::<std::io::Result<_>>()?
    } else {
        vec![source.to_owned()]
    };
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if kinds == 0 {
            fs::write(into.join(&name), &bytes)?;
        }
        for kind in 0..kinds {
            fs::write(into.join(format!("{kind}-{name}")), [&[kind], &*bytes].concat())?;
        }
    }
    Ok(())
}
