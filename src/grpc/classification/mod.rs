//! ClassificationService on the wire.

mod batch;
mod convert;
mod stream;
mod unary;

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::app::App;
use super::pb::classification_service_server::ClassificationService;
use super::transport::deadline::CallDeadline;
use super::{pb, status};

/// Adapts the use cases of classification.
#[derive(Debug, Clone)]
pub(super) struct ClassificationApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ClassificationService for ClassificationApi {
    async fn classify(
        &self,
        request: Request<pb::ClassifyRequest>,
    ) -> Result<Response<pb::ClassifyResponse>, Status> {
        status::response(unary::classify(&self.0, request.into_inner()).await)
    }

    async fn batch_classify(
        &self,
        request: Request<pb::BatchClassifyRequest>,
    ) -> Result<Response<pb::BatchClassifyResponse>, Status> {
        status::response(batch::classify_batch(&self.0, request.into_inner()).await)
    }

    type StreamClassifyStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamClassifyResponse, Status>> + Send>>;

    async fn stream_classify(
        &self,
        request: Request<Streaming<pb::StreamClassifyRequest>>,
    ) -> Result<Response<Self::StreamClassifyStream>, Status> {
        self.0.check_ready().map_err(status::status)?;
        let deadline = CallDeadline::of(request.extensions());
        let answers = stream::answers(Arc::clone(&self.0), request.into_inner(), deadline);
        Ok(Response::new(Box::pin(answers)))
    }
}
