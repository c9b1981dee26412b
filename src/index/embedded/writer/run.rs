//! The loop of the writer's thread.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use super::folding::Folding;
use super::group_commit::{CommitError, commit};
use super::site::{CHECK_INTERVAL, Site};
use crate::index::embedded::archive_files::ArchiveFiles;
use crate::index::embedded::lock::Lock;
use crate::index::embedded::options::ArchiveOptions;
use crate::index::embedded::queue::{Batch, Inbox, Message};
use crate::index::embedded::shared::Shared;
use crate::index::{IndexError, WriteOutcome};

/// A group, which shares one sync, takes no further batch beyond these.
const GROUP_WRITES: usize = 1_024;
const GROUP_BYTES: usize = 8 << 20;

/// The writer.
pub(in crate::index::embedded) struct Writer {
    site: Site,
    inbox: Inbox,
    pending: VecDeque<Batch>,
    folding: Folding,
    is_closing: bool,
}

impl Writer {
    pub(in crate::index::embedded) fn new(
        directory: PathBuf,
        options: ArchiveOptions,
        shared: Arc<Shared>,
        files: (Option<Lock>, Option<ArchiveFiles>),
        inbox: Inbox,
    ) -> Self {
        let sender = inbox.sender.clone();
        Self {
            site: Site::new(directory, options, shared, files, sender.clone()),
            inbox,
            pending: VecDeque::new(),
            folding: Folding::new(sender),
            is_closing: false,
        }
    }

    /// Carries out writes and folds until the queue is closed and empty.
    pub(in crate::index::embedded) fn run(mut self) {
        loop {
            self.site.check_periodically();
            self.site.remove_released();
            let is_compacting = self.folding.compact(&mut self.site);
            let started = self.folding.start(&mut self.site, !self.pending.is_empty());
            self.refuse_if_full(started);
            let must_wait = (self.pending.is_empty() || self.site.is_full()) && !is_compacting;
            if must_wait {
                if self.is_closing && !self.folding.is_running() && self.pending.is_empty() {
                    break;
                }
                match self.inbox.receiver.recv_timeout(CHECK_INTERVAL) {
                    Ok(message) => self.take(message),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                }
            }
            while let Ok(message) = self.inbox.receiver.try_recv() {
                self.take(message);
            }
            if !self.pending.is_empty() && !self.site.is_full() {
                let group = self.next_group();
                self.carry_out(group);
            }
        }
        self.site.release_unused();
        self.refuse_late_messages();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Batch(batch) => self.pending.push_back(batch),
            Message::Fold(done) => self.folding.request(done),
            Message::SegmentsChanged => self.folding.note_change(),
            Message::JobDone(outcome) => {
                let ended = self.folding.end(&mut self.site, *outcome);
                self.refuse_if_full(ended);
            }
            Message::Close => {
                self.is_closing = true;
                self.folding.close();
            }
        }
    }

    /// Answers messages that arrive after the loop has ended.
    fn refuse_late_messages(&self) {
        while let Ok(message) = self.inbox.receiver.try_recv() {
            match message {
                Message::Batch(batch) => self.answer(batch, Err(IndexError::Closed)),
                Message::Fold(done) => done(Err(IndexError::Closed)),
                Message::SegmentsChanged | Message::JobDone(_) | Message::Close => {}
            }
        }
    }

    /// Refuses the pending batches if a fold failed without which there is no room for them.
    fn refuse_if_full(&mut self, folded: Result<(), IndexError>) {
        let Err(error) = folded else { return };
        if self.site.is_full() {
            let pending: Vec<Batch> = self.pending.drain(..).collect();
            pending.into_iter().for_each(|batch| self.answer(batch, Err(error.clone())));
        }
    }

    fn next_group(&mut self) -> Vec<Batch> {
        let (mut writes, mut size) = (0, 0);
        let mut group = Vec::new();
        while let Some(batch) = self.pending.front() {
            writes += batch.writes.len();
            size += batch.size_bytes;
            if !group.is_empty() && (writes > GROUP_WRITES || size > GROUP_BYTES) {
                break;
            }
            group.extend(self.pending.pop_front());
        }
        group
    }

    fn answer(&self, batch: Batch, outcome: Result<Vec<WriteOutcome>, IndexError>) {
        self.inbox.budget.release(batch.size_bytes);
        (batch.done)(outcome);
    }

    fn carry_out(&mut self, group: Vec<Batch>) {
        match commit(&mut self.site, &group) {
            Ok(outcomes) => {
                self.site.shared.note_failure(None);
                for (batch, outcomes) in group.into_iter().zip(outcomes) {
                    self.answer(batch, Ok(outcomes));
                }
            }
            // Batches that are too much together may be stored one by one.
            Err(CommitError::Group(_)) if group.len() > 1 => {
                for batch in group {
                    self.carry_out(vec![batch]);
                }
            }
            Err(CommitError::Group(error) | CommitError::Site(error)) => {
                self.site.shared.note_failure(Some(&error));
                group.into_iter().for_each(|batch| self.answer(batch, Err(error.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Condition;
    use crate::index::Write;
    use crate::index::embedded::create::create;
    use crate::index::embedded::queue::{Job, Queue};
    use crate::index::embedded::records::Records;
    use crate::index::embedded::state::State;

    #[test]
    fn after_a_fold_that_panics_the_archive_can_be_read_and_answers_writes() {
        let directory = tempfile::tempdir().expect("a directory");
        let records = Arc::new(Records::of(directory.path()));
        let files = create(directory.path(), Arc::clone(&records)).expect("room");
        let shared = Arc::new(Shared::new(State::new(Condition::Ready), records));
        let (queue, inbox) = Queue::new();
        let options = ArchiveOptions::default();
        let mut writer =
            Writer::new(directory.path().to_owned(), options, shared, (None, Some(files)), inbox);
        let (folded, is_folded) = mpsc::channel();
        let done = Box::new(move |outcome| folded.send(outcome).expect("the test waits"));
        writer.folding.job_waiters.push(done);
        let spawned =
            writer.folding.spawn(&mut writer.site, Job::Fold, |_, _| panic!("as a library might"));
        assert_eq!(spawned, Ok(()));
        let end = std::thread::spawn(move || writer.run());
        assert!(matches!(is_folded.recv().expect("an answer"), Err(IndexError::Storage { .. })));
        let (sender, outcome) = mpsc::channel();
        let delete = Write::delete("a".parse().expect("an id"));
        queue
            .write(vec![delete], Box::new(move |stored| drop(sender.send(stored))))
            .expect("nothing is waiting");
        assert!(matches!(outcome.recv().expect("an answer"), Err(IndexError::ReadOnly { .. })));
        queue.close();
        end.join().expect("it closes");
    }
}
