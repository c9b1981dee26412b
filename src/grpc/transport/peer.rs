//! What one connection holds and has done, counted by all who work for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::background::Background;
use super::budget::{Budget, Share};
use crate::article::{Limits, Timeouts};
use crate::service::{Admission, Permit, ServiceError};

/// How many bytes of a connection are read before the calls among them start. h2 reads all that
/// the socket holds before it hands out a single call.
pub(crate) const READ_BYTES: usize = 32 << 10;
/// How long a caller may leave an answer unread, or a request unsent, once the server drains.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// How long a stream may send nothing while the budget for streams is nearly exhausted.
const CROWDED_STREAM_IDLE: Duration = Duration::from_secs(2);

/// The state that all connections share.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) budget: Arc<Budget>,
    pub(crate) timeouts: Timeouts,
    /// Permits for work on large articles.
    pub(crate) large_work: Arc<Semaphore>,
    /// Limit on the Watches of one connection.
    pub(crate) watches_per_connection: usize,
    /// Limit on connections, not counting the spare ones.
    pub(crate) connections: usize,
    /// Open connections.
    pub(crate) open: AtomicUsize,
    /// Connections refused since the start.
    pub(crate) refused: AtomicU64,
    pub(crate) is_draining: AtomicBool,
    /// Threads for long work.
    pub(crate) background: Background,
}

impl Transport {
    /// The transport of a server with these limits.
    pub(crate) fn new(limits: &Limits, background: Background, large_work: Semaphore) -> Self {
        Self {
            budget: Budget::new(limits.budget_bytes, limits.connection_bytes),
            timeouts: limits.timeouts,
            large_work: Arc::new(large_work),
            watches_per_connection: limits.watches_per_connection,
            connections: limits.connections,
            open: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            is_draining: AtomicBool::new(false),
            background,
        }
    }

    /// Whether connections are nearly exhausted, so that idle ones have to make room.
    pub(crate) fn is_crowded(&self) -> bool {
        self.open.load(Ordering::Relaxed) * 8 >= self.connections * 7
    }
}

/// Whether a connection is within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is, and serves every method.
    Regular,
    /// It is beyond the limit, and serves health and server info alone.
    Spare,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) transport: Arc<Transport>,
    pub(crate) standing: Standing,
    share: Arc<Share>,
    watches: Admission,
    /// Open calls.
    calls: AtomicUsize,
    /// Calls started since the connection was opened.
    started: AtomicU64,
    /// Bytes received.
    received: AtomicU64,
    /// Bytes that may be read before the connection's task yields.
    read_quota: AtomicUsize,
    /// Pieces of answers that h2 holds.
    unsent: AtomicUsize,
    /// Pieces of answers that h2 has written or dropped.
    sent: AtomicU64,
}

/// An open call; counted until dropped.
pub(crate) struct OpenCall(Arc<Peer>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reading of a connection's counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activity {
    /// Open calls.
    pub(crate) calls: usize,
    /// Calls started since the connection was opened.
    pub(crate) started: u64,
    /// Bytes received.
    pub(crate) received: u64,
    /// Pieces of answers that h2 holds.
    pub(crate) unsent: usize,
    /// Pieces of answers that h2 has written or dropped.
    pub(crate) sent: u64,
}

impl Peer {
    /// Counts a new connection, until the peer is dropped.
    pub(crate) fn new(transport: Arc<Transport>, standing: Standing) -> Arc<Self> {
        transport.open.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            share: Share::new(Arc::clone(&transport.budget)),
            watches: Admission::new("watches on one connection", transport.watches_per_connection),
            transport,
            standing,
            calls: AtomicUsize::new(0),
            started: AtomicU64::new(0),
            received: AtomicU64::new(0),
            read_quota: AtomicUsize::new(READ_BYTES),
            unsent: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        })
    }

    /// Its share of the budget.
    pub(crate) fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// How long the server waits for callers.
    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.transport.timeouts
    }

    /// How long to wait for the caller: at most [`DRAIN_GRACE`] once the server drains.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        if self.transport.is_draining.load(Ordering::Relaxed) {
            DRAIN_GRACE.min(usual)
        } else {
            usual
        }
    }

    /// How long a stream may send nothing: less while the budget for streams is nearly exhausted.
    pub(crate) fn stream_patience(&self) -> Duration {
        let usual = self.transport.timeouts.stream_idle;
        if self.transport.budget.is_crowded() { CROWDED_STREAM_IDLE.min(usual) } else { usual }
    }

    /// Counts a call, until the value returned is dropped.
    pub(crate) fn start_call(self: &Arc<Self>) -> OpenCall {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.started.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(self))
    }

    /// Admits one of the Watches that a connection may have open.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] at the limit.
    pub(crate) fn admit_watch(&self) -> Result<Permit, ServiceError> {
        self.watches.enter()
    }

    /// Counts a piece of an answer that is handed to h2.
    pub(crate) fn piece_handed_over(&self) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a piece of an answer that h2 has written or dropped.
    pub(crate) fn piece_released(&self) {
        self.unsent.fetch_sub(1, Ordering::Relaxed);
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets the connection read [`READ_BYTES`] more.
    pub(crate) fn renew_read_quota(&self) {
        self.read_quota.store(READ_BYTES, Ordering::Relaxed);
    }

    /// Whether the connection has to yield before it reads on.
    pub(crate) fn is_read_quota_spent(&self) -> bool {
        self.read_quota.load(Ordering::Relaxed) == 0
    }

    /// Counts bytes that were read.
    pub(crate) fn bytes_read(&self, count: usize) {
        // The connection's task alone reads and renews the quota.
        let quota = self.read_quota.load(Ordering::Relaxed);
        self.read_quota.store(quota.saturating_sub(count), Ordering::Relaxed);
        self.received.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Reads the counters.
    pub(crate) fn activity(&self) -> Activity {
        Activity {
            calls: self.calls.load(Ordering::Relaxed),
            started: self.started.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            unsent: self.unsent.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.transport.open.fetch_sub(1, Ordering::Relaxed);
    }
}
