//! Converts archived articles and filters between the wire and the use cases.

use super::pb;
use crate::index::{ArchivedArticle, PublishTime, Reliance, StoredTopic};
use crate::service::{
    ArticleDraft, PutBatch, PutMode, PutOutcome, Receipt, RequestedFilter, Stored,
};

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
            etag,
            ..
        } = article;
        let publish_time = publish_time.map(|time| (time.seconds, time.nanos));
        Self { id, title, body, language_code, publish_time, source, labels, etag }
    }
}

/// The articles of a request to put, and whether they may replace others.
pub(super) fn put_batch(articles: Vec<pb::ArchivedArticle>, create_only: bool) -> PutBatch {
    let drafts = articles.into_iter().map(Into::into).collect();
    PutBatch { drafts, mode: put_mode(create_only) }
}

/// The mode of a put.
pub(super) fn put_mode(create_only: bool) -> PutMode {
    if create_only { PutMode::CreateOnly } else { PutMode::Replace }
}

impl From<Stored> for pb::PutArticleResponse {
    fn from(Stored { outcome, receipt }: Stored) -> Self {
        let outcome = match outcome {
            PutOutcome::Created => pb::PutOutcome::Created,
            PutOutcome::Replaced => pb::PutOutcome::Replaced,
        };
        let Receipt { topics, model, reliance, etag, .. } = receipt;
        Self {
            outcome: outcome.into(),
            topics: self::topics(topics),
            model,
            decision: decision(reliance).into(),
            etag,
        }
    }
}

impl From<ArchivedArticle> for pb::ArchivedArticle {
    fn from(article: ArchivedArticle) -> Self {
        Self { etag: article.etag(), ..without_etag(article) }
    }
}

/// The article without its etag, which cannot be computed of an article without its body.
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

fn topics(topics: Vec<StoredTopic>) -> Vec<pb::ArticleTopic> {
    topics
        .into_iter()
        .map(|StoredTopic { name, probability, .. }| pb::ArticleTopic { name, probability })
        .collect()
}

fn decision(reliance: Reliance) -> pb::Decision {
    match reliance {
        Reliance::Unclassified => pb::Decision::Unspecified,
        Reliance::Confident => pb::Decision::Confident,
        Reliance::Uncertain => pb::Decision::Uncertain,
        Reliance::UnknownText => pb::Decision::UnknownText,
    }
}

/// Converts a filter of the wire, whose two messages have the same fields.
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
    // A remainder, below a thousand million.
    let nanos = micros.rem_euclid(1_000_000) as i32 * 1_000;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
