//! The transport: no connection, caller or answer keeps others from being served.

mod budget;
mod raw;

use std::time::Duration;

use slugline::article::{Limits, Timeouts};
use slugline::grpc::client::{
    ArticleServiceClient, ClassificationServiceClient, ServerServiceClient,
};
use slugline::grpc::pb;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{
    PATIENCE, TestConfig, TestServer, article, config, explained, mixed_articles, models, refusal,
    says_when_to_retry, shared, sport,
};
use raw::{Begun, Raw, framed, prefix, pushes_back, reason, request};

const CLASSIFY: &str = "/slugline.v1.ClassificationService/Classify";
const BATCH: &str = "/slugline.v1.ClassificationService/BatchClassify";
const STREAM: &str = "/slugline.v1.ClassificationService/StreamClassify";
const IMPORT: &str = "/slugline.v1.ArticleService/ImportArticles";
const CHECK: &str = "/grpc.health.v1.Health/Check";
/// The default window of HTTP/2.
const WINDOW: u32 = 65_535;
/// A short time.
const SOON: Duration = Duration::from_millis(300);

async fn with_timeouts(timeouts: Timeouts) -> TestServer {
    TestServer::with_limits(Limits { timeouts, ..Limits::default() }).await
}

async fn check(channel: Channel) -> Result<(), Status> {
    let check =
        async { HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(|_| ()) };
    tokio::time::timeout(PATIENCE, check).await.expect("an answer soon")
}

fn stream_request(id: &str) -> pb::StreamClassifyRequest {
    pb::StreamClassifyRequest { id: id.to_owned(), request: Some(explained(sport())) }
}

/// A batch whose answer is larger than any window of these tests.
fn large_answer() -> pb::BatchClassifyRequest {
    pb::BatchClassifyRequest {
        articles: mixed_articles(400),
        explain: true,
        ..pb::BatchClassifyRequest::default()
    }
}

#[tokio::test]
async fn cancelled_calls_do_not_disturb_others_of_their_connection() {
    let server = shared().await;
    let raw = Raw::connect(server.address, WINDOW).await;
    let mut stream = raw.begin(STREAM).await;
    stream.request.send_data(framed(&stream_request("before")), false).expect("it is taken");
    let mut body = tokio::time::timeout(PATIENCE, stream.answer)
        .await
        .expect("soon")
        .expect("an answer")
        .into_body();
    assert!(body.data().await.expect("an answer").is_ok());
    for _ in 0..5 {
        let mut calls = Vec::new();
        for _ in 0..500 {
            calls.push(raw.call(CLASSIFY, &explained(sport())).await);
        }
        for call in &mut calls {
            call.request.send_reset(h2::Reason::CANCEL);
        }
    }
    stream.request.send_data(framed(&stream_request("after")), true).expect("it is taken");
    let after = tokio::time::timeout(PATIENCE, body.data()).await.expect("soon");
    after.expect("an answer").expect("the stream goes on");
}

#[tokio::test]
async fn bodies_of_refused_calls_do_not_disturb_others_of_their_connection() {
    // h2 counts every frame of a forgotten call, over the connection's lifetime.
    let server = shared().await;
    let raw = Raw::connect(server.address, WINDOW).await;
    for _ in 0..1_500 {
        let mut call = raw.begin("/nobody.Knows/It").await;
        call.request.send_data(prefix(1_000), false).expect("it is taken");
        assert_eq!(call.end().await.expect("an answer").code(), Code::Unimplemented);
    }
    assert_eq!(
        raw.call(CLASSIFY, &explained(sport())).await.end().await.expect("an answer").code(),
        Code::Ok
    );
}

async fn refused_by_http(method: &str, content_type: Option<&str>) -> u16 {
    let raw = Raw::connect(shared().await.address, WINDOW).await;
    let mut request = request(CLASSIFY).method(method);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    let (answer, _) = raw.send(request.body(()).expect("a request"), true).await;
    let response = tokio::time::timeout(PATIENCE, answer).await.expect("soon").expect("an answer");
    assert!(response.headers().get("grpc-status").is_none(), "{response:?}");
    response.status().as_u16()
}

#[tokio::test]
async fn requests_other_than_grpc_are_refused_by_http_status() {
    for other in [
        None,
        Some("application/json"),
        Some("application/grpc+json"),
        Some("application/grpc-web+proto"),
    ] {
        assert_eq!(refused_by_http("POST", other).await, 415, "{other:?}");
    }
    assert_eq!(refused_by_http("GET", Some("application/grpc")).await, 405);
}

#[tokio::test]
async fn answers_have_no_date_header() {
    let raw = Raw::connect(shared().await.address, WINDOW).await;
    let response = raw.call(CLASSIFY, &explained(sport())).await.head().await;
    assert_eq!((response.status().as_u16(), response.headers().get("date")), (200, None));
}

#[tokio::test]
async fn an_unread_answer_is_reset_while_others_of_its_connection_go_on() {
    let server = with_timeouts(Timeouts { answer: SOON, ..Timeouts::default() }).await;
    let raw = Raw::connect(server.address, 100).await;
    let mut body = raw.call(BATCH, &large_answer()).await.head().await.into_body();
    // Another call goes on meanwhile, with a caller who reads.
    let end = raw.call(CLASSIFY, &explained(sport())).await.end().await.expect("an answer");
    assert_eq!(end.code(), Code::Ok);
    let untaken = body.data().await.expect("the start").expect("the start");
    assert!(untaken.len() <= 100);
    let end = tokio::time::timeout(PATIENCE, body.data()).await.expect("an end soon");
    let error = end.expect("it ends with an error").expect_err("a reset");
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{error:?}");
    assert_eq!(
        raw.call(CHECK, &HealthCheckRequest::default())
            .await
            .end()
            .await
            .expect("an answer")
            .code(),
        Code::Ok
    );
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_arrives_whole() {
    let server =
        with_timeouts(Timeouts { answer: Duration::from_secs(2), ..Timeouts::default() }).await;
    let raw = Raw::connect(server.address, 1_000).await;
    assert_eq!(
        raw.call(BATCH, &large_answer()).await.end().await.expect("an answer").code(),
        Code::Ok
    );
}

#[tokio::test]
async fn a_stalled_request_is_ended() {
    let server = with_timeouts(Timeouts { request: SOON, ..Timeouts::default() }).await;
    let raw = Raw::connect(server.address, WINDOW).await;
    let mut call = raw.begin(CLASSIFY).await;
    call.request.send_data(prefix(1_000), false).expect("it is taken");
    let status = call.end().await.expect("a status");
    assert_eq!(reason(&status), (Code::DeadlineExceeded, "REQUEST_STALLED".to_owned()));
}

async fn end_of_idle_stream(path: &str) -> Status {
    let server = with_timeouts(Timeouts { stream_idle: SOON, ..Timeouts::default() }).await;
    let raw = Raw::connect(server.address, WINDOW).await;
    let mut call = raw.begin(path).await;
    let Begun { answer, request } = &mut call;
    // A byte now and then is not a message.
    request.send_data(prefix(1_000), false).expect("it is taken");
    let drip = async {
        loop {
            tokio::time::sleep(SOON / 10).await;
            if request.send_data(bytes::Bytes::from_static(b"a"), false).is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let response = tokio::select! {
        response = answer => response.expect("an answer"),
        () = drip => unreachable!("it drips for ever"),
        () = tokio::time::sleep(PATIENCE) => panic!("the stream goes on"),
    };
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let trailers =
        tokio::time::timeout(PATIENCE, response.into_body().trailers()).await.expect("an end soon");
    Status::from_header_map(&trailers.expect("trailers").unwrap_or_default()).expect("a status")
}

#[tokio::test]
async fn streams_without_a_whole_message_are_ended() {
    for path in [STREAM, IMPORT] {
        let status = end_of_idle_stream(path).await;
        assert_eq!(reason(&status), (Code::Unavailable, "STREAM_IDLE".to_owned()), "{path}");
        assert!(says_when_to_retry(&status) && pushes_back(&status), "{path}");
    }
}

#[tokio::test]
async fn idle_imports_hold_no_permit() {
    let server =
        TestServer::with_limits(Limits { concurrent_imports: 1, ..Limits::default() }).await;
    let raw = Raw::connect(server.address, WINDOW).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(raw.begin(IMPORT).await);
    }
    let article =
        pb::ArchivedArticle { id: "a".to_owned(), body: "goal".to_owned(), ..Default::default() };
    let message = pb::ImportArticlesRequest {
        articles: vec![article],
        ..pb::ImportArticlesRequest::default()
    };
    let mut client = ArticleServiceClient::new(server.channel().await);
    let answer =
        tokio::time::timeout(PATIENCE, client.import_articles(tokio_stream::iter([message]))).await;
    assert_eq!(answer.expect("soon").expect("an import").into_inner().accepted_count, 1);
}

#[tokio::test]
async fn spare_connections_serve_health_and_further_ones_are_closed() {
    let server = TestServer::with_limits(Limits { connections: 2, ..Limits::default() }).await;
    // Connections from the start may still be open.
    let crowd = async {
        loop {
            let channel = server.channel().await;
            match ClassificationServiceClient::new(channel.clone())
                .classify(explained(sport()))
                .await
            {
                Ok(_) => std::mem::forget(channel),
                Err(status) => return (channel, status),
            }
        }
    };
    let (spare, status) =
        tokio::time::timeout(PATIENCE, crowd).await.expect("the limit is reached");
    assert_eq!(refusal(&status), (Code::ResourceExhausted, "TOO_MANY_CONNECTIONS".to_owned()));
    check(spare).await.expect("health");
    let mut open = Vec::new();
    let closed = async {
        loop {
            let mut socket = TcpStream::connect(server.address).await.expect("it listens");
            let read =
                tokio::time::timeout(Duration::from_millis(50), socket.read(&mut [0; 64])).await;
            if matches!(read, Ok(Ok(0) | Err(_))) {
                return;
            }
            open.push(socket);
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("one is closed at once");
    drop(open);
    // Server info reports it, as soon as a connection is free.
    let counted = async {
        loop {
            let endpoint =
                Endpoint::from_shared(format!("http://{}", server.address)).expect("a URI");
            let Ok(channel) = endpoint.connect().await else { continue };
            let info = ServerServiceClient::new(channel)
                .get_server_info(pb::GetServerInfoRequest {})
                .await;
            if let Ok(info) = info {
                return info.into_inner().untaken_connection_count;
            }
        }
    };
    assert!(tokio::time::timeout(PATIENCE, counted).await.expect("it answers again") > 0);
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = with_timeouts(Timeouts { hello: SOON, ..Timeouts::default() }).await;
    let (mut silent, used) =
        (TcpStream::connect(server.address).await.expect("it listens"), server.channel().await);
    let read = async {
        let mut all = Vec::new();
        // The server's settings, perhaps; then the end.
        drop(silent.read_to_end(&mut all).await);
    };
    tokio::time::timeout(PATIENCE, read).await.expect("it is closed");
    check(used).await.expect("one that said hello stays");
}

#[tokio::test]
async fn watches_are_limited_per_connection_and_in_total() {
    let limits = Limits { watches: 3, watches_per_connection: 2, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let mut open = Vec::new();
    let channels = [server.channel().await, server.channel().await];
    let mut watch = async |channel: &Channel| {
        let outcome = HealthClient::new(channel.clone()).watch(HealthCheckRequest::default()).await;
        outcome.map(|watch| open.push(watch.into_inner()))
    };
    assert!(watch(&channels[0]).await.is_ok() && watch(&channels[0]).await.is_ok());
    let of_connection = watch(&channels[0]).await.expect_err("two of two are open");
    assert!(watch(&channels[1]).await.is_ok());
    let of_server = watch(&channels[1]).await.expect_err("three of three are open");
    for status in [&of_connection, &of_server] {
        assert_eq!(refusal(status), (Code::ResourceExhausted, "TOO_MANY_IN_FLIGHT".to_owned()));
    }
    drop(open);
    let again = async {
        while HealthClient::new(channels[0].clone())
            .watch(HealthCheckRequest::default())
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("places come back");
}

#[tokio::test]
async fn a_caller_who_does_not_read_does_not_delay_a_shutdown() {
    let models = models(&["mini/1"]);
    let endless = Duration::from_secs(3_600);
    let server = TestServer::start(TestConfig { drain: endless, ..config(&models, "mini") }).await;
    let raw = Raw::connect(server.address, 100).await;
    let _large = raw.call(BATCH, &large_answer()).await.head().await;
    let _small = raw.call(CLASSIFY, &explained(sport())).await.head().await;
    let mut partial = raw.begin(CLASSIFY).await;
    partial.request.send_data(prefix(1_000), false).expect("it is taken");
    let (_sender, requests) = mpsc::channel::<pb::StreamClassifyRequest>(1);
    let _stream = server
        .classification()
        .await
        .stream_classify(ReceiverStream::new(requests))
        .await
        .expect("a stream");
    assert!(server.stop().await.is_ok());
}
