//! Moves work off the async workers.

use std::sync::Arc;
use std::thread;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::call::Call;
use crate::service::ServiceError;

/// From this size on, an article takes longer to classify than other calls should wait for an
/// async worker, and memory that counts: the words and pairs of one of 2 MiB take 90 MB.
pub(crate) const LARGE_ARTICLE_BYTES: usize = 64 << 10;
/// Upper bound of [`large_article_limit`]: more would be no faster, and each takes a multiple of
/// its size.
const MAX_LARGE_ARTICLES: usize = 4;

/// Runs work that may wait for a disk or a lock. It runs to its end even when the call is gone, and
/// the call's budget is held until then.
///
/// # Errors
/// [`ServiceError::Internal`] if the work panics.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    let call = Call::current();
    let work = move || {
        let _call = call;
        work()
    };
    joined(tokio::task::spawn_blocking(work)).await
}

/// Runs long work on threads that yield to small calls, and waits for it.
///
/// # Errors
/// [`ServiceError::Internal`] if the work panics.
pub(crate) async fn run_in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    joined(spawn_in_background(work)).await
}

/// Starts long work on threads that yield to small calls.
pub(crate) fn spawn_in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let Some(call) = Call::current() else { return tokio::task::spawn_blocking(work) };
    let transport = Arc::clone(&call.peer().transport);
    transport.background.spawn(move || {
        let _call = call;
        work()
    })
}

/// Waits for work that was started.
///
/// # Errors
/// [`ServiceError::Internal`] if it panicked.
pub(crate) async fn joined<T>(work: JoinHandle<T>) -> Result<T, ServiceError> {
    work.await.map_err(|error| ServiceError::Internal(error.to_string()))
}

/// Waits for permits to work on a large article with `threads` threads; a smaller article needs
/// none. The waiting call holds what its request costs.
pub(crate) async fn large_article_permits(
    article_bytes: usize,
    threads: usize,
) -> Option<OwnedSemaphorePermit> {
    if article_bytes < LARGE_ARTICLE_BYTES {
        return None;
    }
    let permits = Arc::clone(&Call::current()?.peer().transport.large_work);
    let count = threads.clamp(1, large_article_limit());
    // The semaphore is never closed.
    permits.acquire_many_owned(u32::try_from(count).unwrap_or(1)).await.ok()
}

/// Limit on the large articles that are classified at a time: one per core, up to
/// [`MAX_LARGE_ARTICLES`].
pub(crate) fn large_article_limit() -> usize {
    core_count().min(MAX_LARGE_ARTICLES)
}

/// The number of cores.
pub(crate) fn core_count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
