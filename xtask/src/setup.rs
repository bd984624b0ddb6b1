//! Installs what the other steps need and is not there. Quick when all of it is.

use crate::{Result, workspace::Workspace};

pub(crate) mod cargo_tools;
mod debian;
pub(crate) mod peers;
pub(crate) mod python;

pub(crate) fn run(workspace: &Workspace) -> Result {
    debian::ensure_programs(workspace)?;
    cargo_tools::ensure(workspace)?;
    python::ensure(workspace)
}
