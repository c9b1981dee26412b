//! Health and server info over the wire.

use slugline::grpc::pb;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::support::{NARROW, PATIENCE, TestServer, config, models, narrow, shared};

const SERVICES: [&str; 3] =
    ["slugline.v1.ClassificationService", "slugline.v1.ModelService", "slugline.v1.ServerService"];

async fn check(service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let mut client = HealthClient::new(shared().await.channel().await);
    Ok(client.check(request).await?.into_inner().status())
}

async fn watch(server: &TestServer, service: &str) -> Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let mut client = HealthClient::new(server.channel().await);
    client.watch(request).await.expect("a watch").into_inner()
}

async fn next(watch: &mut Streaming<HealthCheckResponse>) -> Option<ServingStatus> {
    let next = tokio::time::timeout(PATIENCE, watch.message()).await.expect("news soon");
    next.expect("no error").map(|response| response.status())
}

#[tokio::test]
async fn the_server_is_serving() {
    assert_eq!(check("").await.expect("a status"), ServingStatus::Serving);
}

#[tokio::test]
async fn each_service_is_serving_by_its_name() {
    for service in SERVICES {
        assert_eq!(check(service).await.expect("a status"), ServingStatus::Serving, "{service}");
    }
}

#[tokio::test]
async fn an_unknown_service_is_not_found() {
    assert_eq!(check("slugline.v1.Nothing").await.expect_err("not found").code(), Code::NotFound);
}

#[tokio::test]
async fn a_watch_on_an_unknown_service_reports_it_and_stays_open() {
    let mut watch = watch(shared().await, "slugline.v1.Nothing").await;
    assert_eq!(next(&mut watch).await, Some(ServingStatus::ServiceUnknown));
}

#[tokio::test]
async fn a_watch_begins_with_the_current_status() {
    assert_eq!(
        next(&mut watch(shared().await, SERVICES[0]).await).await,
        Some(ServingStatus::Serving)
    );
}

#[tokio::test]
async fn a_watch_reports_the_drain_and_ends() {
    let models = models(&["mini/1"]);
    let server = TestServer::start(config(&models, "mini")).await;
    let mut watch = watch(&server, "").await;
    let before = next(&mut watch).await;
    let stopped = server.begin_to_stop();
    let (then, end) = (next(&mut watch).await, next(&mut watch).await);
    assert_eq!(
        [before, then, end],
        [Some(ServingStatus::Serving), Some(ServingStatus::NotServing), None]
    );
    assert!(stopped.await.expect("the task ends well").is_ok());
}

#[tokio::test]
async fn the_limits_are_published() {
    let published = narrow().await.info().await.limits;
    let expected = pb::Limits {
        max_article_bytes: NARROW.article_bytes as i64,
        max_message_bytes: NARROW.message_bytes as i64,
        max_batch_articles: NARROW.batch_articles as i32,
        max_concurrent_batches: NARROW.concurrent_batches as i32,
        max_concurrent_classify_streams: NARROW.concurrent_streams as i32,
        max_evidence_terms: NARROW.evidence_terms as i32,
        max_evidence_spans: NARROW.evidence_spans as i32,
        max_request_id_bytes: NARROW.request_id_bytes as i32,
        max_article_id_bytes: 256,
        max_article_labels: NARROW.article_labels as i32,
        max_concurrent_imports: NARROW.concurrent_imports as i32,
        max_concurrent_searches: NARROW.concurrent_searches as i32,
        max_language_code_bytes: 35,
        max_etag_bytes: 64,
        max_model_name_bytes: 75,
        max_page_token_bytes: 1_024,
        max_source_bytes: 200,
        max_label_key_bytes: 64,
        max_label_value_bytes: 200,
        max_topic_name_bytes: 200,
        max_filter_values: 100,
        max_article_topics: 256,
        max_message_parts: 100_000,
        max_name_message_bytes: 1_024,
        page_bytes: 1 << 20,
        max_answer_bytes: NARROW.answer_bytes as i32,
        max_in_flight_bytes: NARROW.budget_bytes as i64,
        max_connection_in_flight_bytes: NARROW.connection_bytes as i64,
        max_connections: NARROW.connections as i32,
        max_concurrent_watches: NARROW.watches as i32,
        max_connection_watches: NARROW.watches_per_connection as i32,
        max_connection_calls: 1_024,
        hello_timeout: Some(prost_types::Duration { seconds: 11, nanos: 0 }),
        request_timeout: Some(prost_types::Duration { seconds: 31, nanos: 0 }),
        stream_idle_timeout: Some(prost_types::Duration { seconds: 121, nanos: 0 }),
        answer_timeout: Some(prost_types::Duration { seconds: 32, nanos: 0 }),
    };
    assert_eq!(published, Some(expected));
}

#[tokio::test]
async fn the_default_model_is_published() {
    assert_eq!(shared().await.info().await.default_model, "mini/1");
}
