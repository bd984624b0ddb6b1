//! `symbolon demo`: it says what it checks, it fails when a step fails, and it leaves nothing.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::machine;
use crate::program::{DONE, NO, program, run};

#[tokio::test]
async fn the_tour_holds_and_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let text = run(program().arg("demo").env("TMPDIR", home.path())).await.ends(DONE);
    assert!(text.contains("The codes are made by oathtool"), "{text}");
    for told in [
        "says ALLOW",
        "CODE_ALREADY_USED",
        "kill -9",
        "carol is entry",
        "handed over to",
        "leads in epoch 2",
        "of the new epoch",
        "\nEvery step held.",
    ] {
        assert!(text.contains(told), "{told} is not told:\n{text}");
    }
    assert!(!text.contains("DID NOT HOLD"), "{text}");
    assert_nothing_is_left(home.path());
}

#[tokio::test]
async fn a_tour_with_a_wrong_code_fails_and_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let tools = TempDir::new().unwrap();
    let liar = tools.path().join("oathtool");
    machine::write(&liar, "#!/bin/sh\nread -r seed\necho 000000\n");
    machine::set_mode(&liar, 0o755);
    let mut demo = program();
    demo.args(["demo", "--output", "json"]).env("TMPDIR", home.path()).env("PATH", tools.path());
    let report = run(&mut demo).await.json(NO);
    assert_eq!(report["held"], false);
    let steps = report["steps"].as_array().unwrap();
    let (last, before) = steps.split_last().unwrap();
    assert_eq!(last["step"], "alice's code is good.");
    assert_eq!(last["held"], false);
    assert!(last["detail"].as_str().unwrap().contains("DENY"), "{last}");
    assert!(!before.is_empty() && before.iter().all(|step| step["held"] == true), "{report}");
    assert_nothing_is_left(home.path());
}

#[tokio::test]
async fn a_tour_that_is_broken_off_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let no_tools = TempDir::new().unwrap();
    let mut demo = program();
    demo.arg("demo").env("TMPDIR", home.path()).env("PATH", no_tools.path());
    let mut demo = demo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    // Until the nodes run.
    while told.last().is_none_or(|line: &String| !line.starts_with("2. ")) {
        told.push(lines.next_line().await.unwrap().unwrap());
    }
    let told = told.join("\n");
    assert!(told.contains("The codes are made by the crate totp-rs"), "{told}");
    machine::signal(demo.id().unwrap(), Signal::TERM);
    while lines.next_line().await.unwrap().is_some() {}
    assert_eq!(demo.wait().await.unwrap().code(), Some(NO));
    assert_nothing_is_left(home.path());
}

fn assert_nothing_is_left(home: &Path) {
    assert_eq!(machine::naming(home), [0; 0], "a process is left");
    assert_eq!(machine::entries(home), [""; 0].map(PathBuf::from), "a file is left");
}
