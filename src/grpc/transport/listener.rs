//! Accepts connections within the limit, and waits for all of them at the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::serve;
use super::dispatch::Dispatcher;
use super::peer::{Peer, Standing, Transport};

/// How many connections beyond the limit are accepted for a second each, for health and server info
/// alone, so that a monitor does not take a crowd for an outage. Any further one is closed at once:
/// in the backlog its client would wait for its own timeouts, and could have tried another server.
const SPARE_CONNECTIONS: usize = 16;
/// How long nothing is accepted after the system ran out of descriptors or memory: open connections
/// go on, and release some.
const PAUSE: Duration = Duration::from_millis(200);

/// Accepts connections, and serves each as a task of its own.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    transport: Arc<Transport>,
    dispatcher: Dispatcher,
    failing_since: Option<Instant>,
    is_full: bool,
}

impl Listener {
    /// Wraps a listening socket.
    pub(crate) fn new(
        listener: TcpListener,
        transport: Arc<Transport>,
        dispatcher: Dispatcher,
    ) -> Self {
        Self { listener, transport, dispatcher, failing_since: None, is_full: false }
    }

    /// Accepts connections until `stop` is cancelled, then waits until all have ended.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = open.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, _)) => {
                        self.note_success();
                        if let Some(peer) = self.admit() {
                            // An answer is written whole and has nothing to wait for. A socket
                            // that refuses the option is served all the same.
                            let _ = socket.set_nodelay(true);
                            let (dispatcher, stop) = (self.dispatcher.clone(), stop.child_token());
                            open.spawn(serve(socket, peer, dispatcher, stop));
                        }
                    }
                    Err(error) if concerns_one_connection(&error) => {
                        tracing::debug!(%error, "cannot accept a connection");
                    }
                    Err(error) => {
                        self.note_failure(&error);
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        // Frees the port.
        drop(self);
        while open.join_next().await.is_some() {}
    }

    /// Admits a new connection; None beyond the limit and its spare connections.
    fn admit(&mut self) -> Option<Arc<Peer>> {
        let open = self.transport.open.load(Ordering::Relaxed);
        let limit = self.transport.connections;
        let is_full = open >= limit;
        if is_full && !self.is_full {
            tracing::warn!(limit, "connection limit reached: new connections are closed");
        }
        // Warns again only after half of the connections have closed, or a crowd fills the log.
        self.is_full = is_full || (self.is_full && open > limit / 2);
        if open >= limit + SPARE_CONNECTIONS {
            self.transport.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let standing = if is_full { Standing::Spare } else { Standing::Regular };
        Some(Peer::new(Arc::clone(&self.transport), standing))
    }

    fn note_failure(&mut self, error: &io::Error) {
        self.transport.refused.fetch_add(1, Ordering::Relaxed);
        if self.failing_since.is_none() {
            tracing::warn!(%error, "cannot accept connections");
            self.failing_since = Some(Instant::now());
        }
    }

    fn note_success(&mut self) {
        if let Some(since) = self.failing_since.take() {
            tracing::warn!(after = ?since.elapsed(), "accepting connections again");
        }
    }
}

/// Whether an error of `accept` concerns the one connection, and says nothing of the next.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
