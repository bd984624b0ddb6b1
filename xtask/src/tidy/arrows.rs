//! Which crate may use which: every arrow points toward the core.

use toml::{Table, Value};

use super::{Breach, Tree};

/// A crate and what it may depend on outside of tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("symbolon-core", &[]),
    ("symbolon-proto", &["symbolon-core"]),
    ("symbolon-service", &["symbolon-core"]),
    ("symbolon-import", &["symbolon-core"]),
    ("symbolon-radius", &["symbolon-core"]),
    ("symbolon-store", &["symbolon-core", "symbolon-proto"]),
    (
        "symbolon-cluster",
        &["symbolon-core", "symbolon-proto", "symbolon-service", "symbolon-store"],
    ),
    ("symbolon-grpc", &["symbolon-core", "symbolon-proto", "symbolon-radius", "symbolon-service"]),
    ("symbolon-radius-server", &["symbolon-core", "symbolon-radius", "symbolon-service"]),
    ("symbolon-cli", &["symbolon-core", "symbolon-proto", "symbolon-import"]),
    (
        "symbolon-server",
        &[
            "symbolon-core",
            "symbolon-proto",
            "symbolon-service",
            "symbolon-store",
            "symbolon-cluster",
            "symbolon-grpc",
            "symbolon-radius",
            "symbolon-radius-server",
        ],
    ),
    ("symbolon", &["symbolon-server", "symbolon-cli"]),
    ("symbolon-testkit", &["symbolon-proto"]),
    ("symbolon-check", &["symbolon-core"]),
    (
        "symbolon-sim",
        &[
            "symbolon-check",
            "symbolon-core",
            "symbolon-service",
            "symbolon-store",
            "symbolon-cluster",
        ],
    ),
    ("symbolon-torture", &["symbolon-check", "symbolon-core", "symbolon-testkit"]),
    ("xtask", &[]),
];

/// Only tests may use it, and only those of the program.
const TESTKIT: &str = "symbolon-testkit";
const TESTKIT_USER: &str = "symbolon";

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.with_extension("toml") {
        let is_member = file.path.starts_with("crates/") || file.path.starts_with("xtask/");
        if is_member && file.path.ends_with("/Cargo.toml") {
            let texts = match file.text.parse::<Table>() {
                Ok(manifest) => check_manifest(&manifest),
                Err(error) => vec![format!("is no TOML: {error}")],
            };
            breaches.extend(texts.into_iter().map(|text| Breach::in_file(&file.path, text)));
        }
    }
    breaches
}

fn check_manifest(manifest: &Table) -> Vec<String> {
    let package = manifest.get("package").and_then(|package| package.get("name"));
    let package = package.and_then(Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package) else {
        return vec![format!("crate {package:?} is unknown to tidy: say what it may depend on")];
    };
    let mut texts = Vec::new();
    for name in ours(manifest, &["dependencies", "build-dependencies"]) {
        if !allowed.contains(&name) {
            texts.push(format!("{package} may not depend on {name}"));
        }
    }
    for name in ours(manifest, &["dev-dependencies"]) {
        if name == TESTKIT && package != TESTKIT_USER {
            texts.push(format!("only tests of {TESTKIT_USER} may use {TESTKIT}"));
        }
    }
    texts
}

/// Our own crates in these sections, also in those of a single target.
fn ours<'a>(manifest: &'a Table, sections: &[&str]) -> Vec<&'a str> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut names = Vec::new();
    for table in [manifest].into_iter().chain(targets) {
        for section in sections {
            let dependencies = table.get(*section).and_then(Value::as_table);
            for (key, value) in dependencies.into_iter().flatten() {
                let renamed = value.get("package").and_then(Value::as_str);
                names.push(renamed.unwrap_or(key));
            }
        }
    }
    names.retain(|name| *name == "symbolon" || name.starts_with("symbolon-"));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(package: &str, rest: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{package}\"\n{rest}");
        let tree = Tree::of(&[("crates/a/Cargo.toml", &text)]);
        check(&tree).into_iter().map(|breach| breach.text).collect()
    }

    #[test]
    fn arrows_of_the_table_pass() {
        let rest = "[dependencies]\nsled.workspace = true\nsymbolon-core.workspace = true\n\
                    [dev-dependencies]\nsymbolon-cluster.workspace = true\n";
        assert!(breaches("symbolon-store", rest).is_empty());
        let rest = "[dev-dependencies]\nsymbolon-testkit.workspace = true\n";
        assert!(breaches("symbolon", rest).is_empty());
    }

    #[test]
    fn other_arrows_fail_however_they_are_written() {
        for rest in [
            "[dependencies]\nsymbolon-store.workspace = true\n",
            "[dependencies.symbolon-store]\nworkspace = true\n",
            "[dependencies]\nstore = { path = \"../x\", package = \"symbolon-store\" }\n",
            "[build-dependencies]\nsymbolon-store.workspace = true\n",
            "[target.'cfg(unix)'.dependencies]\nsymbolon-store.workspace = true\n",
        ] {
            let found = breaches("symbolon-grpc", rest);
            assert_eq!(found, ["symbolon-grpc may not depend on symbolon-store"], "{rest}");
        }
    }

    #[test]
    fn the_testkit_stays_in_tests_of_the_program() {
        let test = "[dev-dependencies]\nsymbolon-testkit.workspace = true\n";
        assert_eq!(breaches("symbolon-store", test).len(), 1);
        let product = "[dependencies]\nsymbolon-testkit.workspace = true\n";
        assert_eq!(breaches("symbolon", product).len(), 1);
    }

    #[test]
    fn a_new_crate_must_be_placed_first() {
        assert_eq!(breaches("symbolon-ldap", "").len(), 1);
    }
}
