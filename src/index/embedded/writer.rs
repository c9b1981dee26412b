//! The one thread that changes an archive: groups of writes into the journal, and full journals into the index.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use super::super::record::{self, Kind};
use super::super::{ArticleId, Condition, IndexError, WriteOutcome};
use super::journal::{self, Journal};
use super::queue::{Batch, FoldDone, Inbox, JobDone, Message, Prepared};
use super::recent::Recent;
use super::segments::{Place, Segments, Store};
use super::state::{Applied, Found, Shared};
use super::{ArchiveOptions, Files};

/// A group, which shares a sync, takes no further batch from here on.
const GROUP_WRITES: usize = 1_024;
const GROUP_BYTES: usize = 8 << 20;
/// By how much folding and merging stand back, on the system's scale from 0 to 19.
const FOLD_NICENESS: i32 = 5;
/// So many articles are put into memory before searches get a turn.
const APPLIED_AT_ONCE: usize = 16;

/// What the writer's thread works with.
pub(super) struct Writer {
    directory: PathBuf,
    options: ArchiveOptions,
    shared: Arc<Shared>,
    inbox: Inbox,
    /// None before the first write to a new archive, and for one that can only be read.
    files: Option<OpenFiles>,
    pending: VecDeque<Batch>,
    /// Who waits for a fold that is yet to begin, and for the one that goes on.
    fold_waiters: Vec<FoldDone>,
    job_waiters: Vec<FoldDone>,
    /// The first journal that is not in what is frozen.
    frozen_until: u64,
    job: Option<thread::JoinHandle<()>>,
    is_changed: bool,
    has_fold_failed: bool,
    is_closing: bool,
}

/// [`Files`], the store of which is away while a job has it.
struct OpenFiles {
    _lock: std::fs::File,
    journal: Journal,
    store: Option<Store>,
}

impl Writer {
    pub(super) fn new(
        directory: PathBuf,
        options: ArchiveOptions,
        shared: Arc<Shared>,
        files: Option<Files>,
        inbox: Inbox,
    ) -> Self {
        let mut writer = Self {
            directory,
            options,
            shared,
            inbox,
            files: None,
            pending: VecDeque::new(),
            fold_waiters: Vec::new(),
            job_waiters: Vec::new(),
            frozen_until: 0,
            job: None,
            is_changed: false,
            has_fold_failed: false,
            is_closing: false,
        };
        writer.files = files.map(|files| writer.watched(files));
        writer
    }

    fn watched(&self, files: Files) -> OpenFiles {
        let Files { _lock, mut store, journal } = files;
        let sender = self.inbox.sender.clone();
        // Without it merged segments are seen at the next fold only.
        if let Err(error) = store.watch(move || drop(sender.send(Message::Changed))) {
            tracing::warn!(%error, "merges of segments will be seen late");
        }
        OpenFiles { _lock, journal, store: Some(store) }
    }

    /// Carries out what comes until the queue is closed, and what is queued then.
    pub(super) fn run(mut self) {
        loop {
            self.start_job();
            let must_wait = self.pending.is_empty() || self.is_full();
            if must_wait {
                if self.is_closing && self.job.is_none() && self.pending.is_empty() {
                    break;
                }
                match self.inbox.receiver.recv() {
                    Ok(message) => self.take(message),
                    Err(mpsc::RecvError) => break,
                }
            }
            while let Ok(message) = self.inbox.receiver.try_recv() {
                self.take(message);
            }
            if !self.pending.is_empty() && !self.is_full() {
                let group = self.next_group();
                self.carry_out(group);
            }
        }
        // Whoever comes now finds nobody.
        while let Ok(message) = self.inbox.receiver.try_recv() {
            match message {
                Message::Batch(batch) => self.answer(batch, Err(IndexError::Closed)),
                Message::Fold(done) => done(Err(IndexError::Closed)),
                Message::Changed | Message::JobDone(_) | Message::Close => {}
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Batch(batch) => self.pending.push_back(batch),
            Message::Fold(done) => self.fold_waiters.push(done),
            Message::Changed => self.is_changed = true,
            Message::JobDone(outcome) => self.end_job(*outcome),
            Message::Close => self.is_closing = true,
        }
    }

    /// Whether no more may be put into memory before some of it is folded.
    fn is_full(&self) -> bool {
        let state = self.shared.read();
        state.recent.len() >= self.options.fold_changes || state.recent.size_bytes() >= self.options.fold_bytes
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
        self.inbox.room.give_back(batch.size_bytes);
        (batch.done)(outcome);
    }

    fn carry_out(&mut self, mut group: Vec<Batch>) {
        match self.store_group(&group) {
            Ok(outcomes) => {
                self.note_failure(None);
                for (batch, outcomes) in group.into_iter().zip(outcomes) {
                    self.answer(batch, Ok(outcomes));
                }
            }
            // What is too much together may be stored one by one.
            Err(_) if group.len() > 1 => {
                for batch in group {
                    self.carry_out(vec![batch]);
                }
            }
            Err(error) => {
                self.note_failure(Some(&error));
                group.drain(..).for_each(|batch| self.answer(batch, Err(error.clone())));
            }
        }
    }

    fn note_failure(&self, error: Option<&IndexError>) {
        let failure = error.map(ToString::to_string);
        if self.shared.read().last_failure == failure {
            return;
        }
        if let Some(failure) = &failure {
            tracing::error!(%failure, "the archive cannot be written");
        }
        self.shared.write().last_failure = failure;
    }

    /// Makes the writes of a group durable, then visible; the outcomes are those of each batch.
    fn store_group(&mut self, group: &[Batch]) -> Result<Vec<Vec<WriteOutcome>>, IndexError> {
        match &self.shared.read().condition {
            Condition::Ready => {}
            Condition::ReadOnly(reason) => return Err(IndexError::ReadOnly { reason: reason.clone() }),
            Condition::Damaged(reason) => return Err(IndexError::Damaged { reason: reason.clone() }),
        }
        let (plan, outcomes) = self.plan(group)?;
        if self.files.is_none() {
            if plan.is_empty() {
                return Ok(outcomes);
            }
            let files = Files::create(&self.directory)?;
            self.files = Some(self.watched(files));
        }
        let mut frames = Vec::new();
        for (change, _) in &plan {
            match change {
                Applied::Put(article) => journal::push_frame(&mut frames, Kind::Article, &article.record),
                Applied::Delete(id) => journal::push_frame(&mut frames, Kind::Deletion, &record::of_deletion(id)),
            }
        }
        if let Some(files) = &mut self.files
            && !frames.is_empty()
        {
            files.journal.append(&frames).map_err(|error| failure("cannot write the journal", &error))?;
        }
        let mut plan = plan.into_iter();
        loop {
            let mut state = self.shared.write();
            for _ in 0..APPLIED_AT_ONCE {
                let Some((change, superseded)) = plan.next() else {
                    let all = outcomes.iter().flatten();
                    for outcome in all {
                        match outcome {
                            WriteOutcome::Created => state.article_count += 1,
                            WriteOutcome::Deleted => state.article_count -= 1,
                            WriteOutcome::Replaced | WriteOutcome::Absent => {}
                        }
                    }
                    return Ok(outcomes);
                };
                state.apply(change, superseded);
            }
        }
    }

    /// The changes that a group makes, each with where the segments have its id; and what is to be answered.
    #[allow(clippy::type_complexity)]
    fn plan(&self, group: &[Batch]) -> Result<(Vec<(Applied, Option<Place>)>, Vec<Vec<WriteOutcome>>), IndexError> {
        let state = self.shared.read();
        // Whether the article is there after the writes of the group so far.
        let mut is_there: HashMap<&ArticleId, bool> = HashMap::new();
        let mut plan = Vec::new();
        let mut outcomes = Vec::with_capacity(group.len());
        for batch in group {
            let mut of_batch = Vec::with_capacity(batch.writes.len());
            for write in &batch.writes {
                let id = write.id();
                let mut superseded = None;
                let was_there = match is_there.get(id) {
                    Some(is_there) => *is_there,
                    None => match state.find(id)? {
                        Found::Nowhere => false,
                        Found::Memory(_) => true,
                        Found::Segment(place) => {
                            superseded = Some(place);
                            true
                        }
                    },
                };
                let (change, outcome) = match write {
                    Prepared::Put(article) if was_there => (Some(Applied::Put(Arc::clone(article))), WriteOutcome::Replaced),
                    Prepared::Put(article) => (Some(Applied::Put(Arc::clone(article))), WriteOutcome::Created),
                    Prepared::Delete(id) if was_there => (Some(Applied::Delete(id.clone())), WriteOutcome::Deleted),
                    Prepared::Delete(_) => (None, WriteOutcome::Absent),
                };
                is_there.insert(id, matches!(write, Prepared::Put(_)));
                plan.extend(change.map(|change| (change, superseded)));
                of_batch.push(outcome);
            }
            outcomes.push(of_batch);
        }
        Ok((plan, outcomes))
    }

    /// Starts a fold or a look at merged segments, where there is need and nothing of the kind goes on.
    fn start_job(&mut self) {
        if self.job.is_some() {
            return;
        }
        let wants_fold =
            !self.fold_waiters.is_empty() || (self.is_full() && (!self.has_fold_failed || !self.pending.is_empty()));
        if self.files.is_none() {
            // There is nothing to fold, or nothing that could be written.
            let condition = self.shared.read().condition.clone();
            for done in self.fold_waiters.drain(..) {
                done(match &condition {
                    Condition::Ready => Ok(()),
                    Condition::ReadOnly(reason) => Err(IndexError::ReadOnly { reason: reason.clone() }),
                    Condition::Damaged(reason) => Err(IndexError::Damaged { reason: reason.clone() }),
                });
            }
            return;
        }
        if wants_fold {
            let has_rest = self.shared.read().frozen.is_some();
            match self.freeze() {
                Ok(frozen) => {
                    // What a fold that failed left comes first: what is recent is folded by the next one.
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

    /// What is to be folded: what could not be before, else all that is recent, which the next journal then is not in.
    fn freeze(&mut self) -> Result<Option<Arc<Recent>>, IndexError> {
        if let Some(frozen) = &self.shared.read().frozen {
            return Ok(Some(Arc::clone(frozen)));
        }
        let Some(files) = &mut self.files else { return Ok(None) };
        if self.shared.read().recent.len() == 0 {
            return Ok(None);
        }
        let next = files.journal.number + 1;
        files.journal = Journal::create(&self.directory, next).map_err(|error| failure("cannot start a journal", &error))?;
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
        let Some(mut store) = self.files.as_mut().and_then(|files| files.store.take()) else { return };
        let previous = Arc::clone(&self.shared.read().segments);
        let sender = self.inbox.sender.clone();
        let job = move || {
            // Its threads, and those of tantivy that it starts, let searches and writes go first. Where that is not allowed, they share.
            let _ = rustix::process::nice(FOLD_NICENESS);
            let segments = work(&mut store, &previous);
            // The writer waits for it.
            let _ = sender.send(Message::JobDone(Box::new(JobDone { store, is_fold, segments })));
        };
        match thread::Builder::new().name("archive-fold".to_owned()).spawn(job) {
            Ok(thread) => self.job = Some(thread),
            // The store went with the closure: nothing can be folded any more, and what is in the journal stays there.
            Err(error) => {
                let error = failure("cannot start a thread", &error);
                self.shared.write().condition = Condition::ReadOnly(error.to_string());
                self.fail_fold(&error);
            }
        }
    }

    fn end_job(&mut self, outcome: JobDone) {
        if let Some(job) = self.job.take() {
            // It has sent its last message.
            let _ = job.join();
        }
        if let Some(files) = &mut self.files {
            files.store = Some(outcome.store);
        }
        let is_fold = outcome.is_fold;
        let taken = outcome.segments.and_then(|segments| {
            let journal = segments.journal;
            self.shared.write().take_segments(segments, is_fold).map(|()| journal)
        });
        match taken {
            Ok(_) if !is_fold => {}
            Ok(journal) => {
                self.has_fold_failed = false;
                self.remove_journals_before(journal);
                self.job_waiters.drain(..).for_each(|done| done(Ok(())));
            }
            Err(error) if is_fold => self.fail_fold(&error),
            Err(error) => tracing::warn!(%error, "cannot look at merged segments"),
        }
    }

    fn fail_fold(&mut self, error: &IndexError) {
        self.has_fold_failed = true;
        self.note_failure(Some(error));
        let waiters = self.job_waiters.drain(..).chain(self.fold_waiters.drain(..));
        waiters.for_each(|done| done(Err(error.clone())));
        if self.is_full() {
            // There is no room for them, in memory or on disk.
            let waiting: Vec<Batch> = self.pending.drain(..).collect();
            waiting.into_iter().for_each(|batch| self.answer(batch, Err(error.clone())));
        }
    }

    fn remove_journals_before(&self, journal: u64) {
        let numbers = journal::list(&self.directory).unwrap_or_default();
        for number in numbers.into_iter().filter(|number| *number < journal) {
            // One that stays is removed at the next start.
            let _ = std::fs::remove_file(journal::path(&self.directory, number));
        }
    }
}

/// What a failure of the system is to the archive.
pub(super) fn failure(action: &'static str, error: &io::Error) -> IndexError {
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => IndexError::Full { reason },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => IndexError::ReadOnly { reason },
        _ => IndexError::Storage { action, reason },
    }
}
