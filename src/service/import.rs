//! An import: a stream of articles of any length, of which only a bounded part is held.

use std::collections::{BTreeMap, VecDeque};

use super::admit::Admitted;
use super::error::ServiceError;
use super::fields::truncated;
use super::pending::{PendingWrites, check_changed};
use super::puts::PutBatch;
use crate::index::{ArticleId, Precondition, Write, WriteOutcome};

/// Limit on the rejected articles that are named.
const MAX_REJECTIONS: usize = 100;
/// Limit on the chunks that wait for the archive. Older ones are acknowledged, and only counted.
const MAX_PENDING_CHUNKS: usize = 16;

/// The position of an article in its import, and its id.
type Position = (usize, String);

/// The articles of one message of an import.
#[derive(Debug)]
pub struct ImportChunk {
    /// The position of the first one in the import.
    pub(super) first: usize,
    pub(super) batch: PutBatch,
}

/// A chunk whose articles are checked and classified, and not stored yet.
#[derive(Debug)]
pub struct PreparedChunk {
    pub(super) writes: Vec<Write>,
    /// The positions of the writes; empty if none has a condition, so that none can fail alone.
    pub(super) conditional: Vec<Position>,
    pub(super) rejected: Vec<(Position, ServiceError)>,
}

impl PreparedChunk {
    pub(super) fn new(
        positions: impl Iterator<Item = Position>,
        admitted: Vec<Result<Admitted, ServiceError>>,
    ) -> Self {
        let mut writes: Vec<Write> = Vec::with_capacity(admitted.len());
        let (mut conditional, mut rejected) = (Vec::new(), Vec::new());
        for (position, admitted) in positions.zip(admitted) {
            match admitted {
                Ok(admitted) => {
                    writes.push(admitted.into());
                    conditional.push(position);
                }
                Err(error) => rejected.push((position, error)),
            }
        }
        if writes.iter().all(|write| write.precondition == Precondition::None) {
            conditional.clear();
        }
        Self { writes, conditional, rejected }
    }
}

/// A chunk that the archive has taken.
#[derive(Debug)]
pub struct SubmittedChunk {
    pub(super) pending: PendingWrites,
    pub(super) conditional: Vec<Position>,
    pub(super) rejected: Vec<(Position, ServiceError)>,
}

/// An article that was not stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection<E> {
    /// Its position in the import.
    pub index: usize,
    /// Its id, truncated to the longest valid one.
    pub id: String,
    /// Why.
    pub error: E,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportSummary<E> {
    /// Articles stored.
    pub accepted: usize,
    /// Articles stored in place of another one.
    pub replaced: usize,
    /// Articles not stored.
    pub rejected: usize,
    /// The first 100 of those.
    pub rejections: Vec<Rejection<E>>,
}

/// An import in progress.
#[derive(Debug)]
pub struct Import<E> {
    /// Articles received.
    received: usize,
    pending: VecDeque<(PendingWrites, Vec<Position>)>,
    replaced: usize,
    rejected: usize,
    rejections: BTreeMap<usize, Rejection<E>>,
    /// Makes an error of bounded size: an error repeats what is wrong, however long it is.
    to_error: fn(ServiceError) -> E,
}

impl<E> Import<E> {
    /// Starts an import whose rejections hold what `to_error` makes of errors.
    pub fn new(to_error: fn(ServiceError) -> E) -> Self {
        Self {
            received: 0,
            pending: VecDeque::new(),
            replaced: 0,
            rejected: 0,
            rejections: BTreeMap::new(),
            to_error,
        }
    }

    /// Takes the articles of the next message.
    pub fn next_chunk(&mut self, batch: PutBatch) -> ImportChunk {
        let first = self.received;
        self.received += batch.drafts.len();
        ImportChunk { first, batch }
    }

    /// Adds a chunk that the archive has taken. Waits for older chunks where too many are pending.
    ///
    /// # Errors
    /// Why articles cannot be relied on to be stored.
    pub async fn add(&mut self, chunk: SubmittedChunk) -> Result<(), ServiceError> {
        self.pending.push_back((chunk.pending, chunk.conditional));
        self.acknowledge_down_to(MAX_PENDING_CHUNKS).await?;
        for (position, error) in chunk.rejected {
            self.reject(position, error);
        }
        Ok(())
    }

    /// Waits until all articles are durable.
    ///
    /// # Errors
    /// Why articles cannot be relied on to be stored.
    pub async fn finish(mut self) -> Result<ImportSummary<E>, ServiceError> {
        self.acknowledge_down_to(0).await?;
        Ok(ImportSummary {
            accepted: self.received - self.rejected,
            replaced: self.replaced,
            rejected: self.rejected,
            rejections: self.rejections.into_values().collect(),
        })
    }

    async fn acknowledge_down_to(&mut self, count: usize) -> Result<(), ServiceError> {
        while self.pending.len() > count {
            let Some((pending, conditional)) = self.pending.pop_front() else { break };
            let outcomes = pending.outcomes().await?;
            self.replaced +=
                outcomes.iter().filter(|outcome| **outcome == WriteOutcome::Replaced).count();
            for (position, outcome) in conditional.into_iter().zip(outcomes) {
                if let Err(error) = check_changed(outcome, &position.1) {
                    self.reject(position, error);
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, (index, id): Position, error: ServiceError) {
        self.rejected += 1;
        let last = self.rejections.last_key_value().map(|(last, _)| *last);
        if self.rejections.len() >= MAX_REJECTIONS && last.is_some_and(|last| last < index) {
            return;
        }
        let id = truncated(id, ArticleId::MAX_BYTES);
        self.rejections.insert(index, Rejection { index, id, error: (self.to_error)(error) });
        if self.rejections.len() > MAX_REJECTIONS {
            self.rejections.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rejections_are_named_whatever_their_order() {
        let mut import = Import::new(|error| error.to_string());
        for index in (0..150).rev() {
            import.reject((index, index.to_string()), ServiceError::NotReady);
        }
        assert_eq!(import.rejected, 150);
        assert_eq!(
            import.rejections.keys().copied().collect::<Vec<_>>(),
            (0..100).collect::<Vec<_>>()
        );
    }
}
