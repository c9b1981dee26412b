//! What every floor speaks of: articles, topic names and the limits on them.

use std::fmt;
use std::time::Duration;

/// The text of an article, borrowed from wherever it came.
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

    /// Whether there is nothing in it but white space.
    pub fn is_blank(&self) -> bool {
        [self.title, self.body].iter().all(|text| text.chars().all(char::is_whitespace))
    }
}

/// A part of an article's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArticleField {
    /// [`ArticleText::title`].
    Title,
    /// [`ArticleText::body`].
    Body,
}

/// A stretch of an article's text, in Unicode code points from the start of its field; `end` is the
/// first one that is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSpan {
    /// Where it stands.
    pub field: ArticleField,
    /// Its first code point.
    pub start: u32,
    /// The code point after its last.
    pub end: u32,
}

/// A topic's name: one level or several with slashes between ("sport/football"). No level is empty
/// or has white space at an end; no control characters; at most [`TopicName::MAX_BYTES`] long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(String);

/// Why a string is not a [`TopicName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// There is nothing in it.
    #[error("a topic's name must not be empty")]
    Empty,
    /// It is longer than [`TopicName::MAX_BYTES`].
    #[error("a topic's name must not be longer than {max} bytes", max = TopicName::MAX_BYTES)]
    TooLong,
    /// It would not survive being printed or typed.
    #[error("a topic's name must have no control characters, and no white space at its ends")]
    NotPrintable,
    /// A slash at an end, two in a row, or white space beside one.
    #[error(
        "a slash in a topic's name parts two levels: each needs a name, without white space at its ends (\"sport/football\")"
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

    /// Checks a name, and makes none of it.
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
        // Most names are of these alone, and nothing is wrong with them.
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

    /// How many levels the name has: 2 for "sport/football".
    pub fn depth(&self) -> usize {
        self.0.split(LEVEL_SEPARATOR).count()
    }
}

/// What parts the levels of a topic's name.
const LEVEL_SEPARATOR: char = '/';

/// The first `depth` levels of a topic's name; all of it where it has no more.
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

/// A topic's name with those of the broader topics that it lies below, the broadest first.
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

/// Whether a text is formed like a BCP-47 language tag: a language of 2 to 8 letters, then parts of
/// 1 to 8 letters and digits, with hyphens between, [`Limits::LANGUAGE_CODE_BYTES`] at most.
/// Whether such a language exists is not asked.
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

/// The limits that hold for requests, as published by `GetServerInfo`. Sizes are those of
/// decompressed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest article, title and body together, in bytes.
    pub article_bytes: usize,
    /// The largest message, in bytes.
    pub message_bytes: usize,
    /// The most articles, or ids, in one batch.
    pub batch_articles: usize,
    /// How many batches are worked on at a time.
    pub concurrent_batches: usize,
    /// How many messages of classification streams are worked on at a time.
    pub concurrent_streams: usize,
    /// The most terms in the evidence of one topic.
    pub evidence_terms: usize,
    /// The most places that are told of one term of the evidence.
    pub evidence_spans: usize,
    /// The longest id of a streamed request, in bytes.
    pub request_id_bytes: usize,
    /// The most labels of an archived article.
    pub article_labels: usize,
    /// How many messages of imports are worked on at a time.
    pub concurrent_imports: usize,
    /// How many searches for similar articles are worked on at a time.
    pub concurrent_searches: usize,
    /// What all calls together may hold in memory, in bytes.
    pub budget_bytes: usize,
    /// What the calls of one connection may hold in memory, in bytes.
    pub connection_bytes: usize,
    /// How many connections may be open.
    pub connections: usize,
    /// How many Watches of health may be open, on all connections and on one.
    pub watches: usize,
    /// The same of one connection.
    pub watches_per_connection: usize,
    /// The largest message of an answer, in bytes.
    pub answer_bytes: usize,
    /// How long the server waits for its callers.
    pub timeouts: Timeouts,
}

/// How long the server waits for what a caller is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the first bytes of a connection.
    pub hello: Duration,
    /// For the next 64 KiB, or the end, of a request that is no stream.
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

/// Bounds that are the same for every server, and ceilings of those that are not.
impl Limits {
    /// The longest language code, in bytes: what every tag that is registered fits in, and a
    /// variant or two (RFC 5646, section 4.4.1).
    pub const LANGUAGE_CODE_BYTES: usize = 35;
    /// The longest etag in a request, in bytes; those that the archive gives are shorter.
    pub const ETAG_BYTES: usize = 64;
    /// The longest model's name in a request, in bytes: 64 for the name, and a version.
    pub const MODEL_NAME_BYTES: usize = 75;
    /// The longest page token, in bytes: twice what the longest id takes.
    pub const PAGE_TOKEN_BYTES: usize = 1_024;
    /// The longest source of an article, in bytes.
    pub const SOURCE_BYTES: usize = 200;
    /// The longest key of a label, in bytes.
    pub const LABEL_KEY_BYTES: usize = 64;
    /// The longest value of a label, in bytes.
    pub const LABEL_VALUE_BYTES: usize = 200;
    /// The most topics, the most sources and the most language codes of a filter.
    pub const FILTER_VALUES: usize = 100;
    /// The most topics that an article to be stored may come with. They are not read: it is so that
    /// an article can be put as it was got.
    pub const ARTICLE_TOPICS: usize = 256;
    /// The most parts of a message: elements of lists, entries of maps, nested messages, and fields
    /// that are not known. A batch of the most articles, each with the most labels and fifty
    /// topics, has fewer.
    pub const MESSAGE_PARTS: usize = 100_000;
    /// A page of articles ends with the one that takes its text to so many bytes: with one of the
    /// longest at its end, and their labels, a page of the default size still is what clients take
    /// by default, 4 MiB.
    pub const PAGE_BYTES: usize = 1 << 20;
    /// The most that [`Limits::answer_bytes`] may be: what clients take by default, 4 MiB, less 4
    /// KiB for those that count what stands around a message.
    pub const ANSWER_BYTES: usize = (4 << 20) - (4 << 10);
    /// The most that [`Limits::article_bytes`] may be.
    pub const ARTICLE_BYTES: usize = 2 << 20;
    /// The most that [`Limits::request_id_bytes`] may be.
    pub const REQUEST_ID_BYTES: usize = 256;
    /// The most that [`Limits::batch_articles`] may be.
    pub const BATCH_ARTICLES: usize = 1_000;
    /// The most that [`Limits::article_labels`] may be.
    pub const ARTICLE_LABELS: usize = 32;

    /// These limits, none of them above its ceiling.
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
