//! Folds what is recent into the index, off the writer's thread, and gives back what journals hold
//! in vain.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::super::compact::Compaction;
use super::super::queue::{Batch, JobDone, Message};
use super::super::recent::Recent;
use super::super::segments::{Segments, Store};
use super::{Writer, failure};
use crate::index::{Condition, IndexError};

/// By how much folding and merging stand back, on the system's scale from 0 to 19.
const FOLD_NICENESS: i32 = 5;

/// A journal is small below this size, in bytes: one that is full has some ten times as much.
const SMALL_JOURNAL_BYTES: u64 = 1 << 20;

impl Writer {
    /// Starts a fold or a look at merged segments, where there is need and nothing of the kind goes
    /// on.
    pub(super) fn start_job(&mut self) {
        if self.job.is_some() {
            return;
        }
        let is_waited_for = !self.fold_waiters.is_empty() && self.compaction.is_none();
        let wants_fold = is_waited_for
            || (self.is_full() && (!self.has_fold_failed || !self.pending.is_empty()));
        let condition = self.shared.read().condition.clone();
        if self.files.is_none() || condition != Condition::Ready {
            // There is nothing to fold, or nothing that could be written.
            for done in self.fold_waiters.drain(..) {
                done(condition.check_writable());
            }
            return;
        }
        if wants_fold {
            let has_rest = self.shared.read().frozen.is_some();
            match self.freeze() {
                Ok(frozen) => {
                    // What a fold that failed left comes first: what is recent is folded by the
                    // next one.
                    if !has_rest {
                        self.job_waiters.append(&mut self.fold_waiters);
                    }
                    let until = self.frozen_until;
                    let is_waited_for = !self.job_waiters.is_empty();
                    self.spawn_job(true, move |store, previous| {
                        if let Some(frozen) = &frozen {
                            store.fold(frozen, until, previous)?;
                        }
                        if is_waited_for {
                            store.settle()?;
                        }
                        store.segments(previous, frozen.as_deref())
                    });
                }
                Err(error) => self.fail_fold(&error),
            }
        } else if std::mem::take(&mut self.is_changed) {
            self.spawn_job(false, |store, previous| store.segments(previous, None));
        }
    }

    /// What is to be folded: what could not be before, else all that is recent, which the next
    /// journal then is not in.
    fn freeze(&mut self) -> Result<Option<Arc<Recent>>, IndexError> {
        if let Some(frozen) = &self.shared.read().frozen {
            return Ok(Some(Arc::clone(frozen)));
        }
        self.check_place()?;
        let Some(files) = &mut self.files else { return Ok(None) };
        if self.shared.read().recent.len() == 0 {
            return Ok(None);
        }
        let next =
            files.journals.rotate().map_err(|error| failure("cannot start a journal", &error))?;
        self.frozen_until = next;
        let mut state = self.shared.write();
        let frozen = Arc::new(std::mem::take(&mut state.recent));
        state.frozen = Some(Arc::clone(&frozen));
        Ok(Some(frozen))
    }

    /// `work` gets the segments as they are shown, and comes back with those that are to be.
    fn spawn_job(
        &mut self,
        is_fold: bool,
        work: impl FnOnce(&mut Store, &Segments) -> Result<Segments, IndexError> + Send + 'static,
    ) {
        let Some(mut store) = self.files.as_mut().and_then(|files| files.store.take()) else {
            return;
        };
        let previous = Arc::clone(&self.shared.read().segments);
        let sender = self.inbox.sender.clone();
        let job = move || {
            // Its threads, and those of tantivy that it starts, let searches and writes go first.
            // Where that is not allowed, they share.
            let _ = rustix::process::nice(FOLD_NICENESS);
            // The writer waits for it, whatever becomes of it.
            let done = catch_unwind(AssertUnwindSafe(|| work(&mut store, &previous)));
            let has_panicked = done.is_err();
            let segments = done.unwrap_or_else(|_| {
                let reason = "the work on it panicked: the log has why".to_owned();
                Err(IndexError::Storage { action: "cannot fold the index", reason })
            });
            let _ = sender.send(Message::JobDone(Box::new(JobDone {
                store,
                is_fold,
                has_panicked,
                segments,
            })));
        };
        match thread::Builder::new().name("archive-fold".to_owned()).spawn(job) {
            Ok(thread) => self.job = Some(thread),
            // The store went with the closure: nothing can be folded any more, and what is in the
            // journal stays there.
            Err(error) => {
                let error = failure("cannot start a thread", &error);
                self.shared.write().condition = Condition::ReadOnly(error.to_string());
                self.fail_fold(&error);
            }
        }
    }

    pub(super) fn end_job(&mut self, outcome: JobDone) {
        if let Some(job) = self.job.take() {
            // It has sent its last message.
            let _ = job.join();
        }
        if let Some(files) = &mut self.files {
            files.store = Some(outcome.store);
        }
        let is_fold = outcome.is_fold;
        let taken = outcome.segments.and_then(|segments| {
            self.check_place()?;
            let mut state = self.shared.write();
            let shown = Arc::downgrade(&state.segments);
            state.take_segments(segments, is_fold).map(|()| shown)
        });
        if taken.is_err()
            && let Some(store) = self.files.as_mut().and_then(|files| files.store.as_mut())
        {
            store.was_not_shown();
        }
        if let (true, Err(error)) = (outcome.has_panicked, &taken) {
            // The journal has all that was acknowledged: a start puts it into the index.
            self.shared.write().condition = Condition::ReadOnly(error.to_string());
        }
        match taken {
            Ok(shown) => {
                self.shown.retain(|shown| shown.strong_count() > 0);
                self.shown.push(shown);
                if is_fold {
                    self.has_fold_failed = false;
                    self.give_back_space();
                }
            }
            Err(error) if is_fold => self.fail_fold(&error),
            Err(error) => tracing::warn!(%error, "cannot look at merged segments"),
        }
    }

    fn fail_fold(&mut self, error: &IndexError) {
        self.has_fold_failed = true;
        // It can only end where there is room for what it moves.
        self.compaction = None;
        self.note_failure(Some(error));
        let waiters = self.job_waiters.drain(..).chain(self.fold_waiters.drain(..));
        waiters.for_each(|done| done(Err(error.clone())));
        if self.is_full() {
            // There is no room for them, in memory or on disk.
            let waiting: Vec<Batch> = self.pending.drain(..).collect();
            waiting.into_iter().for_each(|batch| self.answer(batch, Err(error.clone())));
        }
    }

    /// Lets go of the journals in which nothing counts any more, and starts to compact them where
    /// much of them does not.
    fn give_back_space(&mut self) {
        let segments = Arc::clone(&self.shared.read().segments);
        let Some(files) = &mut self.files else { return };
        let oldest = segments
            .oldest_journal()
            .map_or(segments.journal, |oldest| oldest.min(segments.journal));
        if let Err(error) = files.journals.empty_before(oldest, &self.shown) {
            tracing::warn!(%error, "cannot let go of journals in which nothing counts");
        }
        files.journals.remove_emptied(&self.shared.records);
        let (first, end) = (files.journals.first(), segments.journal);
        let size = files.journals.size_before(end);
        let in_vain = size.saturating_sub(segments.live_bytes());
        let count = end.saturating_sub(first);
        // Up to which journal, and how much is to be given back.
        let extent = if in_vain > self.options.compact_bytes && in_vain > size / 2 {
            Some((end, in_vain))
        } else if count > self.options.small_journals.max(1) && size < count * SMALL_JOURNAL_BYTES {
            Some((first + count / 2, u64::MAX))
        } else {
            None
        };
        if let (None, Some((end, goal)), false) = (&self.compaction, extent, self.is_closing) {
            match Compaction::start(&self.directory, first, end, goal) {
                Ok(compaction) => self.compaction = Some(compaction),
                Err(error) => tracing::warn!(%error, "cannot compact the journals"),
            }
        }
        if self.compaction.is_some() {
            // They wait for what it moves to be folded, too.
            self.fold_waiters.append(&mut self.job_waiters);
        } else {
            self.job_waiters.drain(..).for_each(|done| done(Ok(())));
        }
    }

    pub(super) fn remove_emptied(&mut self) {
        let has_emptied = self.files.as_ref().is_some_and(|files| files.journals.has_emptied());
        if has_emptied
            && self.check_place().is_ok()
            && let Some(files) = &mut self.files
        {
            files.journals.remove_emptied(&self.shared.records);
        }
    }

    /// Moves some of what counts in the oldest journals; false where there is nothing to move, or
    /// not now.
    pub(super) fn compact(&mut self) -> bool {
        if self.is_closing || self.shared.read().condition != Condition::Ready {
            self.compaction = None;
        }
        if self.compaction.is_none() || self.is_full() {
            return false;
        }
        match self.check_place().and_then(|()| self.try_compact()) {
            Ok(is_more) => {
                if !is_more {
                    self.compaction = None;
                }
                is_more
            }
            Err(error) => {
                self.compaction = None;
                self.note_failure(Some(&error));
                if let IndexError::Corrupt { .. } | IndexError::Damaged { .. } = &error {
                    // Nothing goes that was not read whole, and what is left of a damaged archive
                    // is not written to.
                    self.shared.write().condition = Condition::Damaged(error.to_string());
                }
                false
            }
        }
    }

    fn try_compact(&mut self) -> Result<bool, IndexError> {
        let (Some(compaction), Some(files)) = (&mut self.compaction, &mut self.files) else {
            return Ok(false);
        };
        let written = |error| failure("cannot write the journal", &error);
        let mut group = files.journals.group().map_err(written)?;
        let first = files.journals.first();
        let step = compaction.step(&self.directory, first, &self.shared.read(), &mut group)?;
        let Some(moves) = step else { return Ok(false) };
        if !moves.is_empty() {
            files.journals.append(&group).map_err(written)?;
            files.journals.acknowledge();
            self.apply(moves);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::queue::Queue;
    use super::super::super::records::Records;
    use super::super::super::state::{Shared, State};
    use super::super::super::{ArchiveOptions, recovery};
    use super::*;

    #[test]
    fn a_fold_that_panics_leaves_an_archive_that_is_read_and_answers() {
        let directory = tempfile::tempdir().expect("a directory");
        let records = Arc::new(Records::of(directory.path()));
        let files = recovery::create(directory.path(), Arc::clone(&records)).expect("room");
        let shared = Arc::new(Shared::new(State::default(), records));
        let (queue, inbox) = Queue::new();
        let options = ArchiveOptions::default();
        let mut writer = Writer::new(
            directory.path().to_owned(),
            options,
            Arc::clone(&shared),
            (None, Some(files)),
            inbox,
        );
        let (folded, is_folded) = std::sync::mpsc::channel();
        writer
            .job_waiters
            .push(Box::new(move |outcome| folded.send(outcome).expect("the test waits")));
        writer.spawn_job(true, |_, _| panic!("as a library might"));
        let end = std::thread::spawn(move || writer.run());
        assert!(matches!(is_folded.recv().expect("an answer"), Err(IndexError::Storage { .. })));
        let (sender, outcome) = std::sync::mpsc::channel();
        let delete = crate::index::Write::delete("a".parse().expect("an id"));
        queue
            .write(vec![delete], Box::new(move |stored| drop(sender.send(stored))))
            .expect("nothing is waiting");
        assert!(matches!(outcome.recv().expect("an answer"), Err(IndexError::ReadOnly { .. })));
        queue.close();
        end.join().expect("it closes");
    }
}
