//! The limits of a server.

use std::time::Duration;

/// The limits of a server, as published by `GetServerInfo`. Sizes are those of decompressed
/// messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Limit on an article, title and body together, in bytes.
    pub article_bytes: usize,
    /// Limit on a message, in bytes.
    pub message_bytes: usize,
    /// Limit on the articles, or ids, of a batch.
    pub batch_articles: usize,
    /// In-flight limit on batches.
    pub concurrent_batches: usize,
    /// In-flight limit on messages of classification streams.
    pub concurrent_streams: usize,
    /// Limit on the terms in the evidence of a topic or a contrast.
    pub evidence_terms: usize,
    /// Limit on the spans of a term in the evidence.
    pub evidence_spans: usize,
    /// Limit on the id of a streamed request, in bytes.
    pub request_id_bytes: usize,
    /// Limit on the labels of an archived article.
    pub article_labels: usize,
    /// In-flight limit on messages of imports.
    pub concurrent_imports: usize,
    /// In-flight limit on searches for similar articles.
    pub concurrent_searches: usize,
    /// The memory budget of all calls, in bytes.
    pub budget_bytes: usize,
    /// The memory budget of the calls of one connection, in bytes.
    pub connection_bytes: usize,
    /// Limit on the open connections.
    pub connections: usize,
    /// Limit on the open health Watches.
    pub watches: usize,
    /// Limit on the open health Watches of one connection.
    pub watches_per_connection: usize,
    /// Limit on a message of an answer, in bytes.
    pub answer_bytes: usize,
    /// How long the server waits for its callers.
    pub timeouts: Timeouts,
}

/// How long the server waits for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the first bytes of a connection.
    pub hello: Duration,
    /// For the next 64 KiB, or the end, of a unary request.
    pub request: Duration,
    /// For the next whole message of a stream.
    pub stream_idle: Duration,
    /// For the caller to take the next piece of an answer.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            request: Duration::from_secs(30),
            stream_idle: Duration::from_secs(120),
            answer: Duration::from_secs(30),
        }
    }
}

/// Limits that are the same for every server, and ceilings of those that are not.
impl Limits {
    /// Limit on a language code, in bytes: room for every registered tag with a variant or two (RFC
    /// 5646, section 4.4.1).
    pub const LANGUAGE_CODE_BYTES: usize = 35;
    /// Limit on an etag, in bytes; the archive's own are shorter.
    pub const ETAG_BYTES: usize = 64;
    /// Limit on a model's name, in bytes: 64 for the name, and a version.
    pub const MODEL_NAME_BYTES: usize = 75;
    /// Limit on a page token, in bytes: twice what the longest id takes.
    pub const PAGE_TOKEN_BYTES: usize = 1_024;
    /// Limit on the source of an article, in bytes.
    pub const SOURCE_BYTES: usize = 200;
    /// Limit on the key of a label, in bytes.
    pub const LABEL_KEY_BYTES: usize = 64;
    /// Limit on the value of a label, in bytes.
    pub const LABEL_VALUE_BYTES: usize = 200;
    /// Limit on the topics, on the sources and on the language codes of a filter.
    pub const FILTER_VALUES: usize = 100;
    /// Limit on the topics of an article in a put. They are ignored, so that an article can be put
    /// as it was read.
    pub const ARTICLE_TOPICS: usize = 256;
    /// Limit on the parts of a message: elements of lists, entries of maps, nested messages and
    /// unknown fields. A batch at its limit has fewer, where each article has all its labels and
    /// fifty topics.
    pub const MESSAGE_PARTS: usize = 100_000;
    /// A page of articles ends with the one that brings it to this size, in bytes: with the longest
    /// article at its end, and with labels, a page of the default size stays within the 4 MiB that
    /// clients accept by default.
    pub const PAGE_BYTES: usize = 1 << 20;
    /// Limit on a message of health, reflection and server info, in bytes: names of services, files
    /// and symbols. Errors of reflection repeat such a name, and must reach the client.
    pub const NAME_MESSAGE_BYTES: usize = 1 << 10;
    /// Ceiling of [`Limits::answer_bytes`]: the 4 MiB that clients accept by default, less 4 KiB
    /// for those that count the framing.
    pub const ANSWER_BYTES: usize = (4 << 20) - (4 << 10);
    /// Ceiling of [`Limits::article_bytes`].
    pub const ARTICLE_BYTES: usize = 2 << 20;
    /// Ceiling of [`Limits::request_id_bytes`].
    pub const REQUEST_ID_BYTES: usize = 256;
    /// Ceiling of [`Limits::batch_articles`].
    pub const BATCH_ARTICLES: usize = 1_000;
    /// Ceiling of [`Limits::article_labels`].
    pub const ARTICLE_LABELS: usize = 32;

    /// The limits, each lowered to its ceiling.
    pub fn below_ceilings(self) -> Self {
        Self {
            article_bytes: self.article_bytes.min(Self::ARTICLE_BYTES),
            request_id_bytes: self.request_id_bytes.min(Self::REQUEST_ID_BYTES),
            batch_articles: self.batch_articles.min(Self::BATCH_ARTICLES),
            article_labels: self.article_labels.min(Self::ARTICLE_LABELS),
            answer_bytes: self.answer_bytes.min(Self::ANSWER_BYTES),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            article_bytes: Self::ARTICLE_BYTES,
            message_bytes: 8 << 20,
            batch_articles: Self::BATCH_ARTICLES,
            concurrent_batches: 8,
            concurrent_streams: 256,
            evidence_terms: 20,
            evidence_spans: 20,
            request_id_bytes: Self::REQUEST_ID_BYTES,
            article_labels: Self::ARTICLE_LABELS,
            concurrent_imports: 8,
            concurrent_searches: 64,
            budget_bytes: 512 << 20,
            connection_bytes: 128 << 20,
            connections: 4_096,
            watches: 1_024,
            watches_per_connection: 16,
            answer_bytes: Self::ANSWER_BYTES,
            timeouts: Timeouts::default(),
        }
    }
}
