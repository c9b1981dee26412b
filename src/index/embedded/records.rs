//! Reads articles from the journals.
//!
//! Files are read with `pread` and not mapped, so that a journal that is truncated while the server
//! runs is an error and not a SIGBUS.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::journal::{self, Extent};
use crate::index::record::to_article;
use crate::index::{ArchivedArticle, IndexError, RecordError};

/// The maximum number of open journals.
const OPEN_FILES: usize = 64;

/// The articles of an archive, by their position in the journals.
#[derive(Debug)]
pub(super) struct Records {
    directory: PathBuf,
    /// The most recently used one first.
    files: Mutex<VecDeque<(u64, Arc<File>)>>,
}

impl Records {
    /// The records of the archive in this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), files: Mutex::default() }
    }

    /// Reads the article at a position.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if the frame there is not the article of this id, as it was stored;
    /// [`IndexError::Storage`].
    pub(super) fn article(&self, extent: Extent, id: &str) -> Result<ArchivedArticle, IndexError> {
        let corrupt = |source| IndexError::Corrupt { id: id.to_owned(), source };
        let frame = self.read(extent).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => corrupt(RecordError::Missing),
            _ => {
                IndexError::Storage { action: "cannot read an article", reason: error.to_string() }
            }
        })?;
        journal::record_at(&frame, extent, id).and_then(to_article).map_err(corrupt)
    }

    fn read(&self, extent: Extent) -> io::Result<Vec<u8>> {
        let mut frame = vec![0; extent.size as usize];
        self.file(extent.journal)?.read_exact_at(&mut frame, u64::from(extent.offset))?;
        Ok(frame)
    }

    fn file(&self, journal: u64) -> io::Result<Arc<File>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let known = files.iter().position(|(number, _)| *number == journal);
        let (number, file) = match known.and_then(|place| files.remove(place)) {
            Some(found) => found,
            None => (journal, Arc::new(File::open(journal::path(&self.directory, journal))?)),
        };
        files.push_front((number, Arc::clone(&file)));
        files.truncate(OPEN_FILES);
        Ok(file)
    }

    /// Closes a journal that is about to be removed.
    pub(super) fn forget(&self, journal: u64) {
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(number, _)| *number != journal);
    }
}
