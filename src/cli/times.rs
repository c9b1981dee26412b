//! Times as arguments and records write them.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::corpus::quoted;

/// Reads a time in RFC 3339 or RFC 2822, or a date, which begins in UTC.
///
/// # Errors
/// If the text is neither, in words.
pub(super) fn publish_time(text: &str) -> Result<prost_types::Timestamp, String> {
    let text = text.trim();
    let of_mail = || {
        OffsetDateTime::parse(text, &Rfc2822)
            .ok()
            .map(|time| prost_types::Timestamp { seconds: time.unix_timestamp(), nanos: 0 })
    };
    let wrong = || {
        format!(
            "{} is neither a time such as 2014-05-30T01:34:32Z nor a date such as 2014-05-30",
            quoted(text)
        )
    };
    text.parse().ok().or_else(of_mail).ok_or_else(wrong)
}

/// Reads a time to compare others with, as [`publish_time`] does. Digits beyond nanoseconds round
/// it up.
///
/// # Errors
/// As [`publish_time`].
pub(super) fn time_bound(text: &str) -> Result<prost_types::Timestamp, String> {
    let mut time = publish_time(text)?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let mut finer = fraction.bytes().take_while(u8::is_ascii_digit).skip(9);
    // The last nanosecond of a second stays: whoever counts in microseconds rounds it up anyway.
    if time.nanos < 999_999_999 && finer.any(|digit| digit != b'0') {
        time.nanos += 1;
    }
    Ok(time)
}

/// Reads a span of time such as 3d or 12h.
///
/// # Errors
/// If the text is not one longer than zero, in words.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text.trim()).ok().filter(|span| !span.is_zero());
    span.ok_or_else(|| {
        format!("{} is not a span of time longer than zero, such as 3d or 12h", quoted(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_feeds_write_them() {
        let seconds = |text: &str| publish_time(text).map(|time| time.seconds).ok();
        for text in [
            "2023-01-02T10:00:00Z",
            "Mon, 02 Jan 2023 10:00:00 GMT",
            "Mon, 2 Jan 2023 11:00:00 +0100",
            "2 Jan 2023 05:00 EST",
            " mon, 02 jan 2023 10:00:00 -0000 ",
        ] {
            // `date -u -d "2023-01-02 10:00:00" +%s`
            assert_eq!(seconds(text), Some(1_672_653_600), "{text}");
        }
        for text in [
            "1672653600",
            "Monday",
            "Mon, 32 Jan 2023 10:00:00 GMT",
            "Mon, 02 Jan 2023 10:00:00 GMT, or so",
            "",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_has_a_unit_and_is_longer_than_zero() {
        let hours = |text: &str| span(text).map(|span| span.as_secs() / 3_600).ok();
        for (text, expected) in
            [("3d", Some(72)), ("12h", Some(12)), (" 1d 6h ", Some(30)), ("2w", Some(336))]
        {
            assert_eq!(hours(text), expected, "{text}");
        }
        for text in ["3", "0d", "-1d", "soon", ""] {
            assert_eq!(hours(text), None, "{text}");
        }
    }

    #[test]
    fn a_bound_finer_than_a_nanosecond_is_the_next_one() {
        let nanos = |text: &str| time_bound(text).map(|time| time.nanos);
        assert_eq!(nanos("2014-05-30T01:34:32.0000000001Z"), Ok(1));
        assert_eq!(nanos("1969-12-31T23:59:58.00000000001+01:00"), Ok(1));
        assert_eq!(nanos("2014-05-30T01:34:32.0000000010Z"), Ok(1));
        assert_eq!(nanos("2014-05-30T01:34:32.1Z"), Ok(100_000_000));
        assert_eq!(nanos("9999-12-31T23:59:59.9999999999Z"), Ok(999_999_999));
        assert_eq!(nanos("2014-05-30"), Ok(0));
        assert!(nanos("yesterday").is_err());
    }
}
