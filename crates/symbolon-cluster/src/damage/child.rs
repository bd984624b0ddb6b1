//! The child that opens damaged directories, and its end of the conversation.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use symbolon_store::{DataDir, Space, Store};

use super::{Trial, copy};
use crate::opening;

pub(super) type Batch = Vec<Trial>;

/// What came of a trial.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Not opened, in words that help.
    Refused,
    /// Opened with all that was there.
    Same,
    /// Neither.
    Wrong(String),
}

/// The directory that the child is to open, for each line of its input.
const CHILD: &str = "SYMBOLON_DAMAGE_CHILD";
/// Longest opening.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the child writes when a thread of sled's has panicked: the server ends then, with a refusal.
const SLED_PANICKED: &str = "sled panicked";
const NAME: &str = "damage::child::opens_what_it_is_told_to";

/// The directory that is being opened: each answer says which it is about.
static OPENING: Mutex<String> = Mutex::new(String::new());

/// Not a test by itself: does nothing unless it is the child.
#[test]
#[expect(clippy::exit, reason = "as the server ends, which this stands for")]
fn opens_what_it_is_told_to() {
    if std::env::var(CHILD).is_err() {
        return;
    }
    std::panic::set_hook(Box::new(|_| {
        if std::thread::current().name().is_some_and(|name| name.starts_with("sled")) {
            answer(SLED_PANICKED);
            std::process::exit(1);
        }
    }));
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        OPENING.lock().unwrap().clone_from(&line);
        let opened = std::panic::catch_unwind(|| open(Path::new(&line)));
        answer(&match opened {
            Ok(Ok(content)) => format!("opened {content}"),
            Ok(Err(refusal)) => format!("refused {}", refusal.replace('\n', " ")),
            Err(_) => "panicked".to_owned(),
        });
    }
}

fn answer(text: &str) {
    // A line of its own: the test harness has written something before.
    println!("\n> {} {text}", OPENING.lock().unwrap());
    std::io::stdout().flush().unwrap();
}

/// Opens a directory as the server does.
fn open(path: &Path) -> Result<String, String> {
    let store = DataDir::new(path).open().map_err(|error| error.to_string())?;
    let machine = opening::load(&store).map_err(|error| error.to_string())?;
    let applied = machine.applied.map(|log_id| log_id.index);
    Ok(format!("{} {applied:?} {}", machine.state.digest(), digest(&store)))
}

/// Hash over all that a store holds.
fn digest(store: &Store) -> String {
    let mut hash = Sha256::new();
    let header = &store.header;
    hash.update(format!("{:?} {:?}", header, header.known_nodes));
    let keys = header.keys.data_keys.iter().chain([&header.keys.node_key]);
    for part in keys.chain([&header.ca_certificate]) {
        hash.update(part);
    }
    // All but the number of the last sync, which a start changes.
    let round = Space::Meta.key(b"anchor/round");
    for space in Space::ALL.into_iter().filter(|space| *space != Space::Parts) {
        let (from, to) = space.bounds();
        for pair in store.kv.scan(&from, &to) {
            let (key, value) = pair.unwrap();
            if key != round {
                hash.update((key.len() as u64).to_be_bytes());
                hash.update(key);
                hash.update((value.len() as u64).to_be_bytes());
                hash.update(value);
            }
        }
    }
    for info in store.snapshots.list().unwrap() {
        hash.update(&info.name);
        let mut reader = store.snapshots.read(&info.name).unwrap();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            hash.update(chunk);
        }
    }
    let vote = store.log.vote().unwrap();
    format!("{:x?} {:?} {:?}", hash.finalize(), vote, store.log.last_index())
}

/// A child and what it says, line by line.
struct Opener {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Opener {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(answer) = line.strip_prefix("> ") {
                    let _ = sender.send(answer.to_owned());
                }
            }
        });
        Self { child, lines }
    }

    /// What the child says about a directory. `None`: it hangs, or has ended without a word.
    fn ask(&mut self, path: &Path) -> Option<String> {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", path.display()).ok()?;
        let about = format!("{} ", path.display());
        loop {
            let line = self.lines.recv_timeout(PATIENCE).ok()?;
            if let Some(answer) = line.strip_prefix(&about) {
                return Some(answer.to_owned());
            }
        }
    }

    fn end(mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// What the sound directory holds.
pub(super) fn content(sound: &Path, place: &Path) -> String {
    let directory = place.join("unharmed");
    copy(sound, &directory);
    let mut opener = Opener::start();
    let told = opener.ask(&directory).unwrap();
    opener.end();
    assert!(told.starts_with("opened "), "{told}");
    told
}

/// Does the trials of a batch.
pub(super) fn run(
    sound: &Path,
    place: &Path,
    expected: &str,
    batch: Batch,
) -> Vec<(Trial, Outcome)> {
    let mut opener = Opener::start();
    let mut outcomes = Vec::new();
    for trial in batch {
        let directory = tempfile::tempdir_in(place).unwrap();
        copy(sound, directory.path());
        trial.damage(directory.path());
        let told = opener.ask(directory.path());
        let (outcome, usable) = match told.as_deref() {
            None => (Outcome::Wrong("it hangs, or ended without a word".to_owned()), false),
            Some(SLED_PANICKED) => (Outcome::Refused, false),
            Some(told) if told == expected => (Outcome::Same, true),
            Some(told) => (judge(told, directory.path()), true),
        };
        if !usable {
            opener.end();
            opener = Opener::start();
        }
        fs::remove_dir_all(directory.path()).unwrap();
        outcomes.push((trial, outcome));
    }
    opener.end();
    outcomes
}

fn judge(told: &str, directory: &Path) -> Outcome {
    let Some(refusal) = told.strip_prefix("refused ") else {
        return Outcome::Wrong(told.to_owned());
    };
    let names_a_file = refusal.contains(directory.to_str().unwrap());
    if names_a_file && refusal.split_once("; ").is_some_and(|(_, remedy)| !remedy.is_empty()) {
        Outcome::Refused
    } else {
        Outcome::Wrong(format!("a refusal that does not help: {refusal}"))
    }
}
