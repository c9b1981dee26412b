//! Filters: which articles may be results.

use std::collections::{BTreeMap, BTreeSet};

use super::article::{ArchivedArticle, PublishTime, Reliance, StoredTopic};
use crate::article::topic_levels;

/// Which articles may be results: all conditions must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// One of these topics, or one below it, with [`Self::min_topic_probability`]; empty for any.
    pub topics: BTreeSet<String>,
    /// The minimum probability of that topic; 0 requires that it is assigned.
    pub min_topic_probability: f64,
    /// Published at this time or later.
    pub published_from: Option<PublishTime>,
    /// Published before this time.
    pub published_until: Option<PublishTime>,
    /// Of one of these sources; empty for any.
    pub sources: BTreeSet<String>,
    /// In one of these languages, which include their regions; empty for any.
    pub language_codes: BTreeSet<String>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
}

impl Filter {
    /// Whether every article passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an article passes.
    pub fn accepts(&self, article: &ArchivedArticle) -> bool {
        let is_in = |set: &BTreeSet<String>, value: &str| set.is_empty() || set.contains(value);
        self.accepts_topics(article)
            && self.accepts_time(article.publish_time)
            && is_in(&self.sources, &article.source)
            && (self.language_codes.is_empty()
                || self.language_codes.iter().any(|code| {
                    languages(&article.language_code).contains(&code.to_ascii_lowercase())
                }))
            && self.labels.iter().all(|(key, value)| article.labels.get(key) == Some(value))
    }

    fn accepts_topics(&self, article: &ArchivedArticle) -> bool {
        let counts = |topic: &&StoredTopic| match self.min_topic_probability {
            0.0 => topic.is_assigned,
            least => topic.probability >= least,
        };
        let is_asked = |topic: &StoredTopic| {
            topic_levels(&topic.name).any(|level| self.topics.contains(level))
        };
        self.topics.is_empty() || filed_topics(article).iter().filter(counts).any(is_asked)
    }

    /// Whether an article with this publish time passes the time range.
    pub(super) fn accepts_time(&self, time: Option<PublishTime>) -> bool {
        match time {
            Some(time) => {
                self.published_from.is_none_or(|from| from <= time)
                    && self.published_until.is_none_or(|until| time < until)
            }
            None => self.published_from.is_none() && self.published_until.is_none(),
        }
    }
}

/// The topics by which a filter finds an article: none if its text was unknown to the model.
pub(super) fn filed_topics(article: &ArchivedArticle) -> &[StoredTopic] {
    match article.reliance {
        Reliance::UnknownText => &[],
        Reliance::Unclassified | Reliance::Confident | Reliance::Uncertain => &article.topics,
    }
}

/// The maximum length of a language code that is split, in bytes; RFC 5646, section 4.4.1, requires
/// 35.
const MAX_LANGUAGE_BYTES: usize = 64;

/// A language and its broader ones, in lower case: "en-gb" and "en" for "en-GB". None for codes
/// that are too long, because the total length grows with the square of theirs.
pub(super) fn languages(code: &str) -> Vec<String> {
    if code.len() > MAX_LANGUAGE_BYTES {
        return Vec::new();
    }
    let code = code.to_ascii_lowercase();
    let ends = code.match_indices('-').map(|(at, _)| at).chain([code.len()]);
    ends.filter(|end| *end > 0).map(|end| code[..end].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_includes_its_regions() {
        assert_eq!(languages("zh-Hant-TW"), ["zh", "zh-hant", "zh-hant-tw"]);
        assert_eq!(languages(""), Vec::<String>::new());
        assert_eq!(languages(&format!("en{}", "-a".repeat(200_000))), Vec::<String>::new());
    }

    #[test]
    fn a_time_range_includes_its_start_but_not_its_end() {
        let filter = Filter {
            published_from: Some(PublishTime(10)),
            published_until: Some(PublishTime(20)),
            ..Filter::default()
        };
        let accepted = [None, Some(9), Some(10), Some(19), Some(20)]
            .map(|time| filter.accepts_time(time.map(PublishTime)));
        assert_eq!(accepted, [false, false, true, true, false]);
        assert!(Filter::default().accepts_time(None));
    }
}
