//! Runs the stream of each call as a task of its own, within its call.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::call::Call;
use super::peer::Peer;

/// How often an answer that waits for its caller is inspected.
const TICK: Duration = Duration::from_millis(250);

/// Spawns the calls of one connection.
#[derive(Debug, Clone)]
pub(crate) struct CallExecutor(pub(crate) Arc<Peer>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for CallExecutor {
    fn execute(&self, stream: F) {
        let open = self.0.start_call();
        let call = Arc::new(Call::new(Arc::clone(&self.0)));
        tokio::spawn(async move {
            let _open = open;
            run(call, stream).await;
        });
    }
}

/// Drives the stream of a call to its end. Drops it when the caller does not read the answer: h2
/// then resets the stream, and forgets what it was to send.
async fn run(call: Arc<Call>, stream: impl Future<Output = ()>) {
    let mut stream = pin!(Arc::clone(&call).scope(stream));
    let mut timer = None;
    std::future::poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // While the window is shut hyper asks for no more of an answer, and wakes nobody: this
        // timer does, as long as an answer waits.
        while let Some(is_abandoned) = call.is_abandoned() {
            if is_abandoned {
                tracing::debug!("answer dropped: its caller does not read it");
                return Poll::Ready(());
            }
            let timer = timer.get_or_insert_with(|| Box::pin(sleep(TICK)));
            ready!(timer.as_mut().poll(context));
            timer.as_mut().reset(Instant::now() + TICK);
        }
        Poll::Pending
    })
    .await;
}
