//! What the core is built from: a list that grows by a decision, not by accident.

use std::collections::BTreeSet;

use super::{Breach, Tree};
use crate::{
    Result,
    workspace::{self, Workspace},
};

const ALLOWED: &str = "xtask/core-deps.txt";
const CORE: &str = "symbolon-core";

/// Everything the core pulls in, as cargo sees it.
pub(super) fn list(workspace: &Workspace) -> Result<String> {
    // One fixed target, so that the list does not depend on the developer's machine.
    let arguments = ["--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let target = ["--target", "x86_64-unknown-linux-gnu"];
    let mut tree = workspace.command("cargo");
    tree.args(["tree", "--quiet", "--locked", "--package", CORE]).args(arguments).args(target);
    workspace::capture(&mut tree)
}

pub(super) fn check(tree: &Tree, listed: &str) -> Vec<Breach> {
    let allowed = tree.find(ALLOWED).map_or("", |file| file.text.as_str());
    let allowed = names(allowed.lines().filter(|line| !line.starts_with('#')));
    let mut real = names(listed.lines());
    real.remove(CORE);
    let added = real.difference(&allowed).map(|name| format!("+ {name} is new in {CORE}"));
    let gone = allowed.difference(&real).map(|name| format!("- {name} is no longer in {CORE}"));
    added.chain(gone).map(|text| Breach::in_file(ALLOWED, text)).collect()
}

fn names<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "symbolon-core v0.1.0 (/some/where)\nhmac v0.13.0\ndigest v0.11.3 (*)\n";

    fn breaches(allowed: &str) -> Vec<String> {
        let tree = Tree::of(&[(ALLOWED, allowed)]);
        check(&tree, LISTED).into_iter().map(|breach| breach.text).collect()
    }

    #[test]
    fn the_same_names_pass() {
        assert!(breaches("# names\ndigest\nhmac\n").is_empty());
    }

    #[test]
    fn a_difference_is_told_both_ways() {
        assert_eq!(
            breaches("hmac\nrand\n"),
            ["+ digest is new in symbolon-core", "- rand is no longer in symbolon-core"]
        );
    }
}
