//! Files stay short enough to be read in one go.

use super::{
    Breach, Tree,
    ratchet::{Counted, Ratchet},
};

const RUST: Ratchet = Ratchet { unit: "lines", max: 500, exceptions: &[] };

/// The overview is only one while it is short.
const ARCHITECTURE: Ratchet = Ratchet { unit: "lines", max: 300, exceptions: &[] };

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = RUST.check(&tree.rust().map(counted).collect::<Vec<_>>());
    let overview = tree.find("docs/architecture.md").map(counted);
    breaches.extend(ARCHITECTURE.check(overview.as_slice()));
    breaches
}

fn counted(file: &super::tree::File) -> Counted {
    let (path, key) = (file.path.clone(), file.path.clone());
    Counted { path, line: 0, key, count: file.text.lines().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, lines: usize) -> usize {
        check(&Tree::of(&[(path, &"x\n".repeat(lines))])).len()
    }

    #[test]
    fn rust_files_have_at_most_500_lines() {
        assert_eq!(breaches("crates/a/src/lib.rs", 500), 0);
        assert_eq!(breaches("crates/a/src/lib.rs", 501), 1);
        assert_eq!(breaches("Cargo.lock", 501), 0);
    }

    #[test]
    fn the_overview_has_at_most_300_lines() {
        assert_eq!(breaches("docs/architecture.md", 300), 0);
        assert_eq!(breaches("docs/architecture.md", 301), 1);
        assert_eq!(breaches("docs/operations.md", 301), 0);
    }
}
