//! The project works wherever it is checked out: no path of somebody's machine in it.

use super::{Breach, Tree, source::line_of};

/// Cut in two, so that this file passes its own rule.
const BANNED: &[(&str, &str)] = &[("/wo", "rk/"), ("/ro", "ot/"), ("/tmp/bash", "_jobs")];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    tree.all().flat_map(|file| check_file(&file.path, &file.text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (head, tail) in BANNED {
        let banned = [*head, *tail].concat();
        // Inside a longer path or an address it is something else.
        let stands_alone = |at: usize| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || "._-}".contains(c))
        };
        let found = text.match_indices(&banned).filter(|(at, _)| stands_alone(*at));
        breaches.extend(found.map(|(at, _)| {
            Breach::at(path, line_of(text, at), format!("{banned} is a path of one machine"))
        }));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_fail_in_any_file() {
        for (head, tail) in BANNED {
            let text = format!("first line\nsee \"{head}{tail}x\"\n");
            for path in ["README.md", "a.rs", "deploy/symbolon.service", ".ci/run"] {
                let lines: Vec<_> = check_file(path, &text).iter().map(|b| b.line).collect();
                assert_eq!(lines, [2], "{text}");
            }
        }
    }

    #[test]
    fn other_paths_pass() {
        for (head, tail) in BANNED {
            let text = format!("https://example.org{head}{tail}x ./target{head}{tail}x /var/lib/x");
            assert!(check_file("README.md", &text).is_empty(), "{text}");
        }
    }
}
