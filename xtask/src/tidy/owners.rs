//! The first thing a library says is what it owns and what it must never know.

use super::{Breach, Tree};

const PHRASES: &[&str] = &["owns", "must never know"];

/// Tests only: it may know everything.
const EXEMPT: &str = "crates/symbolon-testkit/src/lib.rs";

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let libraries = tree.rust().filter(|file| {
        file.path.starts_with("crates/")
            && file.path.ends_with("/src/lib.rs")
            && file.path != EXEMPT
    });
    let missing = libraries.flat_map(|file| {
        let intro = introduction(&file.text);
        let missing = PHRASES.iter().filter(move |phrase| !intro.contains(*phrase));
        missing.map(|phrase| {
            Breach::at(&file.path, 1, format!("the //! at the top must say {phrase:?}"))
        })
    });
    missing.collect()
}

/// The `//!` lines at the very top as one line.
fn introduction(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let words: Vec<_> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    const LIB: &str = "crates/symbolon-store/src/lib.rs";

    #[test]
    fn an_introduction_with_both_phrases_passes() {
        let good = "//! Storage.\n//!\n//! Owns sled. Must\n//! never know openraft.\n\nmod a;\n";
        assert_eq!(breaches(LIB, good), 0);
    }

    #[test]
    fn each_missing_phrase_is_told() {
        assert_eq!(breaches(LIB, "//! Storage. Owns sled.\n"), 1);
        assert_eq!(breaches(LIB, "mod a;\n//! Owns sled, must never know openraft.\n"), 2);
        assert_eq!(breaches(LIB, ""), 2);
    }

    #[test]
    fn programs_and_the_testkit_are_exempt() {
        for path in ["crates/symbolon/src/main.rs", "xtask/src/main.rs", EXEMPT] {
            assert_eq!(breaches(path, "//! Something.\n"), 0);
        }
    }
}
