//! Installs what the other steps need and is not there. Quick when all of it is.

use crate::{Result, workspace::Workspace};

pub(crate) mod cargo_tools;
mod debian;
pub(crate) mod peers;
pub(crate) mod python;
mod space;

pub(crate) fn run(workspace: &Workspace) -> Result {
    space::check(workspace)?;
    debian::ensure_programs(workspace)?;
    cargo_tools::ensure(workspace)?;
    python::ensure(workspace)
}
