//! What is remembered of a cluster whose directory stays, so that it can be started again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::node::Node;
use crate::{error::Failure, files};

pub(crate) const CLUSTER: &str = "dev";
const FILE: &str = "dev.json";

/// Written once all nodes have joined. Without it the directory holds no whole cluster.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    cluster: String,
    nodes: usize,
}

impl Record {
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, Failure> {
        let path = directory.join(FILE);
        if !files::exists(&path) {
            return match files::is_empty(directory) {
                Ok(true) => Ok(None),
                Ok(false) => Err(Failure::configuration(
                    format!("{} holds something else.", directory.display()),
                    "Name an empty directory, or one in which `symbolon dev` made a whole cluster.",
                )),
                Err(error) => Err(unusable(directory, &error)),
            };
        }
        files::read_text(&path)
            .and_then(|text| Ok(serde_json::from_str(&text)?))
            .map(Some)
            .map_err(|error| unusable(&path, &error))
    }

    pub(crate) fn write(directory: &Path, nodes: usize) -> Result<Self, Failure> {
        let record = Self { cluster: CLUSTER.to_owned(), nodes };
        let path = directory.join(FILE);
        serde_json::to_string(&record)
            .map_err(std::io::Error::from)
            .and_then(|text| files::write(&path, &(text + "\n")))
            .map_err(|error| unusable(&path, &error))?;
        Ok(record)
    }

    /// The nodes of the cluster, which are as many as `asked_for`, if any.
    pub(crate) fn nodes(
        &self,
        directory: &Path,
        asked_for: Option<usize>,
    ) -> Result<Vec<Node>, Failure> {
        if asked_for.is_some_and(|nodes| nodes != self.nodes) {
            return Err(Failure::usage(
                format!("The cluster in {} has {} nodes.", directory.display(), self.nodes),
                "Leave --nodes out, or name another directory.",
            ));
        }
        Ok(Node::numbered(directory, self.nodes))
    }
}

/// Makes the directory if it is not there. Gives its full path.
pub(crate) fn prepare(directory: &Path) -> Result<PathBuf, Failure> {
    files::create_directory(directory)
        .and_then(|()| std::path::absolute(directory))
        .map_err(|error| unusable(directory, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::configuration(
        format!("{} cannot be used: {error}.", path.display()),
        "Name another directory with --data-dir.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_cluster_is_found_again() {
        let home = files::temporary_directory("symbolon-record-").unwrap();
        assert!(Record::read(home.path()).unwrap().is_none());

        Record::write(home.path(), 2).unwrap();
        let record = Record::read(home.path()).unwrap().unwrap();
        for asked_for in [None, Some(2)] {
            let found = record.nodes(home.path(), asked_for).unwrap();
            let names: Vec<_> = found.iter().map(|node| node.name.as_str()).collect();
            assert_eq!(names, ["node-1", "node-2"]);
        }
        let failure = record.nodes(home.path(), Some(3)).err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn a_directory_with_something_else_is_left_alone() {
        let home = files::temporary_directory("symbolon-record-").unwrap();
        files::write(&home.path().join("thesis.tex"), "x").unwrap();
        let failure = Record::read(home.path()).err().unwrap();
        assert_eq!(failure.exit, Exit::Configuration);
    }
}
