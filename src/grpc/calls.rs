//! What the adapters share: work off the async workers, and its end when the call is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::call::Call;
use crate::service::{FieldViolation, ServiceError};

/// Tells the work of a call that the call is gone.
#[derive(Debug, Default)]
pub(super) struct CancelOnDrop(Arc<AtomicBool>);

impl CancelOnDrop {
    /// Set once the call is gone.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does work where it may wait for a disk or a lock. It goes on when the call is gone, and what the
/// call holds of the budget is held until then.
pub(super) async fn off_the_workers<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    let call = Call::current();
    let work = move || {
        let _call = call;
        work()
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ServiceError::Internal(error.to_string()))
}

/// The same for work that takes long: it lets small calls go first.
pub(super) async fn in_the_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    background(work).await.map_err(|error| ServiceError::Internal(error.to_string()))
}

/// The same for who does not wait for it at once.
pub(super) fn background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let Some(call) = Call::current() else { return tokio::task::spawn_blocking(work) };
    let peer = Arc::clone(call.peer());
    peer.background().spawn(move || {
        let _call = call;
        work()
    })
}

/// From this size on, an article takes longer than others should wait for it on an async worker,
/// and memory that counts: while one of 2 MiB is classified, its words and pairs take 90 MB.
pub(super) const LARGE_ARTICLE_BYTES: usize = 64 << 10;

/// Waits for as many places for work on large articles as there are threads on it; none is needed
/// for smaller ones.
///
/// They are as many as cores, up to four: more at a time would be no faster, and each takes its
/// multiple of memory. Who waits costs what its request does.
pub(super) async fn large_work(
    article_bytes: usize,
    threads: usize,
) -> Option<OwnedSemaphorePermit> {
    if article_bytes < LARGE_ARTICLE_BYTES {
        return None;
    }
    let large = Arc::clone(Call::current()?.peer().large_work());
    let threads = threads.clamp(1, large_places());
    // It is never closed.
    large.acquire_many_owned(u32::try_from(threads).unwrap_or(1)).await.ok()
}

/// How many large articles are worked on at a time.
pub(super) fn large_places() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(4)
}

pub(super) fn missing(field: &'static str) -> ServiceError {
    ServiceError::Invalid(FieldViolation::new(field, "FIELD_REQUIRED", "is required"))
}

/// As many whole characters of a text as fit into so many bytes.
pub(super) fn start_of(mut text: String, bytes: usize) -> String {
    let end =
        (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(
            ["aéz", "aé", "aé", "a", "a", ""],
            [9, 3, 3, 2, 1, 0].map(|bytes| start_of("aéz".to_owned(), bytes).leak() as &str)
        );
    }
}
