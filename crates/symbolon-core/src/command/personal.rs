//! What is recorded because somebody read it.

#[cfg(doc)]
use super::Command;
use crate::UserName;

/// See [`Command::RecordExport`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordExport {
    /// Of whom; perhaps nobody's any more.
    pub name: UserName,
}
