//! Holds answers to the limit on their size.

use prost::Message;

use crate::service::{FieldViolation, ServiceError};

/// What makes an answer smaller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remedy {
    /// The field to change.
    pub(super) field: &'static str,
    /// What to do: "lower page_size".
    pub(super) action: &'static str,
}

/// Checks the size of an answer.
///
/// # Errors
/// [`ServiceError::Invalid`] for one over the limit.
pub(super) fn check_answer(
    answer: &impl Message,
    limit: usize,
    remedy: Remedy,
) -> Result<(), ServiceError> {
    check_answer_bytes(answer.encoded_len(), limit, remedy)
}

/// Checks the size of an answer of at least `size` bytes.
///
/// # Errors
/// [`ServiceError::Invalid`] for one over the limit.
pub(super) fn check_answer_bytes(
    size: usize,
    limit: usize,
    Remedy { field, action }: Remedy,
) -> Result<(), ServiceError> {
    if size <= limit {
        return Ok(());
    }
    let description =
        format!("the answer would have at least {size} bytes, over the limit of {limit}: {action}");
    let values = vec![("size", size.to_string()), ("limit", limit.to_string())];
    let violation = FieldViolation::new(field, "ANSWER_TOO_LARGE", description);
    Err(FieldViolation { values, ..violation }.into())
}
