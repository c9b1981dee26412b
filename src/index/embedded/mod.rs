//! The archive on disk, for one process.
//!
//! ```text
//! DIR/archive.json       what format it has, and which is its first journal; again in archive.json.copy
//! DIR/lock               held by the process that has it open
//! DIR/journal-NUMBER     every change in order, synced before it is acknowledged, and every article
//! DIR/acknowledged       how far the last journal was acknowledged
//! DIR/index/             what the articles are found by: made from the journals, and anew where it is damaged
//! ```
//!
//! One thread makes all changes ([`writer`]). A group of writes is appended to the journal with one
//! sync, put into memory ([`recent`]), and acknowledged. When enough has come together, it is
//! frozen and folded into the index on a thread of its own, whose commit names the first journal
//! that is not in it. Articles stay where the journal has them. A search looks at the index, at
//! what is frozen and at what is recent, as they were at one moment.

mod acknowledged;
mod best;
mod compact;
mod files;
mod journal;
mod journals;
mod lock;
mod manifest;
mod queue;
mod recent;
mod records;
mod recovery;
mod search;
mod segments;
mod state;
mod survey;
mod upkeep;
mod writer;

pub use upkeep::{ArchiveReport, RepairReport};

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use self::files::Access;
use self::journals::Journals;
use self::queue::Queue;
use self::recent::Recent;
use self::recovery::Opened;
use self::segments::Store;
use self::state::Shared;
use self::writer::Writer;
use super::{
    ArchivedArticle, ArticleId, ArticlePage, Condition, IndexError, IndexStatus, ListQuery, NoRoom,
    SimilarPage, SimilarQuery, SimilarityIndex, Write, WriteDone,
};

const INDEX_DIRECTORY: &str = "index";

/// How an archive is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// So many changes are folded into the index at once.
    pub fold_changes: usize,
    /// So much memory is taken by changes until they are folded, in bytes.
    pub fold_bytes: usize,
    /// Journals are compacted when they hold more than this that is superseded, in bytes, and more
    /// than counts.
    pub compact_bytes: u64,
    /// Half of the journals are written anew when there are more than this and they are small: each
    /// start leaves one behind.
    pub small_journals: u64,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            fold_changes: 4_096,
            fold_bytes: 32 << 20,
            compact_bytes: 64 << 20,
            small_journals: 1_024,
        }
    }
}

impl ArchiveOptions {
    /// Whether so much is in memory that it is to be folded.
    fn is_full(&self, recent: &Recent) -> bool {
        recent.len() >= self.fold_changes || recent.size_bytes() >= self.fold_bytes
    }
}

/// Why an archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenArchiveError {
    /// Another process has it open.
    #[error("the archive {} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It is of another version.
    #[error(
        "the archive {} has format {found}, and this version of slugline reads format {format} only",
        path.display(),
        format = manifest::FORMAT
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The directory is not empty, and not an archive.
    #[error("{} is not an archive: there is no {file} in it", path.display(), file = manifest::FILE)]
    NotAnArchive {
        /// The directory.
        path: PathBuf,
    },
    /// There is an archive where a new one was to be made.
    #[error("there is an archive in {} already", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot open the archive {}", path.display())]
    Io {
        /// The file, or the directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive cannot be opened, or made.
    #[error("cannot open the archive {}", path.display())]
    Index {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        source: IndexError,
    },
}

/// An archive in a directory.
#[derive(Debug)]
pub struct EmbeddedArchive {
    directory: PathBuf,
    shared: Arc<Shared>,
    queue: Queue,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// The index of a damaged archive, whose own cannot be used.
    _temporary: Option<tempfile::TempDir>,
}

impl EmbeddedArchive {
    /// Opens the archive in a directory. One that is not there yet, or is empty, is made by the
    /// first write; what its lock lies in until then goes again if there is none.
    ///
    /// All of it is read, and compared with its checksums. Where the directory cannot be written,
    /// or something that was acknowledged cannot be read, the archive opens for reading what there
    /// is ([`IndexStatus::condition`]).
    ///
    /// # Errors
    /// [`OpenArchiveError`].
    pub fn open(directory: &Path, options: ArchiveOptions) -> Result<Self, OpenArchiveError> {
        let Opened { state, records, lock, files, temporary, .. } =
            Opened::read(directory, Access::Write, options)?;
        let shared = Arc::new(Shared::new(state, records));
        let (queue, inbox) = Queue::new();
        let writer =
            Writer::new(directory.to_owned(), options, Arc::clone(&shared), (lock, files), inbox);
        let thread = std::thread::Builder::new()
            .name("archive-writer".to_owned())
            .spawn(move || writer.run());
        let thread =
            thread.map_err(|source| OpenArchiveError::Io { path: directory.to_owned(), source })?;
        let writer = Mutex::new(Some(thread));
        Ok(Self { directory: directory.to_owned(), shared, queue, writer, _temporary: temporary })
    }

    /// Folds all that is in the journal into the index, merges and compacts what is to be, and
    /// waits until that is done. An archive does all of it by itself, in its own time.
    ///
    /// # Errors
    /// [`IndexError`] if it cannot be written: the journal still has it then.
    pub fn fold(&self) -> Result<(), IndexError> {
        let (sender, outcome) = std::sync::mpsc::channel();
        // The receiver waits below.
        self.queue.fold(Box::new(move |folded| drop(sender.send(folded))));
        outcome.recv().unwrap_or(Err(IndexError::Closed))
    }
}

impl Drop for EmbeddedArchive {
    /// Carries out what is queued, and closes the archive.
    fn drop(&mut self) {
        self.queue.close();
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A writer that panicked has said so already.
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
        self.shared.list(query)
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

/// What writes the archive's files; held by the writer's thread.
#[derive(Debug)]
struct Files {
    store: Store,
    journals: Journals,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
