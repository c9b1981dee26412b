//! The server: its start, its connections, its end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

pub(super) use super::app::App;
use super::background::Background;
use super::budget::Budget;
use super::calls::large_places;
use super::connection::Transport;
pub use super::connection::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION};
use super::health::Phase;
use super::layers::Calls;
use super::listener::Listener;
use super::methods::Methods;
use super::pb;
use super::router::routes;
use crate::article::Limits;
use crate::index::{
    ArchiveOptions, Condition, EmbeddedArchive, MemoryIndex, OpenArchiveError, SimilarityIndex,
};
use crate::service::{ModelSet, ModelSource, ModelState, OpenError};

/// What to serve and how.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where models come from.
    pub models: ModelSource,
    /// Where the archive of articles is.
    pub archive: ArchiveLocation,
    /// What requests may ask.
    pub limits: Limits,
    /// How long calls in flight have to end once the server is told to stop.
    pub drain: Duration,
}

/// Where the archive of articles is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveLocation {
    /// In memory: it ends with the server.
    Memory,
    /// In this directory.
    Directory(PathBuf),
}

impl ArchiveLocation {
    fn open(&self) -> Result<Arc<dyn SimilarityIndex>, OpenArchiveError> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryIndex::default())),
            Self::Directory(path) => {
                Ok(Arc::new(EmbeddedArchive::open(path, ArchiveOptions::default())?))
            }
        }
    }
}

/// Why the server ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There are no models to serve.
    #[error(transparent)]
    Models(#[from] OpenError),
    /// The archive cannot be opened.
    #[error(transparent)]
    Archive(#[from] OpenArchiveError),
    /// There is no room for threads.
    #[error("cannot start the threads of the server")]
    Threads(#[source] io::Error),
    /// A task of the server ended unexpectedly.
    #[error("a task of the server failed: {0}")]
    Task(String),
}

/// A server that listens, and is yet to be run.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
}

impl BoundServer {
    /// Takes the address. From here on connections are queued, and answered once [`Self::run`]
    /// runs.
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

    /// Where it listens: the port that was taken, where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` comes back, then drains: new calls are refused, those in flight have
    /// [`ServerConfig::drain`] to end. After that it comes back all the same: calls that go on are
    /// cut off. `on_serving` is called once, when the models are loaded.
    ///
    /// # Errors
    /// [`ServerError`] if the models cannot be loaded.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        on_serving: impl FnOnce() + Send + 'static,
    ) -> Result<(), ServerError> {
        let app = Arc::new(App::new(self.config.limits));
        let transport = Arc::new(transport(
            &self.config.limits,
            Background::new().map_err(ServerError::Threads)?,
        ));
        let (stop, stopped) = watch::channel(false);
        let mut serving = {
            let calls = Calls::new(routes(&app), Methods::new(), app.limits.message_bytes);
            let listener = Listener::new(self.listener, Arc::clone(&transport), calls);
            Aborted(tokio::spawn(listener.run(stopped)))
        };
        let mut loading = {
            let ServerConfig { models, archive, .. } = self.config;
            tokio::task::spawn_blocking(move || {
                Ok::<_, ServerError>((ModelSet::open(&models)?, archive.open()?))
            })
        };
        let mut on_serving = Some(on_serving);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                outcome = &mut serving.0 => return finished(outcome),
                loaded = &mut loading, if on_serving.is_some() => {
                    let (set, archive) = loaded.map_err(|error| ServerError::Task(error.to_string()))??;
                    say_what_failed(&set, &*archive);
                    // Whoever finds models finds the archive, too.
                    app.open(archive);
                    app.models.publish(set);
                    app.enter(Phase::Serving);
                    if let Some(on_serving) = on_serving.take() {
                        on_serving();
                    }
                }
                () = &mut shutdown => break,
            }
        }
        app.enter(Phase::Draining);
        transport.is_draining.store(true, Ordering::Relaxed);
        stop.send_replace(true);
        match tokio::time::timeout(self.config.drain, &mut serving.0).await {
            Ok(outcome) => finished(outcome),
            Err(_) => {
                tracing::warn!(limit = ?self.config.drain, "calls in flight were cut off: the drain took too long");
                Ok(())
            }
        }
    }
}

/// The server serves without what failed to load: whoever runs it is to know.
fn say_what_failed(set: &ModelSet, archive: &dyn SimilarityIndex) {
    for entry in set.entries() {
        if let ModelState::Failed(error) = &entry.state {
            let error: &dyn std::error::Error = &**error;
            tracing::warn!(model = %entry.label, error, "a model failed to load");
        }
    }
    match archive.condition() {
        Condition::Ready => {}
        Condition::ReadOnly(reason) => tracing::warn!(%reason, "the archive can only be read"),
        Condition::Damaged(reason) => {
            tracing::warn!(%reason, "the archive is damaged, and can only be read")
        }
    }
}

/// A task that ends with whoever waits for it: with it the port is free, and its connections are
/// closed.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn finished(outcome: Result<(), tokio::task::JoinError>) -> Result<(), ServerError> {
    outcome.map_err(|error| ServerError::Task(error.to_string()))
}

fn transport(limits: &Limits, background: Background) -> Transport {
    Transport {
        budget: Budget::new(limits.budget_bytes, limits.connection_bytes),
        timeouts: limits.timeouts,
        large_work: Arc::new(Semaphore::new(large_places())),
        watches_per_connection: limits.watches_per_connection,
        connections: limits.connections,
        open: AtomicUsize::new(0),
        untaken: AtomicU64::new(0),
        is_draining: AtomicBool::new(false),
        background,
    }
}

/// The client of each service, for those who use the crate.
pub mod client {
    pub use super::pb::article_service_client::ArticleServiceClient;
    pub use super::pb::classification_service_client::ClassificationServiceClient;
    pub use super::pb::model_service_client::ModelServiceClient;
    pub use super::pb::server_service_client::ServerServiceClient;
    pub use super::pb::similarity_service_client::SimilarityServiceClient;
    pub use crate::grpc::status::when_to_try_again;
}
