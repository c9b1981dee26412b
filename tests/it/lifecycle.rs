//! The server before its models are loaded, while it drains, and after its end.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use slugline::grpc::client::ClassificationServiceClient;
use slugline::grpc::pb::{BatchClassifyRequest, ListModelsRequest, StreamClassifyRequest};
use slugline::grpc::server::{BoundServer, ServerConfig, ServerError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tower::Service as _;

use crate::support::{
    PATIENCE, TestConfig, TestServer, config, explained, mixed_articles, models, refusal, sport,
};
use crate::wire::framed;

/// Longer than any test waits.
const ENDLESS: Duration = Duration::from_secs(3_600);

async fn start(drain: Duration) -> TestServer {
    let models = models(&["mini/1"]);
    TestServer::start(TestConfig { drain, ..config(&models, "mini") }).await
}

async fn watch(channel: Channel) -> Streaming<HealthCheckResponse> {
    let mut client = HealthClient::new(channel);
    client.watch(HealthCheckRequest::default()).await.expect("a watch").into_inner()
}

/// Reads a Watch until it reports that the server drains.
async fn until_draining(mut watch: Streaming<HealthCheckResponse>) {
    let news = async {
        while let Some(response) = watch.message().await.expect("no error") {
            if response.status() == ServingStatus::NotServing {
                return;
            }
        }
        panic!("the watch ended without a word");
    };
    tokio::time::timeout(PATIENCE, news).await.expect("the draining begins");
}

/// A connection with a small window for answers.
async fn narrow_channel(server: &TestServer) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).expect("an address");
    endpoint.initial_stream_window_size(1_000).connect().await.expect("a server")
}

/// A call with an unread answer: it lasts until that is read, or the drain ends.
async fn unread_call(mut channel: Channel) -> http::Response<Body> {
    let batch =
        BatchClassifyRequest { articles: mixed_articles(50), explain: true, ..Default::default() };
    let request =
        http::Request::post("http://localhost/slugline.v1.ClassificationService/BatchClassify")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::new(Full::new(Bytes::from(framed(&batch.encode_to_vec())))));
    std::future::poll_fn(|context| channel.poll_ready(context)).await.expect("a connection");
    channel.call(request.expect("a request")).await.expect("an answer")
}

/// UNAVAILABLE, from the server or because there is none; tonic's client reports CANCELLED where
/// the connection closes just before a call is sent.
fn says_nobody_answers(status: &Status) -> bool {
    let is_of_the_client = status.source().is_some();
    status.code() == Code::Unavailable || (status.code() == Code::Cancelled && is_of_the_client)
}

#[tokio::test]
async fn open_watches_and_streams_do_not_delay_a_shutdown() {
    let server = start(ENDLESS).await;
    let _watch = watch(server.channel().await).await;
    let (_sender, requests) = mpsc::channel::<StreamClassifyRequest>(1);
    let _stream = server
        .classification()
        .await
        .stream_classify(ReceiverStream::new(requests))
        .await
        .expect("a stream");
    assert!(server.stop().await.is_ok());
}

#[tokio::test]
async fn an_open_stream_learns_of_the_shutdown() {
    let server = start(ENDLESS).await;
    let (_sender, requests) = mpsc::channel::<StreamClassifyRequest>(1);
    let answers = server
        .classification()
        .await
        .stream_classify(ReceiverStream::new(requests))
        .await
        .expect("a stream");
    let stopped = server.begin_to_stop();
    let end = tokio::time::timeout(PATIENCE, answers.into_inner().message()).await.expect("soon");
    assert_eq!(refusal(&end.expect_err("cut")), (Code::Unavailable, "DRAINING".to_owned()));
    assert!(stopped.await.expect("the task ends well").is_ok());
}

#[tokio::test]
async fn an_open_reflection_stream_does_not_delay_a_shutdown() {
    let server = start(ENDLESS).await;
    let (_sender, requests) = mpsc::channel::<ServerReflectionRequest>(1);
    let mut client = ServerReflectionClient::new(server.channel().await);
    let answers =
        client.server_reflection_info(ReceiverStream::new(requests)).await.expect("a stream");
    let stopped = server.begin_to_stop();
    let end = tokio::time::timeout(PATIENCE, answers.into_inner().message()).await.expect("soon");
    assert_eq!(refusal(&end.expect_err("cut")), (Code::Unavailable, "DRAINING".to_owned()));
    assert!(stopped.await.expect("the task ends well").is_ok());
}

#[tokio::test]
async fn idle_connections_do_not_delay_a_shutdown() {
    let server = start(ENDLESS).await;
    let _idle = server.channel().await;
    let mut used = server.classification().await;
    used.classify(explained(sport())).await.expect("an answer");
    assert!(server.stop().await.is_ok());
}

#[tokio::test]
async fn the_drain_limit_ends_a_server_with_a_call_in_flight() {
    let server = start(Duration::from_millis(100)).await;
    let _call = unread_call(narrow_channel(&server).await).await;
    assert!(server.stop().await.is_ok());
}

#[tokio::test]
async fn a_draining_server_waits_for_a_call_in_flight() {
    let server = start(ENDLESS).await;
    let (watch, call) =
        (watch(server.channel().await).await, unread_call(narrow_channel(&server).await).await);
    let stopped = server.begin_to_stop();
    until_draining(watch).await;
    let rest = tokio::time::timeout(PATIENCE, call.into_body().collect())
        .await
        .expect("soon")
        .expect("an answer");
    assert_eq!(
        Status::from_header_map(rest.trailers().expect("trailers")).expect("a status").code(),
        Code::Ok
    );
    assert!(stopped.await.expect("the task ends well").is_ok());
}

#[tokio::test]
async fn a_new_call_while_draining_is_refused() {
    let server = start(ENDLESS).await;
    // Over one connection, which the unread call keeps open.
    let channel = narrow_channel(&server).await;
    let (watch, call) = (watch(channel.clone()).await, unread_call(channel.clone()).await);
    let mut client = ClassificationServiceClient::new(channel);
    client.classify(explained(sport())).await.expect("an answer");
    let stopped = server.begin_to_stop();
    until_draining(watch).await;
    let status = client.classify(explained(sport())).await.expect_err("refused");
    // By the server, or by the client's own transport after GOAWAY.
    assert!(matches!(status.code(), Code::Unavailable | Code::Cancelled), "{status:?}");
    drop(call);
    assert!(stopped.await.expect("the task ends well").is_ok());
}

#[tokio::test]
async fn a_call_after_the_end_is_unavailable() {
    let server = start(ENDLESS).await;
    let mut client = server.classification().await;
    server.stop().await.expect("it ends");
    let status = client.classify(explained(sport())).await.expect_err("nobody");
    assert!(says_nobody_answers(&status), "{status:?}");
}

#[tokio::test]
async fn the_error_for_a_taken_port_names_the_address() {
    let (models, first) = (models(&["mini/1"]), start(ENDLESS).await);
    let (config, _) = config(&models, "mini").parts();
    let error = BoundServer::bind(ServerConfig { listen: first.address, ..config })
        .await
        .expect_err("taken");
    assert!(
        matches!(error, ServerError::Listen { address, .. } if address == first.address),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_releases_its_port() {
    let models = models(&["mini/1"]);
    let (config, sources) = config(&models, "nothing").parts();
    let server = BoundServer::bind(config).await.expect("a free port");
    let address = server.address();
    server
        .run(move || sources.open(), std::future::pending(), || ())
        .await
        .expect_err("no such model");
    let port = async {
        while TcpListener::bind(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, port).await.is_ok());
}

/// A server that is still loading its model: the weights come through a pipe that is empty.
#[cfg(target_os = "linux")]
mod while_loading {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;
    use std::path::PathBuf;

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tokio::sync::oneshot;

    use crate::support::{RUNTIME, says_when_to_retry, weights_file};

    struct Loading {
        server: TestServer,
        is_serving: oneshot::Receiver<()>,
        pipe: PathBuf,
        weights: Vec<u8>,
        _models: tempfile::TempDir,
    }

    async fn loading() -> Loading {
        let models = models(&["mini/1"]);
        let pipe = weights_file(&models, "mini/1");
        let weights = fs::read(&pipe).expect("weights");
        fs::remove_file(&pipe).expect("a file");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let (server, is_serving) =
            TestServer::launch(TestConfig { drain: ENDLESS, ..config(&models, "mini") }).await;
        Loading { server, is_serving, pipe, weights, _models: models }
    }

    impl Loading {
        /// Writes the weights, or ends the pipe without them.
        async fn write(pipe: PathBuf, weights: Vec<u8>) {
            let write = move || {
                OpenOptions::new()
                    .write(true)
                    .open(pipe)
                    .and_then(|mut pipe| pipe.write_all(&weights))
            };
            RUNTIME.spawn_blocking(write).await.expect("a task").expect("somebody who reads");
        }

        async fn finish(self) -> TestServer {
            Self::write(self.pipe, self.weights).await;
            self.is_serving.await.expect("the model loads");
            self.server
        }
    }

    async fn health(server: &TestServer) -> ServingStatus {
        let mut client = HealthClient::new(server.channel().await);
        client.check(HealthCheckRequest::default()).await.expect("a status").into_inner().status()
    }

    #[tokio::test]
    async fn the_server_is_not_yet_healthy() {
        let loading = loading().await;
        assert_eq!(health(&loading.server).await, ServingStatus::NotServing);
        loading.finish().await;
    }

    #[tokio::test]
    async fn a_watch_sees_the_server_become_healthy() {
        let loading = loading().await;
        let mut watch = watch(loading.server.channel().await).await;
        let before = watch.message().await.expect("no error").map(|response| response.status());
        let _server = loading.finish().await;
        let after = watch.message().await.expect("no error").map(|response| response.status());
        assert_eq!(
            [before, after],
            [Some(ServingStatus::NotServing), Some(ServingStatus::Serving)]
        );
    }

    #[tokio::test]
    async fn classify_asks_to_try_again() {
        let loading = loading().await;
        let status = loading
            .server
            .classification()
            .await
            .classify(explained(sport()))
            .await
            .expect_err("refused");
        assert_eq!(refusal(&status), (Code::Unavailable, "NO_MODEL_LOADED".to_owned()));
        assert!(says_when_to_retry(&status));
        loading.finish().await;
    }

    #[tokio::test]
    async fn list_models_asks_to_try_again() {
        let loading = loading().await;
        let mut client = loading.server.model_service().await;
        let status = client.list_models(ListModelsRequest::default()).await.expect_err("refused");
        assert_eq!(refusal(&status), (Code::Unavailable, "NO_MODEL_LOADED".to_owned()));
        loading.finish().await;
    }

    #[tokio::test]
    async fn server_info_names_no_default_model() {
        let loading = loading().await;
        let info = loading.server.info().await;
        assert_eq!((&*info.default_model, info.serving_model_count), ("", 0));
        loading.finish().await;
    }

    #[tokio::test]
    async fn a_shutdown_does_not_wait_for_the_models() {
        let Loading { server, pipe, _models, .. } = loading().await;
        let outcome = server.stop().await;
        // Ends a loader that still reads.
        Loading::write(pipe, Vec::new()).await;
        assert!(outcome.is_ok());
    }
}
