//! Turns errors into gRPC statuses with google.rpc details: the only file that names status codes.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, RequestInfo, ResourceInfo, StatusExt as _};

use crate::service::{FieldViolation, ServiceError};

/// The domain of every ErrorInfo.
pub(super) const DOMAIN: &str = "slugline.dev";

/// When a refused caller may try again.
const RETRY_AFTER: Duration = Duration::from_millis(RETRY_AFTER_MS);
const RETRY_AFTER_MS: u64 = 500;

/// The longest `grpc-message`, in bytes as it is percent-encoded.
///
/// Clients bound the metadata of an answer: those of gRPC's C core drop what is over 8 KiB, and
/// their caller sees RESOURCE_EXHAUSTED. The message stands in the metadata twice, and most details
/// a third time, in base64. With these bounds the longest error takes less than 7 KiB.
const MAX_MESSAGE_BYTES: usize = 1_024;
/// The longest sentence of a detail, in bytes.
const MAX_SENTENCE_BYTES: usize = 512;
/// The longest value or path of a detail, in bytes: no value that a request may hold is longer, but
/// for texts.
const MAX_VALUE_BYTES: usize = 256;
/// The most violations that an error lists, and the most bytes that they take together, each with
/// its frame.
const MAX_VIOLATIONS: usize = 16;
const MAX_VIOLATIONS_BYTES: usize = 2_048;
const VIOLATION_FRAME_BYTES: usize = 16;
/// What a text that was cut ends with.
const CUT: &str = "...";

/// The status for an error of a use case.
pub(super) fn status(error: ServiceError) -> Status {
    let message = error.to_string();
    match error {
        ServiceError::Invalid(violation) => invalid(violation),
        ServiceError::InvalidFields(violations) => invalid_fields(violations),
        ServiceError::ModelNotFound { name } => {
            let mut details = info("MODEL_NOT_FOUND", [("model", name.clone())]);
            details.set_resource_info("slugline.v1.Model", name, "", message.clone());
            bounded(Code::NotFound, message, details)
        }
        ServiceError::ModelFailed { name, reason } => {
            let details = info("MODEL_FAILED", [("model", name), ("failure", reason)]);
            bounded(Code::FailedPrecondition, message, details)
        }
        ServiceError::ArticleNotFound { id } => {
            of_article(Code::NotFound, "ARTICLE_NOT_FOUND", id, message)
        }
        ServiceError::ArticleExists { id } => {
            of_article(Code::AlreadyExists, "ARTICLE_EXISTS", id, message)
        }
        ServiceError::ArticleChanged { id } => {
            of_article(Code::Aborted, "ETAG_MISMATCH", id, message)
        }
        ServiceError::ArticleCorrupt { id, reason } => {
            tracing::error!(%id, %reason, "an article is corrupt");
            let details = info("ARTICLE_CORRUPT", [("article", id), ("failure", reason)]);
            bounded(Code::DataLoss, message, details)
        }
        ServiceError::ArchiveNotOpen => unavailable("ARCHIVE_NOT_OPEN", message),
        ServiceError::ArchiveFull { reason } => {
            bounded(Code::ResourceExhausted, message, info("ARCHIVE_FULL", [("failure", reason)]))
        }
        ServiceError::ArchiveReadOnly { reason } => bounded(
            Code::FailedPrecondition,
            message,
            info("ARCHIVE_READ_ONLY", [("failure", reason)]),
        ),
        ServiceError::ArchiveDamaged { reason } => bounded(
            Code::FailedPrecondition,
            message,
            info("ARCHIVE_DAMAGED", [("failure", reason)]),
        ),
        ServiceError::ArchiveBusy => {
            let mut details = info("ARCHIVE_BUSY", []);
            details.set_retry_info(Some(RETRY_AFTER));
            retryable(Code::ResourceExhausted, message, details)
        }
        ServiceError::NotReady => unavailable("NO_MODEL_LOADED", message),
        ServiceError::Draining => unavailable("DRAINING", message),
        ServiceError::Busy { what, limit } => {
            let mut details = info(
                "TOO_MANY_IN_FLIGHT",
                [("what", what.to_owned()), ("limit", limit.to_string())],
            );
            details.set_retry_info(Some(RETRY_AFTER));
            retryable(Code::ResourceExhausted, message, details)
        }
        ServiceError::NoRoom => budget_exhausted(),
        ServiceError::DeadlineExceeded => {
            bounded(Code::DeadlineExceeded, message, info("DEADLINE_EXCEEDED", []))
        }
        ServiceError::Internal(cause) => {
            tracing::error!(%cause, "internal error");
            internal("")
        }
    }
}

/// The status for an article that is not there as the caller has it.
fn of_article(code: Code, reason: &str, id: String, message: String) -> Status {
    let mut details = info(reason, [("article", id.clone())]);
    details.set_resource_info("slugline.v1.ArchivedArticle", id, "", message.clone());
    bounded(code, message, details)
}

/// The status of a fault of ours: a fixed sentence, and what finds the fault in the log.
pub(super) fn internal(request_id: &str) -> Status {
    let mut details = info("INTERNAL", []);
    if !request_id.is_empty() {
        details.set_request_info(request_id, "");
    }
    bounded(Code::Internal, "an internal error occurred; the server's log has its cause", details)
}

/// The status for a service that health is asked for and that there is not.
pub(super) fn service_not_found(name: &str) -> Status {
    let message = format!("there is no service {name:?}");
    let mut details = info("SERVICE_NOT_FOUND", [("service", name.to_owned())]);
    details.set_resource_info("service", name, "", message.as_str());
    bounded(Code::NotFound, message, details)
}

/// The status for what reflection is asked about and the descriptors do not have: a file, a symbol.
pub(super) fn not_described(what: &'static str, name: &str) -> Status {
    let mut details = info("NOT_DESCRIBED", [("what", what.to_owned()), ("name", name.to_owned())]);
    let message = format!("there is no {what} {name:?}");
    details.set_resource_info(what, name, "", message.as_str());
    bounded(Code::NotFound, message, details)
}

/// The status for a question to reflection that asks nothing.
pub(super) fn empty_question() -> Status {
    invalid(FieldViolation::new("message_request", "FIELD_REQUIRED", "is required"))
}

/// The status for a call of any number of messages other than the one that the method takes, as
/// gRPC's list of status codes has it (doc/statuscodes.md: request cardinality violation).
fn not_one_message(what: &str) -> Status {
    let message = format!("the method takes exactly one message, but {what}");
    bounded(Code::Unimplemented, message, info("NOT_ONE_MESSAGE", []))
}

/// The status for a second message where one is taken.
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

/// The status for several fields that are wrong: the reason is the first one's. As many are listed
/// as there is room for, and "violation_count" says how many there are.
fn invalid_fields(violations: Vec<FieldViolation>) -> Status {
    let count = violations.len();
    let listed = violations.iter().take(MAX_VIOLATIONS);
    let listed = listed
        .map(|one| tonic_types::FieldViolation::new(one.field.as_str(), one.description.as_str()))
        .collect::<Vec<_>>();
    let Some(first) = violations.into_iter().next() else { return internal("") };
    let rest = if count > 1 { format!("; and {} more", count - 1) } else { String::new() };
    let sentence = format!("{}: {}", first.field, first.description);
    let message = cut(&sentence, MAX_MESSAGE_BYTES - 3 * rest.len(), percent_encoded_len) + &rest;
    let mut details = info(
        first.reason,
        first.values.into_iter().chain([("violation_count", count.to_string())]),
    );
    details.set_bad_request(listed);
    bounded(Code::InvalidArgument, message, details)
}

fn unavailable(reason: &str, message: String) -> Status {
    let mut details = info(reason, []);
    details.set_retry_info(Some(RETRY_AFTER));
    retryable(Code::Unavailable, message, details)
}

/// With the trailer that the retry policies of gRPC's clients obey (gRFC A6): they do not look into
/// the details.
fn retryable(code: Code, message: String, details: ErrorDetails) -> Status {
    let mut status = bounded(code, message, details);
    status.metadata_mut().insert("grpc-retry-pushback-ms", RETRY_AFTER_MS.into());
    status
}

/// When a call may be made again that was refused because the server was not ready; None for any
/// other error. For clients.
pub fn when_to_try_again(status: &Status) -> Option<Duration> {
    let retry = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    retry.filter(|_| status.code() == Code::Unavailable)
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
    let message =
        "too many connections are open: this one answers health and server info only".to_owned();
    retryable(Code::ResourceExhausted, message, details)
}

/// The caller has not sent what it began to send.
pub(super) fn request_stalled() -> Status {
    bounded(
        Code::DeadlineExceeded,
        "the request did not come".to_owned(),
        info("REQUEST_STALLED", []),
    )
}

/// The caller has sent no whole message on a stream for too long.
pub(super) fn stream_idle() -> Status {
    unavailable("STREAM_IDLE", "no message came on the stream for too long".to_owned())
}

/// The call ends within a message.
pub(super) fn incomplete_message() -> Status {
    invalid(FieldViolation::new(
        "(message)",
        "INCOMPLETE_MESSAGE",
        "the call ends within a message",
    ))
}

/// The message cannot be decompressed.
pub(super) fn not_decompressed() -> Status {
    invalid(FieldViolation::new("(message)", "MALFORMED_MESSAGE", "cannot be decompressed"))
}

/// The message decompresses to more than it may.
pub(super) fn inflates_too_far(limit: usize) -> Status {
    let description = format!("the message decompresses to more than the limit of {limit} bytes");
    let values = vec![("limit", limit.to_string())];
    invalid(FieldViolation {
        field: "(message)".to_owned(),
        description,
        reason: "MESSAGE_TOO_LARGE",
        values,
    })
}

/// An error as the end of an answer.
pub(super) fn trailers(status: &Status) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    // It fails for what does not fit into a header, and details are encoded.
    let _ = status.add_header(&mut trailers);
    trailers
}

fn info(reason: &str, values: impl IntoIterator<Item = (&'static str, String)>) -> ErrorDetails {
    let values: HashMap<String, String> =
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ErrorDetails::with_error_info(reason, DOMAIN, values)
}

/// Makes every status there is of ours: what is too long to arrive is cut here.
fn bounded(code: Code, message: impl Into<String>, mut details: ErrorDetails) -> Status {
    let sentence = |text: &str| cut(text, MAX_SENTENCE_BYTES, char::len_utf8);
    let value = |text: &str| cut(text, MAX_VALUE_BYTES, char::len_utf8);
    if let Some(ErrorInfo { reason, domain, metadata }) = details.error_info().cloned() {
        let metadata: HashMap<String, String> =
            metadata.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        details.set_error_info(reason, domain, metadata);
    }
    if let Some(bad) = details.bad_request() {
        let violations = bad.field_violations.iter();
        let violations = violations.map(|violation| {
            tonic_types::FieldViolation::new(
                value(&violation.field),
                sentence(&violation.description),
            )
        });
        let mut used = 0;
        let has_room = |violation: &tonic_types::FieldViolation| {
            used += violation.field.len() + violation.description.len() + VIOLATION_FRAME_BYTES;
            used <= MAX_VIOLATIONS_BYTES
        };
        // One always has.
        details.set_bad_request(violations.take_while(has_room).collect::<Vec<_>>());
    }
    if let Some(ResourceInfo { resource_type, resource_name, owner, description }) =
        details.resource_info().cloned()
    {
        details.set_resource_info(
            resource_type,
            value(&resource_name),
            owner,
            sentence(&description),
        );
    }
    if let Some(RequestInfo { request_id, serving_data }) = details.request_info().cloned() {
        details.set_request_info(value(&request_id), serving_data);
    }
    let message = cut(&message.into(), MAX_MESSAGE_BYTES, percent_encoded_len);
    Status::with_error_details(code, message, details)
}

/// As many whole characters of a text as fit into so many bytes, [`CUT`] behind them where that is
/// not all. `length` says how many bytes a character takes.
fn cut(text: &str, bytes: usize, length: impl Fn(char) -> usize) -> String {
    let (mut used, mut end) = (0, 0);
    for (at, character) in text.char_indices() {
        if used + CUT.len() <= bytes {
            end = at;
        }
        used += length(character);
        if used > bytes {
            return format!("{}{CUT}", &text[..end]);
        }
    }
    text.to_owned()
}

/// How many bytes a character takes in `grpc-message`. Some that are counted threefold stand for
/// themselves.
fn percent_encoded_len(character: char) -> usize {
    let is_plain = character.is_ascii_graphic() && !"\"#%<>`?{}".contains(character);
    if is_plain { 1 } else { 3 * character.len_utf8() }
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

/// tonic's own refusals as the API has them: of a message over the limit (OUT_OF_RANGE), of none,
/// of one that cannot be decoded; anything else as it is, but cut.
pub(super) fn of_transport(status: Status, limit: usize) -> Status {
    if !status.details().is_empty() {
        // One of ours.
        return status;
    }
    let text = status.message();
    if text == "Missing request message." {
        return not_one_message("none was sent");
    }
    // Those of health and reflection; ours are read by our own decoder.
    if text.starts_with("failed to decode Protobuf message") && status.code() == Code::Internal {
        return invalid(FieldViolation::new("(message)", "MALFORMED_MESSAGE", "cannot be decoded"));
    }
    if text.starts_with("protocol error: ") {
        // A flag that is none, or that says of a message that it is compressed where the call does
        // not say how.
        return invalid(FieldViolation::new(
            "(message)",
            "MALFORMED_MESSAGE",
            "its prefix is wrong",
        ));
    }
    if !text.contains("message length too large") {
        let (reason, text) = match (status.code(), text) {
            (Code::Unimplemented, "") => ("METHOD_NOT_FOUND", "there is no such method"),
            (Code::Unimplemented, text) => ("UNSUPPORTED_ENCODING", text),
            (_, text) => ("TRANSPORT", text),
        };
        // It may repeat a header of the request.
        let mut told = bounded(status.code(), text, info(reason, []));
        if let Some(accepted) = status.metadata().get("grpc-accept-encoding") {
            told.metadata_mut().insert("grpc-accept-encoding", accepted.clone());
        }
        return told;
    }
    let number = |before: &str| text.split(before).nth(1)?.split(' ').next()?.parse::<usize>().ok();
    let size = number("found ").unwrap_or_default();
    // Health takes less than the other services.
    let limit = number("the limit is: ").unwrap_or(limit);
    let description = format!("the message has {size} bytes, over the limit of {limit}");
    let values = vec![("limit", limit.to_string()), ("size", size.to_string())];
    // The message as a whole: no field of it has been looked at.
    invalid(FieldViolation {
        field: "(message)".to_owned(),
        description,
        reason: "MESSAGE_TOO_LARGE",
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the headers of a status take, counted as HTTP/2 does (RFC 9113, section 6.5.2).
    fn metadata_bytes(status: Status) -> usize {
        status
            .into_http::<tonic::body::Body>()
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum()
    }

    #[test]
    fn every_error_arrives_whatever_it_repeats() {
        for text in ["x", "\u{1}", "\u{202e}\u{200b}", "日", "%", "\""] {
            let long = || text.repeat(100_000);
            let violation = FieldViolation {
                values: vec![("size", long()), ("limit", long())],
                ..FieldViolation::new(long(), "R", long())
            };
            let errors = [
                ServiceError::InvalidFields(vec![violation.clone(); 40]),
                ServiceError::Invalid(violation),
                ServiceError::ModelNotFound { name: long() },
                ServiceError::ModelFailed { name: long(), reason: long() },
                ServiceError::ArticleNotFound { id: long() },
                ServiceError::ArticleExists { id: long() },
                ServiceError::ArticleChanged { id: long() },
                ServiceError::ArticleCorrupt { id: long(), reason: long() },
                ServiceError::ArchiveFull { reason: long() },
                ServiceError::ArchiveReadOnly { reason: long() },
                ServiceError::ArchiveDamaged { reason: long() },
                ServiceError::Internal(long()),
            ];
            for error in errors {
                let size = metadata_bytes(status(error));
                assert!(size < 7 << 10, "{text:?}: {size}");
            }
            for error in [
                internal(&long()),
                service_not_found(&long()),
                of_transport(Status::unimplemented(long()), 1),
            ] {
                let size = metadata_bytes(error);
                assert!(size < 7 << 10, "{text:?}: {size}");
            }
        }
    }

    #[test]
    fn of_several_violations_the_first_says_why_and_all_are_listed() {
        let violation = |field: &str, reason| FieldViolation::new(field, reason, "is wrong");
        let error =
            ServiceError::InvalidFields(vec![violation("a", "FIRST"), violation("b", "SECOND")]);
        let status = status(error);
        assert_eq!(status.message(), "a: is wrong; and 1 more");
        let details = status.get_error_details();
        let info = details.error_info().expect("a reason");
        assert_eq!(
            (info.reason.as_str(), info.metadata["violation_count"].as_str()),
            ("FIRST", "2")
        );
        let fields = details
            .bad_request()
            .map(|bad| bad.field_violations.iter().map(|one| one.field.as_str()).collect());
        assert_eq!(fields, Some(vec!["a", "b"]));
    }

    #[test]
    fn the_longest_id_is_repeated_whole() {
        let id = "日".repeat(85);
        let error = status(ServiceError::ArticleNotFound { id: id.clone() });
        assert_eq!(
            error.get_error_details().resource_info().map(|info| info.resource_name.clone()),
            Some(id)
        );
    }

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        let plain = |text: &str, bytes| cut(text, bytes, char::len_utf8);
        assert_eq!(plain("abcdef", 6), "abcdef");
        assert_eq!(plain("abcdefg", 6), "abc...");
        assert_eq!(plain("abéééé", 6), "ab...");
        assert_eq!(plain("", 6), "");
    }

    #[test]
    fn a_message_is_measured_as_it_is_sent() {
        // Two plain ones, then three bytes each: "%20" and "%C3%A9".
        let lengths = ["a/", " ", "\u{1}", "é", "日"]
            .map(|text| text.chars().map(percent_encoded_len).sum::<usize>());
        assert_eq!(lengths, [2, 3, 3, 6, 9]);
        assert_eq!(cut("日日日", 24, percent_encoded_len), "日日...");
    }
}
