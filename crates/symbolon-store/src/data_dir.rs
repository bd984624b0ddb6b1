//! A node's data directory, and what is open of it.
//!
//! ```text
//! header      who the node is
//! diverged    only in a node that a majority contradicted
//! ballast     space for bad times
//! tip         what the store has acknowledged
//! store/      sled: audit; the log in log/, and rows of the image in rows/
//! snapshots/  snapshots of the state
//! incoming/   a snapshot that a peer is sending
//! run/        sockets
//! succession  only in a node that knows of a seize
//! quarantine/ what a node had that came back empty
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::journal::Journal;
use crate::{Anchor, DiskKv, Framed, Header, Image, Kv, Log, Snapshots, StoreError, Tip, files};

/// Names a data directory; opens and creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
    /// Where the key-value stores lie, if not in the directory.
    #[cfg(any(test, feature = "sim"))]
    disks: Option<crate::SimDisks>,
}

/// An open data directory. Clones share it; it is closed when the last one is gone.
#[derive(Clone)]
pub struct Store {
    /// Who the node is.
    pub header: Header,
    /// The key-value store that log and image lie in.
    pub kv: Framed,
    /// The Raft log.
    pub log: Log,
    /// The applied state.
    pub image: Image,
    /// The snapshots.
    pub snapshots: Snapshots,
    /// Snapshots on their way in from a peer. Empty at each start.
    pub incoming: Snapshots,
    place: Place,
}

/// Where a store's header goes.
#[derive(Clone)]
enum Place {
    /// The journals are those of a store on a real disk.
    Directory(DataDir, Option<[Arc<Journal>; 2]>),
    #[cfg(any(test, feature = "sim"))]
    Simulated(crate::SimDisk),
}

impl DataDir {
    /// The data directory at `path`. Nothing is looked up yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            #[cfg(any(test, feature = "sim"))]
            disks: None,
        }
    }

    /// The data directory at `path` of a simulated node: the key-value store and its tip are on one of
    /// `disks`, everything else is files in the directory, which a crash leaves as they are.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub fn simulated(path: impl Into<PathBuf>, disks: crate::SimDisks) -> Self {
        Self { path: path.into(), disks: Some(disks) }
    }

    /// Another directory of the same node.
    pub(crate) fn of_same_node(&self, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// Sets the directory up for a new node, and opens it. Can be repeated when it was interrupted.
    ///
    /// # Errors
    ///
    /// [`StoreError::HeaderExists`] and [`StoreError::StoreWithoutHeader`] when there is a node's
    /// data already.
    pub fn create(&self, header: Header) -> Result<Store, StoreError> {
        let header_path = self.header_path();
        if files::read(&header_path)?.is_some() {
            return Err(StoreError::HeaderExists { path: header_path });
        }
        #[cfg(any(test, feature = "sim"))]
        if let Some(disks) = &self.disks {
            if !files::exists(&self.store_path())? {
                disks.replace(&self.path);
            }
            self.create_folders()?;
            let kv = disks.of(&self.path).open()?;
            header.write(&header_path)?;
            return self.assemble(header, Arc::new(kv), None);
        }
        self.create_folders()?;
        let kv = DiskKv::create(&self.store_path(), &self.tip_path())?;
        // A header that was lost must not be replaced by another node's.
        for pair in kv.scan(&[], &[u8::MAX]).take(2) {
            if !Anchor::is_own(&pair?.0) {
                return Err(StoreError::StoreWithoutHeader { path: self.store_path() });
            }
        }
        // Last, so that a header means that the rest is there.
        header.write(&header_path)?;
        let journals = kv.journals();
        self.assemble(header, Arc::new(kv), Some(journals))
    }

    /// Opens the directory: the header first, and nothing else if that is refused. Reads all of the
    /// store and of the snapshots once, and leaves a new incarnation in the anchor.
    ///
    /// # Errors
    ///
    /// [`StoreError::HeaderMissing`] when it was never set up, [`StoreError::Locked`] while another
    /// process has it open; any other when something in it is not right.
    pub fn open(&self) -> Result<Store, StoreError> {
        let header = self.header()?;
        let path = self.store_path();
        if !self.has_store(&path)? {
            return Err(StoreError::StoreMissing { path });
        }
        let diverged = self.diverged_path();
        if files::exists(&diverged)? {
            return Err(StoreError::Diverged { path: diverged });
        }
        self.create_folders()?;
        #[cfg(any(test, feature = "sim"))]
        if let Some(disks) = &self.disks {
            let kv = disks.of(&self.path).open()?;
            return self.assemble(header, Arc::new(kv), None);
        }
        let opened = DiskKv::open(&path, &self.tip_path()).and_then(|kv| {
            let journals = kv.journals();
            self.assemble(header, Arc::new(kv), Some(journals))
        });
        opened.map_err(|error| error.in_store(&path))
    }

    fn has_store(&self, path: &Path) -> Result<bool, StoreError> {
        #[cfg(any(test, feature = "sim"))]
        if self.disks.is_some() {
            return files::exists(path);
        }
        files::exists(&path.join("db"))
    }

    /// Reads the header alone; the directory may be in use.
    ///
    /// # Errors
    ///
    /// As [`Header::read`].
    pub fn header(&self) -> Result<Header, StoreError> {
        Header::read(&self.header_path())
    }

    /// Version of the layout that the directory was written in.
    ///
    /// # Errors
    ///
    /// As [`Header::read`].
    pub fn layout_version(&self) -> Result<u32, StoreError> {
        Header::version(&self.header_path())
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where sockets go.
    #[must_use]
    pub fn run_path(&self) -> PathBuf {
        self.path.join("run")
    }

    pub(crate) fn header_path(&self) -> PathBuf {
        self.path.join("header")
    }

    fn diverged_path(&self) -> PathBuf {
        self.path.join("diverged")
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.path.join("store")
    }

    pub(crate) fn tip_path(&self) -> PathBuf {
        self.path.join("tip")
    }

    pub(crate) fn snapshots_path(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    fn incoming_path(&self) -> PathBuf {
        self.path.join("incoming")
    }

    fn create_folders(&self) -> Result<(), StoreError> {
        let incoming = self.incoming_path();
        for path in [self.store_path(), self.snapshots_path(), incoming, self.run_path()] {
            files::create_dir(&path)?;
        }
        files::sync_tree(&self.path)
    }

    fn assemble(
        &self,
        header: Header,
        kv: Arc<dyn Kv>,
        journals: Option<[Arc<Journal>; 2]>,
    ) -> Result<Store, StoreError> {
        let snapshots = Snapshots::open(&self.snapshots_path())?;
        let incoming = Snapshots::open(&self.incoming_path())?;
        // Whatever a transfer that was cut off has left.
        for left in incoming.list()? {
            incoming.remove(&left.name)?;
        }
        let place = Place::Directory(self.clone(), journals);
        Store::assemble(header, kv, (snapshots, incoming), place)
    }
}

impl Store {
    /// Sets a simulated disk up for a new node, and opens it.
    ///
    /// # Errors
    ///
    /// [`StoreError::HeaderExists`] when there is a node's data already.
    #[cfg(any(test, feature = "sim"))]
    pub fn create_simulated(disk: &crate::SimDisk, header: Header) -> Result<Self, StoreError> {
        if disk.header().is_some() {
            return Err(StoreError::HeaderExists { path: "simulated disk".into() });
        }
        disk.put_header(header);
        Self::simulated(disk)
    }

    /// Opens a simulated disk.
    ///
    /// # Errors
    ///
    /// As [`DataDir::open`].
    #[cfg(any(test, feature = "sim"))]
    pub fn simulated(disk: &crate::SimDisk) -> Result<Self, StoreError> {
        let missing = || StoreError::HeaderMissing { path: "simulated disk".into() };
        let header = disk.header().ok_or_else(missing)?;
        let kv = Arc::new(disk.open()?);
        let snapshots = (disk.snapshots(), Snapshots::default());
        Self::assemble(header, kv, snapshots, Place::Simulated(disk.clone()))
    }

    /// Replaces the header. Durable on return.
    ///
    /// # Errors
    ///
    /// When writing fails; the header on disk is then the old one or the new one.
    pub fn replace_header(&mut self, header: Header) -> Result<(), StoreError> {
        match &self.place {
            Place::Directory(directory, _) => header.write(&directory.header_path())?,
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(disk) => disk.put_header(header.clone()),
        }
        self.header = header;
        Ok(())
    }

    /// What the file `succession` holds: see [`DataDir::succession`].
    ///
    /// # Errors
    ///
    /// [`StoreError::CorruptFile`].
    pub fn succession(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.place {
            Place::Directory(directory, _) => directory.succession(),
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(disk) => Ok(disk.succession(None)),
        }
    }

    /// Replaces the file `succession`. Durable on return.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_succession(&self, body: &[u8]) -> Result<(), StoreError> {
        match &self.place {
            Place::Directory(directory, _) => directory.put_succession(body),
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(disk) => {
                disk.succession(Some(body));
                Ok(())
            }
        }
    }

    /// The data directory; `None` on a simulated disk.
    #[must_use]
    pub const fn directory(&self) -> Option<&DataDir> {
        match &self.place {
            Place::Directory(directory, _) => Some(directory),
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(_) => None,
        }
    }

    /// Where the node writes what its cluster does not hold, when it was left behind.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub fn left(&self) -> Result<Snapshots, StoreError> {
        match &self.place {
            Place::Directory(directory, _) => directory.make_left(),
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(_) => Ok(Snapshots::default()),
        }
    }

    /// Keeps space on the disk for this store; `None` on a simulated disk, which is never full.
    /// `bytes`: how much.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened.
    pub fn reserve(&self, bytes: u64) -> Result<Option<crate::Reserve>, StoreError> {
        match &self.place {
            Place::Directory(directory, Some(journals)) => {
                crate::Reserve::open(directory, journals.clone(), bytes).map(Some)
            }
            Place::Directory(_, None) => Ok(None),
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(_) => Ok(None),
        }
    }

    /// Marks the data as another state than the majority of the cluster has: it is not opened again.
    /// `index`: log entry after which the states differ. Durable on return.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn mark_diverged(&self, index: u64) -> Result<(), StoreError> {
        match &self.place {
            Place::Directory(directory, _) => {
                let text = format!("log index {index}\n");
                files::replace(&directory.diverged_path(), text.as_bytes())
            }
            #[cfg(any(test, feature = "sim"))]
            Place::Simulated(_) => Ok(()),
        }
    }

    fn assemble(
        header: Header,
        kv: Arc<dyn Kv>,
        (snapshots, incoming): (Snapshots, Snapshots),
        place: Place,
    ) -> Result<Self, StoreError> {
        let store = Self::put_together(header, Framed::open(kv)?, (snapshots, incoming), place)?;
        // Before anything is written: what is refused stays as it is.
        store.check()?;
        // Leaves a new incarnation, before anything depends on it.
        store.kv.sync_blocking()?;
        Ok(store)
    }

    /// A store that is only looked at: nothing is checked but what opening it needs, and no
    /// incarnation is left.
    pub(crate) fn over(
        header: Header,
        kv: DiskKv,
        snapshots: Snapshots,
        directory: &DataDir,
    ) -> Result<Self, StoreError> {
        let place = Place::Directory(directory.clone(), Some(kv.journals()));
        let kv = Framed::open(Arc::new(kv))?;
        Self::put_together(header, kv, (snapshots, Snapshots::default()), place)
    }

    fn put_together(
        header: Header,
        kv: Framed,
        (snapshots, incoming): (Snapshots, Snapshots),
        place: Place,
    ) -> Result<Self, StoreError> {
        let log = Log::open(kv.clone())?;
        let image = Image::open(kv.clone())?;
        Ok(Self { header, kv, log, image, snapshots, incoming, place })
    }

    /// Reads every value and every snapshot once.
    ///
    /// # Errors
    ///
    /// When one is not what was written.
    pub fn check(&self) -> Result<(), StoreError> {
        self.kv.check()?;
        for info in self.snapshots.list()? {
            self.snapshots.check(&info.name)?;
        }
        Ok(())
    }

    /// What the anchor holds.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.kv.anchor().tip()
    }
}
