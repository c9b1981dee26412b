//! The services, by the paths of their methods.

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

/// The services whose readiness is reported by name.
const SERVICES: &[&str] = &[
    articles::SERVICE_NAME,
    classification::SERVICE_NAME,
    models::SERVICE_NAME,
    server_info::SERVICE_NAME,
    similarity::SERVICE_NAME,
];

/// The largest message that health, reflection and server info take, in bytes: names of services,
/// files and symbols. Reflection's errors repeat a name, and have to arrive.
pub(super) const NAME_MESSAGE_BYTES: usize = 1 << 10;

/// All services.
pub(super) fn routes(app: &Arc<App>) -> Routes {
    let message_bytes = app.limits.message_bytes;
    let reflection = ReflectionService::new(app);
    let v1 = v1::ServerReflectionServer::new(reflection.clone());
    let v1alpha = v1alpha::ServerReflectionServer::new(reflection);
    let health = HealthServer::new(HealthService::new(SERVICES, Arc::clone(app)));
    // A client that compresses does so for a whole channel, health and reflection included.
    let gzip = CompressionEncoding::Gzip;
    Routes::new(health.max_decoding_message_size(NAME_MESSAGE_BYTES).accept_compressed(gzip))
        .add_service(v1.max_decoding_message_size(NAME_MESSAGE_BYTES).accept_compressed(gzip))
        .add_service(v1alpha.max_decoding_message_size(NAME_MESSAGE_BYTES).accept_compressed(gzip))
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
                .max_decoding_message_size(NAME_MESSAGE_BYTES)
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .prepare()
}
