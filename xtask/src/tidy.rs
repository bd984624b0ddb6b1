//! House rules that no compiler knows, a module per rule.
//!
//! A rule reads the [`Tree`] of tracked files and returns what is wrong with it. Each one proves by
//! unit tests that it catches a bad sample and lets a good one pass.

use crate::{Result, workspace::Workspace};

mod arrows;
mod attributes;
mod core_crate;
mod core_deps;
mod functions;
mod length;
mod links;
mod machine_paths;
mod macros;
mod markers;
mod owners;
mod ratchet;
mod source;
mod tree;

use source::Source;
use tree::Tree;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    /// Counted from 1; 0 when the whole file is meant.
    line: usize,
    text: String,
}

impl Breach {
    fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }

    fn in_file(path: &str, text: impl Into<String>) -> Self {
        Self::at(path, 0, text)
    }
}

const RULES: &[fn(&Tree) -> Vec<Breach>] = &[
    length::check,
    functions::check,
    macros::check,
    markers::check,
    attributes::check,
    core_crate::check,
    arrows::check,
    owners::check,
    links::check,
    machine_paths::check,
];

pub(crate) fn run(workspace: &Workspace) -> Result {
    let tree = Tree::load(workspace)?;
    let mut breaches: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    breaches.extend(core_deps::check(&tree, &core_deps::list(workspace)?));
    breaches.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for Breach { path, line, text } in &breaches {
        match line {
            0 => println!("{path}: {text}"),
            _ => println!("{path}:{line}: {text}"),
        }
    }
    match breaches.len() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} breaches of house rules").into()),
    }
}
