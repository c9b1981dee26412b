//! The one thread that changes an archive: groups of writes into the journal, and full journals
//! into the index.

mod folding;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::super::record::Kind;
use super::super::{ArchivedArticle, ArticleId, Condition, IndexError, WriteOutcome};
use super::compact::Compaction;
use super::journal::Group;
use super::journals::Journals;
use super::lock::Lock;
use super::queue::{Batch, FoldDone, Inbox, Message, Prepared, PreparedChange};
use super::recent::RecentArticle;
use super::segments::{Place, Segments, Store};
use super::state::{Applied, Found, Shared};
use super::{ArchiveOptions, Files, recovery};

/// A group, which shares a sync, takes no further batch from here on.
const GROUP_WRITES: usize = 1_024;
const GROUP_BYTES: usize = 8 << 20;
/// How often all files are looked for, whether anything is written or not.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many articles are put into memory before searches get a turn.
const APPLIED_AT_ONCE: usize = 16;

/// What the writer's thread works with.
pub(super) struct Writer {
    directory: PathBuf,
    options: ArchiveOptions,
    shared: Arc<Shared>,
    inbox: Inbox,
    /// None for an archive that can only be read.
    lock: Option<Lock>,
    looked: Instant,
    /// None before the first write to a new archive, and for one that can only be read.
    files: Option<OpenFiles>,
    pending: VecDeque<Batch>,
    /// Who waits for a fold that is yet to begin, and for the one that goes on.
    fold_waiters: Vec<FoldDone>,
    job_waiters: Vec<FoldDone>,
    /// The first journal that is not in what is frozen.
    frozen_until: u64,
    job: Option<thread::JoinHandle<()>>,
    compaction: Option<Compaction>,
    /// The segments that searches may still look at.
    shown: Vec<Weak<Segments>>,
    is_changed: bool,
    has_fold_failed: bool,
    is_closing: bool,
}

/// [`Files`], the store of which is away while a job has it.
struct OpenFiles {
    journals: Journals,
    store: Option<Store>,
}

impl Writer {
    pub(super) fn new(
        directory: PathBuf,
        options: ArchiveOptions,
        shared: Arc<Shared>,
        (lock, files): (Option<Lock>, Option<Files>),
        inbox: Inbox,
    ) -> Self {
        let mut writer = Self {
            directory,
            options,
            shared,
            inbox,
            lock,
            looked: Instant::now(),
            files: None,
            pending: VecDeque::new(),
            fold_waiters: Vec::new(),
            job_waiters: Vec::new(),
            frozen_until: 0,
            job: None,
            compaction: None,
            shown: Vec::new(),
            is_changed: false,
            has_fold_failed: false,
            is_closing: false,
        };
        writer.files = files.map(|files| writer.watched(files));
        writer
    }

    fn watched(&self, files: Files) -> OpenFiles {
        let Files { mut store, journals } = files;
        let sender = self.inbox.sender.clone();
        // Without it merged segments are seen at the next fold only.
        if let Err(error) = store.watch(move || drop(sender.send(Message::Changed))) {
            tracing::warn!(%error, "merges of segments will be seen late");
        }
        OpenFiles { journals, store: Some(store) }
    }

    /// Carries out what comes until the queue is closed, and what is queued then.
    pub(super) fn run(mut self) {
        loop {
            self.look_for_files();
            self.remove_emptied();
            // Whoever waits for the end of a compaction waits for a fold then.
            let is_compacting = self.compact();
            self.start_job();
            let must_wait = (self.pending.is_empty() || self.is_full()) && !is_compacting;
            if must_wait {
                if self.is_closing && self.job.is_none() && self.pending.is_empty() {
                    break;
                }
                match self.inbox.receiver.recv_timeout(LOOK_EVERY) {
                    Ok(message) => self.take(message),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
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
        if self.files.is_none()
            && let Some(lock) = self.lock.take()
        {
            lock.leave_no_trace();
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

    /// Looks for all files once in a while: what was removed is known before somebody asks for it.
    fn look_for_files(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY || self.shared.read().condition != Condition::Ready {
            return;
        }
        self.looked = Instant::now();
        // What it fails with is kept, and logged.
        let _ = self.check_place();
        let missing = self.files.as_ref().and_then(|files| files.journals.missing());
        if let Some(number) = missing {
            self.give_up(Condition::Damaged(format!(
                "journal {number} was removed while it was open"
            )));
        }
    }

    /// Whether what is written goes where the next start looks for it. If not, nothing is written
    /// from here on.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if not; [`IndexError::Storage`] if that cannot be told now.
    fn check_place(&self) -> Result<(), IndexError> {
        let lock = self.lock.as_ref().map_or(Ok(()), Lock::check);
        let outcome = lock
            .and_then(|()| self.files.as_ref().map_or(Ok(()), |files| files.journals.check_open()));
        if let Err(IndexError::ReadOnly { reason }) = &outcome {
            self.give_up(Condition::ReadOnly(reason.clone()));
        }
        outcome
    }

    /// Takes no more writes until the next start.
    fn give_up(&self, condition: Condition) {
        let mut state = self.shared.write();
        if state.condition == Condition::Ready {
            tracing::error!(?condition, "the archive takes no more writes");
            state.condition = condition;
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
        // Where nothing is folded any more, nothing is to be waited for: whoever writes is told why
        // not.
        state.condition == Condition::Ready && self.options.is_full(&state.recent)
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
            Err(Failed::Group(_)) if group.len() > 1 => {
                for batch in group {
                    self.carry_out(vec![batch]);
                }
            }
            Err(Failed::Group(error) | Failed::Place(error)) => {
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
    fn store_group(&mut self, group: &[Batch]) -> Result<Vec<Vec<WriteOutcome>>, Failed> {
        self.shared.read().condition.check_writable()?;
        self.check_place().map_err(Failed::Place)?;
        let (plan, outcomes) = self.plan(group)?;
        if plan.is_empty() {
            let settled = self.files.as_mut().map_or(Ok(()), |files| files.journals.settle());
            settled.map_err(|error| failure("cannot write the journal", &error))?;
            return Ok(outcomes);
        }
        let files = match self.files.take() {
            Some(files) => files,
            None => {
                self.watched(recovery::create(&self.directory, Arc::clone(&self.shared.records))?)
            }
        };
        let files = self.files.insert(files);
        let written = |error: io::Error| failure("cannot write the journal", &error);
        let mut frames = files.journals.group().map_err(written)?;
        let mut moves = Vec::with_capacity(plan.len());
        for (change, superseded) in plan {
            let kind = if change.article().is_some() { Kind::Article } else { Kind::Deletion };
            let extent = frames.push(kind, change.id(), change.record());
            let change = match change {
                PreparedChange::Put { article, vector, .. } => {
                    let (article, vector) = (Arc::clone(article), Arc::clone(vector));
                    Applied::Put(Arc::new(RecentArticle { article, vector, extent }))
                }
                PreparedChange::Delete(id) => Applied::Delete(id.clone()),
            };
            moves.push((change, superseded));
        }
        files.journals.append(&frames).map_err(written)?;
        self.confirm(&frames).map_err(Failed::Place)?;
        let count =
            |outcome| outcomes.iter().flatten().filter(|found| **found == outcome).count() as u64;
        let (created, deleted) = (count(WriteOutcome::Created), count(WriteOutcome::Deleted));
        self.apply(moves);
        let mut state = self.shared.write();
        state.article_count = state.article_count + created - deleted;
        drop(state);
        Ok(outcomes)
    }

    /// Acknowledges what was appended, unless that went where nobody finds it: then it is taken
    /// back.
    fn confirm(&mut self, appended: &Group) -> Result<(), IndexError> {
        let in_place = self.check_place();
        if let Some(files) = &mut self.files {
            match in_place {
                Ok(()) => files.journals.acknowledge(),
                Err(_) => files.journals.refuse(appended),
            }
        }
        in_place
    }

    /// Makes changes visible that the journal has.
    fn apply(&self, changes: Vec<(Applied, Option<Place>)>) {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let mut state = self.shared.write();
            for (change, superseded) in changes.by_ref().take(APPLIED_AT_ONCE) {
                state.apply(change, superseded);
            }
        }
    }

    /// The writes of a group that change something, each with where the segments have its id; and
    /// what is to be answered.
    fn plan<'a>(
        &self,
        group: &'a [Batch],
    ) -> Result<(Plan<'a>, Vec<Vec<WriteOutcome>>), IndexError> {
        // None but this thread changes the state: what is found stays true until the group is
        // stored.
        let mut after = HashMap::new();
        let mut plan = Vec::new();
        let mut outcomes = Vec::with_capacity(group.len());
        for batch in group {
            let mut of_batch = Vec::with_capacity(batch.writes.len());
            for write in &batch.writes {
                let (outcome, superseded) = self.outcome(write, &after)?;
                if outcome.is_change() {
                    after.insert(write.change.id(), write.change.article());
                    plan.push((&write.change, superseded));
                }
                of_batch.push(outcome);
            }
            outcomes.push(of_batch);
        }
        Ok((plan, outcomes))
    }

    /// What becomes of a write after those of its group so far, and where the segments have what it
    /// supersedes.
    fn outcome(
        &self,
        write: &Prepared,
        after: &After<'_>,
    ) -> Result<(WriteOutcome, Option<Place>), IndexError> {
        let Prepared { change, precondition } = write;
        let is_put = change.article().is_some();
        if let Some(article) = after.get(change.id()) {
            return Ok((
                precondition.outcome(is_put, article.is_some(), || Ok(article.map(Arc::as_ref)))?,
                None,
            ));
        }
        let found = self.shared.read().find(change.id())?;
        let superseded = match &found {
            Found::Segment(place) => Some(*place),
            Found::Nowhere | Found::Memory(_) | Found::Lost => None,
        };
        let is_there = !matches!(found, Found::Nowhere);
        let outcome =
            precondition.outcome(is_put, is_there, || self.shared.found_article(found))?;
        Ok((outcome, superseded))
    }
}

/// Why a group was not stored.
enum Failed {
    /// It cannot be stored together; each of its batches may be.
    Group(IndexError),
    /// Nothing can be stored where the archive is now, or nobody can tell.
    Place(IndexError),
}

impl From<IndexError> for Failed {
    fn from(error: IndexError) -> Self {
        Self::Group(error)
    }
}

/// What there is under an id after the writes of a group so far; None if they remove it.
type After<'a> = HashMap<&'a ArticleId, Option<&'a Arc<ArchivedArticle>>>;

/// Writes that change something, each with where the segments have what they supersede.
type Plan<'a> = Vec<(&'a PreparedChange, Option<Place>)>;

/// What a failure of the system is to the archive.
pub(super) fn failure(action: &'static str, error: &io::Error) -> IndexError {
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => IndexError::Full { reason },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            IndexError::ReadOnly { reason }
        }
        _ => IndexError::Storage { action, reason },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::lock::{self, IfMissing};
    use super::super::queue::Queue;
    use super::super::records::Records;
    use super::super::state::State;
    use super::super::survey::survey;
    use super::*;

    #[test]
    fn what_is_appended_while_the_place_cannot_be_looked_at_is_taken_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let lock = Lock::take(path, IfMissing::Fail).expect("room").expect("nobody has it");
        let records = Arc::new(Records::of(path));
        let files = recovery::create(path, Arc::clone(&records)).expect("room");
        let shared = Arc::new(Shared::new(State::default(), records));
        let (_queue, inbox) = Queue::new();
        let options = ArchiveOptions::default();
        let mut writer =
            Writer::new(path.to_owned(), options, shared, (Some(lock), Some(files)), inbox);
        let append = |writer: &mut Writer| {
            let journals = &mut writer.files.as_mut().expect("they are open").journals;
            let mut group = journals.group().expect("room");
            group.push(Kind::Deletion, &"a".parse().expect("an id"), &[]);
            journals.append(&group).expect("room");
            group
        };
        let counted = || {
            let found = survey(path, 1).expect("readable");
            assert_eq!(found.damage.len() + found.remarks.len(), 0, "{found:?}");
            found.journals[0].end
        };
        let before = counted();
        let refused = append(&mut writer);
        // A link to itself: what looks for the lock fails, for root too.
        let (place, aside) = (path.join(lock::FILE), path.join("aside"));
        fs::rename(&place, &aside).expect("it is there");
        std::os::unix::fs::symlink(&place, &place).expect("room");
        assert!(matches!(writer.confirm(&refused), Err(IndexError::Storage { .. })));
        let batch = || Batch { writes: Vec::new(), size_bytes: 0, done: Box::new(drop) };
        assert!(matches!(writer.store_group(&[batch(), batch()]), Err(Failed::Place(_))));
        assert_eq!(counted(), before);
        fs::rename(&aside, &place).expect("it is there");
        let stored = append(&mut writer);
        writer.confirm(&stored).expect("it can be looked at again");
        assert!(counted() > before);
    }
}
