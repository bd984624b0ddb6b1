//! From an open store to a state that can work, or a refusal.

use symbolon_store::Store;

use crate::convert::log_id_decode;
use crate::error::ClusterError;
use crate::machine::Machine;

/// Loads the state of a store, and checks that the log goes on from where it ends.
///
/// # Errors
/// [`ClusterError::Image`], [`ClusterError::Store`].
pub(crate) fn load(store: &Store) -> Result<Machine, ClusterError> {
    let machine = Machine::load(store.image.clone(), store.snapshots.clone())?;
    let damaged = |cause: String| ClusterError::Image { path: store.image.path(), cause };
    let Some((purged, log_id)) = store.log.purged()? else {
        return Ok(machine);
    };
    log_id_decode(&log_id).map_err(|error| damaged(error.to_string()))?;
    let applied = machine.applied.map_or(0, |log_id| log_id.index);
    if applied < purged {
        return Err(damaged(format!(
            "it ends at log index {applied}, and the log is purged up to {purged}"
        )));
    }
    Ok(machine)
}
