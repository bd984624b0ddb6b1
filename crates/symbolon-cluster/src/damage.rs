//! Damage to any file of a data directory is refused, or changes nothing.
//!
//! A sound directory is made once. Each trial damages one file of a fresh copy and opens it the way the
//! server does, in a child process, because sled may panic in threads of its own. There are two allowed
//! outcomes: a refusal that names a file, a finding and a remedy, or exactly the content that was there.
//!
//! `SYMBOLON_DAMAGE_TRIALS` sets the number of flipped bits for each file; there are a tenth as many
//! truncations. `SYMBOLON_DAMAGE_FILE` leaves all files alone but those whose path starts so. A failure
//! names the trial; its numbers alone decide what is damaged.
#![expect(clippy::disallowed_methods, reason = "the test damages the files themselves")]

pub(crate) mod build;
mod child;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use child::{Batch, Outcome};

/// Flipped bits for each file, unless the environment says otherwise.
const FLIPS: u64 = 200;
/// Trials that one child does.
const BATCH: u64 = 20;
/// Half of the damage is done among the last so many bytes that were written.
const TAIL_BYTES: u64 = 64 << 10;

/// What is done to one file.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    file: PathBuf,
    number: u64,
    /// Whether the file is cut, or else has one bit flipped.
    cut: bool,
}

impl Trial {
    /// Damages the file below `directory`.
    fn damage(&self, directory: &Path) {
        let path = directory.join(&self.file);
        let mut bytes = fs::read(&path).unwrap();
        let mut random = Random::of(&format!("{self:?}"));
        // sled makes its file longer in advance; what was not written yet is nobody's.
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last as u64 + 1);
        let low =
            if self.number.is_multiple_of(2) { 0 } else { written.saturating_sub(TAIL_BYTES) };
        let mut place = usize::try_from(low + random.below(written - low)).unwrap();
        if self.number % 4 < 2 {
            // Where there is something: the file `tip` is mostly nothing.
            let something = bytes[place..].iter().position(|byte| *byte != 0);
            place += something.unwrap_or(0);
        }
        if self.cut {
            bytes.truncate(place);
        } else {
            bytes[place] ^= 1 << random.below(8);
        }
        fs::write(&path, bytes).unwrap();
    }
}

struct Random(u64);

impl Random {
    fn of(text: &str) -> Self {
        let mix = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files below a directory, relative to it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path.strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn flips() -> u64 {
    std::env::var("SYMBOLON_DAMAGE_TRIALS").map_or(FLIPS, |number| number.parse().unwrap())
}

#[test]
fn damage_is_refused_or_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let sound = place.path().join("sound");
    build::data_directory(&sound);
    let files = files(&sound);
    for kind in ["header", "tip", "store/db", "store/conf", "store/snap.", "snapshots/"] {
        let is_kind = |file: &&PathBuf| file.to_str().unwrap().starts_with(kind);
        assert!(files.iter().any(|file| is_kind(&file)), "no {kind} among {files:?}");
    }
    let only = std::env::var("SYMBOLON_DAMAGE_FILE").unwrap_or_default();
    let batches: Vec<Batch> = files
        .iter()
        .filter(|file| file.to_str().unwrap().starts_with(&only))
        .flat_map(|file| {
            let flipped = (0..flips()).map(|number| (number, false));
            flipped
                .chain((0..flips() / 10).map(|number| (number, true)))
                .map(|(number, cut)| Trial { file: file.clone(), number, cut })
        })
        .collect::<Vec<_>>()
        .chunks(usize::try_from(BATCH).unwrap())
        .map(<[Trial]>::to_vec)
        .collect();
    let waiting = Mutex::new(batches.into_iter());
    let outcomes = Mutex::new(Vec::new());
    let expected = child::content(&sound, place.path());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(batch) = { waiting.lock().unwrap().next() } {
                    let told = child::run(&sound, place.path(), &expected, batch);
                    outcomes.lock().unwrap().extend(told);
                }
            });
        }
    });
    report(&outcomes.into_inner().unwrap(), &only);
}

fn report(outcomes: &[(Trial, Outcome)], only: &str) {
    let mut counts = BTreeMap::<_, (usize, usize)>::new();
    let mut wrong = Vec::new();
    for (trial, outcome) in outcomes {
        let (refused, same) = counts.entry((trial.file.clone(), trial.cut)).or_default();
        match outcome {
            Outcome::Refused => *refused += 1,
            Outcome::Same => *same += 1,
            Outcome::Wrong(what) => wrong.push(format!("{trial:?}: {what}")),
        }
    }
    for ((file, cut), (refused, same)) in &counts {
        let what = if *cut { "cut" } else { "flipped" };
        println!("{:40} {what:8} refused {refused:4}  the same {same:4}", file.display());
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), outcomes.len(), wrong.join("\n"));
    let refused = |file: &str| {
        let of_file = counts.iter().filter(|((path, _), _)| path.starts_with(file));
        of_file.map(|(_, (refused, _))| refused).sum::<usize>()
    };
    for file in ["header", "store", "snapshots"].into_iter().filter(|_| only.is_empty()) {
        assert!(refused(file) > 0, "no damage to {file} was noticed at all");
    }
}
