//! Maps a list on several threads, in its order, until cancelled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio_util::sync::CancellationToken;

use super::error::ServiceError;

/// With fewer articles per thread a further thread costs more than it gives.
const ARTICLES_PER_THREAD: usize = 16;

/// How to work on many articles.
#[derive(Debug, Clone, Copy)]
pub struct Parallelism<'a> {
    /// Limit on the threads.
    pub threads: usize,
    /// When cancelled, the remaining articles are left undone.
    pub cancelled: &'a CancellationToken,
}

impl Parallelism<'_> {
    /// `work` for each index below `count`.
    ///
    /// # Errors
    /// [`ServiceError::DeadlineExceeded`] when cancelled.
    pub(super) fn map<T: Send>(
        self,
        count: usize,
        work: impl Fn(usize) -> T + Sync,
    ) -> Result<Vec<T>, ServiceError> {
        let threads = self.threads.min(count.div_ceil(ARTICLES_PER_THREAD)).max(1);
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(count));
        let run = || {
            let mut own = Vec::new();
            while !self.cancelled.is_cancelled() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                own.push((index, work(index)));
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(run);
            }
            run();
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        if results.len() < count {
            return Err(ServiceError::DeadlineExceeded);
        }
        results.sort_by_key(|(index, _)| *index);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_with_any_number_of_threads() {
        let cancelled = CancellationToken::new();
        for threads in [1, 2, 7] {
            let parallelism = Parallelism { threads, cancelled: &cancelled };
            let expected: Vec<usize> = (0..100).map(|index| index * 3).collect();
            assert_eq!(parallelism.map(100, |index| index * 3), Ok(expected));
        }
    }

    #[test]
    fn work_ends_when_it_is_cancelled() {
        let cancelled = CancellationToken::new();
        let parallelism = Parallelism { threads: 1, cancelled: &cancelled };
        let done = AtomicUsize::new(0);
        let outcome = parallelism.map(10, |_| {
            done.fetch_add(1, Ordering::Relaxed);
            cancelled.cancel();
        });
        assert_eq!(outcome, Err(ServiceError::DeadlineExceeded));
        assert_eq!(done.into_inner(), 1);
    }
}
