//! `symbolon-core` cannot reach the clock, the file system or unordered maps.

use super::{
    Breach, Source, Tree,
    source::{line_of, words},
};

const SOURCES: &str = "crates/symbolon-core/src/";
const BANNED: &[&str] = &["HashMap", "HashSet", "Instant", "SystemTime"];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with(SOURCES)) {
        let code = Source::parse(&file.text).code;
        if file.path.ends_with("/src/lib.rs") && !code.contains("#![no_std]") {
            breaches.push(Breach::in_file(&file.path, "#![no_std] is missing"));
        }
        let banned = words(&code).filter(|(_, word)| BANNED.contains(word));
        breaches.extend(banned.map(|(at, word)| {
            Breach::at(&file.path, line_of(&code, at), format!("{word} has no place in the core"))
        }));
        breaches.extend(std_outside_tests(&file.path, &code));
    }
    breaches
}

fn std_outside_tests(path: &str, code: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut before = "";
    for (number, line) in (1..).zip(code.lines()) {
        let mut inline = line.split_whitespace().skip_while(|&word| word != "extern");
        let is_std = inline.next().is_some()
            && inline.next() == Some("crate")
            && inline.next().is_some_and(|name| name.trim_end_matches(';') == "std");
        if is_std && !before.contains("#[cfg(test)]") && !line.contains("#[cfg(test)]") {
            breaches.push(Breach::at(path, number, "extern crate std needs #[cfg(test)] above it"));
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text)]);
        check(&tree).into_iter().map(|breach| breach.text).collect()
    }

    const LIB: &str = "crates/symbolon-core/src/lib.rs";
    const TIME: &str = "crates/symbolon-core/src/time.rs";

    #[test]
    fn the_core_must_be_no_std() {
        assert_eq!(breaches(LIB, "//! #![no_std]\n").len(), 1);
        assert_eq!(breaches(LIB, "//! Core.\n#![no_std]\n").len(), 0);
        assert_eq!(breaches("crates/symbolon-store/src/lib.rs", "//! Store.\n").len(), 0);
    }

    #[test]
    fn std_is_for_tests() {
        assert_eq!(breaches(TIME, "extern crate alloc;\nextern crate std;\n").len(), 1);
        assert_eq!(breaches(TIME, "pub extern crate std as s;\n").len(), 1);
        assert_eq!(breaches(TIME, "#[cfg(test)]\nextern crate std;\n").len(), 0);
        assert_eq!(breaches(TIME, "#[cfg(not(test))]\nextern crate std;\n").len(), 1);
    }

    #[test]
    fn some_types_are_banned() {
        for name in BANNED {
            assert_eq!(breaches(TIME, &format!("use a::{name};\n")).len(), 1);
            assert_eq!(breaches(TIME, &format!("// not a {name}\nstruct {name}s;\n")).len(), 0);
        }
    }
}
