//! An archived article as a line of JSON: what `articles import` reads, and what `articles get` and `archive export` write.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::corpus::Document;
use crate::grpc::pb;
use crate::index::ArchivedArticle;

/// A line that is written. The topics are names alone, so that it can be read as a labelled document, too.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    id: String,
    title: String,
    body: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    language_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_time: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    topics: Vec<String>,
    topic_probabilities: Vec<f64>,
    model: String,
    decision: &'static str,
}

impl From<pb::ArchivedArticle> for Line {
    fn from(article: pb::ArchivedArticle) -> Self {
        let decision = match article.decision() {
            pb::Decision::Confident => "confident",
            pb::Decision::Uncertain => "uncertain",
            pb::Decision::UnknownText => "unknown text",
            pb::Decision::Unspecified => "unspecified",
        };
        let (topics, topic_probabilities) = article.topics.into_iter().map(|topic| (topic.name, topic.probability)).unzip();
        Self {
            id: article.id,
            title: article.title,
            body: article.body,
            language_code: article.language_code,
            publish_time: article.publish_time.map(|time| time.to_string()),
            source: article.source,
            labels: article.labels,
            topics,
            topic_probabilities,
            model: article.model,
            decision,
        }
    }
}

impl From<ArchivedArticle> for Line {
    fn from(article: ArchivedArticle) -> Self {
        pb::ArchivedArticle::from(article).into()
    }
}

/// What a line says besides what every document has.
#[derive(Debug, Default, Deserialize)]
struct Extra<'a> {
    #[serde(borrow, default)]
    language_code: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "date")]
    publish_time: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "publisher")]
    source: Option<Cow<'a, str>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// The article of a document to import.
///
/// # Errors
/// What is wrong with it, in words: it has no id, or a field of the wrong kind.
pub(super) fn to_import(document: &Document<'_>) -> Result<pb::ArchivedArticle, String> {
    if document.id.is_empty() {
        return Err("the article has no id".to_owned());
    }
    let extra: Extra<'_> = match &document.record {
        Some(record) => serde_json::from_str(record).map_err(|error| {
            let text = error.to_string();
            text.split(" at line ").next().unwrap_or(&text).to_owned()
        })?,
        None => Extra::default(),
    };
    let publish_time = extra.publish_time.map(|time| publish_time(&time)).transpose()?;
    Ok(pb::ArchivedArticle {
        id: document.id.to_string(),
        title: document.title.to_string(),
        body: document.body.to_string(),
        language_code: extra.language_code.unwrap_or_default().into_owned(),
        publish_time,
        source: extra.source.unwrap_or_default().into_owned(),
        labels: extra.labels.unwrap_or_default(),
        ..pb::ArchivedArticle::default()
    })
}

/// A time as RFC 3339 writes it, or a date alone, which begins in UTC.
///
/// # Errors
/// If it is none, in words.
pub(super) fn publish_time(text: &str) -> Result<prost_types::Timestamp, String> {
    text.parse().map_err(|_| format!("{text:?} is no time such as 2014-05-30T01:34:32Z, and no date such as 2014-05-30"))
}

/// A time that others are compared with, as [`publish_time`] reads it. What is finer than a nanosecond moves it to the next one.
///
/// # Errors
/// As [`publish_time`].
pub(super) fn time_bound(text: &str) -> Result<prost_types::Timestamp, String> {
    let mut time = publish_time(text)?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let mut finer = fraction.bytes().take_while(u8::is_ascii_digit).skip(9);
    // The last one of a second is rounded up all the same, by whoever counts in microseconds.
    if time.nanos < 999_999_999 && finer.any(|digit| digit != b'0') {
        time.nanos += 1;
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

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
