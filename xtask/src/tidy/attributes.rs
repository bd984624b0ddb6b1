//! No lint is silenced without a reason, no test is switched off.

use super::{
    Breach, Source, Tree,
    source::{line_of, words},
};

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    tree.rust().flat_map(|file| check_file(&file.path, &file.text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Breach> {
    let code = Source::parse(text).code;
    let mut breaches = Vec::new();
    for (line, attribute) in attributes(&code) {
        let has = |name| words(attribute).any(|(_, word)| word == name);
        let is = |name| words(attribute).next().is_some_and(|(_, word)| word == name);
        if is("allow") || (is("cfg_attr") && has("allow")) {
            let text = "#[allow] is banned: use #[expect(.., reason = \"..\")]";
            breaches.push(Breach::at(path, line, text));
        }
        if is("expect") && !has("reason") {
            breaches.push(Breach::at(path, line, "#[expect] needs a reason"));
        }
        if is("ignore") || (is("cfg_attr") && has("ignore")) {
            breaches.push(Breach::at(path, line, "#[ignore] is banned: fix the test or remove it"));
        }
    }
    breaches
}

/// Line and inside of each `#[..]` and `#![..]`.
fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('#').filter_map(|(at, _)| {
        let after = code.get(at + 1..)?;
        let inside = after.strip_prefix('!').unwrap_or(after).strip_prefix('[')?;
        let mut depth = 1_usize;
        let end = inside.find(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        Some((line_of(code, at), inside.get(..end)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_attributes_fail() {
        for bad in [
            "#[allow(dead_code)]",
            "#![allow(clippy::all)]",
            "#[cfg_attr(test, allow(dead_code))]",
            "#[expect(dead_code)]",
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[cfg_attr(\n    miri,\n    ignore\n)]",
        ] {
            let text = format!("//! A.\n{bad}\nfn f() {{}}");
            let lines: Vec<_> = check_file("a.rs", &text).iter().map(|b| b.line).collect();
            assert_eq!(lines, [2], "{bad}");
        }
    }

    #[test]
    fn good_attributes_pass() {
        let good = "#![no_std]\n#[expect(dead_code, reason = \"[allow(x)]\")]\n#[serde(allow)]\n\
                    // #[ignore]\n#[cfg_attr(test, derive(Debug))]\nlet a = x.expect(\"ignore\");";
        assert!(check_file("a.rs", good).is_empty());
    }
}
