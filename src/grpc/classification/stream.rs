//! StreamClassify: a stream of articles, answered in order.

use std::sync::Arc;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Status, Streaming};

use super::unary::classify;
use crate::grpc::app::App;
use crate::grpc::transport::budget::ANSWER_FACTOR;
use crate::grpc::transport::call::{Call, Charge};
use crate::grpc::transport::deadline::{CallDeadline, expired};
use crate::grpc::{pb, status};
use crate::service::{FieldViolation, ServiceError, truncated};

/// Limit on the answers of a stream that wait for the caller to read them.
const MAX_WAITING_ANSWERS: usize = 16;

/// An answer that waits to be read, and what it holds of the budget.
struct Waiting {
    answer: pb::StreamClassifyResponse,
    _charge: Option<Charge>,
}

/// The answers to a stream of requests, until it ends, its deadline passes or the server drains.
pub(super) fn answers(
    app: Arc<App>,
    requests: Streaming<pb::StreamClassifyRequest>,
    deadline: Option<CallDeadline>,
) -> impl Stream<Item = Result<pb::StreamClassifyResponse, Status>> + Send {
    let (answers, receiver) = mpsc::channel(MAX_WAITING_ANSWERS);
    let work = async move {
        let end = tokio::select! {
            end = answer_all(&app, requests, &answers) => end,
            () = expired(deadline) => Err(status::status(ServiceError::DeadlineExceeded)),
            () = app.draining() => Err(status::status(ServiceError::Draining)),
            // The caller has left.
            () = answers.closed() => Ok(()),
        };
        if let Err(status) = end {
            // The caller may have left meanwhile.
            let _ = answers.send(Err(status)).await;
        }
    };
    match Call::current() {
        Some(call) => tokio::spawn(call.scope(work)),
        None => tokio::spawn(work),
    };
    // An answer releases what it held as it is encoded.
    ReceiverStream::new(receiver).map(|waiting| waiting.map(|Waiting { answer, .. }| answer))
}

async fn answer_all(
    app: &Arc<App>,
    mut requests: Streaming<pb::StreamClassifyRequest>,
    answers: &mpsc::Sender<Result<Waiting, Status>>,
) -> Result<(), Status> {
    let call = Call::current();
    loop {
        let next = requests.message().await;
        let Some(request) =
            next.map_err(|error| status::of_transport(error, app.limits.message_bytes))?
        else {
            return Ok(());
        };
        let answer = {
            // The semaphore is never closed.
            let _permit = app.streams.acquire().await;
            answer_one(app, request).await
        };
        let bytes = answer.encoded_len() * ANSWER_FACTOR;
        let charge = call.as_ref().map(|call| call.charge(bytes)).transpose();
        let charge = charge.map_err(|_| status::budget_exhausted())?;
        if answers.send(Ok(Waiting { answer, _charge: charge })).await.is_err() {
            return Ok(());
        }
    }
}

async fn answer_one(
    app: &Arc<App>,
    request: pb::StreamClassifyRequest,
) -> pb::StreamClassifyResponse {
    use pb::stream_classify_response::Result as Wire;
    let pb::StreamClassifyRequest { mut id, request } = request;
    let (size, limit) = (id.len(), app.limits.request_id_bytes);
    let answer = if size > limit {
        // An id over the limit is not echoed whole.
        id = truncated(id, limit);
        Err(FieldViolation::over_limit("id", "ID_TOO_LONG", "bytes", size, limit).into())
    } else {
        match request {
            Some(request) => classify(app, request).await,
            None => Err(FieldViolation::required("request").into()),
        }
    };
    let result = match answer {
        Ok(classification) => Wire::Classification(classification),
        Err(error) => Wire::Error(status::message(error)),
    };
    pb::StreamClassifyResponse { id, result: Some(result) }
}
