//! The server: what it is made of, its start, its end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;

use super::articles::ArticleApi;
use super::classification::ClassificationApi;
use super::health::{HealthService, Phase};
use super::layers::CallLayer;
use super::models::ModelApi;
use super::pb::article_service_server::{self as articles, ArticleServiceServer};
use super::pb::classification_service_server::{self as classification, ClassificationServiceServer};
use super::pb::model_service_server::{self as models, ModelServiceServer};
use super::pb::server_service_server::{self as server_info, ServerServiceServer};
use super::pb::similarity_service_server::{self as similarity, SimilarityServiceServer};
use super::server_info::ServerApi;
use super::similarity::SimilarityApi;
use super::{DESCRIPTORS, pb};
use crate::article::Limits;
use crate::index::{ArchiveOptions, EmbeddedArchive, MemoryIndex, OpenArchiveError, SimilarityIndex};
use crate::service::{Admission, ModelSet, ModelSource, Models, OpenError, ServiceError};

/// The services whose readiness is reported by name.
const SERVICES: &[&str] = &[
    articles::SERVICE_NAME,
    classification::SERVICE_NAME,
    models::SERVICE_NAME,
    server_info::SERVICE_NAME,
    similarity::SERVICE_NAME,
];

/// How many calls one connection may have open.
pub const STREAMS_A_CONNECTION: u32 = 1_024;
/// How much a stream may send ahead of what is read, in bytes; [`CONNECTION_WINDOW_BYTES`] is for a whole connection.
///
/// h2 closes a connection (GOAWAY, ENHANCE_YOUR_CALM) on which too many small frames wait to be read: each below 256 bytes
/// costs the difference, out of half the connection's window. A stream of headlines sent faster than it is answered fills its
/// own window with frames of 20 bytes; with hyper's 1 MiB for both, that closed the connection. These let ten such streams be.
/// Half of each does, too, but then a batch of half a megabyte takes a seventh longer (docs/performance.md).
pub const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The same of a connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
/// The largest message that health and reflection take, in bytes: names of services, files and symbols. Reflection's errors repeat
/// a name, and have to arrive.
pub const NAME_MESSAGE_BYTES: usize = 1 << 10;
/// How often an idle connection is asked whether it is still there, and how long it has to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

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
            Self::Directory(path) => Ok(Arc::new(EmbeddedArchive::open(path, ArchiveOptions::default())?)),
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
    /// The transport failed.
    #[error("the transport failed")]
    Transport(#[from] tonic::transport::Error),
    /// A task of the server ended unexpectedly.
    #[error("a task of the server failed: {0}")]
    Task(String),
}

/// What the services share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) models: Models,
    pub(super) limits: Limits,
    pub(super) batches: Admission,
    pub(super) streams: Admission,
    pub(super) imports: Admission,
    pub(super) searches: Admission,
    archive: OnceLock<Arc<dyn SimilarityIndex>>,
    pub(super) started: SystemTime,
    phase: watch::Sender<Phase>,
    /// The same as a phase of Draining, for the way of every call: reading it writes nothing.
    is_draining: AtomicBool,
}

impl App {
    fn new(limits: Limits) -> Self {
        // The decoder counts up to the ceilings.
        let limits = limits.below_ceilings();
        Self {
            models: Models::default(),
            batches: Admission::new("batches", limits.concurrent_batches),
            streams: Admission::new("classification streams", limits.concurrent_streams),
            imports: Admission::new("imports", limits.concurrent_imports),
            searches: Admission::new("searches for similar articles", limits.concurrent_searches),
            archive: OnceLock::new(),
            limits,
            started: SystemTime::now(),
            phase: watch::Sender::new(Phase::Loading),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Whether a new call may start.
    pub(super) fn check_ready(&self) -> Result<(), ServiceError> {
        if self.is_draining.load(Ordering::Relaxed) { Err(ServiceError::Draining) } else { Ok(()) }
    }

    /// The archive.
    pub(super) fn archive(&self) -> Result<Arc<dyn SimilarityIndex>, ServiceError> {
        self.archive.get().map(Arc::clone).ok_or(ServiceError::ArchiveNotOpen)
    }

    /// Comes back when the server is about to stop.
    pub(super) async fn draining(&self) {
        // The sender lives as long as self does.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Draining).await;
    }

    fn enter(&self, phase: Phase) {
        self.is_draining.store(phase == Phase::Draining, Ordering::Relaxed);
        self.phase.send_replace(phase);
    }
}

/// A server that listens, and is yet to be run.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
}

impl BoundServer {
    /// Takes the address. From here on connections are queued, and answered once [`Self::run`] runs.
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

    /// Serves until `shutdown` comes back, then drains: new calls are refused, those in flight have [`ServerConfig::drain`] to
    /// end. After that it comes back all the same: calls that go on are cut off when their runtime ends. `on_serving` is called
    /// once, when the models are loaded.
    ///
    /// # Errors
    /// [`ServerError`] if the models cannot be loaded or the transport fails.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        on_serving: impl FnOnce() + Send + 'static,
    ) -> Result<(), ServerError> {
        let app = Arc::new(App::new(self.config.limits));
        let (stopped, mut is_stopped) = watch::channel(false);
        let serving = {
            let mut stopped = is_stopped.clone();
            let until = async move {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            router(&app).serve_with_incoming_shutdown(incoming(self.listener), until)
        };
        let mut serving = tokio::spawn(serving);
        let mut loading = {
            let ServerConfig { models, archive, .. } = self.config;
            tokio::task::spawn_blocking(move || Ok::<_, ServerError>((ModelSet::open(&models)?, archive.open()?)))
        };
        let mut on_serving = Some(on_serving);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                outcome = &mut serving => return finished(outcome),
                loaded = &mut loading, if on_serving.is_some() => {
                    let (set, archive) = loaded.map_err(|error| ServerError::Task(error.to_string()))??;
                    app.models.publish(set);
                    // Nothing else sets it.
                    let _ = app.archive.set(archive);
                    app.enter(Phase::Serving);
                    if let Some(on_serving) = on_serving.take() {
                        on_serving();
                    }
                }
                () = &mut shutdown => break,
            }
        }
        app.enter(Phase::Draining);
        stopped.send_replace(true);
        // Kept alive for the router's future until here.
        is_stopped.mark_unchanged();
        match tokio::time::timeout(self.config.drain, &mut serving).await {
            Ok(outcome) => finished(outcome),
            Err(_) => {
                tracing::warn!(limit = ?self.config.drain, "calls in flight were cut off: the drain took too long");
                serving.abort();
                Ok(())
            }
        }
    }
}

fn finished(outcome: Result<Result<(), tonic::transport::Error>, tokio::task::JoinError>) -> Result<(), ServerError> {
    outcome.map_err(|error| ServerError::Task(error.to_string()))?.map_err(ServerError::from)
}

/// Connections, without Nagle's algorithm: an answer is written whole, and is not to wait for more.
fn incoming(listener: TcpListener) -> impl tokio_stream::Stream<Item = io::Result<tokio::net::TcpStream>> {
    use tokio_stream::StreamExt as _;
    TcpListenerStream::new(listener).map(|connection| {
        let connection = connection?;
        connection.set_nodelay(true)?;
        Ok(connection)
    })
}

fn router(
    app: &Arc<App>,
) -> tonic::transport::server::Router<tower::layer::util::Stack<CallLayer, tower::layer::util::Identity>> {
    let message_bytes = app.limits.message_bytes;
    let (interval, timeout) = KEEPALIVE;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false)
    };
    // The descriptors are part of the binary: if they are good once, they are good always, and every test starts a server.
    let v1 = reflection().build_v1().expect("the compiled descriptors are valid");
    let v1alpha = reflection().build_v1alpha().expect("the compiled descriptors are valid");
    Server::builder()
        .max_concurrent_streams(STREAMS_A_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(interval))
        .http2_keepalive_timeout(Some(timeout))
        .layer(CallLayer { message_bytes })
        .add_service(
            HealthServer::new(HealthService::new(SERVICES, app.phase.subscribe()))
                .max_decoding_message_size(NAME_MESSAGE_BYTES),
        )
        .add_service(v1.max_decoding_message_size(NAME_MESSAGE_BYTES))
        .add_service(v1alpha.max_decoding_message_size(NAME_MESSAGE_BYTES))
        .add_service(
            ArticleServiceServer::new(ArticleApi(Arc::clone(app)))
                .max_decoding_message_size(message_bytes)
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .add_service(
            SimilarityServiceServer::new(SimilarityApi(Arc::clone(app)))
                .max_decoding_message_size(message_bytes)
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .add_service(
            ClassificationServiceServer::new(ClassificationApi(Arc::clone(app)))
                .max_decoding_message_size(message_bytes)
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .add_service(
            ModelServiceServer::new(ModelApi(Arc::clone(app)))
                .max_decoding_message_size(message_bytes)
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .add_service(
            ServerServiceServer::new(ServerApi(Arc::clone(app)))
                .max_decoding_message_size(message_bytes)
                .accept_compressed(CompressionEncoding::Gzip),
        )
}

/// The client of each service, for those who use the crate.
pub mod client {
    pub use super::pb::article_service_client::ArticleServiceClient;
    pub use super::pb::classification_service_client::ClassificationServiceClient;
    pub use super::pb::model_service_client::ModelServiceClient;
    pub use super::pb::server_service_client::ServerServiceClient;
    pub use super::pb::similarity_service_client::SimilarityServiceClient;
}
