//! The file `succession`: where a node stands in the succession of epochs that seizes make. A node that
//! knows of no seize has none. It is sealed like the header; what is in it is the cluster's business.
//!
//! A node that a seize went on without moves its data aside and comes back empty:
//!
//! ```text
//! quarantine/returning/ what it had, while it is on its way back
//! quarantine/node-N/    what node N had, once it is back under another number
//! ```
//!
//! The header moves last and is written last: with one in both places the node is back, with one in
//! the data directory alone nothing has moved that counts.

use std::path::{Path, PathBuf};

use crate::header::{REMEDY, open_body, seal_body};
use crate::{DataDir, Header, Snapshots, StoreError, files};

const SETTLED_REMEDY: &str = "remove it: all writes of the quarantine are then shown as open again";
/// What a node had that is on its way back.
const RETURNING: &str = "returning";
const SETTLED: &str = "settled";
/// What moves, in this order.
const PARTS: [&str; 8] =
    ["store", "snapshots", "incoming", "tip", "diverged", LEFT, "succession", "header"];
/// Where a node writes what its cluster does not hold.
const LEFT: &str = "left";

/// What a sealed file holds; `None` when there is none.
fn read_sealed(path: &Path, remedy: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    open_body(&bytes, path, remedy).map(|body| Some(body.to_vec()))
}

impl DataDir {
    /// What the file `succession` holds; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::CorruptFile`].
    pub fn succession(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_sealed(&self.succession_path(), REMEDY)
    }

    /// Replaces the file `succession`. Durable on return; a crash leaves the old one or this one.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_succession(&self, body: &[u8]) -> Result<(), StoreError> {
        files::create_dir(self.path())?;
        files::replace(&self.succession_path(), &seal_body(body))
    }

    /// What the node wrote when it was left behind, for reading.
    #[must_use]
    pub fn left(&self) -> Snapshots {
        Snapshots::look(&self.path().join(LEFT))
    }

    /// Where the node writes when it is left behind.
    pub(crate) fn make_left(&self) -> Result<Snapshots, StoreError> {
        let place = self.path().join(LEFT);
        files::create_dir(&place)?;
        files::sync_dir(self.path())?;
        Snapshots::open(&place)
    }

    /// What lies in quarantine, each under its name, in order.
    ///
    /// # Errors
    ///
    /// When the directory cannot be listed.
    pub fn quarantines(&self) -> Result<Vec<(String, Self)>, StoreError> {
        let place = self.quarantine_path();
        if !files::exists(&place)? {
            return Ok(Vec::new());
        }
        let named = files::list(&place)?.into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            (name != RETURNING).then(|| (name, self.of_same_node(path)))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(named)
    }

    /// Removes a quarantine for good, with the disk space that it takes.
    ///
    /// # Errors
    ///
    /// When removing fails.
    pub fn remove_quarantine(&self, name: &str) -> Result<(), StoreError> {
        let known = self.quarantines()?.into_iter().find(|(known, _)| known == name);
        known.map_or(Ok(()), |(_, directory)| files::remove_tree_if_there(directory.path()))
    }

    /// What has become of the writes of this quarantine, as [`put_settled`](Self::put_settled) left it.
    ///
    /// # Errors
    ///
    /// [`StoreError::CorruptFile`].
    pub fn settled(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_sealed(&self.path().join(SETTLED), SETTLED_REMEDY)
    }

    /// Keeps what has become of the writes of this quarantine. Durable on return.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_settled(&self, body: &[u8]) -> Result<(), StoreError> {
        files::replace(&self.path().join(SETTLED), &seal_body(body))
    }

    /// Moves all that a node had aside. Can be repeated when it was interrupted.
    ///
    /// # Errors
    ///
    /// When moving fails.
    pub fn set_aside(&self) -> Result<(), StoreError> {
        let aside = self.aside_path();
        files::create_dir(&aside)?;
        files::sync_parent(&aside)?;
        files::sync_parent(&self.quarantine_path())?;
        for part in PARTS {
            let from = self.path().join(part);
            if files::exists(&from)? {
                files::rename(&from, &aside.join(part))?;
                files::sync_dir(self.path())?;
            }
        }
        Ok(())
    }

    /// Where the data lies of a node that is on its way back and has none in its place. Finishes what was
    /// interrupted of its leaving or of its coming.
    ///
    /// # Errors
    ///
    /// When moving fails.
    pub fn returning(&self) -> Result<Option<Self>, StoreError> {
        let aside = self.aside_path();
        if !files::exists(&aside)? {
            return Ok(None);
        }
        let is_back = files::exists(&aside.join("header"))? && self.has_header()?;
        if is_back {
            self.came_back()?;
            return Ok(None);
        }
        if self.has_header()? {
            self.set_aside()?;
        }
        Ok(Some(self.of_same_node(aside)))
    }

    /// Gives what lies aside its lasting name: the node has a new header. Returns the place.
    ///
    /// # Errors
    ///
    /// When a header cannot be read, or moving fails.
    pub fn came_back(&self) -> Result<PathBuf, StoreError> {
        let aside = self.aside_path();
        let old = Header::read(&aside.join("header"))?;
        let name = format!("node-{}", old.node.0);
        let mut place = self.quarantine_path().join(&name);
        // Numbers are given once in a lineage: in another one a node may have had the same.
        let mut again = 2_u32;
        while files::exists(&place)? {
            place = self.quarantine_path().join(format!("{name}-{again}"));
            again += 1;
        }
        files::rename(&aside, &place)?;
        Ok(place)
    }

    fn has_header(&self) -> Result<bool, StoreError> {
        files::exists(&self.header_path())
    }

    fn succession_path(&self) -> PathBuf {
        self.path().join("succession")
    }

    fn quarantine_path(&self) -> PathBuf {
        self.path().join("quarantine")
    }

    fn aside_path(&self) -> PathBuf {
        self.quarantine_path().join(RETURNING)
    }
}

#[cfg(test)]
mod tests {
    use symbolon_core::{ClusterId, LineageId, NodeId};

    use super::*;
    use crate::WrappedKeys;
    use crate::files::exists;

    fn header(node: u64) -> Header {
        Header {
            cluster: ClusterId([1; 16]),
            epoch: 1,
            lineage: LineageId([2; 16]),
            node: NodeId(node),
            node_name: "vienna".to_owned(),
            keys: WrappedKeys::default(),
            next_keys: None,
            ca_certificate: Vec::new(),
            known_nodes: Vec::new(),
        }
    }

    fn directory() -> (tempfile::TempDir, DataDir) {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDir::new(place.path().join("data"));
        (place, directory)
    }

    #[test]
    fn a_succession_is_read_as_it_was_written_and_a_damaged_one_is_refused() {
        let (_place, directory) = directory();
        assert_eq!(directory.succession().unwrap(), None);
        directory.put_succession(b"epoch 2").unwrap();
        assert_eq!(directory.succession().unwrap().as_deref(), Some(&b"epoch 2"[..]));
        let path = directory.succession_path();
        let mut bytes = files::read(&path).unwrap().unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        files::replace(&path, &bytes).unwrap();
        let error = directory.succession().unwrap_err().to_string();
        assert!(error.contains("does not match"), "{error}");
    }

    #[test]
    fn a_node_comes_back_from_every_point_at_which_it_may_have_been_cut_off() {
        // Moves that were done before the cut.
        for cut in 0..=PARTS.len() {
            let (_place, directory) = directory();
            drop(directory.create(header(2)).unwrap());
            directory.put_succession(b"2").unwrap();
            assert_eq!(directory.returning().unwrap(), None);
            files::create_dir(&directory.aside_path()).unwrap();
            for part in PARTS.iter().take(cut) {
                let from = directory.path().join(part);
                if exists(&from).unwrap() {
                    files::rename(&from, &directory.aside_path().join(part)).unwrap();
                }
            }
            let away = Some(DataDir::new(directory.aside_path()));
            assert_eq!(directory.returning().unwrap(), away, "{cut}");
            assert!(!exists(&directory.store_path()).unwrap() && !directory.has_header().unwrap());
            assert_eq!(directory.returning().unwrap(), away, "{cut}");
            // Back, and cut off before the old data has its lasting name.
            drop(directory.create(header(4)).unwrap());
            assert_eq!(directory.returning().unwrap(), None);
            let place = directory.quarantine_path().join("node-2");
            let old = DataDir::new(place);
            assert_eq!(old.succession().unwrap().as_deref(), Some(&b"2"[..]));
            assert_eq!(old.open().unwrap().header.node.0, 2);
            assert_eq!(directory.open().unwrap().header.node.0, 4);
        }
    }
}
