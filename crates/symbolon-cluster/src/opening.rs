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

#[cfg(test)]
mod tests {
    use symbolon_store::{Batch, DataDir, ImageBatch, Space};

    use super::*;
    use crate::damage::build::data_directory_of;

    /// Why a store is refused of which something is gone.
    fn refused(change: impl FnOnce(&Store)) -> String {
        let place = tempfile::tempdir().unwrap();
        data_directory_of(place.path(), 40);
        let store = DataDir::new(place.path()).open().unwrap();
        load(&store).unwrap();
        change(&store);
        let error = load(&store).err().expect("accepted").to_string();
        assert!(error.contains(place.path().to_str().unwrap()), "{error}");
        assert!(error.contains("; move the data directory away"), "{error}");
        error
    }

    fn remove(store: &Store, key: &[u8]) {
        let mut batch = Batch::new();
        batch.remove(key);
        store.kv.write(batch).unwrap();
    }

    #[test]
    fn an_audit_row_that_is_gone_is_noticed() {
        for index in [1_u64, 17, 30] {
            let error = refused(|store| remove(store, &Space::Audit.key(&index.to_be_bytes())));
            assert!(error.contains("the audit has chain"), "{error}");
        }
    }

    #[test]
    fn a_row_that_is_gone_is_noticed() {
        let error = refused(|store| {
            let (key, _) = store.image.rows().nth(9).unwrap().unwrap();
            let scalars = store.image.scalars().unwrap().unwrap();
            let rows = vec![(key, None)];
            store.image.write(ImageBatch { rows, scalars, ..ImageBatch::default() }).unwrap();
        });
        assert!(error.contains("the rows have digest"), "{error}");
    }

    #[test]
    fn a_state_that_ends_before_the_log_begins_is_noticed() {
        let error = refused(|store| {
            let last = store.log.last_index().unwrap() + 1;
            let (_, log_id) = store.log.purged().unwrap().unwrap();
            store.log.purge_to(last, &log_id).unwrap();
        });
        assert!(error.contains("and the log is purged up to"), "{error}");
    }
}
