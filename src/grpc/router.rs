//! The services, and what each of them accepts.

use std::sync::Arc;

use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb::v1::server_reflection_server as v1;
use tonic_reflection::pb::v1alpha::server_reflection_server as v1alpha;

use super::app::App;
use super::articles::ArticleApi;
use super::classification::ClassificationApi;
use super::health::HealthService;
use super::models::ModelApi;
use super::pb::article_service_server::{self as articles, ArticleServiceServer};
use super::pb::classification_service_server::{
    self as classification, ClassificationServiceServer,
};
use super::pb::model_service_server::{self as models, ModelServiceServer};
use super::pb::server_service_server::{self as server_info, ServerServiceServer};
use super::pb::similarity_service_server::{self as similarity, SimilarityServiceServer};
use super::reflection::ReflectionService;
use super::server_info::ServerApi;
use super::similarity::SimilarityApi;
use crate::article::Limits;

/// The services whose readiness health reports by name.
const SERVICES: &[&str] = &[
    articles::SERVICE_NAME,
    classification::SERVICE_NAME,
    models::SERVICE_NAME,
    server_info::SERVICE_NAME,
    similarity::SERVICE_NAME,
];

/// Sets a service's limit on messages, and has it accept gzip: a client compresses for a whole
/// channel, health and reflection included.
macro_rules! service {
    ($service:expr, $message_bytes:expr) => {
        $service
            .max_decoding_message_size($message_bytes)
            .accept_compressed(CompressionEncoding::Gzip)
    };
}

/// All services.
pub(super) fn routes(app: &Arc<App>) -> Routes {
    let (message_bytes, name_bytes) = (app.limits.message_bytes, Limits::NAME_MESSAGE_BYTES);
    let app = || Arc::clone(app);
    let health = HealthServer::new(HealthService::new(SERVICES, app()));
    let reflection = ReflectionService::new(app());
    let v1 = v1::ServerReflectionServer::new(reflection.clone());
    let v1alpha = v1alpha::ServerReflectionServer::new(reflection);
    let articles = ArticleServiceServer::new(ArticleApi(app()));
    let similarity = SimilarityServiceServer::new(SimilarityApi(app()));
    let classification = ClassificationServiceServer::new(ClassificationApi(app()));
    let models = ModelServiceServer::new(ModelApi(app()));
    let server_info = ServerServiceServer::new(ServerApi(app()));
    Routes::new(service!(health, name_bytes))
        .add_service(service!(v1, name_bytes))
        .add_service(service!(v1alpha, name_bytes))
        .add_service(service!(articles, message_bytes))
        .add_service(service!(similarity, message_bytes))
        .add_service(service!(classification, message_bytes))
        .add_service(service!(models, message_bytes))
        .add_service(service!(server_info, name_bytes))
        .prepare()
}
