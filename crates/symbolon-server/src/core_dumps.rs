//! The memory of a node opens every seed. A crash must not leave a copy of it on a disk.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// From now on the system keeps no memory of this process when it crashes, neither in a file nor for
/// a program that collects crashes, and shows none to other processes of the same user.
///
/// A limit on the size of core files would not do: it does not count for such a program.
pub(crate) fn refuse() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "this process's memory, with its keys, may be kept when it crashes");
    }
}
