//! One call as the transport sees it: what it holds of the budget, and whether its caller takes the
//! answer.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::budget::{Account, Exhausted, Rank, Share};
use super::connection::Peer;
use super::request_body::REQUEST_FACTOR;

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// How often an answer that waits for its caller is looked at.
const TICK: Duration = Duration::from_millis(250);

/// One call. It lives as long as anything works for it or any byte of its answer waits: what it
/// holds is given back then.
#[derive(Debug)]
pub(super) struct Call {
    peer: Arc<Peer>,
    account: OnceLock<Account>,
    answer: Mutex<Answer>,
    /// How much came of which no message is decoded yet, in bytes: it is charged.
    came: AtomicUsize,
    /// What is charged for decoded messages beyond what came: they were compressed.
    inflated: AtomicUsize,
}

/// How far the answer is.
#[derive(Debug, Default)]
struct Answer {
    /// Since when a piece of it waits for the caller.
    waits_since: Option<Instant>,
    /// How many pieces h2 holds.
    unsent: usize,
    /// Who waits for h2 to hold none.
    waker: Option<Waker>,
}

impl Call {
    /// The call that this task works for.
    pub(super) fn current() -> Option<Arc<Self>> {
        CALL.try_with(Arc::clone).ok()
    }

    /// Makes a future work for this call.
    pub(super) fn scope<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CALL.scope(self, work)
    }

    /// The connection that it came over.
    pub(super) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Takes what every call costs. To be called once, before the rest.
    pub(super) fn open(&self, rank: Rank) -> Result<(), Exhausted> {
        let account = Account::open(Arc::clone(self.share()), rank)?;
        // It is opened once.
        let _ = self.account.set(account);
        Ok(())
    }

    fn share(&self) -> &Arc<Share> {
        self.peer.share()
    }

    /// Takes as many bytes more, or none.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        self.account.get().map_or(Ok(()), |account| account.take(bytes))
    }

    /// Counts bytes of the request that came, and are charged.
    pub(super) fn came(&self, bytes: usize) {
        self.came.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Charges a message of so many bytes for what it has more than came for it.
    pub(super) fn decoded(&self, bytes: usize) -> Result<(), Exhausted> {
        let rest = |came: usize| Some(came.saturating_sub(bytes));
        let came =
            self.came.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or_default();
        let beyond = bytes.saturating_sub(came) * REQUEST_FACTOR;
        self.take(beyond)?;
        self.inflated.fetch_add(beyond, Ordering::Relaxed);
        Ok(())
    }

    /// Gives back what decoded messages cost beyond what came: a stream has worked on them.
    pub(super) fn settle(&self) {
        self.came.store(0, Ordering::Relaxed);
        self.give(self.inflated.swap(0, Ordering::Relaxed));
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: usize) {
        if let Some(account) = self.account.get() {
            account.give(bytes);
        }
    }

    /// Takes bytes that are given back when the charge is dropped.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Result<Charge, Exhausted> {
        self.take(bytes)?;
        Ok(Charge { call: Arc::clone(self), bytes })
    }

    /// Counts a piece of the answer that is handed to h2.
    pub(super) fn hand_over(&self) {
        let mut answer = self.answer();
        answer.unsent += 1;
        answer.waits_since = Some(Instant::now());
        self.peer.hand_over();
    }

    /// Counts a piece that h2 has written, or dropped.
    pub(super) fn take_back(&self) {
        let mut answer = self.answer();
        answer.unsent -= 1;
        answer.waits_since = answer.waits_since.map(|_| Instant::now());
        let waker = if answer.unsent == 0 { answer.waker.take() } else { None };
        drop(answer);
        self.peer.take_back();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Says that the answer waits for nobody: its next piece was asked for.
    pub(super) fn is_asked_for_more(&self) {
        self.answer().waits_since = None;
    }

    /// Comes back once h2 holds no piece of the answer. Until then it waits for its caller.
    pub(super) fn poll_sent(&self, context: &Context<'_>) -> Poll<()> {
        let mut answer = self.answer();
        if answer.unsent == 0 {
            return Poll::Ready(());
        }
        answer.waits_since = Some(Instant::now());
        answer.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether the caller has let the answer wait for too long; none where no answer waits.
    fn is_given_up(&self) -> Option<bool> {
        let since = self.answer().waits_since?;
        let patience = self.peer.patience(self.peer.timeouts().answer);
        Some(since.elapsed() >= patience)
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a call holds.
#[derive(Debug)]
pub(super) struct Charge {
    call: Arc<Call>,
    bytes: usize,
}

impl Charge {
    /// Takes as many bytes more, or none.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.call.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.call.give(self.bytes);
    }
}

/// Runs the stream of each call as a task of its own, and drops it when its caller does not take
/// the answer.
#[derive(Debug, Clone)]
pub(super) struct CallExecutor(pub(super) Arc<Peer>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for CallExecutor {
    fn execute(&self, stream: F) {
        let open = self.0.enter();
        let call = Arc::new(Call {
            peer: Arc::clone(&self.0),
            account: OnceLock::new(),
            answer: Mutex::default(),
            came: AtomicUsize::new(0),
            inflated: AtomicUsize::new(0),
        });
        tokio::spawn(async move {
            let _open = open;
            run(call, stream).await;
        });
    }
}

/// Drives the stream of a call to its end, or drops it: h2 resets it then and forgets what it was
/// to send.
async fn run(call: Arc<Call>, stream: impl Future<Output = ()>) {
    let mut stream = pin!(CALL.scope(Arc::clone(&call), stream));
    let mut tick = None;
    std::future::poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // hyper asks for no more of an answer while the window is shut, and wakes nobody: this
        // does, as long as one waits.
        while let Some(is_given_up) = call.is_given_up() {
            if is_given_up {
                tracing::debug!("an answer that nobody takes was dropped");
                return Poll::Ready(());
            }
            let timer = tick.get_or_insert_with(|| Box::pin(sleep(TICK)));
            ready!(timer.as_mut().poll(context));
            timer.as_mut().reset(Instant::now() + TICK);
        }
        Poll::Pending
    })
    .await;
}
