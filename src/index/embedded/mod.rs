//! The archive on disk, for one process.
//!
//! ```text
//! DIR/archive.json     what format it has
//! DIR/lock             held by the process that has it open
//! DIR/journal-NUMBER   changes that are not in the index yet; synced before they are acknowledged
//! DIR/index/           the articles, in tantivy's segments
//! ```
//!
//! One thread makes all changes ([`writer`]). A group of writes is appended to the journal with one sync, put into memory
//! ([`recent`]), and acknowledged. When enough has come together, it is frozen and folded into the index on a thread of its
//! own, whose commit names the first journal that is not in it; then the older journals go. A search looks at the index, at
//! what is frozen and at what is recent, as they were at one moment.

mod best;
mod journal;
mod queue;
mod recent;
mod search;
mod segments;
mod state;
mod upkeep;
mod writer;

pub use upkeep::ArchiveReport;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use self::queue::{Prepared, Queue};
use self::recent::RecentArticle;
use self::segments::{Access, Store};
use self::state::{Shared, State};
use self::writer::Writer;
use super::vector::of_text;
use super::{
    ArchivedArticle, ArticleId, Condition, IndexError, IndexStatus, SimilarPage, SimilarQuery, SimilarityIndex, Write,
    WriteDone, record,
};

/// The format this version writes, and the only one it reads.
const FORMAT: u32 = 3;
const FORMAT_FILE: &str = "archive.json";
const LOCK_FILE: &str = "lock";
const INDEX_DIRECTORY: &str = "index";

/// How an archive is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// So many changes are folded into the index at once.
    pub fold_changes: usize,
    /// So much memory is taken by changes until they are folded, in bytes.
    pub fold_bytes: usize,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { fold_changes: 4_096, fold_bytes: 32 << 20 }
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
    #[error("the archive {} has format {found}, and this version of slugline reads format {FORMAT} only", path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The directory is not empty, and no archive.
    #[error("{} is no archive: there is no {FORMAT_FILE} in it", path.display())]
    NotAnArchive {
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
    /// The index cannot be opened.
    #[error("cannot open the archive {}", path.display())]
    Index {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        source: IndexError,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct FormatFile {
    format: u32,
}

/// An archive in a directory.
#[derive(Debug)]
pub struct EmbeddedArchive {
    directory: PathBuf,
    shared: Arc<Shared>,
    queue: Queue,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedArchive {
    /// Opens the archive in a directory. One that is not there yet, or is empty, is made by the first write.
    ///
    /// All of the index is read, and compared with its checksums. Where the directory cannot be written, or part of the index
    /// is damaged, the archive opens for reading what there is ([`IndexStatus::condition`]).
    ///
    /// # Errors
    /// [`OpenArchiveError`].
    pub fn open(directory: &Path, options: ArchiveOptions) -> Result<Self, OpenArchiveError> {
        let Opened { state, files, .. } = Opened::read(directory, Access::Write)?;
        let shared = Arc::new(Shared::new(state));
        let (queue, inbox) = Queue::new();
        let writer = Writer::new(directory.to_owned(), options, Arc::clone(&shared), files, inbox);
        let thread = std::thread::Builder::new().name("archive-writer".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|source| OpenArchiveError::Io { path: directory.to_owned(), source })?;
        Ok(Self { directory: directory.to_owned(), shared, queue, writer: Mutex::new(Some(thread)) })
    }

    /// Folds all that is in the journal into the index, merges what is to be merged, and waits until that is done. An archive does
    /// all of it by itself, in its own time.
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
    fn write(&self, batch: Vec<Write>, done: WriteDone) {
        let prepare = |write| match write {
            Write::Put(article) => {
                let (record, vector) = (record::of_article(&article), of_text(article.text()));
                Prepared::Put(Arc::new(RecentArticle { article: *article, vector, record }))
            }
            Write::Delete(id) => Prepared::Delete(id),
        };
        self.queue.write(batch.into_iter().map(prepare).collect(), done);
    }

    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        self.shared.get(id)
    }

    fn list(&self, after: Option<&ArticleId>, count: usize, bytes: usize) -> Result<Vec<ArchivedArticle>, IndexError> {
        self.shared.list(after, count, bytes)
    }

    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError> {
        search::find_similar(&self.shared, query)
    }

    fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        self.shared.has_topic(topic)
    }

    fn status(&self) -> IndexStatus {
        self.shared.status(|| size_bytes(&self.directory))
    }
}

/// What the files of a directory take, in bytes; 0 for what cannot be looked at.
fn size_bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size_bytes(&entry.path()),
            _ => entry.metadata().map_or(0, |metadata| metadata.len()),
        })
        .sum()
}

/// What writes the archive's files; held by the writer's thread.
#[derive(Debug)]
struct Files {
    /// Held for as long as it is open.
    _lock: File,
    store: Store,
    journal: journal::Journal,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Files {
    /// Makes a new archive.
    fn create(directory: &Path) -> Result<Self, IndexError> {
        let failed = |source: io::Error| writer::failure("cannot create the archive", &source);
        let is_new = !directory.exists();
        fs::create_dir_all(directory).map_err(failed)?;
        let lock = match lock(directory).map_err(failed)? {
            Some(lock) => lock,
            None => {
                let reason = format!("{} is in use by another process", directory.display());
                return Err(IndexError::ReadOnly { reason });
            }
        };
        if directory.join(FORMAT_FILE).exists() {
            let reason = format!("{} was made by another process since this one looked: start again", directory.display());
            return Err(IndexError::ReadOnly { reason });
        }
        let index = directory.join(INDEX_DIRECTORY);
        fs::create_dir_all(&index).map_err(failed)?;
        let store = Store::create(&index)?;
        let journal = journal::Journal::create(directory, 1).map_err(failed)?;
        // Last: a directory with this file is a whole archive.
        let format = serde_json::to_vec(&FormatFile { format: FORMAT }).map_err(|error| failed(error.into()))?;
        let temporary = directory.join(format!("{FORMAT_FILE}.new"));
        fs::write(&temporary, format).and_then(|()| File::open(&temporary)?.sync_all()).map_err(failed)?;
        fs::rename(&temporary, directory.join(FORMAT_FILE)).map_err(failed)?;
        journal::sync_directory(&index).and_then(|()| journal::sync_directory(directory)).map_err(failed)?;
        if is_new {
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            journal::sync_directory(parent).map_err(failed)?;
        }
        Ok(Self { _lock: lock, store, journal })
    }
}

/// How long one waits for a lock that another has.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// Takes the lock of a directory; None if another process has it, and keeps it.
///
/// A lock may outlive its holder's file for a moment: a program that was just being started by the holder has a copy of it until
/// its own code begins, and a server that is told to stop makes room for the next one.
fn lock(directory: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(directory.join(LOCK_FILE))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// An archive as it was found.
struct Opened {
    state: State,
    /// None for one that is yet to be made, or can only be read.
    files: Option<Files>,
    /// What cannot be read of what should be there.
    damage: Vec<String>,
    /// What else there is to say.
    remarks: Vec<String>,
}

impl Opened {
    fn read(directory: &Path, access: Access) -> Result<Self, OpenArchiveError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenArchiveError::Io { path, source }
        };
        let index_error = |source| OpenArchiveError::Index { path: directory.to_owned(), source };
        let format_file = directory.join(FORMAT_FILE);
        match fs::read(&format_file) {
            Ok(bytes) => {
                let parsed: Result<FormatFile, _> = serde_json::from_slice(&bytes);
                let found = parsed.map_err(|error| io(&format_file)(error.into()))?.format;
                if found != FORMAT {
                    return Err(OpenArchiveError::Format { path: directory.to_owned(), found });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if is_blank(directory).map_err(io(directory))? {
                    Ok(Self { state: State::default(), files: None, damage: Vec::new(), remarks: Vec::new() })
                } else {
                    Err(OpenArchiveError::NotAnArchive { path: directory.to_owned() })
                };
            }
            Err(source) => return Err(io(&format_file)(source)),
        }
        let mut condition = Condition::Ready;
        let lock = match lock(directory) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Err(OpenArchiveError::InUse { path: directory.to_owned() }),
            Err(error) if is_read_only(&error) => {
                condition = Condition::ReadOnly(format!("{}: {error}", directory.display()));
                None
            }
            Err(source) => return Err(io(&directory.join(LOCK_FILE))(source)),
        };
        let store = Store::open(&directory.join(INDEX_DIRECTORY)).map_err(index_error)?;
        let (segments, mut damage) = store.verified_segments(access).map_err(index_error)?;
        let mut state = State { segments: Arc::new(segments), ..State::default() };
        let mut remarks = Vec::new();
        let journals = journal::list(directory).map_err(io(directory))?;
        let (old, current): (Vec<u64>, Vec<u64>) = journals.iter().partition(|number| **number < state.segments.journal);
        let mut last_good_bytes = 0;
        for number in &current {
            let path = journal::path(directory, *number);
            let replay = journal::read(&path).map_err(io(&path))?;
            for change in replay.changes {
                state.replay(change).map_err(index_error)?;
            }
            last_good_bytes = replay.good_bytes;
            let Some(rest) = replay.rest else { continue };
            if Some(number) == current.last() {
                // A write that was not acknowledged: whatever it was, it is not there.
                tracing::warn!(journal = number, bytes = rest.size_bytes, "the end of the journal was torn, and is left out");
                remarks.push(format!("journal {number}: the last {} bytes are a write that was cut off", rest.size_bytes));
            } else {
                // It was written to no more once the next one was begun.
                damage.push(format!("journal {number}: {} bytes cannot be read: {}", rest.size_bytes, rest.error));
            }
        }
        if !damage.is_empty() {
            condition = Condition::Damaged(damage.join("; "));
        }
        state.article_count = state.count_articles();
        let mut files = None;
        if let Some(lock) = lock
            && access == Access::Write
            && condition == Condition::Ready
        {
            let journal = match current.last() {
                Some(number) => journal::Journal::resume(directory, *number, last_good_bytes),
                None => journal::Journal::create(directory, state.segments.journal.max(1)),
            };
            match journal {
                Ok(journal) => files = Some(Files { _lock: lock, store, journal }),
                // Whatever keeps it from being written, what is there can be read.
                Err(error) => condition = Condition::ReadOnly(format!("cannot write the journal: {error}")),
            }
            // They are in the index; one that stays is removed at the next start.
            old.iter().for_each(|number| drop(fs::remove_file(journal::path(directory, *number))));
        }
        state.condition = condition;
        Ok(Self { state, files, damage, remarks })
    }
}

/// Whether there is nothing in a directory that is not ours to make, or no directory.
fn is_blank(directory: &Path) -> io::Result<bool> {
    // What a creation that was cut off may have left.
    let ours = |name: &str| [LOCK_FILE, INDEX_DIRECTORY, "archive.json.new"].contains(&name) || name.starts_with("journal-");
    match fs::read_dir(directory) {
        Ok(mut entries) => entries.try_fold(true, |blank, entry| Ok(blank && entry?.file_name().to_str().is_some_and(ours))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_about_to_be_released_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = lock(directory.path()).expect("a lock file").expect("nobody has it");
        thread::scope(|scope| {
            let second = scope.spawn(|| lock(directory.path()));
            // Whether it tries before or after: it ends with the lock.
            drop(first);
            assert!(second.join().expect("no panic").expect("a lock file").is_some());
        });
        let kept = lock(directory.path()).expect("a lock file").expect("nobody has it any more");
        let started = Instant::now();
        assert!(lock(directory.path()).expect("a lock file").is_none());
        assert!(started.elapsed() >= LOCK_PATIENCE);
        drop(kept);
    }
}
