//! When the caller of a request stops waiting.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Extensions;

/// The deadline of a call; in the extensions of a request that has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallDeadline(pub(crate) Instant);

impl CallDeadline {
    /// The deadline of a request, if it has one.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().copied()
    }
}

/// The deadline of a request, as the archive takes it.
pub(crate) fn search_deadline(extensions: &Extensions) -> crate::index::Deadline {
    crate::index::Deadline(CallDeadline::of(extensions).map(|CallDeadline(at)| at.into_std()))
}

/// Completes when the deadline has passed; never without one.
pub(crate) async fn expired(deadline: Option<CallDeadline>) {
    match deadline {
        Some(CallDeadline(at)) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Takes `grpc-timeout` out of the headers: at most eight digits and a unit. A malformed value
/// counts as absent.
pub(crate) fn take_timeout(headers: &mut HeaderMap) -> Option<Duration> {
    let value = headers.remove("grpc-timeout")?;
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", value.parse().expect("a header value"));
        let found = take_timeout(&mut headers);
        assert!(headers.is_empty());
        found
    }

    #[test]
    fn timeouts_are_parsed_as_the_protocol_writes_them() {
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("1n"), Some(Duration::from_nanos(1)));
        for wrong in ["", "m", "5", "5x", "-1S", "123456789S", "1.5S"] {
            assert_eq!(timeout(wrong), None, "{wrong:?}");
        }
    }
}
