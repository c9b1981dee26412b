//! Threads for long work, which yield to the threads that answer small calls.

use std::io;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Limit on the threads: as many as large articles, batches and imports can use at a time on most
/// machines.
const MAX_THREADS: usize = 32;
/// Their niceness: next to a thread of the usual niceness one gets a tenth of the time, and all of
/// it while no other thread wants to run.
const NICENESS: i32 = 10;

/// Threads for long work.
///
/// tokio's blocking threads are unsuitable: one of them stands in for an async worker that
/// searches, and an unprivileged thread cannot lower its niceness again.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

impl Background {
    /// Starts no thread until there is work.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn new() -> io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder
            .max_blocking_threads(MAX_THREADS)
            .thread_name("slugline-background")
            .on_thread_start(lower_priority);
        builder.build().map(|runtime| Self(Some(runtime)))
    }

    /// Starts work.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn_blocking(work),
            // Only `drop` takes it.
            None => tokio::task::spawn_blocking(work),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The last holder may be an async worker, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Yields to other threads. Where the system does not allow it, all share alike.
fn lower_priority() {
    let _ = rustix::process::nice(NICENESS);
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_and_those_they_start_are_nice_and_no_others() {
        let niceness = || rustix::process::nice(0).expect("the niceness");
        let before = niceness();
        let background = Background::new().expect("threads");
        let found = background
            .spawn(move || (niceness(), thread::spawn(niceness).join().expect("no panic")));
        let expected = (before + NICENESS).min(19);
        assert_eq!(found.await.expect("no panic"), (expected, expected));
        assert_eq!(niceness(), before);
    }
}
