//! Writes that the archive has taken, until they are durable.

use tokio::sync::oneshot;

use super::error::ServiceError;
use crate::index::{IndexError, SimilarityIndex, Write, WriteOutcome};

/// Writes that the archive has taken.
#[derive(Debug)]
pub(super) struct PendingWrites {
    outcomes: oneshot::Receiver<Result<Vec<WriteOutcome>, IndexError>>,
    count: usize,
}

impl PendingWrites {
    /// Hands writes to the archive.
    ///
    /// # Errors
    /// The writes, while too many others wait to be stored.
    pub(super) fn submit(
        index: &dyn SimilarityIndex,
        writes: Vec<Write>,
    ) -> Result<Self, Vec<Write>> {
        let count = writes.len();
        let (sender, outcomes) = oneshot::channel();
        // The writes are stored even when nobody waits for them any more.
        let submitted = index.write(writes, Box::new(move |outcome| drop(sender.send(outcome))));
        submitted.map(|()| Self { outcomes, count }).map_err(|refused| refused.writes)
    }

    /// The outcome of each write, once all are durable.
    ///
    /// # Errors
    /// Why the writes cannot be relied on to be stored.
    pub(super) async fn outcomes(self) -> Result<Vec<WriteOutcome>, ServiceError> {
        let outcomes = self
            .outcomes
            .await
            .map_err(|_| ServiceError::Internal("the archive dropped a write".to_owned()))??;
        if outcomes.len() == self.count {
            return Ok(outcomes);
        }
        let (count, found) = (self.count, outcomes.len());
        let fault = format!("the archive reported {found} outcomes for {count} writes");
        Err(ServiceError::Internal(fault))
    }
}

/// Checks that a write changed the article of this id.
///
/// # Errors
/// Why it changed nothing.
pub(super) fn check_changed(outcome: WriteOutcome, id: &str) -> Result<(), ServiceError> {
    let id = || id.to_owned();
    match outcome {
        WriteOutcome::Created | WriteOutcome::Replaced | WriteOutcome::Deleted => Ok(()),
        WriteOutcome::Absent => Err(ServiceError::ArticleNotFound { id: id() }),
        WriteOutcome::Exists => Err(ServiceError::ArticleExists { id: id() }),
        WriteOutcome::Changed => Err(ServiceError::ArticleChanged { id: id() }),
    }
}
