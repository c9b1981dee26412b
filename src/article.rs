//! What every floor speaks of: articles, topic names and the limits on them.

use std::fmt;

/// The text of an article, borrowed from wherever it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
        self.title.trim().is_empty() && self.body.trim().is_empty()
    }
}

/// A topic's name: not empty, no control characters, no white space at either end, at most [`TopicName::MAX_BYTES`] long.
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
}

impl TopicName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 200;

    /// Checks a name.
    ///
    /// # Errors
    /// [`TopicNameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, TopicNameError> {
        if name.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(TopicNameError::TooLong);
        }
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err(TopicNameError::NotPrintable);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is formed like a BCP-47 language tag: a language of 2 to 8 letters, then parts of 1 to 8 letters and digits,
/// with hyphens between. Whether such a language exists is not asked.
pub fn is_language_code(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or("");
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The limits that hold for requests, as published by `GetServerInfo`. Sizes are those of decompressed messages.
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
    /// How many classification streams are open at a time.
    pub concurrent_streams: usize,
    /// The most terms in the evidence of one topic.
    pub evidence_terms: usize,
    /// The longest id of a streamed request, in bytes.
    pub request_id_bytes: usize,
    /// The most labels of an archived article.
    pub article_labels: usize,
    /// How many imports are open at a time.
    pub concurrent_imports: usize,
    /// How many searches for similar articles are worked on at a time.
    pub concurrent_searches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            article_bytes: 2 << 20,
            message_bytes: 8 << 20,
            batch_articles: 1_000,
            concurrent_batches: 8,
            concurrent_streams: 256,
            evidence_terms: 20,
            request_id_bytes: 256,
            article_labels: 32,
            concurrent_imports: 8,
            concurrent_searches: 64,
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
        assert_eq!(TopicName::new("sport/football").map(|name| name.to_string()), Ok("sport/football".to_owned()));
    }

    #[test]
    fn language_codes_are_checked_for_their_form() {
        for tag in ["en", "pt-BR", "zh-Hant-TW", "de-1996", "x-private".trim_start_matches("x-")] {
            assert!(is_language_code(tag), "{tag}");
        }
        for tag in ["", "e", "english language", "en_US", "-en", "en-", "日本"] {
            assert!(!is_language_code(tag), "{tag}");
        }
    }

    #[test]
    fn an_article_of_white_space_is_blank() {
        assert!(ArticleText { title: " \n", body: "\u{3000}" }.is_blank());
        assert!(!ArticleText { title: "", body: "x" }.is_blank());
    }
}
