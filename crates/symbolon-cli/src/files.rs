//! The one place that touches files.

#![expect(
    clippy::disallowed_methods,
    reason = "the files of whoever types the command are no files of a node"
)]

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// No file read here is larger: certificates, tokens, seeds, addresses.
const READ_BYTES_MAX: u64 = 1 << 20;
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let text = fs::File::open(path)
        .and_then(|file| io::read_to_string(io::Read::take(file, READ_BYTES_MAX + 1)))?;
    match u64::try_from(text.len()) {
        Ok(bytes) if bytes <= READ_BYTES_MAX => Ok(text),
        _ => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {READ_BYTES_MAX} bytes"),
        )),
    }
}

/// The bytes of a file of at most `bytes_max`, or of standard input for `-`. They are wiped when they
/// are let go of.
pub(crate) fn read_bytes(path: &Path, bytes_max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut input: Box<dyn io::Read> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(fs::File::open(path)?),
    };
    // Wiped piece by piece: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::new());
    let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
    loop {
        let read = input.read(&mut chunk)?;
        if read == 0 {
            return Ok(bytes);
        }
        if u64::try_from(bytes.len() + read).unwrap_or(u64::MAX) > bytes_max {
            let problem = format!("it is larger than {bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        if bytes.capacity() < bytes.len() + read {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * (bytes.len() + read)));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
}

/// A file that is read piece by piece, and its size in bytes; 0 for `-`, which is standard input.
pub(crate) fn open(path: &Path) -> io::Result<(Box<dyn io::Read>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), 0));
    }
    let file = fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok((Box::new(file), bytes))
}

/// Whether others than the owner may read the file.
pub(crate) fn others_can_read(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o044 != 0)
}

/// A new file that only its owner may read. One that is there is never overwritten, and one that was not
/// finished goes away again.
pub(crate) struct NewSecretFile {
    path: PathBuf,
    file: fs::File,
    is_finished: bool,
}

impl NewSecretFile {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { path: path.to_owned(), file, is_finished: false })
    }

    /// Writes a whole secret, as a line, and makes it durable: it is shown only once.
    pub(crate) fn write(mut self, text: &str) -> io::Result<()> {
        self.add(text)?;
        self.add("\n")?;
        self.finish()
    }

    pub(crate) fn add(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Makes it durable.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for NewSecretFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nothing is lost with a part of a file that stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}

/// Makes the directory, and those above it, for its owner alone.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether nothing is in the directory. One that does not exist is empty.
pub(crate) fn is_empty(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}

/// Removes the file if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens a file to which lines are added at the end.
pub(crate) fn append(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// A directory in the system's place for such, which goes away when it is dropped.
pub(crate) fn temporary_directory(prefix: &str) -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(fs::Permissions::from_mode(0o700)).tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_for_its_owner_and_never_overwritten() {
        let home = temporary_directory("symbolon-files-").unwrap();
        let path = home.path().join("key");
        NewSecretFile::create(&path).unwrap().write("k1").unwrap();
        assert_eq!(read_text(&path).unwrap(), "k1\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!others_can_read(&path).unwrap());
        let error = NewSecretFile::create(&path).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_secret_file_that_was_not_filled_goes_away() {
        let home = temporary_directory("symbolon-files-").unwrap();
        drop(NewSecretFile::create(&home.path().join("key")).unwrap());
        assert!(is_empty(home.path()).unwrap());
        assert!(is_empty(&home.path().join("nowhere")).unwrap());
    }

    #[test]
    fn a_secret_file_that_was_not_finished_goes_away() {
        let home = temporary_directory("symbolon-files-").unwrap();
        let path = home.path().join("export");
        let mut file = NewSecretFile::create(&path).unwrap();
        file.add("one ").unwrap();
        drop(file);
        assert!(is_empty(home.path()).unwrap());
        let mut file = NewSecretFile::create(&path).unwrap();
        file.add("one ").unwrap();
        file.add("two").unwrap();
        file.finish().unwrap();
        assert_eq!(read_text(&path).unwrap(), "one two");
        assert!(!others_can_read(&path).unwrap());
    }

    #[test]
    fn a_file_that_others_can_read_is_noticed() {
        let home = temporary_directory("symbolon-files-").unwrap();
        let path = home.path().join("token");
        write(&path, "t").unwrap();
        for (mode, open) in [(0o600, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(others_can_read(&path).unwrap(), open, "{mode:o}");
        }
    }
}
