//! Folds recent changes into the index on a thread of its own, and frees the space of journals whose
//! content is superseded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use super::site::Site;
use crate::index::embedded::compact::Compaction;
use crate::index::embedded::options::ArchiveOptions;
use crate::index::embedded::queue::{FoldDone, Job, JobDone, Message};
use crate::index::embedded::recent::Recent;
use crate::index::embedded::segments::{Segments, Store};
use crate::index::embedded::state::Frozen;
use crate::index::{Condition, IndexError};

/// The niceness of folds and merges, on the system's scale from 0 to 19.
const FOLD_NICENESS: i32 = 5;

/// Journals are small if they are below this size on average, in bytes; a full one has about ten
/// times as much.
const SMALL_JOURNAL_BYTES: u64 = 1 << 20;

/// The state of folding and compaction.
pub(super) struct Folding {
    /// The writer, which a job reports to.
    sender: Sender<Message>,
    /// Callers that wait for a fold that has not begun.
    waiters: Vec<FoldDone>,
    /// Callers that wait for the fold in progress.
    pub(super) job_waiters: Vec<FoldDone>,
    /// The first journal that the frozen changes do not include.
    frozen_until: u64,
    job: Option<JoinHandle<()>>,
    compaction: Option<Compaction>,
    /// The segments that searches may still use.
    replaced: Vec<Weak<Segments>>,
    /// Whether segments changed on disk since they were read.
    have_segments_changed: bool,
    has_failed: bool,
    is_closing: bool,
}

impl Folding {
    pub(super) fn new(sender: Sender<Message>) -> Self {
        Self {
            sender,
            waiters: Vec::new(),
            job_waiters: Vec::new(),
            frozen_until: 0,
            job: None,
            compaction: None,
            replaced: Vec::new(),
            have_segments_changed: false,
            has_failed: false,
            is_closing: false,
        }
    }

    /// Requests a fold; `done` is called at its end.
    pub(super) fn request(&mut self, done: FoldDone) {
        self.waiters.push(done);
    }

    /// Notes that the segments on disk have changed.
    pub(super) fn note_change(&mut self) {
        self.have_segments_changed = true;
    }

    /// Starts no further compaction.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    pub(super) fn is_running(&self) -> bool {
        self.job.is_some()
    }

    /// Starts a fold, or else reads segments that were merged, if either is due and no job is in
    /// progress.
    ///
    /// # Errors
    /// [`IndexError`] if a fold cannot be started.
    pub(super) fn start(&mut self, site: &mut Site, has_pending: bool) -> Result<(), IndexError> {
        if self.job.is_some() {
            return Ok(());
        }
        let condition = site.shared.read().condition.clone();
        if site.files.is_none() || condition != Condition::Ready {
            self.waiters.drain(..).for_each(|done| done(condition.check_writable()));
            return Ok(());
        }
        // Whoever waits during a compaction waits for the fold after it.
        let is_requested = !self.waiters.is_empty() && self.compaction.is_none();
        let is_due = site.is_full() && (!self.has_failed || has_pending);
        if is_requested || is_due {
            let started = self.fold(site);
            started.inspect_err(|error| self.fail(site, error))
        } else if std::mem::take(&mut self.have_segments_changed) {
            let read = |store: &mut Store, previous: &Segments| store.segments(previous, None);
            self.spawn(site, Job::Refresh, read).inspect_err(|error| self.fail(site, error))
        } else {
            Ok(())
        }
    }

    fn fold(&mut self, site: &mut Site) -> Result<(), IndexError> {
        let is_retry = site.shared.read().frozen.is_some();
        let frozen = self.freeze(site)?;
        if !is_retry {
            // After a retry, the recent changes are still to be folded.
            self.job_waiters.append(&mut self.waiters);
        }
        let until = self.frozen_until;
        let is_waited_for = !self.job_waiters.is_empty();
        self.spawn(site, Job::Fold, move |store, previous| {
            if let Some(frozen) = &frozen {
                store.fold(frozen, until, previous)?;
            }
            if is_waited_for {
                store.settle()?;
            }
            store.segments(previous, frozen.as_deref())
        })
    }

    /// The changes to fold: those whose fold failed, or else the recent ones, which end with the
    /// current journal.
    fn freeze(&mut self, site: &mut Site) -> Result<Option<Arc<Recent>>, IndexError> {
        if let Some(frozen) = &site.shared.read().frozen {
            return Ok(Some(Arc::clone(frozen)));
        }
        site.check()?;
        let Some(files) = &mut site.files else { return Ok(None) };
        if site.shared.read().recent.len() == 0 {
            return Ok(None);
        }
        self.frozen_until = files
            .journals
            .rotate()
            .map_err(|error| IndexError::from_io("cannot start a journal", &error))?;
        let mut state = site.shared.write();
        let frozen = Arc::new(std::mem::take(&mut state.recent));
        state.frozen = Some(Arc::clone(&frozen));
        Ok(Some(frozen))
    }

    /// Runs `work` on a thread of its own. It gets the segments in use, and returns those that
    /// replace them.
    pub(super) fn spawn(
        &mut self,
        site: &mut Site,
        job: Job,
        work: impl FnOnce(&mut Store, &Segments) -> Result<Segments, IndexError> + Send + 'static,
    ) -> Result<(), IndexError> {
        let Some(mut store) = site.files.as_mut().and_then(|files| files.store.take()) else {
            return Ok(());
        };
        let previous = Arc::clone(&site.shared.read().segments);
        let sender = self.sender.clone();
        let run = move || {
            // Searches and writes take precedence over this thread, and over those that tantivy
            // starts from it. Without the permission they share.
            let _ = rustix::process::nice(FOLD_NICENESS);
            // The writer waits for the message, even after a panic.
            let done = catch_unwind(AssertUnwindSafe(|| work(&mut store, &previous)));
            let has_panicked = done.is_err();
            let segments = done.unwrap_or_else(|_| {
                let reason = "the background job panicked: see the log".to_owned();
                Err(IndexError::Storage { action: "cannot fold the index", reason })
            });
            let done = JobDone { store, job, has_panicked, segments };
            let _ = sender.send(Message::JobDone(Box::new(done)));
        };
        let spawned = thread::Builder::new().name("archive-fold".to_owned()).spawn(run);
        // The store is lost with the closure: nothing can be folded any more.
        self.job = Some(spawned.map_err(|error| {
            let error = IndexError::from_io("cannot start a thread", &error);
            site.shared.stop_writes(Condition::ReadOnly(error.to_string()));
            error
        })?);
        Ok(())
    }

    /// Takes over the result of a job.
    ///
    /// # Errors
    /// [`IndexError`] if a fold failed.
    pub(super) fn end(&mut self, site: &mut Site, done: JobDone) -> Result<(), IndexError> {
        if let Some(job) = self.job.take() {
            // It has sent its last message.
            let _ = job.join();
        }
        if let Some(files) = &mut site.files {
            files.store = Some(done.store);
        }
        let frozen = match done.job {
            Job::Fold => Frozen::Folded,
            Job::Refresh => Frozen::Unfolded,
        };
        let replaced = done.segments.and_then(|segments| {
            site.check()?;
            let mut state = site.shared.write();
            let replaced = Arc::downgrade(&state.segments);
            state.replace_segments(segments, frozen).map(|()| replaced)
        });
        if replaced.is_err()
            && let Some(store) = site.files.as_mut().and_then(|files| files.store.as_mut())
        {
            store.note_unused_segments();
        }
        if let (true, Err(error)) = (done.has_panicked, &replaced) {
            // The journal has all acknowledged writes: the next start folds them.
            site.shared.stop_writes(Condition::ReadOnly(error.to_string()));
        }
        match (replaced, done.job) {
            (Ok(replaced), job) => {
                self.replaced.retain(|replaced| replaced.strong_count() > 0);
                self.replaced.push(replaced);
                if job == Job::Fold {
                    self.has_failed = false;
                    self.free_space(site);
                }
                Ok(())
            }
            (Err(error), Job::Fold) => {
                self.fail(site, &error);
                Err(error)
            }
            (Err(error), Job::Refresh) => {
                tracing::warn!(%error, "cannot read merged segments");
                Ok(())
            }
        }
    }

    fn fail(&mut self, site: &Site, error: &IndexError) {
        self.has_failed = true;
        // A compaction cannot end without a fold.
        self.compaction = None;
        site.shared.note_failure(Some(error));
        let waiters = self.job_waiters.drain(..).chain(self.waiters.drain(..));
        waiters.for_each(|done| done(Err(error.clone())));
    }

    /// Releases the journals that hold no live article, and starts a compaction if it is due.
    fn free_space(&mut self, site: &mut Site) {
        let segments = Arc::clone(&site.shared.read().segments);
        let Some(files) = &mut site.files else { return };
        let oldest = segments
            .oldest_journal()
            .map_or(segments.journal, |oldest| oldest.min(segments.journal));
        if let Err(error) = files.journals.release_before(oldest, &self.replaced) {
            tracing::warn!(%error, "cannot release superseded journals");
        }
        files.journals.remove_released(&site.shared.records);
        let (first, end) = (files.journals.first(), segments.journal);
        let size = files.journals.size_before(end);
        let plan = compaction_plan(site.options, (first, end), size, segments.live_bytes());
        if let (None, Some((end, goal)), false) = (&self.compaction, plan, self.is_closing) {
            match Compaction::start(&site.directory, first, end, goal) {
                Ok(compaction) => self.compaction = Some(compaction),
                Err(error) => tracing::warn!(%error, "cannot compact the journals"),
            }
        }
        if self.compaction.is_some() {
            // Whoever waited for this fold also waits for the one after the compaction.
            self.waiters.append(&mut self.job_waiters);
        } else {
            self.job_waiters.drain(..).for_each(|done| done(Ok(())));
        }
    }

    /// Removes the released journals that no search reads any more.
    pub(super) fn remove_emptied(&mut self, site: &mut Site) {
        let has_released = site.files.as_ref().is_some_and(|files| files.journals.has_released());
        if has_released
            && site.check().is_ok()
            && let Some(files) = &mut site.files
        {
            files.journals.remove_released(&site.shared.records);
        }
    }

    /// Takes a step of the compaction, if one is in progress and there is room; returns whether more
    /// steps follow.
    pub(super) fn compact(&mut self, site: &mut Site) -> bool {
        if self.is_closing || site.shared.read().condition != Condition::Ready {
            self.compaction = None;
        }
        let Some(compaction) = &mut self.compaction else { return false };
        if site.is_full() {
            return false;
        }
        match site.check().and_then(|()| compaction_step(compaction, site)) {
            Ok(is_more) => {
                if !is_more {
                    self.compaction = None;
                }
                is_more
            }
            Err(error) => {
                self.compaction = None;
                site.shared.note_failure(Some(&error));
                if let IndexError::Corrupt { .. } | IndexError::Damaged { .. } = &error {
                    // A journal that was not read completely is not removed, and a damaged archive
                    // is not written to.
                    site.shared.stop_writes(Condition::Damaged(error.to_string()));
                }
                false
            }
        }
    }
}

/// Up to which journal to compact, and how many bytes to free; None if it is not worth while.
/// `first` and `end` delimit the journals, which take `size` bytes.
fn compaction_plan(
    options: ArchiveOptions,
    (first, end): (u64, u64),
    size: u64,
    live_bytes: u64,
) -> Option<(u64, u64)> {
    let superseded = size.saturating_sub(live_bytes);
    let count = end.saturating_sub(first);
    if superseded > options.compact_bytes && superseded > size / 2 {
        Some((end, superseded))
    } else if count > options.small_journals.max(1) && size < count * SMALL_JOURNAL_BYTES {
        Some((first + count / 2, u64::MAX))
    } else {
        None
    }
}

/// Relocates some live articles; false at the end.
fn compaction_step(compaction: &mut Compaction, site: &mut Site) -> Result<bool, IndexError> {
    let Some(files) = &mut site.files else { return Ok(false) };
    let failed = |error| IndexError::from_io("cannot write the journal", &error);
    let mut group = files.journals.group().map_err(failed)?;
    let first = files.journals.first();
    let step = compaction.step(&site.directory, first, &site.shared.read(), &mut group)?;
    let Some(changes) = step else { return Ok(false) };
    if !changes.is_empty() {
        files.journals.append(&group).map_err(failed)?;
        files.journals.acknowledge();
        site.shared.apply(changes);
    }
    Ok(true)
}
