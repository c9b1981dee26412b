//! One connection: its settings of HTTP/2, what it may hold, and when it is closed.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::background::Background;
use super::budget::{Budget, Share};
use super::call::CallExecutor;
use super::layers::Calls;
use crate::article::Timeouts;
use crate::service::{Admission, Permit};

/// How many calls one connection may have open.
pub const STREAMS_PER_CONNECTION: u32 = 1_024;
/// How much a stream may send ahead of what is read, in bytes; [`CONNECTION_WINDOW_BYTES`] is for a
/// whole connection.
///
/// h2 closes a connection (GOAWAY, ENHANCE_YOUR_CALM) on which too many small frames wait to be
/// read: each below 256 bytes costs the difference, out of half the connection's window. A stream
/// of headlines sent faster than it is answered fills its own window with frames of 20 bytes; with
/// hyper's 1 MiB for both, that closed the connection. These let ten such streams be. Half of each
/// does, too, but then a batch of half a megabyte takes a seventh longer (docs/performance.md).
pub const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The same of a connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
/// How many bytes of a connection are read before the calls among them are begun. h2 reads all that
/// the socket holds before it hands out one call, however many that are.
const READ_BYTES: usize = 32 << 10;
/// The least that a call costs its caller which is cancelled at once: a frame of headers, whose
/// names and values are known, and a reset.
const CANCELLED_BYTES: usize = (9 + 4) + (9 + 4);
/// How many calls of a connection may be cancelled before they are seen: all that [`READ_BYTES`],
/// and the frame that was begun before, can hold. h2 closes the connection at one more, and its 20
/// let one caller's cancellations end the calls of all others.
const CANCELLED_UNSEEN: usize = (READ_BYTES + FRAME_BYTES as usize) / CANCELLED_BYTES;
/// How many errors of single streams a connection survives. h2 counts them over the connection's
/// whole life: among them each frame that was on its way when its call was refused. With 1,024 a
/// burst of refusals ended the calls of all others. What a peer that reads nothing can make h2 keep
/// for them stays below 32 MiB.
const STREAM_ERRORS: usize = 64 * STREAMS_PER_CONNECTION as usize;
/// The most headers of a request, as HTTP/2 counts them; part of what a call costs (`CALL_BYTES`).
const HEADER_BYTES: u32 = 16 << 10;
/// The largest frame that is taken.
const FRAME_BYTES: u32 = 16 << 10;
/// What h2 may hold of one stream's answer beyond the window: a few pieces, so that writing is
/// never short of work.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// How often a quiet connection is asked whether it is still there, and how long it has to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));
/// What a client sends before anything else: the preface, and a frame of settings.
const HELLO_BYTES: u64 = 24 + 9;
/// How often a connection is looked at; while the server drains, [`DRAIN_TICK`].
const TICK: Duration = Duration::from_secs(10);
const DRAIN_TICK: Duration = Duration::from_millis(250);
/// How long a caller may leave something unread, or unsent, once the server drains.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// How long a stream may send nothing while the room for streams is nearly used up.
const CROWDED_STREAM_IDLE: Duration = Duration::from_secs(2);
/// How long a connection beyond the limit may be used, for health and server info alone.
const SPARE_LIFE: Duration = Duration::from_secs(1);

/// What the connections share.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) budget: Arc<Budget>,
    pub(super) timeouts: Timeouts,
    /// Places for work on large articles.
    pub(super) large_work: Arc<Semaphore>,
    /// How many Watches one connection may have open.
    pub(super) watches_per_connection: usize,
    /// How many connections may be open, besides those kept for health.
    pub(super) connections: usize,
    pub(super) open: AtomicUsize,
    /// How many connections were not taken since the start.
    pub(super) untaken: AtomicU64,
    pub(super) is_draining: AtomicBool,
    /// Threads for work that takes long.
    pub(super) background: Background,
}

impl Transport {
    /// Whether few connections are left: those that nobody uses make room then.
    fn is_crowded(&self) -> bool {
        self.open.load(Ordering::Relaxed) * 8 >= self.connections * 7
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Peer {
    transport: Arc<Transport>,
    share: Arc<Share>,
    watches: Admission,
    /// Beyond the limit of connections: health and server info are answered, nothing else.
    pub(super) is_spare: bool,
    calls: AtomicUsize,
    begun: AtomicU64,
    received: AtomicU64,
    /// How many bytes may be read before the connection's task lets others go first.
    readable: AtomicUsize,
    /// How many pieces of answers h2 holds, and how many it has written or dropped.
    unsent: AtomicUsize,
    sent: AtomicU64,
}

/// A call that is open; counted until dropped.
pub(super) struct OpenCall(Arc<Peer>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Peer {
    /// A new connection.
    pub(super) fn new(transport: Arc<Transport>, is_spare: bool) -> Arc<Self> {
        transport.open.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            share: Share::new(Arc::clone(&transport.budget)),
            watches: Admission::new("watches on one connection", transport.watches_per_connection),
            transport,
            is_spare,
            calls: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            received: AtomicU64::new(0),
            readable: AtomicUsize::new(READ_BYTES),
            unsent: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        })
    }

    pub(super) fn share(&self) -> &Arc<Share> {
        &self.share
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.transport.timeouts
    }

    /// Threads for work that takes long.
    pub(super) fn background(&self) -> &Background {
        &self.transport.background
    }

    /// How many connections the server has not taken since its start.
    pub(super) fn untaken(&self) -> u64 {
        self.transport.untaken.load(Ordering::Relaxed)
    }

    pub(super) fn large_work(&self) -> &Arc<Semaphore> {
        &self.transport.large_work
    }

    /// How long to wait for the peer: less when the server drains.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        if self.transport.is_draining.load(Ordering::Relaxed) {
            DRAIN_GRACE.min(usual)
        } else {
            usual
        }
    }

    /// How long a stream may send nothing: less while the room for streams is nearly used up.
    pub(super) fn stream_patience(&self) -> Duration {
        let usual = self.transport.timeouts.stream_idle;
        if self.transport.budget.is_crowded() { CROWDED_STREAM_IDLE.min(usual) } else { usual }
    }

    /// Counts a call, until what is returned is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> OpenCall {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(self))
    }

    /// Takes one of the Watches that a connection may have.
    pub(super) fn watch(&self) -> Result<Permit, crate::service::ServiceError> {
        self.watches.enter()
    }

    pub(super) fn hand_over(&self) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn take_back(&self) {
        self.unsent.fetch_sub(1, Ordering::Relaxed);
        self.sent.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.transport.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until its peer leaves, has to leave, or the server has drained.
pub(super) async fn serve(
    socket: TcpStream,
    peer: Arc<Peer>,
    calls: Calls,
    mut stop: watch::Receiver<bool>,
) {
    let io = TokioIo::new(Counted { socket, peer: Arc::clone(&peer) });
    let mut connection =
        pin!(settings(CallExecutor(Arc::clone(&peer))).serve_connection(io, calls));
    let mut upkeep = Upkeep::new();
    let mut tick = interval(upkeep.tick(&peer));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            outcome = poll_fn(|context| {
                peer.readable.store(READ_BYTES, Ordering::Relaxed);
                connection.as_mut().poll(context)
            }) => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            _ = stop.wait_for(|is_stopped| *is_stopped), if !upkeep.is_draining => {
                upkeep.is_draining = true;
                connection.as_mut().graceful_shutdown();
                tick = interval(upkeep.tick(&peer));
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            }
            _ = tick.tick() => match upkeep.look(&peer) {
                Verdict::Stay => {}
                Verdict::Leave => connection.as_mut().graceful_shutdown(),
                Verdict::Cut(reason) => {
                    tracing::debug!(%reason, "a connection was cut");
                    return;
                }
            },
        }
    }
}

/// The settings of HTTP/2. Each that counts against the whole connection fits what one connection
/// may do.
fn settings(executor: CallExecutor) -> http2::Builder<CallExecutor> {
    let (interval, timeout) = KEEPALIVE;
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_pending_accept_reset_streams(CANCELLED_UNSEEN)
        .max_local_error_reset_streams(STREAM_ERRORS)
        .max_header_list_size(HEADER_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(interval)
        .keep_alive_timeout(timeout)
        // gRPC has no use for it, and httpdate panics while the clock stands before 1970.
        .auto_date_header(false);
    builder
}

/// What becomes of a connection.
enum Verdict {
    Stay,
    /// It takes no more calls, and ends with those that are open.
    Leave,
    Cut(&'static str),
}

/// What was seen of a connection when it was last looked at.
struct Upkeep {
    opened: Instant,
    /// Since when it has had no open call.
    idle_since: Instant,
    /// Since when no piece of an answer was taken, or none waits.
    untaken_since: Instant,
    begun: u64,
    sent: u64,
    is_draining: bool,
    is_leaving: bool,
}

impl Upkeep {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            opened: now,
            idle_since: now,
            untaken_since: now,
            begun: 0,
            sent: 0,
            is_draining: false,
            is_leaving: false,
        }
    }

    fn tick(&self, peer: &Peer) -> Duration {
        if self.is_draining || peer.is_spare { DRAIN_TICK } else { TICK.min(peer.timeouts().hello) }
    }

    fn look(&mut self, peer: &Peer) -> Verdict {
        let now = Instant::now();
        let begun = peer.begun.load(Ordering::Relaxed);
        if peer.calls.load(Ordering::Relaxed) > 0 || begun != self.begun {
            (self.begun, self.idle_since) = (begun, now);
        }
        let sent = peer.sent.load(Ordering::Relaxed);
        if peer.unsent.load(Ordering::Relaxed) == 0 || sent != self.sent {
            (self.sent, self.untaken_since) = (sent, now);
        }
        let (age, idle) = (now - self.opened, now - self.idle_since);
        if age >= peer.timeouts().hello && peer.received.load(Ordering::Relaxed) < HELLO_BYTES {
            return Verdict::Cut("it never said hello");
        }
        // Longer than a call is given, so that one slow call is ended before its connection is.
        if now - self.untaken_since >= peer.timeouts().answer * 2 {
            return Verdict::Cut("it takes no answers");
        }
        if self.is_draining || self.is_leaving {
            let is_late = idle >= DRAIN_GRACE;
            return if is_late {
                Verdict::Cut("it has no calls, and did not leave")
            } else {
                Verdict::Stay
            };
        }
        let is_spent = peer.is_spare && age >= SPARE_LIFE;
        if is_spent || (idle >= TICK && peer.transport.is_crowded()) {
            self.is_leaving = true;
            return Verdict::Leave;
        }
        Verdict::Stay
    }
}

/// A socket that counts what it receives.
struct Counted {
    socket: TcpStream,
    peer: Arc<Peer>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let readable = self.peer.readable.load(Ordering::Relaxed);
        if readable == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        self.peer.readable.store(readable.saturating_sub(count), Ordering::Relaxed);
        self.peer.received.fetch_add(count as u64, Ordering::Relaxed);
        outcome
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
