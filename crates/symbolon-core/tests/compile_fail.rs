//! What the core cannot do, because it does not compile: a copy of it is altered and checked.
#![expect(clippy::disallowed_methods, reason = "copies sources into the target directory")]

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// The file of the copy that is altered.
    const ALTERED: &str = "crates/symbolon-core/src/time.rs";

    /// What is tried, and what the compiler says to it.
    const OUT_OF_REACH: &[(&str, &str)] = &[
        ("std::time::SystemTime::now()", "crate `std`"),
        ("std::time::Instant::now()", "crate `std`"),
        ("std::collections::HashMap::<u8, u8>::new()", "crate `std`"),
        ("std::fs::read(\"file\")", "crate `std`"),
        ("std::env::var(\"HOME\")", "crate `std`"),
        ("std::net::TcpStream::connect(\"::1:1\")", "crate `std`"),
        ("std::thread::spawn(|| ())", "crate `std`"),
        ("println!(\"text\")", "cannot find macro `println`"),
        ("alloc::collections::HashMap::<u8, u8>::new()", "`HashMap`"),
        ("unsafe { core::mem::zeroed::<u8>() }", "`unsafe` block"),
    ];

    #[test]
    fn the_core_reaches_no_clock_file_or_socket() {
        let copy = Copy::make();
        assert_eq!(copy.check(), Ok(()), "the copy as it is");
        let original = fs::read_to_string(copy.root.join(ALTERED)).unwrap();
        for (tried, said) in OUT_OF_REACH {
            let altered =
                format!("{original}\npub(crate) fn reach() {{\n    let _ = {tried};\n}}\n");
            fs::write(copy.root.join(ALTERED), altered).unwrap();
            let error = copy.check().expect_err(tried);
            assert!(error.contains(said), "{tried}: {error}");
            assert!(error.contains(tried), "{tried}: {error}");
            assert!(error.contains("src/time.rs"), "{tried}: {error}");
        }
    }

    /// A workspace of the core alone, with its own target directory. One process at a time uses it.
    struct Copy {
        root: PathBuf,
        _lock: File,
    }

    impl Copy {
        fn make() -> Self {
            let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
            fs::create_dir_all(place).unwrap();
            let lock = File::create(place.join("core-copy.lock")).unwrap();
            lock.lock().unwrap();

            let core = Path::new(env!("CARGO_MANIFEST_DIR"));
            let workspace = core.join("../..");
            let root = place.join("core-copy");
            let copied_core = root.join("crates/symbolon-core");
            if copied_core.exists() {
                fs::remove_dir_all(&copied_core).unwrap();
            }
            copy_folder(&core.join("src"), &copied_core.join("src"));
            fs::copy(core.join("Cargo.toml"), copied_core.join("Cargo.toml")).unwrap();
            fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
            let manifest = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
            let (_, shared) = manifest.split_once("[workspace.package]").unwrap();
            let head = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n";
            // Without the profiles: what is only checked need not be optimised.
            let shared = shared.split("[profile").next().unwrap_or(shared);
            let manifest = format!("{head}\n[workspace.package]{shared}");
            fs::write(root.join("Cargo.toml"), manifest).unwrap();
            Self { root, _lock: lock }
        }

        /// Whether the copy compiles, and else what the compiler says.
        fn check(&self) -> Result<(), String> {
            let output = Command::new(env!("CARGO"))
                .args(["check", "--offline", "--quiet", "--color", "never", "--lib"])
                .arg("--target-dir")
                .arg(self.root.join("target"))
                .current_dir(&self.root)
                .env("CARGO_INCREMENTAL", "0")
                .output()
                .unwrap();
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        }
    }

    fn copy_folder(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy_folder(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}
