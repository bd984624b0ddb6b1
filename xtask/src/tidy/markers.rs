//! Comments promise nothing: what is to be done belongs where it is planned.

use super::{
    Breach, Source, Tree,
    source::{line_of, words},
};

const BANNED: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Files whose whole text is searched, as telling their comments apart is not worth it.
const PLAIN: &[&str] = &["proto", "py", "service", "sh", "toml", "yaml", "yml"];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.all() {
        match file.extension() {
            "rs" => breaches.extend(search(&file.path, &Source::parse(&file.text).comments)),
            other if PLAIN.contains(&other) => breaches.extend(search(&file.path, &file.text)),
            _ => {}
        }
    }
    breaches
}

fn search(path: &str, text: &str) -> Vec<Breach> {
    let found = words(text).filter(|(_, word)| BANNED.contains(word));
    found
        .map(|(at, word)| Breach::at(path, line_of(text, at), format!("a comment says {word}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn markers_in_comments_fail() {
        for word in BANNED {
            assert_eq!(breaches("a.rs", &format!("f(); // {word}: later")), 1);
            assert_eq!(breaches("a.rs", &format!("/// {word}(me) later\nfn f() {{}}")), 1);
            assert_eq!(breaches("a.toml", &format!("# {word}")), 1);
        }
    }

    #[test]
    fn other_words_strings_and_other_files_pass() {
        assert_eq!(breaches("a.rs", "// XXXX todo\nconst A: &str = \"// TODO\";"), 0);
        assert_eq!(breaches("a.sh", "mktemp -d sym.XXXXXX"), 0);
        assert_eq!(breaches("docs/style.md", "No TODO in comments."), 0);
    }
}
