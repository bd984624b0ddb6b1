//! Functions fit on a screen.

use super::{
    Breach, Source, Tree,
    ratchet::{Counted, Ratchet},
    source::{is_word, line_of, words},
};

/// An exception is called `path::function`.
const FUNCTIONS: Ratchet = Ratchet { unit: "lines", max: 70, exceptions: &[] };

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let code = Source::parse(&file.text).code;
        found.extend(functions(&code).map(|Function { name, line, lines }| Counted {
            path: file.path.clone(),
            line,
            key: format!("{}::{name}", file.path),
            count: lines,
        }));
    }
    FUNCTIONS.check(&found)
}

struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

fn functions(code: &str) -> impl Iterator<Item = Function<'_>> {
    words(code).filter(|&(_, word)| word == "fn").filter_map(|(start, _)| {
        let after = code.get(start + "fn".len()..)?;
        let name = after.trim_start();
        let name = name.get(..name.find(|c| !is_word(c) && c != '$').unwrap_or(name.len()))?;
        if name.is_empty() {
            return None; // the type of a function pointer
        }
        let end = start + "fn".len() + body_end(after)?;
        let line = line_of(code, start);
        Some(Function { name, line, lines: line_of(code, end) - line + 1 })
    })
}

/// The place of the brace that closes the body; none when there is no body.
fn body_end(after_fn: &str) -> Option<usize> {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (at, c) in after_fn.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.checked_sub(1)?,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_lines(head: &str, lines: usize) -> String {
        format!("{head} {{\n{}}}\n", "    call('}'); // }\n".repeat(lines - 2))
    }

    fn breaches(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("a.rs", text)]);
        check(&tree).into_iter().map(|breach| breach.text).collect()
    }

    #[test]
    fn seventy_lines_pass_and_seventy_one_do_not() {
        assert!(breaches(&with_lines("fn f(x: [u8; 2])", 70)).is_empty());
        let found = breaches(&with_lines("pub fn f<T>(x: fn(T) -> T)", 71));
        assert_eq!(found, ["a.rs::f: 71 lines, at most 70 are allowed"]);
    }

    #[test]
    fn methods_are_counted_apart() {
        let two = with_lines("fn f(&self)", 40) + &with_lines("fn g(&self)", 40);
        assert!(breaches(&format!("impl A {{\n{two}}}\n")).is_empty());
    }

    #[test]
    fn declarations_have_no_body() {
        let text = format!("trait T {{ fn f(&self) -> [u8; 4]; }}\n{}", "mod a {}\n".repeat(100));
        assert!(breaches(&text).is_empty());
    }
}
