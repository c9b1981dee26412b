//! The queue of messages for the writer.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::analyzer::of_text;
use super::super::vector::Vector;
use super::super::write::ChangeKind;
use super::super::{
    ArchivedArticle, ArticleId, Change, IndexError, NoRoom, Precondition, Write, WriteDone, record,
};
use super::segments::{Segments, Store};

/// The memory that queued writes may take, in bytes.
const QUEUE_BYTES: usize = 32 << 20;

/// A write with its encoded record.
pub(super) struct PreparedWrite {
    pub(super) change: PreparedChange,
    pub(super) precondition: Precondition,
}

pub(super) enum PreparedChange {
    Put { article: Arc<ArchivedArticle>, vector: Arc<Vector>, record: Vec<u8> },
    Delete(ArticleId),
}

impl PreparedWrite {
    fn new(Write { change, precondition }: Write) -> Self {
        let change = match change {
            Change::Put(article) => {
                let (record, vector) = (record::of_article(&article), of_text(article.text()));
                PreparedChange::Put {
                    article: Arc::from(article),
                    vector: Arc::new(vector),
                    record,
                }
            }
            Change::Delete(id) => PreparedChange::Delete(id),
        };
        Self { change, precondition }
    }
}

impl PreparedChange {
    pub(super) fn id(&self) -> &ArticleId {
        match self {
            Self::Put { article, .. } => &article.id,
            Self::Delete(id) => id,
        }
    }

    /// The article that exists after the change.
    pub(super) fn article(&self) -> Option<&Arc<ArchivedArticle>> {
        match self {
            Self::Put { article, .. } => Some(article),
            Self::Delete(_) => None,
        }
    }

    pub(super) fn kind(&self) -> ChangeKind {
        match self {
            Self::Put { .. } => ChangeKind::Put,
            Self::Delete(_) => ChangeKind::Delete,
        }
    }

    pub(super) fn record(&self) -> &[u8] {
        match self {
            Self::Put { record, .. } => record,
            Self::Delete(_) => &[],
        }
    }
}

/// The memory of a queued write, in bytes: the article, its record and its vector.
fn size_bytes(write: &Write) -> usize {
    match &write.change {
        Change::Put(article) => 3 * article.size_bytes(),
        Change::Delete(_) => 256,
    }
}

pub(super) type FoldDone = Box<dyn FnOnce(Result<(), IndexError>) + Send>;

pub(super) struct Batch {
    pub(super) writes: Vec<PreparedWrite>,
    pub(super) size_bytes: usize,
    pub(super) done: WriteDone,
}

pub(super) enum Message {
    Batch(Batch),
    Fold(FoldDone),
    /// The segments on disk have changed.
    SegmentsChanged,
    JobDone(Box<JobDone>),
    Close,
}

/// A job that runs off the writer's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Folds the frozen changes into the index.
    Fold,
    /// Reads segments that were merged.
    Refresh,
}

/// The result of a job.
pub(super) struct JobDone {
    pub(super) store: Store,
    pub(super) job: Job,
    /// Whether it panicked, after which the store cannot be relied on.
    pub(super) has_panicked: bool,
    pub(super) segments: Result<Segments, IndexError>,
}

/// The callers' end of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Sender<Message>,
    budget: Arc<Budget>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

/// The memory that queued writes take, in bytes.
#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<usize>);

impl Budget {
    /// Reserves memory; false if there is not enough. A single batch may always be queued, whatever
    /// its size.
    fn take(&self, size: usize) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = *taken == 0 || *taken + size <= QUEUE_BYTES;
        *taken += if has_room { size } else { 0 };
        has_room
    }

    pub(super) fn release(&self, size: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) -= size;
    }
}

impl Queue {
    pub(super) fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel();
        let budget = Arc::new(Budget::default());
        let inbox = Inbox { receiver, sender: sender.clone(), budget: Arc::clone(&budget) };
        (Self { sender, budget }, inbox)
    }

    pub(super) fn write(&self, writes: Vec<Write>, done: WriteDone) -> Result<(), NoRoom> {
        let is_too_large = |write: &Write| match &write.change {
            Change::Put(article) => article.size_bytes() > record::MAX_ARTICLE_BYTES,
            Change::Delete(_) => false,
        };
        if writes.iter().any(is_too_large) {
            let reason = format!("it is larger than {} bytes", record::MAX_ARTICLE_BYTES);
            done(Err(IndexError::Storage { action: "cannot store the article", reason }));
            return Ok(());
        }
        let size_bytes = writes.iter().map(size_bytes).sum();
        if !self.budget.take(size_bytes) {
            return Err(NoRoom { writes, done });
        }
        let writes = writes.into_iter().map(PreparedWrite::new).collect();
        if let Err(mpsc::SendError(Message::Batch(batch))) =
            self.sender.send(Message::Batch(Batch { writes, size_bytes, done }))
        {
            self.budget.release(size_bytes);
            (batch.done)(Err(IndexError::Closed));
        }
        Ok(())
    }

    pub(super) fn fold(&self, done: FoldDone) {
        if let Err(mpsc::SendError(Message::Fold(done))) = self.sender.send(Message::Fold(done)) {
            done(Err(IndexError::Closed));
        }
    }

    pub(super) fn close(&self) {
        // A writer that has ended is closed already.
        let _ = self.sender.send(Message::Close);
    }
}

/// The writer's end of the queue.
pub(super) struct Inbox {
    pub(super) receiver: Receiver<Message>,
    pub(super) sender: Sender<Message>,
    pub(super) budget: Arc<Budget>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::ArticleText;

    #[test]
    fn a_write_beyond_the_budget_is_returned_at_once_and_accepted_later() {
        // Nobody takes messages from the queue, as with a slow disk.
        let (queue, inbox) = Queue::new();
        let body = "word ".repeat(1 << 20);
        let article = ArchivedArticle::new(
            "a".parse().expect("an id"),
            ArticleText { title: "", body: &body },
        );
        let writes = || vec![Write::put(article.clone())];
        let done = || -> WriteDone { Box::new(|_| panic!("nothing is carried out")) };
        queue.write(writes(), done()).expect("there is room");
        queue.write(writes(), done()).expect("there is room");
        let refused = queue.write(writes(), done()).expect_err("there is none");
        assert_eq!(refused.writes, writes());
        let Ok(Message::Batch(first)) = inbox.receiver.try_recv() else { panic!("it was queued") };
        inbox.budget.release(first.size_bytes);
        queue.write(refused.writes, refused.done).expect("there is room again");
    }
}
