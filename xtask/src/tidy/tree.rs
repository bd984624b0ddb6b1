//! The files that are, or are about to be, under version control.

use std::fs;

use crate::{
    Result,
    workspace::{self, Workspace},
};

#[derive(Default)]
pub(super) struct Tree {
    files: Vec<File>,
}

pub(super) struct File {
    /// From the root of the workspace, with `/` between the parts.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    pub(super) fn load(workspace: &Workspace) -> Result<Self> {
        // The setting lets git answer in a checkout that belongs to somebody else, as CI's may.
        let arguments = ["-c", "safe.directory=*", "ls-files", "-z"];
        let selection = ["--cached", "--others", "--exclude-standard"];
        let list = workspace::capture(workspace.command("git").args(arguments).args(selection))?;
        let mut tree = Self::default();
        for path in list.split('\0').filter(|path| !path.is_empty()) {
            let on_disk = workspace.root.join(path);
            // A file that was deleted without telling git yet is still listed.
            if on_disk.is_file() {
                let bytes = fs::read(on_disk)?;
                tree.add(path, String::from_utf8_lossy(&bytes));
            }
        }
        Ok(tree)
    }

    pub(super) fn add(&mut self, path: &str, text: impl Into<String>) {
        self.files.push(File { path: path.to_owned(), text: text.into() });
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.extension() == extension)
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.with_extension("rs")
    }

    pub(super) fn find(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or a folder has this path.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.files.iter().any(|file| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
        })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, *text);
        }
        tree
    }
}

impl File {
    pub(super) fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_contained_but_not_halves_of_names() {
        let tree = Tree::of(&[("docs/adr/0001-raft.md", "")]);
        for path in ["docs/adr/0001-raft.md", "docs/adr", "docs", ""] {
            assert!(tree.contains(path), "{path}");
        }
        for path in ["docs/ad", "docs/adr/0001-raft", "adr"] {
            assert!(!tree.contains(path), "{path}");
        }
    }

    #[test]
    fn hidden_files_and_folders_with_dots_have_no_extension() {
        let tree = Tree::of(&[("a.d/Makefile", ""), ("a/b.tar.gz", ""), (".ci/run", "")]);
        let extensions: Vec<_> = tree.all().map(File::extension).collect();
        assert_eq!(extensions, ["", "gz", ""]);
    }
}
