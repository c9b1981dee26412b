//! Folds recent changes into the index, on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use super::reclamation::Reclamation;
use super::site::Site;
use crate::index::embedded::queue::{FoldDone, Job, JobDone, Message};
use crate::index::embedded::recent::Recent;
use crate::index::embedded::segments::{Segments, Store};
use crate::index::embedded::state::Frozen;
use crate::index::{Condition, IndexError};

/// The niceness of folds and merges, on the system's scale from 0 to 19.
const FOLD_NICENESS: i32 = 5;

/// The state of folding.
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
    reclamation: Reclamation,
    /// Whether segments changed on disk since they were read.
    have_segments_changed: bool,
    has_failed: bool,
}

impl Folding {
    pub(super) fn new(sender: Sender<Message>) -> Self {
        Self {
            sender,
            waiters: Vec::new(),
            job_waiters: Vec::new(),
            frozen_until: 0,
            job: None,
            reclamation: Reclamation::default(),
            have_segments_changed: false,
            has_failed: false,
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
        self.reclamation.close();
    }

    /// Takes a step of the compaction, if one is in progress; returns whether more steps follow.
    pub(super) fn compact(&mut self, site: &mut Site) -> bool {
        self.reclamation.compact(site)
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
        let is_requested = !self.waiters.is_empty() && !self.reclamation.is_compacting();
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
                self.reclamation.note_replaced(replaced);
                if job == Job::Fold {
                    self.has_failed = false;
                    self.reclamation.start(site);
                    self.answer();
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

    /// Tells the callers that waited for a fold that it is done.
    fn answer(&mut self) {
        if self.reclamation.is_compacting() {
            // They also wait for the fold after the compaction.
            self.waiters.append(&mut self.job_waiters);
        } else {
            self.job_waiters.drain(..).for_each(|done| done(Ok(())));
        }
    }

    fn fail(&mut self, site: &Site, error: &IndexError) {
        self.has_failed = true;
        // A compaction cannot end without a fold.
        self.reclamation.cancel();
        site.shared.note_failure(Some(error));
        let waiters = self.job_waiters.drain(..).chain(self.waiters.drain(..));
        waiters.for_each(|done| done(Err(error.clone())));
    }
}
