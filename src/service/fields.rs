//! Checks the fields that several requests share.

use std::time::Duration;

use super::error::ServiceError;
use super::violation::FieldViolation;
use super::violations::Violations;
use crate::article::{ArticleText, Limits, is_language_code};
use crate::index::{ArticleId, ArticleIdError, PublishTime};

/// How many elements a page has.
#[derive(Debug, Clone, Copy)]
pub struct PageSize {
    /// Where the request does not say.
    pub default: usize,
    /// At most.
    pub max: usize,
}

impl PageSize {
    /// For lists of articles and of models.
    pub const LIST: Self = Self { default: 50, max: 1_000 };
    /// For results of a search.
    pub const SEARCH: Self = Self { default: 10, max: 100 };

    /// The page size for a request's `page_size`; 0 is the default.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a negative one.
    pub fn checked(self, requested: i32) -> Result<usize, ServiceError> {
        match usize::try_from(requested) {
            Ok(0) => Ok(self.default),
            Ok(size) => Ok(size.min(self.max)),
            Err(_) => {
                let description = format!("must not be negative, but is {requested}");
                Err(ServiceError::invalid("page_size", "NEGATIVE_PAGE_SIZE", description))
            }
        }
    }
}

/// Checks the number of elements of a batch; `field` holds them.
///
/// # Errors
/// [`ServiceError::Invalid`] for none, and for more than the limit.
pub fn check_batch_size(field: &str, count: usize, limits: &Limits) -> Result<(), ServiceError> {
    let limit = limits.batch_articles;
    match count {
        0 => Err(FieldViolation::required(field).into()),
        count if count > limit => {
            let reason = "TOO_MANY_ARTICLES";
            Err(FieldViolation::over_limit(field, reason, "elements", count, limit).into())
        }
        _ => Ok(()),
    }
}

/// The article id of a field.
///
/// # Errors
/// [`ServiceError::Invalid`] if it is malformed.
pub fn article_id(id: &str, field: &str) -> Result<ArticleId, ServiceError> {
    id.parse().map_err(|error: ArticleIdError| {
        ServiceError::invalid(field, "INVALID_ARTICLE_ID", error.to_string())
    })
}

/// The time of a field in microseconds, rounded down.
///
/// # Errors
/// [`ServiceError::Invalid`] unless it is a valid Timestamp: in the years 1 to 9999, with
/// nanoseconds below a second.
pub fn publish_time(seconds: i64, nanos: i32, field: &str) -> Result<PublishTime, ServiceError> {
    let nanos = checked_nanos(seconds, nanos, field)?;
    Ok(PublishTime(seconds * 1_000_000 + nanos / 1_000))
}

/// The duration of a field, which must be longer than zero.
///
/// # Errors
/// [`ServiceError::Invalid`] unless it is a valid Duration: of up to 10,000 years, with nanoseconds
/// below a second.
pub(super) fn positive_duration(
    seconds: i64,
    nanos: i32,
    field: &str,
) -> Result<Duration, ServiceError> {
    const MAX_SECONDS: u64 = 315_576_000_000;
    let valid = |seconds: u64, nanos: u32| seconds <= MAX_SECONDS && nanos < 1_000_000_000;
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if valid(seconds, nanos) && (seconds, nanos) != (0, 0) => {
            Ok(Duration::new(seconds, nanos))
        }
        _ => {
            let description = "must be longer than zero and at most 315,576,000,000 seconds, \
                               with nanos from 0 to 999,999,999";
            Err(ServiceError::invalid(field, "INVALID_DURATION", description))
        }
    }
}

/// The time of a field that stored times are compared with, as "before" or as "at or after", in
/// microseconds, rounded up: stored times are whole microseconds, and the rounded bound separates
/// them exactly as the bound does.
///
/// # Errors
/// As [`publish_time`].
pub(super) fn time_bound(
    seconds: i64,
    nanos: i32,
    field: &str,
) -> Result<PublishTime, ServiceError> {
    let nanos = checked_nanos(seconds, nanos, field)?;
    Ok(PublishTime(seconds * 1_000_000 + (nanos + 999) / 1_000))
}

fn checked_nanos(seconds: i64, nanos: i32, field: &str) -> Result<i64, ServiceError> {
    /// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
    const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        let description = "must lie in the years 1 to 9999, with nanos from 0 to 999,999,999";
        return Err(ServiceError::invalid(field, "INVALID_TIMESTAMP", description));
    }
    Ok(i64::from(nanos))
}

/// Checks the text of an article; `path` is its place in the request.
///
/// # Errors
/// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several.
pub fn check_text(
    text: ArticleText<'_>,
    language_code: &str,
    limits: &Limits,
    path: &str,
) -> Result<(), ServiceError> {
    let (size, limit) = (text.size_bytes(), limits.article_bytes);
    let is_language_valid = language_code.is_empty() || is_language_code(language_code);
    if size <= limit && is_language_valid && !text.is_blank() {
        return Ok(());
    }
    let mut violations = Violations::default();
    if size > limit {
        let unit = "bytes of title and body together";
        violations.push(FieldViolation::over_limit(path, "ARTICLE_TOO_LARGE", unit, size, limit));
    } else if text.is_blank() {
        let description = "a title or a body is required: both are empty or white space";
        violations.push(FieldViolation::new(path, "EMPTY_ARTICLE", description));
    }
    if !is_language_valid {
        violations.push(language_code_violation(language_code, format!("{path}.language_code")));
    }
    violations.finish()
}

/// The violation of a malformed language code.
pub(super) fn language_code_violation(code: &str, field: String) -> FieldViolation {
    let (size, limit) = (code.len(), Limits::LANGUAGE_CODE_BYTES);
    if size > limit {
        return FieldViolation::over_limit(field, "VALUE_TOO_LONG", "bytes", size, limit);
    }
    let description = "must be a BCP-47 tag such as \"en\" or \"pt-BR\"";
    FieldViolation::new(field, "INVALID_LANGUAGE_CODE", description)
}

/// Checks the length of a string.
///
/// # Errors
/// [`ServiceError::Invalid`] for one over the limit.
pub fn check_length(value: &str, limit: usize, field: &str) -> Result<(), ServiceError> {
    let size = value.len();
    if size <= limit {
        return Ok(());
    }
    Err(FieldViolation::over_limit(field, "VALUE_TOO_LONG", "bytes", size, limit).into())
}

/// The longest prefix of whole characters that fits into `limit` bytes.
pub fn truncated(mut text: String, limit: usize) -> String {
    let end =
        (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_truncated_between_characters() {
        assert_eq!(
            ["aéz", "aé", "aé", "a", "a", ""],
            [9, 3, 3, 2, 1, 0].map(|limit| truncated("aéz".to_owned(), limit).leak() as &str)
        );
    }

    #[test]
    fn a_duration_is_longer_than_zero_and_well_formed() {
        let valid = |seconds, nanos| positive_duration(seconds, nanos, "field").ok();
        assert_eq!(valid(1, 500_000_000), Some(Duration::from_millis(1_500)));
        assert_eq!(valid(0, 1), Some(Duration::from_nanos(1)));
        assert_eq!(valid(315_576_000_000, 0), Some(Duration::from_secs(315_576_000_000)));
        for (seconds, nanos) in
            [(0, 0), (-1, 0), (1, -1), (0, -1), (1, 1_000_000_000), (315_576_000_001, 0)]
        {
            assert_eq!(valid(seconds, nanos), None, "{seconds} s and {nanos} ns");
        }
    }

    #[test]
    fn a_page_size_is_defaulted_and_capped() {
        let size = PageSize { default: 10, max: 100 };
        assert_eq!([0, 1, 100, 101].map(|n| size.checked(n)), [10, 1, 100, 100].map(Ok));
        assert!(matches!(size.checked(-1), Err(ServiceError::Invalid(_))));
    }
}
