//! New connections: taken, bounded, waited for at the end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Peer, Transport, serve};
use super::layers::Calls;

/// How many connections beyond the limit are taken for a second each, for health and server info
/// alone: whoever watches the server is not to take a crowd for its death. A further one is closed
/// at once. It would learn nothing in the backlog, and its client would wait for its own timeouts
/// where it can try another server.
const SPARE_CONNECTIONS: usize = 16;
/// How long nothing is accepted after the system had no descriptor or no memory for a connection:
/// what is there already goes on, and gives some back.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes connections and serves each as a task of its own.
#[derive(Debug)]
pub(super) struct Listener {
    listener: TcpListener,
    transport: Arc<Transport>,
    calls: Calls,
    failing_since: Option<Instant>,
    is_full: bool,
}

impl Listener {
    /// Of a socket that listens.
    pub(super) fn new(listener: TcpListener, transport: Arc<Transport>, calls: Calls) -> Self {
        Self { listener, transport, calls, failing_since: None, is_full: false }
    }

    /// Takes connections until it is told to stop, then waits until all have ended.
    pub(super) async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut open = JoinSet::new();
        let mut told = pin!(is_told(stop.clone()));
        loop {
            tokio::select! {
                () = told.as_mut() => break,
                Some(_) = open.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, _)) => {
                        self.note_success();
                        if let Some(peer) = self.admit() {
                            // An answer is written whole, and is not to wait for more. That it
                            // cannot be set is no reason to refuse.
                            let _ = socket.set_nodelay(true);
                            open.spawn(self.serve(socket, peer, stop.clone()));
                        }
                    }
                    Err(error) if is_of_one_connection(&error) => tracing::debug!(%error, "a connection was not taken"),
                    Err(error) => {
                        self.note_failure(&error);
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        // Others may listen here from now on.
        drop(self);
        while open.join_next().await.is_some() {}
    }

    fn serve(
        &self,
        socket: TcpStream,
        peer: Arc<Peer>,
        stop: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + use<> {
        serve(socket, peer, self.calls.clone(), stop)
    }

    /// The place of a new connection, if there is one.
    fn admit(&mut self) -> Option<Arc<Peer>> {
        let open = self.transport.open.load(Ordering::Relaxed);
        let limit = self.transport.connections;
        let is_full = open >= limit;
        if is_full && !self.is_full {
            tracing::warn!(limit, "as many connections are open as may be: new ones are closed");
        }
        // Said again once half of the places were free in between: else a crowd fills the log.
        self.is_full = is_full || (self.is_full && open > limit / 2);
        if open >= limit + SPARE_CONNECTIONS {
            self.transport.untaken.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Peer::new(Arc::clone(&self.transport), is_full))
    }

    fn note_failure(&mut self, error: &io::Error) {
        self.transport.untaken.fetch_add(1, Ordering::Relaxed);
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

async fn is_told(mut stop: watch::Receiver<bool>) {
    // That the sender is gone means the same.
    let _ = stop.wait_for(|is_stopped| *is_stopped).await;
}

/// Whether an error of `accept` is of the connection that was to be taken, and says nothing of the
/// next.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
