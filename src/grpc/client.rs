//! The client of each service, for users of the crate.

pub use super::pb::article_service_client::ArticleServiceClient;
pub use super::pb::classification_service_client::ClassificationServiceClient;
pub use super::pb::model_service_client::ModelServiceClient;
pub use super::pb::server_service_client::ServerServiceClient;
pub use super::pb::similarity_service_client::SimilarityServiceClient;
pub use super::status::retry_delay;
