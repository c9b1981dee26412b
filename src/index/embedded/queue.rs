//! Where writes wait for the writer: as many as there is room for.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::super::{ArticleId, IndexError, WriteDone};
use super::recent::RecentArticle;
use super::segments::{Segments, Store};

/// So much may wait for the writer, in bytes; who brings more waits.
const QUEUE_BYTES: usize = 32 << 20;

/// A write whose record is made.
pub(super) enum Prepared {
    Put(Arc<RecentArticle>),
    Delete(ArticleId),
}

impl Prepared {
    pub(super) fn id(&self) -> &ArticleId {
        match self {
            Self::Put(article) => &article.article.id,
            Self::Delete(id) => id,
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            // The article, its record and its vector.
            Self::Put(article) => 3 * article.record.len() + 256,
            Self::Delete(_) => 256,
        }
    }
}

pub(super) type FoldDone = Box<dyn FnOnce(Result<(), IndexError>) + Send>;

pub(super) struct Batch {
    pub(super) writes: Vec<Prepared>,
    pub(super) size_bytes: usize,
    pub(super) done: WriteDone,
}

pub(super) enum Message {
    Batch(Batch),
    Fold(FoldDone),
    /// The files of the index are not what they were.
    Changed,
    JobDone(Box<JobDone>),
    Close,
}

/// What a job brings back.
pub(super) struct JobDone {
    pub(super) store: Store,
    pub(super) is_fold: bool,
    pub(super) segments: Result<Segments, IndexError>,
}

/// Where writes wait for the writer.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Sender<Message>,
    room: Arc<Room>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

/// How much waits.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Room {
    fn take(&self, size: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever its size, one batch may wait.
        while *taken > 0 && *taken + size > QUEUE_BYTES {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += size;
    }

    pub(super) fn give_back(&self, size: usize) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) -= size;
        self.freed.notify_all();
    }
}

impl Queue {
    pub(super) fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel();
        let room = Arc::new(Room::default());
        let inbox = Inbox { receiver, sender: sender.clone(), room: Arc::clone(&room) };
        (Self { sender, room }, inbox)
    }

    pub(super) fn write(&self, writes: Vec<Prepared>, done: WriteDone) {
        let size_bytes = writes.iter().map(Prepared::size_bytes).sum();
        self.room.take(size_bytes);
        if let Err(mpsc::SendError(Message::Batch(batch))) =
            self.sender.send(Message::Batch(Batch { writes, size_bytes, done }))
        {
            self.room.give_back(size_bytes);
            (batch.done)(Err(IndexError::Closed));
        }
    }

    pub(super) fn fold(&self, done: FoldDone) {
        if let Err(mpsc::SendError(Message::Fold(done))) = self.sender.send(Message::Fold(done)) {
            done(Err(IndexError::Closed));
        }
    }

    pub(super) fn close(&self) {
        // A writer that is gone is closed.
        let _ = self.sender.send(Message::Close);
    }
}

/// The writer's end of the queue.
pub(super) struct Inbox {
    pub(super) receiver: Receiver<Message>,
    pub(super) sender: Sender<Message>,
    pub(super) room: Arc<Room>,
}
