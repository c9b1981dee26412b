//! The files that the writer works on, as long as the next start will find them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::index::embedded::archive_files::ArchiveFiles;
use crate::index::embedded::create::create;
use crate::index::embedded::lock::Lock;
use crate::index::embedded::options::ArchiveOptions;
use crate::index::embedded::queue::Message;
use crate::index::embedded::shared::Shared;
use crate::index::{Condition, IndexError};

/// How often all files are checked, whether or not anything is written.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The files of an archive, its lock and its state.
pub(super) struct Site {
    pub(super) directory: PathBuf,
    pub(super) options: ArchiveOptions,
    pub(super) shared: Arc<Shared>,
    /// None for an archive that can only be read.
    lock: Option<Lock>,
    /// None before the first write to a new archive, and for an archive that can only be read.
    pub(super) files: Option<ArchiveFiles>,
    /// Wakes the writer.
    sender: Sender<Message>,
    last_check: Instant,
}

impl Site {
    pub(super) fn new(
        directory: PathBuf,
        options: ArchiveOptions,
        shared: Arc<Shared>,
        (lock, files): (Option<Lock>, Option<ArchiveFiles>),
        sender: Sender<Message>,
    ) -> Self {
        let last_check = Instant::now();
        let mut site = Self { directory, options, shared, lock, files: None, sender, last_check };
        site.files = files.map(|files| site.watched(files));
        site
    }

    /// Has the writer told when the segments change.
    fn watched(&self, mut files: ArchiveFiles) -> ArchiveFiles {
        let sender = self.sender.clone();
        if let Some(store) = &mut files.store
            && let Err(error) = store.watch(move || drop(sender.send(Message::SegmentsChanged)))
        {
            tracing::warn!(%error, "merged segments will not be used before the next fold");
        }
        files
    }

    /// The files; those of a new archive are created.
    pub(super) fn open_files(&mut self) -> Result<&mut ArchiveFiles, IndexError> {
        let files = match self.files.take() {
            Some(files) => files,
            None => self.watched(create(&self.directory, Arc::clone(&self.shared.records))?),
        };
        Ok(self.files.insert(files))
    }

    /// Checks that writes go where the next start looks for them. If not, nothing is written any
    /// more.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if they do not; [`IndexError::Storage`] if that cannot be
    /// determined at the moment.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let lock = self.lock.as_ref().map_or(Ok(()), Lock::check);
        let outcome = lock
            .and_then(|()| self.files.as_ref().map_or(Ok(()), |files| files.journals.check_open()));
        if let Err(IndexError::ReadOnly { reason }) = &outcome {
            self.shared.stop_writes(Condition::ReadOnly(reason.clone()));
        }
        outcome
    }

    /// Checks all files once per [`CHECK_INTERVAL`], so that a missing one is noticed before
    /// someone asks for it.
    pub(super) fn check_periodically(&mut self) {
        let is_ready = self.shared.read().condition == Condition::Ready;
        if self.last_check.elapsed() < CHECK_INTERVAL || !is_ready {
            return;
        }
        self.last_check = Instant::now();
        // A failure is logged, and changes the condition.
        let _ = self.check();
        let missing = self.files.as_ref().and_then(|files| files.journals.missing());
        if let Some(number) = missing {
            let reason = format!("journal {number} was removed while it was open");
            self.shared.stop_writes(Condition::Damaged(reason));
        }
    }

    /// Removes the released journals that no search reads any more.
    pub(super) fn remove_released(&mut self) {
        let has_released = self.files.as_ref().is_some_and(|files| files.journals.has_released());
        if has_released
            && self.check().is_ok()
            && let Some(files) = &mut self.files
        {
            files.journals.remove_released(&self.shared.records);
        }
    }

    /// Whether recent changes have to be folded before more are added. A read-only archive folds
    /// nothing, and is never full: its writers learn the reason.
    pub(super) fn is_full(&self) -> bool {
        let state = self.shared.read();
        state.condition == Condition::Ready && self.options.is_full(&state.recent)
    }

    /// Removes the lock of an archive that nothing was written to.
    pub(super) fn release_unused(&mut self) {
        if self.files.is_none()
            && let Some(lock) = self.lock.take()
        {
            lock.remove_traces();
        }
    }
}
