//! ServerService on the wire.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tonic::{Request, Response, Status};

use super::app::App;
use super::pb::server_service_server::ServerService;
use super::transport::call::Call;
use super::transport::connection::STREAMS_PER_CONNECTION;
use super::transport::offload::run_blocking;
use super::{pb, status};
use crate::article::{Limits, TopicName};
use crate::index::{ArticleId, Condition, IndexStatus};

/// Reports what is running.
#[derive(Debug, Clone)]
pub(super) struct ServerApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ServerService for ServerApi {
    async fn get_server_info(
        &self,
        _request: Request<pb::GetServerInfoRequest>,
    ) -> Result<Response<pb::GetServerInfoResponse>, Status> {
        let refused =
            Call::current().map_or(0, |call| call.peer().transport.refused.load(Ordering::Relaxed));
        let models = self.0.models.current();
        let (default_model, serving) = match &*models {
            Some(set) => (set.default_entry().label.to_string(), set.serving_count()),
            None => (String::new(), 0),
        };
        let archive = match self.0.archive() {
            Ok(archive) => {
                let status =
                    run_blocking(move || archive.status()).await.map_err(status::status)?;
                Some(archive_info(status))
            }
            Err(_) => None,
        };
        Ok(Response::new(pb::GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target: env!("SLUGLINE_TARGET").to_owned(),
            start_time: Some(self.0.started.into()),
            limits: Some(limits(&self.0.limits)),
            default_model,
            serving_model_count: i32::try_from(serving).unwrap_or(i32::MAX),
            archive,
            untaken_connection_count: i64::try_from(refused).unwrap_or(i64::MAX),
        }))
    }
}

fn archive_info(status: IndexStatus) -> pb::ArchiveInfo {
    let (state, failure) = match status.condition {
        Condition::Ready => (pb::ArchiveState::Ready, status.last_failure.unwrap_or_default()),
        Condition::ReadOnly(reason) => (pb::ArchiveState::ReadOnly, reason),
        Condition::Damaged(reason) => (pb::ArchiveState::Damaged, reason),
    };
    pb::ArchiveInfo {
        state: state.into(),
        failure,
        article_count: i64::try_from(status.article_count).unwrap_or(i64::MAX),
        size_bytes: i64::try_from(status.size_bytes).unwrap_or(i64::MAX),
        unreadable_count: i64::try_from(status.unreadable_count).unwrap_or(i64::MAX),
    }
}

fn limits(limits: &Limits) -> pb::Limits {
    let wide = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let narrow = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    pb::Limits {
        max_article_bytes: wide(limits.article_bytes),
        max_message_bytes: wide(limits.message_bytes),
        max_batch_articles: narrow(limits.batch_articles),
        max_concurrent_batches: narrow(limits.concurrent_batches),
        max_concurrent_classify_streams: narrow(limits.concurrent_streams),
        max_evidence_terms: narrow(limits.evidence_terms),
        max_request_id_bytes: narrow(limits.request_id_bytes),
        max_evidence_spans: narrow(limits.evidence_spans),
        max_article_id_bytes: narrow(ArticleId::MAX_BYTES),
        max_article_labels: narrow(limits.article_labels),
        max_concurrent_imports: narrow(limits.concurrent_imports),
        max_concurrent_searches: narrow(limits.concurrent_searches),
        max_language_code_bytes: narrow(Limits::LANGUAGE_CODE_BYTES),
        max_etag_bytes: narrow(Limits::ETAG_BYTES),
        max_model_name_bytes: narrow(Limits::MODEL_NAME_BYTES),
        max_page_token_bytes: narrow(Limits::PAGE_TOKEN_BYTES),
        max_source_bytes: narrow(Limits::SOURCE_BYTES),
        max_label_key_bytes: narrow(Limits::LABEL_KEY_BYTES),
        max_label_value_bytes: narrow(Limits::LABEL_VALUE_BYTES),
        max_topic_name_bytes: narrow(TopicName::MAX_BYTES),
        max_filter_values: narrow(Limits::FILTER_VALUES),
        max_article_topics: narrow(Limits::ARTICLE_TOPICS),
        max_message_parts: narrow(Limits::MESSAGE_PARTS),
        max_name_message_bytes: narrow(Limits::NAME_MESSAGE_BYTES),
        page_bytes: narrow(Limits::PAGE_BYTES),
        max_answer_bytes: narrow(limits.answer_bytes),
        max_in_flight_bytes: wide(limits.budget_bytes),
        max_connection_in_flight_bytes: wide(limits.connection_bytes),
        max_connections: narrow(limits.connections),
        max_concurrent_watches: narrow(limits.watches),
        max_connection_watches: narrow(limits.watches_per_connection),
        max_connection_calls: i32::try_from(STREAMS_PER_CONNECTION).unwrap_or(i32::MAX),
        hello_timeout: prost_types::Duration::try_from(limits.timeouts.hello).ok(),
        request_timeout: prost_types::Duration::try_from(limits.timeouts.request).ok(),
        stream_idle_timeout: prost_types::Duration::try_from(limits.timeouts.stream_idle).ok(),
        answer_timeout: prost_types::Duration::try_from(limits.timeouts.answer).ok(),
    }
}
