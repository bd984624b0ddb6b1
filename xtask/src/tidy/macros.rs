//! Nothing unfinished and no leftovers of debugging, in tests neither.

use super::{
    Breach, Source, Tree,
    source::{line_of, words},
};

const BANNED: &[&str] = &["todo", "unimplemented", "dbg"];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    tree.rust().flat_map(|file| check_file(&file.path, &file.text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Breach> {
    let code = Source::parse(text).code;
    let calls = words(&code).filter(|(at, word)| {
        BANNED.contains(word) && code.get(at + word.len()..).is_some_and(|on| on.starts_with('!'))
    });
    calls
        .map(|(at, word)| Breach::at(path, line_of(&code, at), format!("{word}! is banned")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_are_found_in_code() {
        for (bad, text) in [
            ("fn f() {\n    todo!()\n}", "todo! is banned"),
            ("fn f() {\n    std::unimplemented!(\"x\")\n}", "unimplemented! is banned"),
            ("fn f() {\n    g(dbg!(x))\n}", "dbg! is banned"),
        ] {
            assert_eq!(check_file("a.rs", bad), [Breach::at("a.rs", 2, text)]);
        }
    }

    #[test]
    fn the_words_elsewhere_pass() {
        let good = "// todo!() is banned\nfn f(todo: u8) { if todo != 1 { log(\"dbg!(x)\") } }";
        assert!(check_file("a.rs", good).is_empty());
    }
}
