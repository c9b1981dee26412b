//! The table of bounds on every string, list and map of a request.
//!
//! `tests/it/bounds.rs` walks the descriptors, fails for a field without a row, and sends values at
//! and above each bound to every RPC that takes them.

use crate::article::{Limits, TopicName};
use crate::index::ArticleId;

/// A bound on a field.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The message, without its package: "SimilarityFilter", or "SimilarityFilter.LabelsEntry" for
    /// the entries of a map.
    pub message: &'static str,
    /// The field.
    pub field: &'static str,
    /// What the bound counts.
    pub measure: Measure,
    /// The limit; where the server's own [`Limits`] are lower, they hold.
    pub limit: usize,
    /// The field of `Limits` in the proto that publishes the limit.
    pub published: &'static str,
    /// Who refuses a value over the limit.
    pub keeper: Keeper,
}

/// What a bound counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The bytes of a string, or of each string of a list.
    Bytes,
    /// The elements of a list, or the entries of a map.
    Items,
}

/// Who refuses a value over a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// The decoder, before it decodes anything: the whole request fails.
    Decoder,
    /// The use case, together with all else that is wrong: in a batch, an import or a stream, the
    /// article fails alone. Until then strings take no more memory than the message, and lists and
    /// maps no more than [`Limits::MESSAGE_PARTS`] allow.
    UseCase,
}

impl Bound {
    /// The reason of a violation by the decoder.
    pub(super) fn reason(&self) -> &'static str {
        match (self.measure, self.published) {
            (Measure::Bytes, _) => "VALUE_TOO_LONG",
            (Measure::Items, "max_batch_articles") => "TOO_MANY_ARTICLES",
            (Measure::Items, _) => "TOO_MANY_VALUES",
        }
    }
}

const ARTICLE_BYTES: (usize, &str) = (Limits::ARTICLE_BYTES, "max_article_bytes");
const LANGUAGE_CODE: (usize, &str) = (Limits::LANGUAGE_CODE_BYTES, "max_language_code_bytes");
const MODEL_NAME: (usize, &str) = (Limits::MODEL_NAME_BYTES, "max_model_name_bytes");
const PAGE_TOKEN: (usize, &str) = (Limits::PAGE_TOKEN_BYTES, "max_page_token_bytes");
const ARTICLE_ID: (usize, &str) = (ArticleId::MAX_BYTES, "max_article_id_bytes");
const REQUEST_ID: (usize, &str) = (Limits::REQUEST_ID_BYTES, "max_request_id_bytes");
const ETAG: (usize, &str) = (Limits::ETAG_BYTES, "max_etag_bytes");
const SOURCE: (usize, &str) = (Limits::SOURCE_BYTES, "max_source_bytes");
const LABEL_KEY: (usize, &str) = (Limits::LABEL_KEY_BYTES, "max_label_key_bytes");
const LABEL_VALUE: (usize, &str) = (Limits::LABEL_VALUE_BYTES, "max_label_value_bytes");
const LABELS: (usize, &str) = (Limits::ARTICLE_LABELS, "max_article_labels");
const TOPIC_NAME: (usize, &str) = (TopicName::MAX_BYTES, "max_topic_name_bytes");
const TOPICS: (usize, &str) = (Limits::ARTICLE_TOPICS, "max_article_topics");
const FILTER_VALUES: (usize, &str) = (Limits::FILTER_VALUES, "max_filter_values");
const BATCH: (usize, &str) = (Limits::BATCH_ARTICLES, "max_batch_articles");

use Keeper::{Decoder, UseCase};
use Measure::{Bytes, Items};

const fn row(
    (message, field): (&'static str, &'static str),
    measure: Measure,
    (limit, published): (usize, &'static str),
    keeper: Keeper,
) -> Bound {
    Bound { message, field, measure, limit, published, keeper }
}

/// Every bound, message by message.
pub const BOUNDS: &[Bound] = &[
    row(("Article", "title"), Bytes, ARTICLE_BYTES, UseCase),
    row(("Article", "body"), Bytes, ARTICLE_BYTES, UseCase),
    row(("Article", "language_code"), Bytes, LANGUAGE_CODE, UseCase),
    row(("ClassifyRequest", "model"), Bytes, MODEL_NAME, UseCase),
    row(("ClassifyRequest", "explain_against"), Bytes, TOPIC_NAME, UseCase),
    row(("BatchClassifyRequest", "articles"), Items, BATCH, Decoder),
    row(("BatchClassifyRequest", "model"), Bytes, MODEL_NAME, UseCase),
    row(("BatchClassifyRequest", "explain_against"), Bytes, TOPIC_NAME, UseCase),
    row(("StreamClassifyRequest", "id"), Bytes, REQUEST_ID, UseCase),
    row(("ArchivedArticle", "id"), Bytes, ARTICLE_ID, UseCase),
    row(("ArchivedArticle", "title"), Bytes, ARTICLE_BYTES, UseCase),
    row(("ArchivedArticle", "body"), Bytes, ARTICLE_BYTES, UseCase),
    row(("ArchivedArticle", "language_code"), Bytes, LANGUAGE_CODE, UseCase),
    row(("ArchivedArticle", "source"), Bytes, SOURCE, UseCase),
    row(("ArchivedArticle", "labels"), Items, LABELS, UseCase),
    row(("ArchivedArticle.LabelsEntry", "key"), Bytes, LABEL_KEY, UseCase),
    row(("ArchivedArticle.LabelsEntry", "value"), Bytes, LABEL_VALUE, UseCase),
    row(("ArchivedArticle", "topics"), Items, TOPICS, Decoder),
    row(("ArchivedArticle", "model"), Bytes, MODEL_NAME, Decoder),
    row(("ArchivedArticle", "etag"), Bytes, ETAG, UseCase),
    row(("ArticleTopic", "name"), Bytes, TOPIC_NAME, Decoder),
    row(("BatchPutArticlesRequest", "articles"), Items, BATCH, Decoder),
    row(("ImportArticlesRequest", "articles"), Items, BATCH, Decoder),
    row(("GetArticleRequest", "id"), Bytes, ARTICLE_ID, UseCase),
    row(("ListArticlesRequest", "page_token"), Bytes, PAGE_TOKEN, UseCase),
    row(("DeleteArticleRequest", "id"), Bytes, ARTICLE_ID, UseCase),
    row(("DeleteArticleRequest", "etag"), Bytes, ETAG, UseCase),
    row(("BatchDeleteArticlesRequest", "ids"), Items, BATCH, Decoder),
    row(("BatchDeleteArticlesRequest", "ids"), Bytes, ARTICLE_ID, UseCase),
    row(("FindSimilarArticlesRequest", "article_id"), Bytes, ARTICLE_ID, UseCase),
    row(("FindSimilarArticlesRequest", "page_token"), Bytes, PAGE_TOKEN, UseCase),
    row(("SimilarityFilter", "topics"), Items, FILTER_VALUES, UseCase),
    row(("SimilarityFilter", "topics"), Bytes, TOPIC_NAME, UseCase),
    row(("SimilarityFilter", "sources"), Items, FILTER_VALUES, UseCase),
    row(("SimilarityFilter", "sources"), Bytes, SOURCE, UseCase),
    row(("SimilarityFilter", "language_codes"), Items, FILTER_VALUES, UseCase),
    row(("SimilarityFilter", "language_codes"), Bytes, LANGUAGE_CODE, UseCase),
    row(("SimilarityFilter", "labels"), Items, LABELS, UseCase),
    row(("SimilarityFilter.LabelsEntry", "key"), Bytes, LABEL_KEY, UseCase),
    row(("SimilarityFilter.LabelsEntry", "value"), Bytes, LABEL_VALUE, UseCase),
    row(("ArticleFilter", "topics"), Items, FILTER_VALUES, UseCase),
    row(("ArticleFilter", "topics"), Bytes, TOPIC_NAME, UseCase),
    row(("ArticleFilter", "sources"), Items, FILTER_VALUES, UseCase),
    row(("ArticleFilter", "sources"), Bytes, SOURCE, UseCase),
    row(("ArticleFilter", "language_codes"), Items, FILTER_VALUES, UseCase),
    row(("ArticleFilter", "language_codes"), Bytes, LANGUAGE_CODE, UseCase),
    row(("ArticleFilter", "labels"), Items, LABELS, UseCase),
    row(("ArticleFilter.LabelsEntry", "key"), Bytes, LABEL_KEY, UseCase),
    row(("ArticleFilter.LabelsEntry", "value"), Bytes, LABEL_VALUE, UseCase),
    row(("ListModelsRequest", "page_token"), Bytes, PAGE_TOKEN, UseCase),
    row(("GetModelRequest", "name"), Bytes, MODEL_NAME, UseCase),
];
