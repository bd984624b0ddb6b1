//! Others that a benchmark measures in the same run. Only `cargo xtask bench` needs them.

use std::path::PathBuf;

use super::{debian, python};
use crate::{Result, workspace::Workspace};

const PROGRAMS: &[debian::Program] = &[
    debian::Program { name: "etcd", package: "etcd-server" },
    debian::Program { name: "etcdctl", package: "etcd-client" },
    debian::Program { name: "h2load", package: "nghttp2-client" },
];

/// Exact versions, so that figures of two runs are of the same thing.
const PACKAGES: &[(&str, &str)] = &[("privacyidea", "3.14"), ("gunicorn", "27.0.1")];

const FOLDER: &str = "target/privacyidea";

/// Where the programs of privacyIDEA are; the benchmark is told as `SYMBOLON_BENCH_PRIVACYIDEA`.
pub(crate) fn programs(workspace: &Workspace) -> PathBuf {
    workspace.root.join(FOLDER).join("bin")
}

pub(crate) fn ensure(workspace: &Workspace) -> Result {
    debian::ensure(workspace, PROGRAMS)?;
    python::ensure_packages(workspace, FOLDER, "", PACKAGES)
}
