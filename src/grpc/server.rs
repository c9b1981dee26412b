//! Starts a server, and drains it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::app::App;
use super::router::routes;
use super::transport::background::Background;
pub use super::transport::connection::{
    CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION,
};
use super::transport::dispatch::Dispatcher;
use super::transport::listener::Listener;
use super::transport::methods::Methods;
use super::transport::offload::large_article_limit;
use super::transport::peer::Transport;
use crate::article::Limits;
use crate::index::Condition;
use crate::service::{ModelState, OpenError, Opened};

/// Where and how to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The limits on requests.
    pub limits: Limits,
    /// How long calls in flight may go on once the server is told to stop.
    pub drain: Duration,
}

/// Why a server ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is not available.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The models or the archive cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Threads cannot be started.
    #[error("cannot start the threads of the server")]
    Threads(#[source] io::Error),
    /// A task of the server ended unexpectedly.
    #[error("a task of the server failed: {0}")]
    Task(String),
}

impl From<JoinError> for ServerError {
    fn from(error: JoinError) -> Self {
        Self::Task(error.to_string())
    }
}

/// A server that listens, and is yet to run.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
}

impl BoundServer {
    /// Binds the address. From here on connections are queued, to be served by [`Self::run`].
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub async fn bind(config: ServerConfig) -> Result<Self, ServerError> {
        let address = config.listen;
        let listen = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, config })
    }

    /// The address, with the port taken where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs `open` on a thread that may wait, and serves what it opens; calls before that are asked
    /// to try again. `on_serving` is called once, when the server is ready.
    ///
    /// When `shutdown` completes, the server drains: it refuses new calls, and cuts those off that
    /// are still in flight after [`ServerConfig::drain`].
    ///
    /// # Errors
    /// [`ServerError::Open`] if `open` fails.
    pub async fn run(
        self,
        open: impl FnOnce() -> Result<Opened, OpenError> + Send + 'static,
        shutdown: impl Future<Output = ()> + Send + 'static,
        on_serving: impl FnOnce() + Send + 'static,
    ) -> Result<(), ServerError> {
        let Self { listener, config: ServerConfig { limits, drain, .. }, .. } = self;
        let app = Arc::new(App::new(limits));
        let background = Background::new().map_err(ServerError::Threads)?;
        let large_work = Semaphore::new(large_article_limit());
        let transport = Arc::new(Transport::new(&limits, background, large_work));
        let dispatcher = Dispatcher::new(routes(&app), Methods::new(), app.limits.message_bytes);
        let listener = Listener::new(listener, Arc::clone(&transport), dispatcher);
        let stop = CancellationToken::new();
        // Dropped early, it frees the port and closes all connections.
        let mut serving = AbortOnDropHandle::new(tokio::spawn(listener.run(stop.clone())));
        let mut opening = tokio::task::spawn_blocking(open);
        let mut on_serving = Some(on_serving);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                ended = &mut serving => return Ok(ended?),
                opened = &mut opening, if on_serving.is_some() => {
                    let opened = opened??;
                    log_failures(&opened);
                    app.serve(opened);
                    if let Some(on_serving) = on_serving.take() {
                        on_serving();
                    }
                }
                () = &mut shutdown => break,
            }
        }
        app.drain();
        transport.is_draining.store(true, Ordering::Relaxed);
        stop.cancel();
        if let Ok(ended) = tokio::time::timeout(drain, &mut serving).await {
            return Ok(ended?);
        }
        tracing::warn!(limit = ?drain, "drain limit reached: calls in flight are cut off");
        Ok(())
    }
}

/// Logs what the server has to do without.
fn log_failures(Opened { models, index }: &Opened) {
    for entry in models.entries() {
        if let ModelState::Failed(error) = &entry.state {
            let error: &dyn std::error::Error = &**error;
            tracing::warn!(model = %entry.label, error, "cannot load a model");
        }
    }
    match index.condition() {
        Condition::Ready => {}
        Condition::ReadOnly(reason) => tracing::warn!(%reason, "the archive is read-only"),
        Condition::Damaged(reason) => {
            tracing::warn!(%reason, "the archive is damaged, and read-only");
        }
    }
}
