//! Deletions: one article, or a batch.

use super::error::ServiceError;
use super::pending::{PendingWrites, check_changed};

/// What a deletion makes of an article that is not in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// An error.
    Fail,
    /// A success.
    Ignore,
}

/// A deletion that the archive has taken.
#[derive(Debug)]
pub struct PendingDelete(PendingDeletes);

impl PendingDelete {
    pub(super) fn new(deletes: PendingDeletes) -> Self {
        Self(deletes)
    }

    /// Waits until the deletion is durable.
    ///
    /// # Errors
    /// Why it deleted nothing.
    pub async fn deleted(self) -> Result<(), ServiceError> {
        self.0.deleted().await?.into_iter().collect()
    }
}

/// Deletions that the archive has taken.
#[derive(Debug)]
pub struct PendingDeletes {
    pub(super) pending: PendingWrites,
    /// The ids; an error for each that was refused.
    pub(super) ids: Vec<Result<String, ServiceError>>,
    pub(super) if_missing: IfMissing,
}

impl PendingDeletes {
    /// Waits until the deletions are durable. For each there is an error if it deleted nothing.
    ///
    /// # Errors
    /// Why none of them can be relied on.
    pub async fn deleted(self) -> Result<Vec<Result<(), ServiceError>>, ServiceError> {
        let mut outcomes = self.pending.outcomes().await?.into_iter();
        let deleted = self.ids.into_iter().map(|id| {
            let id = id?;
            // There are as many outcomes as ids.
            match outcomes.next().map_or(Ok(()), |outcome| check_changed(outcome, &id)) {
                Err(ServiceError::ArticleNotFound { .. })
                    if self.if_missing == IfMissing::Ignore =>
                {
                    Ok(())
                }
                outcome => outcome,
            }
        });
        Ok(deleted.collect())
    }
}
