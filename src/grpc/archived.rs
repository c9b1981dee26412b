//! Archived articles between the wire and the use cases.

use super::pb;
use crate::index::{ArchivedArticle, PublishTime, Reliance, StoredTopic};
use crate::service::{ArticleDraft, RequestedFilter};

impl From<pb::ArchivedArticle> for ArticleDraft {
    fn from(article: pb::ArchivedArticle) -> Self {
        let pb::ArchivedArticle {
            id,
            title,
            body,
            language_code,
            publish_time,
            source,
            labels,
            ..
        } = article;
        let publish_time = publish_time.map(|time| (time.seconds, time.nanos));
        Self { id, title, body, language_code, publish_time, source, labels }
    }
}

impl From<ArchivedArticle> for pb::ArchivedArticle {
    fn from(article: ArchivedArticle) -> Self {
        Self { etag: article.etag(), ..without_etag(article) }
    }
}

/// An article whose etag is known, or that is not whole.
pub(super) fn without_etag(article: ArchivedArticle) -> pb::ArchivedArticle {
    pb::ArchivedArticle {
        etag: String::new(),
        id: article.id.into(),
        title: article.title,
        body: article.body,
        language_code: article.language_code,
        publish_time: article.publish_time.map(timestamp),
        source: article.source,
        labels: article.labels,
        topics: topics(article.topics),
        model: article.model,
        decision: decision(article.reliance).into(),
    }
}

pub(super) fn topics(topics: Vec<StoredTopic>) -> Vec<pb::ArticleTopic> {
    topics
        .into_iter()
        .map(|StoredTopic { name, probability, .. }| pb::ArticleTopic { name, probability })
        .collect()
}

pub(super) fn decision(reliance: Reliance) -> pb::Decision {
    match reliance {
        Reliance::Unclassified => pb::Decision::Unspecified,
        Reliance::Confident => pb::Decision::Confident,
        Reliance::Uncertain => pb::Decision::Uncertain,
        Reliance::UnknownText => pb::Decision::UnknownText,
    }
}

/// Makes a filter as it is asked for of a filter of the wire. Its two messages have the same
/// fields.
macro_rules! requested_filter {
    ($($message:ident),*) => {$(
        impl From<pb::$message> for RequestedFilter {
            fn from(filter: pb::$message) -> Self {
                let time = |time: prost_types::Timestamp| (time.seconds, time.nanos);
                Self {
                    topics: filter.topics,
                    min_topic_probability: filter.min_topic_probability,
                    publish_time_from: filter.publish_time_from.map(time),
                    publish_time_until: filter.publish_time_until.map(time),
                    sources: filter.sources,
                    language_codes: filter.language_codes,
                    labels: filter.labels,
                }
            }
        }
    )*};
}

requested_filter!(SimilarityFilter, ArticleFilter);

fn timestamp(PublishTime(micros): PublishTime) -> prost_types::Timestamp {
    // Below a thousand million, for it is a remainder.
    let nanos = micros.rem_euclid(1_000_000) as i32 * 1_000;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
