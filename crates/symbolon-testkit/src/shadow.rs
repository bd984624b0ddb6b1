//! A disk that forgets what was not synced, under a node of its own: see `shadow.c`.

#![expect(clippy::disallowed_methods, reason = "it is the disk of a test")]
#![expect(clippy::unwrap_used, reason = "without its disk there is no test")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::Node;

const SOURCE: &str = include_str!("shadow.c");

/// The library, built once for this process.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(PathBuf, TempDir)> = OnceLock::new();
    let (library, _) = LIBRARY.get_or_init(|| {
        let folder = TempDir::with_prefix("symbolon-shadow-").unwrap();
        let (source, library) = (folder.path().join("shadow.c"), folder.path().join("shadow.so"));
        fs::write(&source, SOURCE).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status();
        assert!(built.as_ref().is_ok_and(std::process::ExitStatus::success), "cc: {built:?}");
        (library, folder)
    });
    library
}

/// The disk below one node's data directory.
pub struct Shadow {
    root: PathBuf,
    place: PathBuf,
}

impl Shadow {
    /// Puts it below a node that does not run. What is in its directory is durable.
    ///
    /// # Panics
    ///
    /// When that fails, as all else here does.
    #[must_use]
    pub fn below(node: &Node) -> Self {
        let root = node.data_dir();
        // Outside of a disk that is small.
        let shadow = Self { place: node.config_file().with_file_name("shadow"), root };
        shadow.seed();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        node.preload(text(library()));
        node.add_environment([
            ("SHADOW_ROOT".to_owned(), text(&shadow.root)),
            ("SHADOW_DIR".to_owned(), text(&shadow.place)),
        ]);
        shadow
    }

    /// Takes everything back that the node, which is dead, had not synced.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn lose_power(&self) {
        let kept = self.root.with_file_name("kept");
        self.restore(fs::metadata(&self.root).unwrap().ino(), &kept);
        fs::remove_dir_all(&self.root).unwrap();
        fs::rename(&kept, &self.root).unwrap();
        self.seed();
    }

    /// Keeps everything that the node, which is dead, has written: the system has seen to it. Without
    /// this, what one life has not synced would not be there for the syncs of the next.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn keep_power(&self) {
        self.seed();
    }

    /// From now on the disk says that it has synced, and has not.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn lie(&self) {
        self.flag("lies", true);
    }

    /// From now on, or no longer, a sync fails.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn fail_syncs(&self, fail: bool) {
        self.flag("eio", fail);
    }

    /// From now on, or no longer, a sync takes a while, so that there is time to die before it is
    /// done.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn slow_syncs(&self, slow: bool) {
        self.flag("slow", slow);
    }

    fn flag(&self, name: &str, is_set: bool) {
        let flag = self.place.join(name);
        // A disk that has lost power has lost its flags as well.
        match is_set {
            true => fs::write(flag, "").unwrap(),
            false if flag.exists() => fs::remove_file(flag).unwrap(),
            false => {}
        }
    }

    /// Takes all that is there for durable.
    fn seed(&self) {
        if self.place.exists() {
            fs::remove_dir_all(&self.place).unwrap();
        }
        for part in ["i", "d", "keep"] {
            fs::create_dir_all(self.place.join(part)).unwrap();
        }
        self.seed_directory(&self.root);
    }

    fn seed_directory(&self, path: &Path) {
        let mut names = String::new();
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let (about, name) = (entry.metadata().unwrap(), entry.file_name());
            let kind = if about.is_dir() {
                self.seed_directory(&entry.path());
                "d"
            } else if !about.is_file() {
                // A socket is no part of what a disk holds.
                continue;
            } else {
                fs::copy(entry.path(), self.place.join("i").join(about.ino().to_string())).unwrap();
                "f"
            };
            names += &format!("{kind} {} {}\n", about.ino(), name.to_str().unwrap());
        }
        let inode = fs::metadata(path).unwrap().ino();
        fs::write(self.place.join("d").join(inode.to_string()), names).unwrap();
    }

    /// Makes a directory as it was durable.
    fn restore(&self, inode: u64, to: &Path) {
        fs::create_dir(to).unwrap();
        // A directory whose own names were never synced is empty.
        let names = fs::read_to_string(self.place.join("d").join(inode.to_string()));
        for (name, (kind, inode)) in parse(&names.unwrap_or_default()) {
            let to = to.join(name);
            if kind == "d" {
                self.restore(inode, &to);
                continue;
            }
            let content = fs::read(self.place.join("i").join(inode.to_string()));
            fs::write(&to, content.unwrap_or_default()).unwrap();
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(to, mode).unwrap();
    }
}

fn parse(names: &str) -> BTreeMap<&str, (&str, u64)> {
    names
        .lines()
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let (kind, inode) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
            (parts.next().unwrap(), (kind, inode))
        })
        .collect()
}
