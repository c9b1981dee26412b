//! Threads for work that takes long: on a busy machine the threads that answer small calls go
//! first.

use std::io;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// How many threads there may be: as many as large articles, batches and imports can use at once on
/// most machines.
const THREADS: usize = 32;
/// What `nice` gives them: beside a thread of the usual niceness the system runs one for a tenth of
/// the time, and for all of it where nobody else wants to run.
const NICENESS: i32 = 10;

/// Threads for work that takes long.
///
/// They are not tokio's blocking threads, for one of those takes the place of an async worker that
/// searches, and whose niceness is never lowered again.
#[derive(Debug)]
pub(super) struct Background(Option<Runtime>);

impl Background {
    /// No thread is started before there is work.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn new() -> io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder
            .max_blocking_threads(THREADS)
            .thread_name("slugline-background")
            .on_thread_start(step_back);
        builder.build().map(|runtime| Self(Some(runtime)))
    }

    /// Does work, and says what came of it.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn_blocking(work),
            // It is only taken out by `drop`.
            None => tokio::task::spawn_blocking(work),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The last one who holds it may be an async worker, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets other threads go first. Where that is not allowed, they share.
fn step_back() {
    let _ = rustix::process::nice(NICENESS);
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_and_theirs_are_nice_and_no_others() {
        let niceness = || rustix::process::nice(0).expect("it is told");
        let before = niceness();
        let background = Background::new().expect("threads");
        let found = background
            .spawn(move || (niceness(), thread::spawn(niceness).join().expect("no panic")));
        let expected = (before + NICENESS).min(19);
        assert_eq!(found.await.expect("no panic"), (expected, expected));
        assert_eq!(niceness(), before);
    }
}
