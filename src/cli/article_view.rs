//! Shows an archived article.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decision;
use crate::grpc::pb;
use crate::index::ArchivedArticle;

/// An archived article as a line of JSON. Its topics are names alone, so that it can also be read
/// as a labelled document.
#[derive(Debug, Serialize)]
pub(super) struct ArticleLine {
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

impl From<pb::ArchivedArticle> for ArticleLine {
    fn from(article: pb::ArchivedArticle) -> Self {
        let decision = decision::name(article.decision());
        let (topics, topic_probabilities) =
            article.topics.into_iter().map(|topic| (topic.name, topic.probability)).unzip();
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

impl From<ArchivedArticle> for ArticleLine {
    fn from(article: ArchivedArticle) -> Self {
        pb::ArchivedArticle::from(article).into()
    }
}

/// The title, or the first line of the body where there is none.
pub(super) fn headline(article: &pb::ArchivedArticle) -> &str {
    let title = article.title.trim();
    if title.is_empty() { article.body.trim().lines().next().unwrap_or("") } else { title }
}
