//! Articles as the archive stores them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::article::{ArticleText, topic_levels};

/// The caller's id for an article: not empty, at most [`ArticleId::MAX_BYTES`] long, without
/// control characters, and without white space at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArticleId(String);

/// Why a string is not an [`ArticleId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArticleIdError {
    /// It is empty.
    #[error("an article's id must not be empty")]
    Empty,
    /// It is longer than [`ArticleId::MAX_BYTES`].
    #[error("an article's id must not be longer than {max} bytes", max = ArticleId::MAX_BYTES)]
    TooLong,
    /// It would not survive printing or typing.
    #[error("an article's id must have no control characters, and no white space at its ends")]
    NotPrintable,
}

impl ArticleId {
    /// The maximum length of an id, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 256;

    /// The id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ArticleId {
    type Error = ArticleIdError;

    fn try_from(id: String) -> Result<Self, ArticleIdError> {
        if id.is_empty() {
            return Err(ArticleIdError::Empty);
        }
        if id.len() > Self::MAX_BYTES {
            return Err(ArticleIdError::TooLong);
        }
        if id.trim() != id || id.chars().any(char::is_control) {
            return Err(ArticleIdError::NotPrintable);
        }
        Ok(Self(id))
    }
}

impl FromStr for ArticleId {
    type Err = ArticleIdError;

    fn from_str(id: &str) -> Result<Self, ArticleIdError> {
        id.to_owned().try_into()
    }
}

impl From<ArticleId> for String {
    fn from(id: ArticleId) -> Self {
        id.0
    }
}

impl fmt::Display for ArticleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When an article was published, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PublishTime(pub i64);

/// How far an article's first topic can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reliance {
    /// It was not classified.
    Unclassified,
    /// The topic can be acted on.
    Confident,
    /// No topic stands out.
    Uncertain,
    /// The model knows too little of the text.
    UnknownText,
}

/// A topic of an archived article.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredTopic {
    /// Its name.
    pub name: String,
    /// Its probability.
    pub probability: f64,
    /// Whether it is assigned: the first topic or, where an article may have several, one that was
    /// assigned. Records store it after the article (`record`).
    #[serde(skip)]
    pub is_assigned: bool,
}

/// An article as the archive stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchivedArticle {
    /// The caller's id for it.
    pub id: ArticleId,
    /// The headline.
    pub title: String,
    /// The text below it.
    pub body: String,
    /// A BCP-47 tag; empty if not stated.
    pub language_code: String,
    /// When it was published, if stated.
    pub publish_time: Option<PublishTime>,
    /// Who published it; empty if not stated.
    pub source: String,
    /// The caller's own keys and values, for filters.
    pub labels: BTreeMap<String, String>,
    /// Its topics, the most probable one first.
    pub topics: Vec<StoredTopic>,
    /// The model that assigned them, such as "news/1"; empty for none.
    pub model: String,
    /// How far the first topic can be relied on.
    pub reliance: Reliance,
}

impl ArchivedArticle {
    /// An article with a text and nothing else.
    pub fn new(id: ArticleId, text: ArticleText<'_>) -> Self {
        Self {
            id,
            title: text.title.to_owned(),
            body: text.body.to_owned(),
            language_code: String::new(),
            publish_time: None,
            source: String::new(),
            labels: BTreeMap::new(),
            topics: Vec::new(),
            model: String::new(),
            reliance: Reliance::Unclassified,
        }
    }

    /// Its approximate size in memory, in bytes.
    pub fn size_bytes(&self) -> usize {
        let labels: usize =
            self.labels.iter().map(|(key, value)| key.len() + value.len() + 64).sum();
        let topics: usize = self.topics.iter().map(|topic| topic.name.len() + 48).sum();
        self.text().size_bytes()
            + self.source.len()
            + self.language_code.len()
            + labels
            + topics
            + 256
    }

    /// Whether it has a topic, or one below it.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.topics.iter().any(|known| topic_levels(&known.name).any(|level| level == topic))
    }

    /// Title and body.
    pub fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }
}
