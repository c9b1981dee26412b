//! The directory that tantivy works in, which adds a checksum to the files that are replaced
//! atomically.
//!
//! tantivy verifies the files of a segment, but trusts the file that lists the segments and names
//! the journal. Here, a changed digit in that file is an error, and the index is rebuilt.

use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};

const SUM_BYTES: usize = 32;

/// A directory of segments.
#[derive(Debug, Clone)]
pub(super) struct SegmentDirectory(MmapDirectory);

impl SegmentDirectory {
    pub(super) fn open(path: &Path) -> tantivy::Result<Self> {
        Ok(Self(MmapDirectory::open(path)?))
    }
}

impl Directory for SegmentDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.0.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.0.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.0.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.0.open_write(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let mut content = self.0.atomic_read(path)?;
        let start = content.len().saturating_sub(SUM_BYTES);
        if content[start..] != *Sha256::digest(&content[..start]) {
            let error =
                io::Error::new(io::ErrorKind::InvalidData, "it does not match its checksum");
            return Err(OpenReadError::wrap_io_error(error, path.to_owned()));
        }
        content.truncate(start);
        Ok(content)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.0.atomic_write(path, &[data, &Sha256::digest(data)].concat())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.0.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.0.watch(callback)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_atomically_written_file_is_read_unchanged_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let opened = SegmentDirectory::open(directory.path()).expect("it is there");
        let path = Path::new("meta.json");
        opened.atomic_write(path, b"{\"payload\": 12}").expect("room");
        assert_eq!(opened.atomic_read(path).expect("it is sound"), b"{\"payload\": 12}");
        let whole = fs::read(directory.path().join(path)).expect("a file");
        for byte in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1;
            fs::write(directory.path().join(path), damaged).expect("room");
            assert!(opened.atomic_read(path).is_err(), "byte {byte}");
            fs::write(directory.path().join(path), &whole[..byte]).expect("room");
            assert!(opened.atomic_read(path).is_err(), "{byte} bytes");
        }
    }
}
