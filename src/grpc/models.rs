//! ModelService on the wire.

use std::sync::Arc;

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

use super::page_token::check_length;
use super::pb::model_service_server::ModelService;
use super::server::App;
use super::{pb, status};
use crate::article::Limits;
use crate::model::artifact::hexadecimal;
use crate::model::{Labels, Level};
use crate::service::{FieldViolation, ModelEntry, ModelSet, ModelState, ServiceError};

/// Models on a page when the request does not say.
const DEFAULT_PAGE_SIZE: usize = 50;
/// The most models on a page.
const MAX_PAGE_SIZE: usize = 1_000;

/// Adapts the set of models.
#[derive(Debug, Clone)]
pub(super) struct ModelApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ModelService for ModelApi {
    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let request = request.into_inner();
        let page =
            self.0.check_ready().and_then(|()| self.0.models.with(|set| list(set, &request)));
        let page = page.and_then(|page| {
            self.0.check_answer(&page, "page_size", "lower page_size").map(|()| page)
        });
        page.map(Response::new).map_err(status::status)
    }

    async fn get_model(
        &self,
        request: Request<pb::GetModelRequest>,
    ) -> Result<Response<pb::GetModelResponse>, Status> {
        let name = request.into_inner().name;
        let model = self.0.check_ready().and_then(|()| {
            self.0.models.with(|set| set.find(&name, "name").map(|entry| model(entry, set)))
        });
        let answer = model.and_then(|model| {
            let answer = pb::GetModelResponse { model: Some(model) };
            self.0
                .check_answer(&answer, "name", "the model has more topics than can be shown")
                .map(|()| answer)
        });
        answer.map(Response::new).map_err(status::status)
    }
}

fn list(
    set: &ModelSet,
    request: &pb::ListModelsRequest,
) -> Result<pb::ListModelsResponse, ServiceError> {
    let page_size = match usize::try_from(request.page_size) {
        Ok(0) => DEFAULT_PAGE_SIZE,
        Ok(size) => size.min(MAX_PAGE_SIZE),
        Err(_) => {
            let description = format!("must not be negative, but is {}", request.page_size);
            return Err(ServiceError::Invalid(FieldViolation::new(
                "page_size",
                "NEGATIVE_PAGE_SIZE",
                description,
            )));
        }
    };
    check_length(&request.page_token)?;
    let start = if request.page_token.is_empty() {
        0
    } else {
        // The token names the first model of the page: it stays good when models come or go.
        set.entries().iter().position(|entry| page_token(entry) == request.page_token).ok_or_else(|| {
            let description = "is not one that this request gave, or the model it stood at is gone: start again without it";
            ServiceError::Invalid(FieldViolation::new("page_token", "INVALID_PAGE_TOKEN", description))
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

/// Bound to ListModels by what is hashed besides the model's name; nothing can be read from it, and
/// none can be made up.
fn page_token(first: &ModelEntry) -> String {
    hexadecimal(&Sha256::digest(format!("slugline.v1.ListModels:{}", first.label))[..16])
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
    // It fits: a topic's name is short.
    pb::ModelTopicLevel {
        depth: i32::try_from(level.depth()).unwrap_or(i32::MAX),
        names: level.names().to_vec(),
    }
}
