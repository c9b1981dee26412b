//! The vocabulary of all floors: articles, topic names, limits.

use std::fmt;
use std::time::Duration;

/// The text of an article, borrowed from its owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ArticleText<'a> {
    /// The headline; may be empty.
    pub title: &'a str,
    /// The text under the headline; may be empty.
    pub body: &'a str,
}

impl ArticleText<'_> {
    /// The size of title and body together, in bytes of UTF-8.
    pub fn size_bytes(&self) -> usize {
        self.title.len() + self.body.len()
    }

    /// Whether it has nothing but white space.
    pub fn is_blank(&self) -> bool {
        [self.title, self.body].iter().all(|text| text.chars().all(char::is_whitespace))
    }
}

/// A field of an article's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArticleField {
    /// [`ArticleText::title`].
    Title,
    /// [`ArticleText::body`].
    Body,
}

/// A range of an article's text, in Unicode code points from the start of its field; `end` is
/// exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSpan {
    /// The field it lies in.
    pub field: ArticleField,
    /// Its first code point.
    pub start: u32,
    /// The code point after its last.
    pub end: u32,
}

/// A topic's name: one or more levels separated by slashes ("sport/football"). No level is empty or
/// has white space at its ends; no control characters; at most [`TopicName::MAX_BYTES`] long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(String);

/// Why a string is not a [`TopicName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// It is empty.
    #[error("a topic's name must not be empty")]
    Empty,
    /// It is longer than [`TopicName::MAX_BYTES`].
    #[error("a topic's name must not be longer than {max} bytes", max = TopicName::MAX_BYTES)]
    TooLong,
    /// It would not survive being printed or typed.
    #[error("a topic's name must have no control characters, and no white space at its ends")]
    NotPrintable,
    /// It has a slash at an end, two in a row, or one next to white space.
    #[error(
        "every level of a topic's name (\"sport/football\") needs a name, without white space at \
         its ends"
    )]
    BlankLevel,
}

impl TopicName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 200;

    /// Checks a name.
    ///
    /// # Errors
    /// [`TopicNameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, TopicNameError> {
        Self::check(name)?;
        Ok(Self(name.to_owned()))
    }

    /// Checks a name without copying it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn check(name: &str) -> Result<(), TopicNameError> {
        if name.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(TopicNameError::TooLong);
        }
        // The fast path: most names have these characters alone, which are all valid.
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(());
        }
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err(TopicNameError::NotPrintable);
        }
        if name.split(LEVEL_SEPARATOR).any(|level| level.is_empty() || level.trim() != level) {
            return Err(TopicNameError::BlankLevel);
        }
        Ok(())
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of levels: 2 for "sport/football".
    pub fn depth(&self) -> usize {
        self.0.split(LEVEL_SEPARATOR).count()
    }
}

/// Separates the levels of a topic's name.
const LEVEL_SEPARATOR: char = '/';

/// The first `depth` levels of a topic's name; all of it if it has no more.
///
/// ```
/// use slugline::article::topic_to_depth;
///
/// assert_eq!(topic_to_depth("sport/football/cup", 2), "sport/football");
/// assert_eq!(topic_to_depth("sport", 2), "sport");
/// ```
pub fn topic_to_depth(name: &str, depth: usize) -> &str {
    match depth.checked_sub(1).and_then(|last| name.match_indices(LEVEL_SEPARATOR).nth(last)) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

/// The names of the topics that a topic lies below, the broadest first, and its own name.
///
/// ```
/// use slugline::article::topic_levels;
///
/// assert_eq!(topic_levels("sport/football").collect::<Vec<_>>(), ["sport", "sport/football"]);
/// ```
pub fn topic_levels(name: &str) -> impl Iterator<Item = &str> {
    let ends = name.match_indices(LEVEL_SEPARATOR).map(|(at, _)| at).chain([name.len()]);
    ends.map(|end| &name[..end])
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text has the form of a BCP-47 language tag: a language of 2 to 8 letters, then parts of
/// 1 to 8 letters and digits, separated by hyphens, at most [`Limits::LANGUAGE_CODE_BYTES`] long.
/// The language need not exist.
pub fn is_language_code(text: &str) -> bool {
    if text.len() > Limits::LANGUAGE_CODE_BYTES {
        return false;
    }
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or("");
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

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
    /// Limit on the terms in a topic's evidence.
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
    /// Limit on the topics of an article in a put. They are ignored, so that an article can be put as
    /// it was read.
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
    /// Ceiling of [`Limits::answer_bytes`]: the 4 MiB that clients accept by default, less 4 KiB for
    /// those that count the framing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_must_be_printable() {
        assert_eq!(TopicName::new(""), Err(TopicNameError::Empty));
        assert_eq!(TopicName::new(" sport"), Err(TopicNameError::NotPrintable));
        assert_eq!(TopicName::new("a\nb"), Err(TopicNameError::NotPrintable));
        assert_eq!(TopicName::new(&"x".repeat(201)), Err(TopicNameError::TooLong));
        assert_eq!(
            TopicName::new("sport/football").map(|name| name.to_string()),
            Ok("sport/football".to_owned())
        );
    }

    #[test]
    fn every_level_of_a_topic_needs_a_name() {
        for name in
            ["/", "/sport", "sport/", "sport//football", "sport /football", "sport/ football"]
        {
            assert_eq!(TopicName::new(name), Err(TopicNameError::BlankLevel), "{name:?}");
        }
        assert_eq!(TopicName::new("sport/winter sport/ski").map(|name| name.depth()), Ok(3));
    }

    #[test]
    fn language_codes_are_checked_for_their_form() {
        let longest = format!("en{}", "-abcdefgh".repeat(4))[..35].to_owned();
        for tag in
            ["en", "pt-BR", "zh-Hant-TW", "de-1996", "x-private".trim_start_matches("x-"), &longest]
        {
            assert!(is_language_code(tag), "{tag}");
        }
        let too_long = format!("en{}", "-a".repeat(17));
        assert_eq!(too_long.len(), 36);
        for tag in ["", "e", "english language", "en_US", "-en", "en-", "日本", &too_long] {
            assert!(!is_language_code(tag), "{tag}");
        }
    }

    #[test]
    fn an_article_of_white_space_is_blank() {
        assert!(ArticleText { title: " \n", body: "\u{3000}" }.is_blank());
        assert!(!ArticleText { title: "", body: "x" }.is_blank());
    }
}
