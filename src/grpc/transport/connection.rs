//! Drives one HTTP/2 connection, with all limits of the protocol set.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::dispatch::Dispatcher;
use super::executor::CallExecutor;
use super::peer::{Peer, READ_BYTES};
use super::socket::CountingSocket;
use super::upkeep::{Upkeep, Verdict};

/// Limit on the open calls of one connection.
pub const STREAMS_PER_CONNECTION: u32 = 1_024;
/// How much a stream may send ahead of what is read, in bytes.
///
/// h2 closes a connection (GOAWAY, ENHANCE_YOUR_CALM) on which too many small unread frames wait:
/// each frame below 256 bytes costs the difference, out of half the connection's window. A stream
/// of headlines that is sent faster than it is answered fills its window with frames of 20 bytes;
/// with hyper's 1 MiB for stream and connection, that closed the connection. These windows leave
/// room for ten such streams. Half of each would do, but then a batch of half a megabyte takes a
/// seventh longer (docs/performance.md).
pub const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// How much a connection may send ahead of what is read, in bytes.
pub const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
/// The least that a call costs a caller who cancels it at once: a HEADERS frame whose names and
/// values are in the compression table, and a RST_STREAM frame.
const CANCELLED_CALL_BYTES: usize = (9 + 4) + (9 + 4);
/// How many calls of a connection may be cancelled before the server sees them: as many as
/// [`READ_BYTES`] and one unfinished frame can hold. One more makes h2 close the connection; with
/// its default of 20, one caller's cancellations ended the calls of all others.
const MAX_PENDING_RESETS: usize = (READ_BYTES + MAX_FRAME_BYTES as usize) / CANCELLED_CALL_BYTES;
/// How many stream errors a connection survives. h2 counts them over the connection's lifetime,
/// every frame among them that was in flight when its call was refused. With 1,024 a burst of
/// refusals ended the calls of all others. h2 keeps less than 32 MiB of them for a peer that reads
/// nothing.
const MAX_STREAM_ERRORS: usize = 64 * STREAMS_PER_CONNECTION as usize;
/// Limit on the headers of a request, as HTTP/2 counts them; part of `CALL_BYTES`.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Limit on a frame.
const MAX_FRAME_BYTES: u32 = 16 << 10;
/// How much of one stream's answer h2 may hold beyond the window: a few pieces, so that it never
/// runs short of something to write.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// How often a quiet connection is pinged, and how long it has to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves a connection until the peer leaves, [`Upkeep`] ends it, or it has drained after `stop`.
pub(crate) async fn serve(
    socket: TcpStream,
    peer: Arc<Peer>,
    dispatcher: Dispatcher,
    stop: CancellationToken,
) {
    let io = TokioIo::new(CountingSocket::new(socket, Arc::clone(&peer)));
    let mut connection =
        pin!(settings(CallExecutor(Arc::clone(&peer))).serve_connection(io, dispatcher));
    let mut upkeep = Upkeep::new();
    let mut tick = ticks(upkeep.tick(&peer));
    loop {
        tokio::select! {
            outcome = poll_fn(|context| {
                peer.renew_read_quota();
                connection.as_mut().poll(context)
            }) => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            () = stop.cancelled(), if !upkeep.is_draining() => {
                upkeep.drain();
                connection.as_mut().graceful_shutdown();
                tick = ticks(upkeep.tick(&peer));
            }
            _ = tick.tick() => match upkeep.inspect(&peer) {
                Verdict::Stay => {}
                Verdict::Leave => connection.as_mut().graceful_shutdown(),
                Verdict::Cut(reason) => {
                    tracing::debug!(reason, "connection cut");
                    return;
                }
            },
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The settings of HTTP/2. Each that counts against the whole connection leaves room for all that
/// one connection may do.
fn settings(executor: CallExecutor) -> http2::Builder<CallExecutor> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_STREAM_ERRORS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        // gRPC has no use for the header, and httpdate panics while the clock is before 1970.
        .auto_date_header(false);
    builder
}
