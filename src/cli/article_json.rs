//! An archived article as a document that `articles import` reads, and as the line of JSON that
//! `articles get` and `archive
//! export` write.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::corpus::{Document, Extra, quoted};
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

/// The article of a document to import. Where it has labels that are none, `on_other_labels` is
/// told.
///
/// # Errors
/// What is wrong with it, in words: it has no id, or a field of the wrong kind.
pub(super) fn to_import(document: &Document<'_>, on_other_labels: impl FnOnce()) -> Result<pb::ArchivedArticle, String> {
    if document.id.is_empty() {
        return Err(document.no_id());
    }
    let Extra { language_code, publish_time: time, source, labels, has_other_labels } = document.extra()?;
    if has_other_labels {
        on_other_labels();
    }
    let publish_time = (!time.is_empty()).then(|| publish_time(&time)).transpose()?;
    Ok(pb::ArchivedArticle {
        id: document.id.to_string(),
        title: document.title.to_string(),
        body: document.body.to_string(),
        language_code: language_code.into_owned(),
        publish_time,
        source: source.into_owned(),
        labels,
        ..pb::ArchivedArticle::default()
    })
}

/// A time as RFC 3339 writes it, or a date alone, which begins in UTC.
///
/// # Errors
/// If it is none, in words.
pub(super) fn publish_time(text: &str) -> Result<prost_types::Timestamp, String> {
    let wrong = || format!("{} is no time such as 2014-05-30T01:34:32Z, and no date such as 2014-05-30", quoted(text));
    text.trim().parse().map_err(|_| wrong())
}
