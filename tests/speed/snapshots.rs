//! Snapshots as they appear in a folder: each is written under another name, which ends with its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(2);

/// Looks until it is told to end.
pub(crate) struct Watch {
    ended: Arc<AtomicBool>,
    watching: JoinHandle<Seen>,
}

/// What was seen of snapshots that were written from their beginning to their end.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) longest: Option<Duration>,
    /// Of the longest.
    pub(crate) bytes: u64,
}

impl Watch {
    pub(crate) fn begin(folder: &Path) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (folder, until) = (folder.to_owned(), Arc::clone(&ended));
        let watching = thread::spawn(move || watch(&folder, &until));
        Self { ended, watching }
    }

    pub(crate) fn end(self) -> Seen {
        self.ended.store(true, Ordering::SeqCst);
        self.watching.join().unwrap()
    }
}

fn watch(folder: &Path, until: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut under_way: Option<(PathBuf, Instant)> = None;
    // One that is under way already has begun too early.
    let mut is_first = true;
    while !until.load(Ordering::SeqCst) {
        let now = unfinished(folder);
        if let Some((path, begin)) = &under_way
            && now.as_ref() != Some(path)
        {
            seen.longest = seen.longest.max(Some(begin.elapsed()));
            seen.bytes = seen.bytes.max(finished_bytes(folder));
            under_way = None;
        }
        match now {
            None => is_first = false,
            Some(path) if under_way.is_none() && !is_first => {
                under_way = Some((path, Instant::now()));
            }
            Some(_) => {}
        }
        thread::sleep(LOOK);
    }
    seen
}

fn finished_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let finished = files.filter(|file| file.path().extension().is_none_or(|it| it != "tmp"));
    finished.filter_map(|file| Some(file.metadata().ok()?.len())).max().unwrap_or(0)
}

fn unfinished(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
    files.into_iter().find(|path| path.extension().is_some_and(|it| it == "tmp"))
}
