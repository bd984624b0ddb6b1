//! Links from one document to another file lead somewhere.

use super::{Breach, Tree};

mod markdown;

use markdown::Document;

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.with_extension("md") {
        for link in Document::parse(&file.text).links {
            if let Err(text) = follow(tree, &file.path, &link.target) {
                let text = format!("link to {:?}: {text}", link.target);
                breaches.push(Breach::at(&file.path, link.line, text));
            }
        }
    }
    breaches
}

fn follow(tree: &Tree, from: &str, target: &str) -> Result<(), &'static str> {
    let is_address = ["http://", "https://", "mailto:"].iter().any(|p| target.starts_with(p));
    if is_address {
        return Ok(());
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => from.to_owned(),
        path => resolve(from, path).ok_or("leads out of the repository")?,
    };
    if !tree.contains(&path) {
        return Err("there is no such file");
    }
    match tree.find(&path).filter(|file| file.extension() == "md" && !anchor.is_empty()) {
        Some(file) if !Document::parse(&file.text).anchors.contains(anchor) => {
            Err("the file has no such heading")
        }
        _ => Ok(()),
    }
}

/// The path a relative one means, from the root of the repository.
fn resolve(from: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') {
        return None;
    }
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(readme: &str) -> Vec<Breach> {
        check(&Tree::of(&[
            ("docs/guide/README.md", readme),
            ("docs/architecture.md", "# The map\n"),
            ("proto/symbolon/v1/a.proto", ""),
        ]))
    }

    #[test]
    fn good_links_pass() {
        for target in [
            "../architecture.md",
            "../architecture.md#the-map",
            "#here",
            "../../proto/symbolon/v1/a.proto#L10",
            "../../proto",
            "./../",
            "https://example.org/x.md",
        ] {
            assert_eq!(breaches(&format!("# Here\n[a]({target})\n")), [], "{target}");
        }
    }

    #[test]
    fn broken_links_fail() {
        for (target, text) in [
            ("architecture.md", "there is no such file"),
            ("../architecture.md#a-map", "the file has no such heading"),
            ("#there", "the file has no such heading"),
            ("../../../x.md", "leads out of the repository"),
            ("/docs/architecture.md", "leads out of the repository"),
        ] {
            let text = format!("link to {target:?}: {text}");
            let expected = [Breach::at("docs/guide/README.md", 2, text)];
            assert_eq!(breaches(&format!("# Here\n[a]({target})\n")), expected);
        }
    }
}
