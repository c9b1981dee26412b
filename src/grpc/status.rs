//! Turns errors into gRPC statuses with google.rpc details: the only file that names status codes.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::service::{FieldViolation, ServiceError};

/// The domain of every ErrorInfo.
pub(super) const DOMAIN: &str = "slugline.dev";

/// When a refused caller may try again.
const RETRY_AFTER: Duration = Duration::from_millis(RETRY_AFTER_MS);
const RETRY_AFTER_MS: u64 = 500;

/// The status for an error of a use case.
pub(super) fn status(error: ServiceError) -> Status {
    let message = error.to_string();
    match error {
        ServiceError::Invalid(violation) => invalid(violation),
        ServiceError::ModelNotFound { name } => {
            let mut details = info("MODEL_NOT_FOUND", [("model", name.clone())]);
            details.set_resource_info("slugline.v1.Model", name, "", message.clone());
            Status::with_error_details(Code::NotFound, message, details)
        }
        ServiceError::ModelFailed { name, reason } => {
            let details = info("MODEL_FAILED", [("model", name), ("failure", reason)]);
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        ServiceError::ArticleNotFound { id } => {
            let mut details = info("ARTICLE_NOT_FOUND", [("article", id.clone())]);
            details.set_resource_info("slugline.v1.ArchivedArticle", id, "", message.clone());
            Status::with_error_details(Code::NotFound, message, details)
        }
        ServiceError::ArticleCorrupt { id, reason } => {
            tracing::error!(%id, %reason, "an article is corrupt");
            let details = info("ARTICLE_CORRUPT", [("article", id), ("failure", reason)]);
            Status::with_error_details(Code::DataLoss, message, details)
        }
        ServiceError::ArchiveNotOpen => unavailable("ARCHIVE_NOT_OPEN", message),
        ServiceError::ArchiveFull { reason } => {
            Status::with_error_details(Code::ResourceExhausted, message, info("ARCHIVE_FULL", [("failure", reason)]))
        }
        ServiceError::ArchiveReadOnly { reason } => {
            Status::with_error_details(Code::FailedPrecondition, message, info("ARCHIVE_READ_ONLY", [("failure", reason)]))
        }
        ServiceError::ArchiveDamaged { reason } => {
            Status::with_error_details(Code::FailedPrecondition, message, info("ARCHIVE_DAMAGED", [("failure", reason)]))
        }
        ServiceError::NotReady => unavailable("NO_MODEL_LOADED", message),
        ServiceError::Draining => unavailable("DRAINING", message),
        ServiceError::Busy { what, limit } => {
            let mut details = info("TOO_MANY_IN_FLIGHT", [("what", what.to_owned()), ("limit", limit.to_string())]);
            details.set_retry_info(Some(RETRY_AFTER));
            retryable(Code::ResourceExhausted, message, details)
        }
        ServiceError::NoRoom => budget_exhausted(),
        ServiceError::DeadlineExceeded => {
            Status::with_error_details(Code::DeadlineExceeded, message, info("DEADLINE_EXCEEDED", []))
        }
        ServiceError::Internal(cause) => {
            tracing::error!(%cause, "internal error");
            internal("")
        }
    }
}

/// The status of a fault of ours: a fixed sentence, and what finds the fault in the log.
pub(super) fn internal(request_id: &str) -> Status {
    let mut details = info("INTERNAL", []);
    if !request_id.is_empty() {
        details.set_request_info(request_id, "");
    }
    Status::with_error_details(Code::Internal, "an internal error occurred; the server's log has its cause", details)
}

fn invalid(violation: FieldViolation) -> Status {
    let message = format!("{}: {}", violation.field, violation.description);
    let mut details = info(violation.reason, violation.values);
    details.set_bad_request(vec![tonic_types::FieldViolation::new(violation.field, violation.description)]);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn unavailable(reason: &str, message: String) -> Status {
    let mut details = info(reason, []);
    details.set_retry_info(Some(RETRY_AFTER));
    retryable(Code::Unavailable, message, details)
}

/// With the trailer that the retry policies of gRPC's clients obey (gRFC A6): they do not look into the details.
fn retryable(code: Code, message: String, details: ErrorDetails) -> Status {
    let mut status = Status::with_error_details(code, message, details);
    status.metadata_mut().insert("grpc-retry-pushback-ms", RETRY_AFTER_MS.into());
    status
}

/// What calls may hold in memory is used up.
pub(super) fn budget_exhausted() -> Status {
    let mut details = info("BUDGET_EXHAUSTED", []);
    details.set_retry_info(Some(RETRY_AFTER));
    retryable(Code::ResourceExhausted, ServiceError::NoRoom.to_string(), details)
}

/// The connection is beyond the limit: it is there for health and server info.
pub(super) fn too_many_connections() -> Status {
    let mut details = info("TOO_MANY_CONNECTIONS", []);
    details.set_retry_info(Some(RETRY_AFTER));
    let message = "too many connections are open: this one answers health and server info only".to_owned();
    retryable(Code::ResourceExhausted, message, details)
}

/// The caller has not sent what it began to send.
pub(super) fn request_stalled() -> Status {
    Status::with_error_details(Code::DeadlineExceeded, "the request did not come", info("REQUEST_STALLED", []))
}

/// The caller has sent no whole message on a stream for too long.
pub(super) fn stream_idle() -> Status {
    unavailable("STREAM_IDLE", "no message came on the stream for too long".to_owned())
}

/// An error as the end of an answer.
pub(super) fn trailers(status: &Status) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    // It fails for what does not fit into a header, and details are encoded.
    let _ = status.add_header(&mut trailers);
    trailers
}

fn info(reason: &str, values: impl IntoIterator<Item = (&'static str, String)>) -> ErrorDetails {
    let values: HashMap<String, String> = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ErrorDetails::with_error_info(reason, DOMAIN, values)
}

/// The same error as a message, for one item of a batch or a stream.
pub(super) fn message(error: ServiceError) -> tonic_types::Status {
    use prost::Message as _;
    let status = status(error);
    // The details are an encoded google.rpc.Status already.
    tonic_types::Status::decode(status.details()).unwrap_or_else(|_| tonic_types::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// tonic's own refusal of a message over the limit (OUT_OF_RANGE, or RESOURCE_EXHAUSTED for what only decompression showed),
/// as the API has it; anything else as it is.
pub(super) fn of_transport(status: Status, limit: usize) -> Status {
    let text = status.message();
    let too_large = text.contains("message length too large") || text.contains("size limit");
    if !too_large {
        return status;
    }
    let found = text.split("found ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|size| size.parse::<usize>().ok());
    let description = match found {
        Some(size) => format!("the message has {size} bytes, over the limit of {limit}"),
        None => format!("the message decompresses to more than the limit of {limit} bytes"),
    };
    let mut values = vec![("limit", limit.to_string())];
    values.extend(found.map(|size| ("size", size.to_string())));
    // The message as a whole: no field of it has been looked at.
    invalid(FieldViolation { field: "(message)".to_owned(), description, reason: "MESSAGE_TOO_LARGE", values })
}
