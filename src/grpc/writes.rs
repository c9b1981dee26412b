//! Gives writes to the archive, and waits until they are durable.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::calls::off_the_workers;
use crate::article::Limits;
use crate::index::{IndexError, Precondition, SimilarityIndex, Write, WriteOutcome};
use crate::service::{FieldViolation, ServiceError};

/// The condition of a write. `path` is where the article stands in the request; it is empty for a
/// deletion.
///
/// # Errors
/// [`ServiceError::Invalid`] for two conditions that cannot both hold.
pub(super) fn precondition(
    create_only: bool,
    etag: String,
    path: &str,
) -> Result<Precondition, ServiceError> {
    let field = if path.is_empty() { "etag".to_owned() } else { format!("{path}.etag") };
    let (size, most) = (etag.len(), Limits::ETAG_BYTES);
    if size > most {
        return Err(ServiceError::Invalid(FieldViolation::over_limit(
            field,
            "VALUE_TOO_LONG",
            "bytes",
            size,
            most,
        )));
    }
    match (create_only, etag.is_empty()) {
        (false, true) => Ok(Precondition::None),
        (false, false) => Ok(Precondition::Unchanged(etag)),
        (true, true) => Ok(Precondition::Absent),
        (true, false) => {
            let description =
                "must be empty with create_only: an article that has an etag is there already";
            let violation = FieldViolation::new(field, "CONFLICTING_PRECONDITIONS", description);
            Err(ServiceError::Invalid(violation))
        }
    }
}

/// What a write of this article did.
///
/// # Errors
/// Why it did nothing.
pub(super) fn done(outcome: WriteOutcome, id: &str) -> Result<WriteOutcome, ServiceError> {
    let id = || id.to_owned();
    match outcome {
        WriteOutcome::Created | WriteOutcome::Replaced | WriteOutcome::Deleted => Ok(outcome),
        WriteOutcome::Absent => Err(ServiceError::ArticleNotFound { id: id() }),
        WriteOutcome::Exists => Err(ServiceError::ArticleExists { id: id() }),
        WriteOutcome::Changed => Err(ServiceError::ArticleChanged { id: id() }),
    }
}

/// Gives writes to the archive, and returns what comes back when they are durable.
///
/// # Errors
/// [`ServiceError::ArchiveBusy`] while too much is waiting to be stored.
pub(super) fn submit(
    index: &dyn SimilarityIndex,
    writes: Vec<Write>,
) -> Result<Submitted, ServiceError> {
    try_submit(index, writes).map_err(|_| ServiceError::ArchiveBusy)
}

/// The same; where there is no room, the writes come back.
pub(super) fn try_submit(
    index: &dyn SimilarityIndex,
    writes: Vec<Write>,
) -> Result<Submitted, Vec<Write>> {
    let (sender, receiver) = oneshot::channel();
    // That nobody waits any more takes nothing back.
    let given = index.write(writes, Box::new(move |outcome| drop(sender.send(outcome))));
    given.map(|()| Submitted(receiver)).map_err(|refused| refused.writes)
}

/// Gives writes to the archive when there is room: an import is read no faster than it is stored,
/// and holds no thread meanwhile.
pub(super) async fn submit_in_turn(
    index: &Arc<dyn SimilarityIndex>,
    mut writes: Vec<Write>,
) -> Result<Submitted, ServiceError> {
    const TRIES: u32 = 3_000;
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..TRIES {
        tokio::time::sleep(PAUSE).await;
        let index = Arc::clone(index);
        match off_the_workers(move || try_submit(&*index, writes)).await? {
            Ok(submitted) => return Ok(submitted),
            Err(refused) => writes = refused,
        }
    }
    Err(ServiceError::ArchiveBusy)
}

/// Writes that were given to the archive.
pub(super) struct Submitted(oneshot::Receiver<Result<Vec<WriteOutcome>, IndexError>>);

impl Submitted {
    /// What became of the only one.
    pub(super) async fn outcome(self) -> Result<WriteOutcome, ServiceError> {
        let outcomes = self.outcomes().await?;
        outcomes
            .first()
            .copied()
            .ok_or_else(|| ServiceError::Internal("the archive gave no outcome".to_owned()))
    }

    /// What became of them, once they are durable.
    pub(super) async fn outcomes(self) -> Result<Vec<WriteOutcome>, ServiceError> {
        let outcomes = self
            .0
            .await
            .map_err(|_| ServiceError::Internal("the archive dropped a write".to_owned()))?;
        Ok(outcomes?)
    }
}
