//! The archive on disk as a backend.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use super::error::OpenArchiveError;
use super::files::{self, Access};
use super::list;
use super::open::Opened;
use super::options::ArchiveOptions;
use super::queue::Queue;
use super::search;
use super::shared::Shared;
use super::writer::Writer;
use crate::index::{
    ArchivedArticle, ArticleId, ArticlePage, Condition, IndexError, IndexStatus, ListQuery, NoRoom,
    SimilarPage, SimilarQuery, SimilarityIndex, Write, WriteDone,
};

/// An archive in a directory.
#[derive(Debug)]
pub struct EmbeddedArchive {
    directory: PathBuf,
    shared: Arc<Shared>,
    queue: Queue,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// The index of an archive whose own is damaged and cannot be written.
    _temporary_index: Option<tempfile::TempDir>,
}

impl EmbeddedArchive {
    /// Opens the archive in a directory. One that does not exist yet is created by the first write;
    /// without one, the directory made for its lock is removed again at the end.
    ///
    /// All files are read and checked against their checksums. Where the directory cannot be
    /// written, or acknowledged data cannot be read, the archive is opened for reading only
    /// ([`IndexStatus::condition`]).
    ///
    /// # Errors
    /// [`OpenArchiveError`].
    pub fn open(directory: &Path, options: ArchiveOptions) -> Result<Self, OpenArchiveError> {
        let Opened { state, records, lock, files, temporary_index, .. } =
            Opened::read(directory, Access::Write, options)?;
        let shared = Arc::new(Shared::new(state, records));
        let (queue, inbox) = Queue::new();
        let writer =
            Writer::new(directory.to_owned(), options, Arc::clone(&shared), (lock, files), inbox);
        let thread = thread::Builder::new()
            .name("archive-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenArchiveError::Io { path: directory.to_owned(), source })?;
        Ok(Self {
            directory: directory.to_owned(),
            shared,
            queue,
            writer: Mutex::new(Some(thread)),
            _temporary_index: temporary_index,
        })
    }

    /// Folds all changes into the index, merges and compacts where that is due, and waits for it.
    /// An archive does so by itself, in its own time.
    ///
    /// # Errors
    /// [`IndexError`] if the index cannot be written: the changes stay in the journals.
    pub fn fold(&self) -> Result<(), IndexError> {
        let (sender, outcome) = mpsc::channel();
        // The receiver waits below.
        self.queue.fold(Box::new(move |folded| drop(sender.send(folded))));
        outcome.recv().unwrap_or(Err(IndexError::Closed))
    }
}

impl Drop for EmbeddedArchive {
    /// Carries out the queued writes, and closes the archive.
    fn drop(&mut self) {
        self.queue.close();
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the writer was reported when it happened.
        let _ = writer.map(JoinHandle::join);
    }
}

impl SimilarityIndex for EmbeddedArchive {
    fn write(&self, batch: Vec<Write>, done: WriteDone) -> Result<(), NoRoom> {
        self.queue.write(batch, done)
    }

    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        self.shared.get(id)
    }

    fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError> {
        list::list(&self.shared, query)
    }

    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError> {
        search::find_similar(&self.shared, query)
    }

    fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        self.shared.has_topic(topic)
    }

    fn condition(&self) -> Condition {
        self.shared.read().condition.clone()
    }

    fn status(&self) -> IndexStatus {
        self.shared.status(|| files::size_bytes(&self.directory))
    }
}
