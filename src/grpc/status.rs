//! Turns errors into gRPC statuses with google.rpc details; the only file that names status codes.

mod fit;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use self::fit::{MAX_MESSAGE_BYTES, cut, fit, percent_encoded_len};
use crate::service::{FieldViolation, ServiceError};

/// The domain of every ErrorInfo.
const DOMAIN: &str = "slugline.dev";
/// The field of a violation that concerns the message as a whole.
const WHOLE_MESSAGE: &str = "(message)";
/// How many violations an error lists.
pub(super) const MAX_VIOLATIONS: usize = 16;
/// How long a refused caller is asked to wait.
const RETRY_AFTER: Duration = Duration::from_millis(RETRY_AFTER_MS);
const RETRY_AFTER_MS: u64 = 500;

/// The response to a call.
pub(super) fn response<T>(answer: Result<T, ServiceError>) -> Result<Response<T>, Status> {
    answer.map(Response::new).map_err(status)
}

/// The status for an error of a use case.
pub(crate) fn status(error: ServiceError) -> Status {
    use ServiceError as E;
    let message = error.to_string();
    match error {
        E::Invalid(violation) => invalid(violation),
        E::InvalidFields(violations) => invalid_fields(violations),
        E::ModelNotFound { name } => {
            let details = info("MODEL_NOT_FOUND", [("model", name.clone())]);
            not_found(message, "slugline.v1.Model", name, details)
        }
        E::ModelFailed { name, reason } => {
            let details = info("MODEL_FAILED", [("model", name), ("failure", reason)]);
            bounded(Code::FailedPrecondition, message, details)
        }
        E::ArticleNotFound { id } => of_article(Code::NotFound, "ARTICLE_NOT_FOUND", id, message),
        E::ArticleExists { id } => of_article(Code::AlreadyExists, "ARTICLE_EXISTS", id, message),
        E::ArticleChanged { id } => of_article(Code::Aborted, "ETAG_MISMATCH", id, message),
        E::ArticleCorrupt { id, reason } => {
            tracing::error!(%id, %reason, "corrupt article");
            let details = info("ARTICLE_CORRUPT", [("article", id), ("failure", reason)]);
            bounded(Code::DataLoss, message, details)
        }
        E::ArchiveFull { reason } => {
            bounded(Code::ResourceExhausted, message, failure("ARCHIVE_FULL", reason))
        }
        E::ArchiveReadOnly { reason } => {
            bounded(Code::FailedPrecondition, message, failure("ARCHIVE_READ_ONLY", reason))
        }
        E::ArchiveDamaged { reason } => {
            bounded(Code::FailedPrecondition, message, failure("ARCHIVE_DAMAGED", reason))
        }
        E::ArchiveNotOpen => unavailable("ARCHIVE_NOT_OPEN", message),
        E::NotReady => unavailable("NO_MODEL_LOADED", message),
        E::Draining => unavailable("DRAINING", message),
        E::ArchiveBusy => exhausted(message, info("ARCHIVE_BUSY", [])),
        E::Busy { what, limit } => {
            let values = [("what", what.to_owned()), ("limit", limit.to_string())];
            exhausted(message, info("TOO_MANY_IN_FLIGHT", values))
        }
        E::NoRoom => budget_exhausted(),
        E::DeadlineExceeded => {
            bounded(Code::DeadlineExceeded, message, info("DEADLINE_EXCEEDED", []))
        }
        E::Internal(cause) => {
            tracing::error!(%cause, "internal error");
            internal("")
        }
    }
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

/// The status for an article that is not as the caller expects.
fn of_article(code: Code, reason: &str, id: String, message: String) -> Status {
    let mut details = info(reason, [("article", id.clone())]);
    details.set_resource_info("slugline.v1.ArchivedArticle", id, "", message.clone());
    bounded(code, message, details)
}

/// The status for a resource that does not exist.
fn not_found(message: String, kind: &str, name: String, mut details: ErrorDetails) -> Status {
    details.set_resource_info(kind, name, "", message.clone());
    bounded(Code::NotFound, message, details)
}

/// The status for a fault of the server: a fixed sentence, and an id to find the fault in the log.
pub(super) fn internal(request_id: &str) -> Status {
    let mut details = info("INTERNAL", []);
    if !request_id.is_empty() {
        details.set_request_info(request_id, "");
    }
    let message = "an internal error occurred; the server's log has its cause".to_owned();
    bounded(Code::Internal, message, details)
}

/// The status for an unknown service that health is asked for.
pub(super) fn service_not_found(name: &str) -> Status {
    let details = info("SERVICE_NOT_FOUND", [("service", name.to_owned())]);
    not_found(format!("service {name:?} not found"), "service", name.to_owned(), details)
}

/// The status for a name that the descriptors do not have; `kind` is what it names: "file".
pub(super) fn not_described(kind: &'static str, name: &str) -> Status {
    let details = info("NOT_DESCRIBED", [("what", kind.to_owned()), ("name", name.to_owned())]);
    not_found(format!("{kind} {name:?} not found"), kind, name.to_owned(), details)
}

/// The status for an empty question to reflection.
pub(super) fn empty_question() -> Status {
    invalid(FieldViolation::required("message_request"))
}

/// The status for a unary call with no message or several, as gRPC's list of status codes has it
/// (doc/statuscodes.md: request cardinality violation).
fn not_one_message(fault: &str) -> Status {
    let message = format!("the method takes exactly one message, but {fault}");
    bounded(Code::Unimplemented, message, info("NOT_ONE_MESSAGE", []))
}

/// The status for a second message of a unary call.
pub(super) fn several_messages() -> Status {
    not_one_message("several were sent")
}

/// The status for a field that is wrong.
pub(super) fn invalid(violation: FieldViolation) -> Status {
    let message = format!("{}: {}", violation.field, violation.description);
    let mut details = info(violation.reason, violation.values);
    details.set_bad_request(vec![tonic_types::FieldViolation::new(
        violation.field,
        violation.description,
    )]);
    bounded(Code::InvalidArgument, message, details)
}

/// The status for several fields that are wrong, with the reason of the first. Lists as many as
/// there is room for; "violation_count" is the number of all.
fn invalid_fields(violations: Vec<FieldViolation>) -> Status {
    let count = violations.len();
    let listed = violations.iter().take(MAX_VIOLATIONS);
    let listed = listed
        .map(|one| tonic_types::FieldViolation::new(one.field.as_str(), one.description.as_str()))
        .collect::<Vec<_>>();
    let Some(first) = violations.into_iter().next() else { return internal("") };
    let suffix = if count > 1 { format!("; and {} more", count - 1) } else { String::new() };
    let sentence = format!("{}: {}", first.field, first.description);
    let room = MAX_MESSAGE_BYTES - 3 * suffix.len();
    let message = cut(&sentence, room, percent_encoded_len) + &suffix;
    let count = [("violation_count", count.to_string())];
    let mut details = info(first.reason, first.values.into_iter().chain(count));
    details.set_bad_request(listed);
    bounded(Code::InvalidArgument, message, details)
}

/// The status of a server that is not ready.
fn unavailable(reason: &str, message: String) -> Status {
    retryable(Code::Unavailable, message, info(reason, []))
}

/// The status at a limit on the work in flight.
fn exhausted(message: String, details: ErrorDetails) -> Status {
    retryable(Code::ResourceExhausted, message, details)
}

/// A status with RetryInfo, and with the trailer that the retry policies of gRPC clients obey (gRFC
/// A6), which do not look into the details.
fn retryable(code: Code, message: String, mut details: ErrorDetails) -> Status {
    details.set_retry_info(Some(RETRY_AFTER));
    let mut status = bounded(code, message, details);
    status.metadata_mut().insert("grpc-retry-pushback-ms", RETRY_AFTER_MS.into());
    status
}

/// How long to wait before a call is made again that was refused because the server was not ready;
/// None for any other error. For clients.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    let retry = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    retry.filter(|_| status.code() == Code::Unavailable)
}

/// The status of a call for which the memory budget has no room.
pub(crate) fn budget_exhausted() -> Status {
    exhausted(ServiceError::NoRoom.to_string(), info("BUDGET_EXHAUSTED", []))
}

/// The status of a call over a spare connection, which serves health and server info alone.
pub(crate) fn too_many_connections() -> Status {
    let message = "too many connections: this one serves health and server info only".to_owned();
    exhausted(message, info("TOO_MANY_CONNECTIONS", []))
}

/// The status of a call whose request was begun and not finished.
pub(crate) fn request_stalled() -> Status {
    let message = "the request did not arrive in time".to_owned();
    bounded(Code::DeadlineExceeded, message, info("REQUEST_STALLED", []))
}

/// The status of a stream on which no whole message arrived for too long.
pub(crate) fn stream_idle() -> Status {
    unavailable("STREAM_IDLE", "the stream was idle for too long".to_owned())
}

/// The status of a call that ends within a message.
pub(crate) fn incomplete_message() -> Status {
    let description = "the call ends within a message";
    invalid(FieldViolation::new(WHOLE_MESSAGE, "INCOMPLETE_MESSAGE", description))
}

/// The status for a message that cannot be read; `fault` is what is wrong with it.
fn malformed_message(fault: &str) -> Status {
    invalid(FieldViolation::new(WHOLE_MESSAGE, "MALFORMED_MESSAGE", fault))
}

/// The status for a message that cannot be decompressed.
pub(crate) fn not_decompressed() -> Status {
    malformed_message("cannot be decompressed")
}

/// The status for a message that decompresses to more than the limit.
pub(crate) fn inflates_too_far(limit: usize) -> Status {
    let description = format!("the message decompresses to more than the limit of {limit} bytes");
    message_too_large(description, vec![("limit", limit.to_string())])
}

fn message_too_large(description: String, values: Vec<(&'static str, String)>) -> Status {
    let violation = FieldViolation::new(WHOLE_MESSAGE, "MESSAGE_TOO_LARGE", description);
    invalid(FieldViolation { values, ..violation })
}

/// An error as the trailers of an answer.
pub(crate) fn trailers(status: &Status) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    // Fails only for what does not fit into a header, and the details are encoded.
    let _ = status.add_header(&mut trailers);
    trailers
}

/// Turns a refusal by tonic into the API's errors: a message over the limit (OUT_OF_RANGE), a
/// missing one, one that cannot be decoded. Anything else keeps its code.
pub(crate) fn of_transport(status: Status, limit: usize) -> Status {
    if !status.details().is_empty() {
        // One of ours.
        return status;
    }
    let text = status.message();
    if text == "Missing request message." {
        return not_one_message("none was sent");
    }
    // Of health and reflection; the codec decodes the requests of all other services.
    if text.starts_with("failed to decode Protobuf message") && status.code() == Code::Internal {
        return malformed_message("cannot be decoded");
    }
    if text.starts_with("protocol error: ") {
        // An undefined flag, or one for compression where the call does not name an encoding.
        return malformed_message("its prefix is invalid");
    }
    if text.contains("message length too large") {
        return over_limit(text, limit);
    }
    let (reason, text) = match (status.code(), text) {
        (Code::Unimplemented, "") => ("METHOD_NOT_FOUND", "method not found"),
        (Code::Unimplemented, text) => ("UNSUPPORTED_ENCODING", text),
        (_, text) => ("TRANSPORT", text),
    };
    // It may repeat a header of the request.
    let mut bounded = bounded(status.code(), text.to_owned(), info(reason, []));
    if let Some(accepted) = status.metadata().get("grpc-accept-encoding") {
        bounded.metadata_mut().insert("grpc-accept-encoding", accepted.clone());
    }
    bounded
}

/// The status for tonic's refusal of a message over the limit; `text` has the sizes.
fn over_limit(text: &str, limit: usize) -> Status {
    let number = |before: &str| text.split(before).nth(1)?.split(' ').next()?.parse::<usize>().ok();
    let size = number("found ").unwrap_or_default();
    // Health has a lower limit than other services.
    let limit = number("the limit is: ").unwrap_or(limit);
    let description = format!("the message has {size} bytes, over the limit of {limit}");
    message_too_large(description, vec![("limit", limit.to_string()), ("size", size.to_string())])
}

fn info(reason: &str, values: impl IntoIterator<Item = (&'static str, String)>) -> ErrorDetails {
    let values: HashMap<String, String> =
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ErrorDetails::with_error_info(reason, DOMAIN, values)
}

fn failure(reason: &str, failure: String) -> ErrorDetails {
    info(reason, [("failure", failure)])
}

/// Makes every status of the API, cut to what every client receives.
fn bounded(code: Code, message: String, mut details: ErrorDetails) -> Status {
    fit(&mut details);
    let message = cut(&message, MAX_MESSAGE_BYTES, percent_encoded_len);
    Status::with_error_details(code, message, details)
}
