//! One call as the transport sees it: its account of the budget, and how far its answer is.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::budget::{Account, Exhausted, REQUEST_FACTOR, Rank};
use super::peer::Peer;

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// One call. It lives as long as anything works for it or any byte of its answer waits, and then
/// releases what it holds.
#[derive(Debug)]
pub(crate) struct Call {
    peer: Arc<Peer>,
    account: OnceLock<Account>,
    answer: Mutex<Answer>,
    /// Bytes received and charged, of which no message is decoded yet.
    received: AtomicUsize,
    /// What decoded messages are charged beyond the bytes received: they were compressed.
    inflated: AtomicUsize,
}

/// How far the answer has got.
#[derive(Debug, Default)]
struct Answer {
    /// Since when a piece of it has waited for the caller.
    waits_since: Option<Instant>,
    /// Pieces that h2 holds.
    unsent: usize,
    /// The task that waits for h2 to hold none.
    waker: Option<Waker>,
}

impl Call {
    /// A new call over the connection of `peer`.
    pub(crate) fn new(peer: Arc<Peer>) -> Self {
        Self {
            peer,
            account: OnceLock::new(),
            answer: Mutex::default(),
            received: AtomicUsize::new(0),
            inflated: AtomicUsize::new(0),
        }
    }

    /// The call that this task works for.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CALL.try_with(Arc::clone).ok()
    }

    /// Runs a future for this call.
    pub(crate) fn scope<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CALL.scope(self, work)
    }

    /// The connection it came over.
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Opens the account, with what every call costs. To be called once, before anything is
    /// charged.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget has no room.
    pub(crate) fn open(&self, rank: Rank) -> Result<(), Exhausted> {
        let account = Account::open(Arc::clone(self.peer.share()), rank)?;
        // Nothing else sets it.
        let _ = self.account.set(account);
        Ok(())
    }

    /// Takes `bytes` more, or nothing.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget has no room.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        self.account.get().map_or(Ok(()), |account| account.take(bytes))
    }

    /// Counts bytes of the request that were received and charged.
    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Charges a message of `bytes` for what it has beyond the bytes received for it.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget has no room.
    pub(crate) fn decoded(&self, bytes: usize) -> Result<(), Exhausted> {
        let without = |received: usize| Some(received.saturating_sub(bytes));
        let received = self
            .received
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, without)
            .unwrap_or_default();
        let beyond = bytes.saturating_sub(received) * REQUEST_FACTOR;
        self.take(beyond)?;
        self.inflated.fetch_add(beyond, Ordering::Relaxed);
        Ok(())
    }

    /// Releases what decoded messages cost beyond the bytes received: a stream has processed them.
    pub(crate) fn settle(&self) {
        self.received.store(0, Ordering::Relaxed);
        self.release(self.inflated.swap(0, Ordering::Relaxed));
    }

    /// Releases what was taken.
    pub(crate) fn release(&self, bytes: usize) {
        if let Some(account) = self.account.get() {
            account.release(bytes);
        }
    }

    /// Takes bytes that are released when the charge is dropped.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget has no room.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Result<Charge, Exhausted> {
        self.take(bytes)?;
        Ok(Charge { call: Arc::clone(self), bytes })
    }

    /// Counts a piece of the answer that is handed to h2.
    pub(crate) fn piece_handed_over(&self) {
        let mut answer = self.answer();
        answer.unsent += 1;
        answer.waits_since = Some(Instant::now());
        self.peer.piece_handed_over();
    }

    /// Counts a piece that h2 has written or dropped.
    pub(crate) fn piece_released(&self) {
        let mut answer = self.answer();
        answer.unsent -= 1;
        answer.waits_since = answer.waits_since.map(|_| Instant::now());
        let waker = if answer.unsent == 0 { answer.waker.take() } else { None };
        drop(answer);
        self.peer.piece_released();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Notes that h2 asks for the next piece: the answer does not wait for the caller.
    pub(crate) fn more_requested(&self) {
        self.answer().waits_since = None;
    }

    /// Completes once h2 holds no piece of the answer; until then the answer waits for the caller.
    pub(crate) fn poll_sent(&self, context: &Context<'_>) -> Poll<()> {
        let mut answer = self.answer();
        if answer.unsent == 0 {
            return Poll::Ready(());
        }
        answer.waits_since = Some(Instant::now());
        answer.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether the caller has let the answer wait for too long; None while no answer waits.
    pub(crate) fn is_abandoned(&self) -> Option<bool> {
        let since = self.answer().waits_since?;
        let patience = self.peer.patience(self.peer.timeouts().answer);
        Some(since.elapsed() >= patience)
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a call holds; released when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    call: Arc<Call>,
    bytes: usize,
}

impl Charge {
    /// Takes `bytes` more, or nothing.
    ///
    /// # Errors
    /// [`Exhausted`] where the budget has no room.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.call.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.call.release(self.bytes);
    }
}
