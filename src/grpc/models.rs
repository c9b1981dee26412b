//! ModelService on the wire.

use std::sync::Arc;

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

use super::answer_size::{Remedy, check_answer};
use super::app::App;
use super::page_token::{check_token_length, invalid_token};
use super::pb::model_service_server::ModelService;
use super::{pb, status};
use crate::article::Limits;
use crate::model::{Labels, Level};
use crate::service::{ModelEntry, ModelSet, ModelState, PageSize, ServiceError, both};

/// Adapts the set of models.
#[derive(Debug, Clone)]
pub(super) struct ModelApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ModelService for ModelApi {
    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        status::response(self.list(&request.into_inner()))
    }

    async fn get_model(
        &self,
        request: Request<pb::GetModelRequest>,
    ) -> Result<Response<pb::GetModelResponse>, Status> {
        status::response(self.get(&request.into_inner().name))
    }
}

impl ModelApi {
    fn list(
        &self,
        request: &pb::ListModelsRequest,
    ) -> Result<pb::ListModelsResponse, ServiceError> {
        self.0.check_ready()?;
        let page = self.0.models.with(|set| page(set, request))?;
        let remedy = Remedy { field: "page_size", action: "lower page_size" };
        check_answer(&page, self.0.limits.answer_bytes, remedy)?;
        Ok(page)
    }

    fn get(&self, name: &str) -> Result<pb::GetModelResponse, ServiceError> {
        self.0.check_ready()?;
        let model =
            self.0.models.with(|set| set.find(name, "name").map(|entry| model(entry, set)))?;
        let answer = pb::GetModelResponse { model: Some(model) };
        let remedy = Remedy { field: "name", action: "the model has too many topics to show" };
        check_answer(&answer, self.0.limits.answer_bytes, remedy)?;
        Ok(answer)
    }
}

fn page(
    set: &ModelSet,
    request: &pb::ListModelsRequest,
) -> Result<pb::ListModelsResponse, ServiceError> {
    let token = &request.page_token;
    let page_size = PageSize::LIST.checked(request.page_size);
    let (page_size, ()) = both(page_size, check_token_length(token))?;
    let start = if token.is_empty() {
        0
    } else {
        // The token names the first model of the page, and stays valid as models come and go.
        let first = set.entries().iter().position(|entry| page_token(entry) == *token);
        first.ok_or_else(|| {
            invalid_token(
                "does not belong to this request, or its model is gone; omit it to start over",
            )
        })?
    };
    let mut page = pb::ListModelsResponse::default();
    let mut bytes = 0;
    for entry in &set.entries()[start..] {
        if page.models.len() >= page_size || bytes >= Limits::PAGE_BYTES {
            page.next_page_token = page_token(entry);
            break;
        }
        let model = model(entry, set);
        bytes += model.encoded_len();
        page.models.push(model);
    }
    Ok(page)
}

/// The token of the page that starts with this model: a hash, which shows nothing and cannot be
/// guessed.
fn page_token(first: &ModelEntry) -> String {
    hex::encode(&Sha256::digest(format!("slugline.v1.ListModels:{}", first.label))[..16])
}

fn model(entry: &ModelEntry, set: &ModelSet) -> pb::Model {
    let is_default = set.default_entry().id == entry.id;
    let loaded = match &entry.state {
        ModelState::Serving(loaded) => loaded,
        ModelState::Failed(error) => {
            return pb::Model {
                name: entry.label.to_string(),
                state: pb::ModelState::Failed.into(),
                failure: error.to_string(),
                is_default,
                ..pb::Model::default()
            };
        }
    };
    let manifest = &loaded.manifest;
    let topics = manifest.topics.iter().map(|topic| pb::ModelTopic {
        name: topic.name.clone(),
        document_count: i64::try_from(topic.document_count).unwrap_or(i64::MAX),
        threshold: topic.threshold,
    });
    pb::Model {
        name: entry.label.to_string(),
        state: pb::ModelState::Serving.into(),
        failure: String::new(),
        is_default,
        topics: topics.collect(),
        term_count: i32::try_from(manifest.term_count).unwrap_or(i32::MAX),
        recipe: manifest.recipe.kind.clone(),
        language_code: manifest.language_code.clone(),
        create_time: None,
        metrics: manifest.metrics.as_ref().map(|metrics| pb::ModelMetrics {
            document_count: i64::try_from(metrics.document_count).unwrap_or(i64::MAX),
            accuracy: metrics.accuracy,
            macro_f1: metrics.macro_f1,
            log_loss: metrics.log_loss,
            expected_calibration_error: metrics.expected_calibration_error,
            micro_f1: metrics.micro_f1,
        }),
        weights_sha256: manifest.weights.sha256.clone(),
        confident_probability: manifest.decision.confident_probability,
        multi_label: manifest.labels == Labels::Multiple,
        topic_levels: loaded.model.hierarchy().levels().iter().map(topic_level).collect(),
    }
}

fn topic_level(level: &Level) -> pb::ModelTopicLevel {
    // It fits: the limit on names bounds it.
    pb::ModelTopicLevel {
        depth: i32::try_from(level.depth()).unwrap_or(i32::MAX),
        names: level.names().to_vec(),
    }
}
