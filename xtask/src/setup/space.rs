//! Whether the disk has space for all that the gate builds. Servers under test take a disk that is
//! nearly full for what it is and refuse administrative writes: a test would tell of it late and badly.

use std::{fs, io, path::Path};

use crate::{
    Result,
    workspace::{self, Workspace},
};

/// What the gate needs in `target`, with everything built, and beside it.
const NEEDED_GIB: u64 = 16;
/// Of it what must be free, however much is built already.
const FREE_GIB: u64 = 3;

pub(super) fn check(workspace: &Workspace) -> Result {
    let target = workspace.root.join("target");
    fs::create_dir_all(&target)?;
    let mut df = workspace.command("df");
    df.args(["--block-size=1", "--output=avail"]).arg(&target);
    let listed = workspace::capture(&mut df)?;
    let free = listed.lines().nth(1).and_then(|line| line.trim().parse().ok());
    let free: u64 = free.ok_or_else(|| format!("what does df mean by {listed:?}?"))?;
    judge(free, size(&target)?)
}

fn judge(free: u64, built: u64) -> Result {
    let gib = |bytes: u64| bytes >> 30;
    if gib(free) >= FREE_GIB && gib(free.saturating_add(built)) >= NEEDED_GIB {
        return Ok(());
    }
    Err(format!(
        "the disk has {} GiB free, and `target` holds {} GiB: the gate needs {NEEDED_GIB} GiB for \
         both, {FREE_GIB} GiB of them free; `cargo clean` empties `target`",
        gib(free),
        gib(built)
    )
    .into())
}

/// Bytes that the files below take. A file that goes meanwhile takes none.
fn size(directory: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        sum += match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path())?,
            Ok(found) => found.len(),
            Err(_) => 0,
        };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_is_built_counts_but_some_must_be_free() {
        assert!(judge(NEEDED_GIB * GIB, 0).is_ok());
        assert!(judge(FREE_GIB * GIB, (NEEDED_GIB - FREE_GIB) * GIB).is_ok());
        let error = judge(GIB, 100 * GIB).expect_err("too little is free").to_string();
        assert!(error.contains("1 GiB free") && error.contains("cargo clean"), "{error}");
        assert!(judge((NEEDED_GIB - 1) * GIB, 0).is_err());
    }
}
