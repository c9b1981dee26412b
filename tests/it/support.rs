//! Real servers on free ports, serving a small model.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use slugline::article::{Limits, Timeouts};
use slugline::corpus::{Input, Progress};
use slugline::grpc::client::{
    ClassificationServiceClient, ModelServiceClient, ServerServiceClient,
};
use slugline::grpc::pb;
use slugline::grpc::server::{BoundServer, ServerConfig, ServerError};
use slugline::model::artifact::{self, Encoded, WEIGHTS_FILE};
use slugline::model::{Manifest, ModelId};
use slugline::service::{ArchiveLocation, ModelSource, Sources};
use slugline::train::{Estimator, Recipe, TrainOptions, train};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic_types::{ErrorDetails, RpcStatusExt as _, StatusExt as _};

/// How long a test waits at most: far longer than anything takes, so that only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The number of topics of the model. `examples/labelled.jsonl` has the same number of documents
/// per topic, so that all have the same prior.
pub(crate) const TOPIC_COUNT: usize = 5;

/// Servers outlive the runtime of the test that starts them.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("threads for the servers"));

static MINI: LazyLock<Encoded> = LazyLock::new(|| {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/labelled.jsonl");
    let options = TrainOptions {
        recipe: Recipe::Fixed(Estimator::MULTINOMIAL),
        language_code: "en".to_owned(),
        ..TrainOptions::new("mini/1".parse().expect("a model's id"))
    };
    train(&[Input::File(corpus)], &options, &Progress::default())
        .expect("the example corpus trains")
        .artifact
});

/// A directory that holds the same small model under each of these names.
pub(crate) fn models(ids: &[&str]) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    for id in ids {
        let ModelId { name, version } = id.parse().expect("a model's id");
        let mut manifest: Manifest = serde_json::from_slice(&MINI.manifest).expect("a manifest");
        (manifest.name, manifest.version) = (name, version);
        let manifest = serde_json::to_vec(&manifest).expect("a manifest");
        let files: [(&str, &[u8]); 2] =
            [(Manifest::FILE, &manifest), (WEIGHTS_FILE, &MINI.weights)];
        artifact::write(&root.path().join(id), &files).expect("a model on disk");
    }
    root
}

/// The file of a model's weights.
pub(crate) fn weights_file(models: &TempDir, id: &str) -> PathBuf {
    models.path().join(id).join(WEIGHTS_FILE)
}

/// The configuration of a server under test.
pub(crate) struct TestConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) models: ModelSource,
    pub(crate) archive: ArchiveLocation,
    pub(crate) limits: Limits,
    pub(crate) drain: Duration,
}

impl TestConfig {
    /// The configuration of the server, and the sources that it opens.
    pub(crate) fn parts(self) -> (ServerConfig, Sources) {
        let Self { listen, models, archive, limits, drain } = self;
        (ServerConfig { listen, limits, drain }, Sources { models, archive })
    }
}

/// A server of these models on a free port of this machine.
pub(crate) fn config(models: &TempDir, default_model: &str) -> TestConfig {
    TestConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        models: ModelSource {
            directory: Some(models.path().to_owned()),
            default_model: default_model.to_owned(),
        },
        archive: ArchiveLocation::Memory,
        limits: Limits::default(),
        drain: PATIENCE,
    }
}

/// A running server; shuts down when dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    outcome: JoinHandle<Result<(), ServerError>>,
}

impl TestServer {
    /// Starts a server that may still be loading its models; the receiver completes when it serves.
    pub(crate) async fn launch(config: TestConfig) -> (Self, oneshot::Receiver<()>) {
        let (config, sources) = config.parts();
        let bound =
            RUNTIME.spawn(BoundServer::bind(config)).await.expect("a task").expect("a free port");
        let address = bound.address();
        let (shutdown, told) = oneshot::channel();
        let (serving, is_serving) = oneshot::channel();
        let until = async move {
            // A dropped sender means the same.
            let _ = told.await;
        };
        let outcome = RUNTIME.spawn(bound.run(
            move || sources.open(),
            until,
            move || {
                let _ = serving.send(());
            },
        ));
        (Self { address, shutdown, outcome }, is_serving)
    }

    /// Starts a server and waits until it serves.
    pub(crate) async fn start(config: TestConfig) -> Self {
        let (server, is_serving) = Self::launch(config).await;
        is_serving.await.expect("the models load");
        server
    }

    /// Starts a server of only the small model, with these limits.
    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let models = models(&["mini/1"]);
        Self::start(TestConfig { limits, ..config(&models, "mini") }).await
    }

    /// A connection of its own.
    pub(crate) async fn channel(&self) -> Channel {
        channel(self.address).await
    }

    pub(crate) async fn classification(&self) -> ClassificationServiceClient<Channel> {
        ClassificationServiceClient::new(self.channel().await)
    }

    pub(crate) async fn model_service(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.channel().await)
    }

    pub(crate) async fn info(&self) -> pb::GetServerInfoResponse {
        let mut client = ServerServiceClient::new(self.channel().await);
        client
            .get_server_info(pb::GetServerInfoRequest {})
            .await
            .expect("it always answers")
            .into_inner()
    }

    /// Tells the server to stop, and returns how [`BoundServer::run`] ended.
    pub(crate) async fn stop(self) -> Result<(), ServerError> {
        drop(self.shutdown);
        tokio::time::timeout(PATIENCE, self.outcome)
            .await
            .expect("the server ends")
            .expect("the task ends well")
    }

    /// Tells the server to stop, and returns the task that ends when it has.
    pub(crate) fn begin_to_stop(self) -> JoinHandle<Result<(), ServerError>> {
        drop(self.shutdown);
        self.outcome
    }
}

/// The server that most tests share: the default limits, the small model as "mini/1".
pub(crate) async fn shared() -> &'static TestServer {
    static SHARED: OnceCell<TestServer> = OnceCell::const_new();
    SHARED.get_or_init(|| TestServer::with_limits(Limits::default())).await
}

/// The limits of [`narrow`].
pub(crate) const NARROW: Limits = Limits {
    article_bytes: 1_000,
    message_bytes: 64 << 10,
    batch_articles: 3,
    concurrent_batches: 8,
    concurrent_streams: 8,
    evidence_terms: 4,
    evidence_spans: 2,
    request_id_bytes: 8,
    article_labels: 2,
    concurrent_imports: 8,
    concurrent_searches: 8,
    budget_bytes: 64 << 20,
    connection_bytes: 16 << 20,
    connections: 1_000,
    watches: 8,
    watches_per_connection: 2,
    answer_bytes: 8 << 10,
    timeouts: Timeouts {
        hello: Duration::from_secs(11),
        request: Duration::from_secs(31),
        stream_idle: Duration::from_secs(121),
        answer: Duration::from_secs(32),
    },
};

/// A server with small limits.
pub(crate) async fn narrow() -> &'static TestServer {
    static NARROW_SERVER: OnceCell<TestServer> = OnceCell::const_new();
    NARROW_SERVER.get_or_init(|| TestServer::with_limits(NARROW)).await
}

/// A server whose in-flight limits on batches and searches are 0.
pub(crate) async fn full() -> &'static TestServer {
    static FULL: OnceCell<TestServer> = OnceCell::const_new();
    let limits = Limits { concurrent_batches: 0, concurrent_searches: 0, ..Limits::default() };
    FULL.get_or_init(|| TestServer::with_limits(limits)).await
}

/// Connects to a server.
pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .expect("a URI")
        .connect()
        .await
        .expect("a server that listens")
}

pub(crate) fn article(title: &str, body: &str) -> pb::Article {
    pb::Article { title: title.to_owned(), body: body.to_owned(), language_code: String::new() }
}

/// An article that the small model is confident about.
pub(crate) fn sport() -> pb::Article {
    article(
        "Striker scores twice as United win the cup final",
        "The coach praised the players after the match.",
    )
}

/// Asks for all that an answer can hold.
pub(crate) fn explained(article: pb::Article) -> pb::ClassifyRequest {
    pb::ClassifyRequest { article: Some(article), explain: true, ..pb::ClassifyRequest::default() }
}

/// Various articles: of each topic, unknown, in several scripts, long, and every tenth one invalid.
pub(crate) fn mixed_articles(count: usize) -> Vec<pb::Article> {
    let of = |number: usize| match number % 10 {
        0 => article(" ", "\n"),
        1 => sport(),
        2 => {
            article("Bank raises rates", &format!("Shares fell {number} points, the company said."))
        }
        3 => article("Minister resigns", "Parliament votes on the election law."),
        4 => article("Flu season", "Hospitals and patients: the vaccine."),
        5 => article("Scientists train a model", "The data are free."),
        6 => article("zzyzx qwxyz", ""),
        7 => article("日本と米国", "أخبار العالم 👍🏽"),
        8 => article("", &"the match and the market ".repeat(number)),
        _ => article(&format!("Number {number}"), "the"),
    };
    (0..count).map(of).collect()
}

/// The details of an error, whose domain must be ours.
pub(crate) fn details(status: &tonic::Status) -> ErrorDetails {
    let details = status.get_error_details();
    assert_eq!(
        details.error_info().map(|info| info.domain.as_str()),
        Some("slugline.dev"),
        "{status:?}"
    );
    details
}

/// The code of a refused call, and the reason in its details.
pub(crate) fn refusal(status: &tonic::Status) -> (tonic::Code, String) {
    let reason = details(status).error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

/// The first violation of an INVALID_ARGUMENT: the path of its field, and its reason.
pub(crate) fn violation(status: &tonic::Status) -> (String, String) {
    let (code, reason) = refusal(status);
    assert_eq!(code, tonic::Code::InvalidArgument, "{status:?}");
    (violated_field(&details(status)), reason)
}

/// The same for one item of a batch or a stream.
pub(crate) fn item_violation(status: &tonic_types::Status) -> (String, String) {
    assert_eq!(tonic::Code::from(status.code), tonic::Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let info = details.error_info().expect("a reason");
    assert_eq!(info.domain, "slugline.dev");
    (violated_field(&details), info.reason.clone())
}

fn violated_field(details: &ErrorDetails) -> String {
    let fields =
        details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    assert!(!fields.is_empty(), "{details:?}");
    fields[0].field.clone()
}

/// The values that an error carries, by name.
pub(crate) fn values(status: &tonic::Status) -> HashMap<String, String> {
    details(status).error_info().map(|info| info.metadata.clone()).unwrap_or_default()
}

/// Whether the error says when to retry.
pub(crate) fn says_when_to_retry(status: &tonic::Status) -> bool {
    details(status).retry_info().is_some_and(|info| info.retry_delay.is_some())
}

/// The header that [`proxy_of_hidden_timeouts`] turns into a timeout.
pub(crate) const HIDDEN_TIMEOUT: &str = "grpc-timeous";

/// Forwards one connection to a server, renaming the header [`HIDDEN_TIMEOUT`] of its first call to
/// `grpc-timeout`.
///
/// tonic's client enforces a timeout itself, and would answer before the server could. On the wire
/// the two names differ in the last byte alone (Huffman code, RFC 7541, appendix B).
pub(crate) async fn proxy_of_hidden_timeouts(server: SocketAddr) -> SocketAddr {
    const HIDDEN: [u8; 9] = [0x9a, 0xca, 0xc8, 0xb2, 0x4d, 0x49, 0x4f, 0x6a, 0x3f];
    const LAST_OF_TIMEOUT: u8 = 0x7f;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("one connection");
        let server = TcpStream::connect(server).await.expect("a server that listens");
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let back =
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut buffer = vec![0; 1 << 16];
        // The name may arrive in two pieces: it is forwarded only when it is whole.
        let mut pending = Vec::new();
        let mut is_renamed = false;
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            pending.extend_from_slice(&buffer[..length]);
            if let Some(at) = pending.windows(HIDDEN.len()).position(|window| window == HIDDEN) {
                pending[at + HIDDEN.len() - 1] = LAST_OF_TIMEOUT;
                is_renamed = true;
            }
            let held_back = if is_renamed { 0 } else { partial_match(&pending, &HIDDEN) };
            let rest = pending.split_off(pending.len() - held_back);
            if to_server.write_all(&pending).await.is_err() {
                break;
            }
            pending = rest;
        }
        back.abort();
    });
    address
}

/// The length of the longest suffix of `bytes` that is a prefix of `pattern`.
fn partial_match(bytes: &[u8], pattern: &[u8]) -> usize {
    (0..pattern.len()).rev().find(|&length| bytes.ends_with(&pattern[..length])).unwrap_or(0)
}
