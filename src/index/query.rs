//! What is asked of the archive, and how candidates become a page: filter, order, near-duplicates,
//! matched terms.
//!
//! Shared by the backends that hold their vectors at hand, so that they cannot disagree.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::collapse::collapse;
use super::vector::{QueryVector, TermKey, Vector, cosine};
use super::{ArchivedArticle, ArticleId, IndexError, PublishTime, Reliance, StoredTopic};
use crate::article::{ArticleText, topic_levels};

/// The last result that any page of a query has.
pub const MAX_RESULTS: usize = 1_000;
/// How many of the most similar articles are looked at where near-duplicates are folded.
pub(super) const MAX_COLLAPSED: usize = 200;
/// A page without bodies is made of texts of at most so many times [`SimilarQuery::page_bytes`].
const READ_PER_PAGE: usize = 16;
/// Two results whose bodies are too short to tell by are near-duplicates if they are this similar
/// to each other, or more.
pub const NEAR_DUPLICATE_SIMILARITY: f64 = 0.85;
/// How many near-duplicates of a result are named.
pub const MAX_NEAR_DUPLICATE_IDS: usize = 20;
/// How many matched terms are named.
const MAX_MATCHED_TERMS: usize = 10;

/// When nobody waits for an answer any more; None for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadline(pub Option<Instant>);

impl Deadline {
    /// # Errors
    /// [`IndexError::Late`] once it has passed.
    pub(super) fn check(self) -> Result<(), IndexError> {
        match self.0 {
            Some(at) if at <= Instant::now() => Err(IndexError::Late),
            _ => Ok(()),
        }
    }
}

/// What results are to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimilarSource {
    /// An article of the archive.
    Id(ArticleId),
    /// A text.
    Text {
        /// The headline.
        title: String,
        /// The text under it.
        body: String,
    },
}

/// Which articles may be results: all that is set must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// One of these topics, or one below it, as [`Self::min_topic_probability`] says; empty means
    /// any.
    pub topics: BTreeSet<String>,
    /// The least probability of that topic. With 0 it is one that was assigned.
    pub min_topic_probability: f64,
    /// Published at this time or later.
    pub published_from: Option<PublishTime>,
    /// Published before this time.
    pub published_until: Option<PublishTime>,
    /// Of one of these sources; empty means any.
    pub sources: BTreeSet<String>,
    /// In one of these languages, a language taking its regions in; empty means any.
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

    /// Whether an article of this time passes as far as its time goes.
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

/// The topics that a filter may find an article by: none where its text was unknown to the model.
pub(super) fn filed_topics(article: &ArchivedArticle) -> &[StoredTopic] {
    match article.reliance {
        Reliance::UnknownText => &[],
        Reliance::Unclassified | Reliance::Confident | Reliance::Uncertain => &article.topics,
    }
}

/// The longest language code that is taken apart, in bytes; RFC 5646, section 4.4.1, asks for 35.
const MAX_LANGUAGE_BYTES: usize = 64;

/// A language and those it is a region of, in lower case: "en-gb" and "en" for "en-GB". None for
/// what is too long to be one, whatever an archive may hold: all of them together are as long as
/// the square of it.
pub(super) fn languages(code: &str) -> Vec<String> {
    if code.len() > MAX_LANGUAGE_BYTES {
        return Vec::new();
    }
    let code = code.to_ascii_lowercase();
    let ends = code.match_indices('-').map(|(at, _)| at).chain([code.len()]);
    ends.filter(|end| *end > 0).map(|end| code[..end].to_owned()).collect()
}

/// Which articles to list, in the order of their ids' bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Those after this id; None for those from the first one on.
    pub after: Option<ArticleId>,
    /// Those that pass.
    pub filter: Filter,
    /// At most so many.
    pub count: usize,
    /// None after the one that takes their texts to so many bytes.
    pub bytes: usize,
    /// When the list may be given up.
    pub deadline: Deadline,
}

impl Default for ListQuery {
    /// Asks for all.
    fn default() -> Self {
        Self {
            after: None,
            filter: Filter::default(),
            count: usize::MAX,
            bytes: usize::MAX,
            deadline: Deadline::default(),
        }
    }
}

/// Where a page ended: the next one goes on behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct PageKey {
    /// The similarity of the last result.
    pub similarity: f64,
    /// Its id.
    pub id: ArticleId,
    /// How many results there were up to it.
    pub shown: u32,
}

/// What to find.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarQuery {
    /// What results are to be like.
    pub source: SimilarSource,
    /// Which articles may be results.
    pub filter: Filter,
    /// Results below it are left out, and so are those of similarity 0; in [0, 1].
    pub min_similarity: f64,
    /// The most results on the page.
    pub page_size: usize,
    /// The page ends with the article that takes its text to so many bytes, without bodies of what
    /// is shown of it.
    pub page_bytes: usize,
    /// Whether the results have their bodies. Without them sixteen times as much is read for a
    /// page.
    pub with_bodies: bool,
    /// Where the page before ended; None for the first page.
    pub after: Option<PageKey>,
    /// Whether near-duplicates of a result are folded into it.
    pub collapse_near_duplicates: bool,
    /// When the search may be given up.
    pub deadline: Deadline,
}

impl SimilarQuery {
    /// Asks for the first ten, whatever they are.
    pub fn new(source: SimilarSource) -> Self {
        Self {
            source,
            filter: Filter::default(),
            min_similarity: 0.0,
            page_size: 10,
            page_bytes: usize::MAX,
            with_bodies: true,
            after: None,
            collapse_near_duplicates: false,
            deadline: Deadline::default(),
        }
    }

    /// How many of the most similar articles the page has to be made of, one more than it shows.
    pub(super) fn depth(&self) -> usize {
        if self.collapse_near_duplicates {
            return MAX_COLLAPSED;
        }
        let shown = self.after.as_ref().map_or(0, |key| key.shown as usize);
        (shown + self.page_size + 1).min(MAX_RESULTS)
    }
}

/// A page of results.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SimilarPage {
    /// The results.
    pub hits: Vec<SimilarHit>,
    /// Where the next page goes on; None on the last one.
    pub next: Option<PageKey>,
    /// Results that cannot be read, because the archive is damaged where they lie.
    pub unreadable: Vec<ArticleId>,
}

/// An article that is like the source.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarHit {
    /// The article, its body left out where the query asks for none.
    pub article: ArchivedArticle,
    /// The etag of the whole article.
    pub etag: String,
    /// Its similarity to the source.
    pub similarity: f64,
    /// The terms that make most of it, the strongest first.
    pub matched_terms: Vec<MatchedTerm>,
    /// The share of the others.
    pub other_share: f64,
    /// The near-duplicates folded into it, the most similar to the source first.
    pub near_duplicates: Vec<ArticleId>,
}

/// A term that both articles have.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedTerm {
    /// As the source has it.
    pub term: String,
    /// Its part in the similarity.
    pub share: f64,
}

/// An article that may be a result.
#[derive(Debug, Clone)]
pub(super) struct Candidate<H> {
    pub(super) similarity: f64,
    pub(super) id: ArticleId,
    /// Where the backend has the rest of it.
    pub(super) handle: H,
}

impl<H> Candidate<H> {
    fn order(&self, other_similarity: f64, other_id: &ArticleId) -> Ordering {
        other_similarity.total_cmp(&self.similarity).then_with(|| self.id.cmp(other_id))
    }
}

/// A result with those folded into it.
#[derive(Debug)]
pub(super) struct Group<H> {
    pub(super) leader: Candidate<H>,
    pub(super) near_duplicates: Vec<ArticleId>,
}

/// The results of the query's page, out of candidates that pass its filter; and where the next page
/// goes on.
pub(super) fn page<H>(
    mut candidates: Vec<Candidate<H>>,
    query: &SimilarQuery,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<(Vec<Group<H>>, Option<PageKey>), IndexError> {
    candidates.retain(|candidate| {
        candidate.similarity > 0.0 && candidate.similarity >= query.min_similarity
    });
    candidates.sort_by(|a, b| a.order(b.similarity, &b.id));
    candidates.truncate(query.depth());
    let groups = if query.collapse_near_duplicates {
        collapse(candidates, query.deadline, read_one)?
    } else {
        candidates.into_iter().map(|leader| Group { leader, near_duplicates: Vec::new() }).collect()
    };
    let (mut shown, mut rest) = (0, groups);
    if let Some(after) = &query.after {
        rest.retain(|group| group.leader.order(after.similarity, &after.id) == Ordering::Greater);
        shown = after.shown;
    }
    let is_more = rest.len() > query.page_size;
    rest.truncate(query.page_size);
    let key = |group: &Group<H>| PageKey {
        similarity: group.leader.similarity,
        id: group.leader.id.clone(),
        shown: shown + rest.len() as u32,
    };
    let next = if is_more { rest.last().map(key) } else { None };
    Ok((rest, next))
}

/// Reads the results of a page one after the other, until it has the text that it may have; with
/// where the next page goes on then.
pub(super) fn read<H>(
    (groups, mut next): (Vec<Group<H>>, Option<PageKey>),
    query: &SimilarQuery,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<Read<H>, IndexError> {
    let before = query.after.as_ref().map_or(0, |key| key.shown);
    let (mut found, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
    let (mut bytes, mut read_bytes) = (0, 0);
    for (shown, group) in (before..).zip(groups) {
        query.deadline.check()?;
        let is_full = bytes >= query.page_bytes || read_bytes / READ_PER_PAGE >= query.page_bytes;
        if let (true, Some((similarity, id))) = (is_full, last.take()) {
            next = Some(PageKey { similarity, id, shown });
            break;
        }
        last = Some((group.leader.similarity, group.leader.id.clone()));
        match read_one(&group.leader.handle) {
            Ok((mut article, vector)) => {
                let etag = article.etag();
                read_bytes += article.text().size_bytes();
                if !query.with_bodies {
                    article.body = String::new();
                }
                bytes += article.text().size_bytes();
                found.push(FoundHit { group, article, etag, vector });
            }
            // One damaged article does not take the others with it.
            Err(IndexError::Corrupt { .. }) => unreadable.push(group.leader.id),
            Err(error) => return Err(error),
        }
    }
    Ok(Read { found, next, unreadable })
}

/// The results of a page, read.
#[derive(Debug)]
pub(super) struct Read<H> {
    pub(super) found: Vec<FoundHit<H>>,
    /// Where the next page goes on.
    pub(super) next: Option<PageKey>,
    /// Results that cannot be read, because the archive is damaged where they lie.
    pub(super) unreadable: Vec<ArticleId>,
}

/// What a query compares with: a text, its vector, and the article it is, where it is one.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) vector: QueryVector,
    text: ArticleText<'a>,
    pub(super) id: Option<ArticleId>,
}

/// A result whose matched terms are yet to be named.
#[derive(Debug)]
pub(super) struct FoundHit<H> {
    pub(super) group: Group<H>,
    pub(super) article: ArchivedArticle,
    pub(super) etag: String,
    pub(super) vector: Vector,
}

impl<'a> Source<'a> {
    /// `vector` is that of `text`.
    pub(super) fn new(text: ArticleText<'a>, vector: &Vector, id: Option<ArticleId>) -> Self {
        Self { vector: QueryVector::new(vector), text, id }
    }

    /// The results with their matched terms.
    pub(super) fn hits<H>(&self, found: Vec<FoundHit<H>>) -> Vec<SimilarHit> {
        let parts: Vec<Vec<(TermKey, u64)>> = found.iter().map(|found| self.parts(found)).collect();
        let matched = |parts: &Vec<(TermKey, u64)>| parts.len().min(MAX_MATCHED_TERMS);
        let mut terms: Vec<TermKey> = parts
            .iter()
            .flat_map(|parts| parts[..matched(parts)].iter().map(|(term, _)| *term))
            .collect();
        terms.sort_unstable();
        terms.dedup();
        let forms = super::vector::forms(self.text, &terms);
        let form = |term: &TermKey| {
            terms.binary_search(term).map_or_else(|_| String::new(), |place| forms[place].clone())
        };
        let hit =
            |(FoundHit { group, article, etag, .. }, parts): (FoundHit<H>, Vec<(TermKey, u64)>)| {
                let whole: u64 = parts.iter().map(|(_, part)| part).sum();
                let share = |part: u64| part as f64 / whole as f64;
                let (matched, others) = parts.split_at(matched(&parts));
                SimilarHit {
                    article,
                    etag,
                    similarity: group.leader.similarity,
                    matched_terms: matched
                        .iter()
                        .map(|(term, part)| MatchedTerm { term: form(term), share: share(*part) })
                        .collect(),
                    other_share: share(others.iter().map(|(_, part)| part).sum()),
                    near_duplicates: group.near_duplicates,
                }
            };
        found.into_iter().zip(parts).map(hit).collect()
    }

    /// What each common term adds to the inner product: those to be named in front, the largest
    /// first, the others in no order.
    fn parts<H>(&self, found: &FoundHit<H>) -> Vec<(TermKey, u64)> {
        let may_be_common =
            found.vector.entries.iter().filter(|entry| self.vector.may_have(entry.term()));
        let parts = may_be_common.map(|entry| (entry.term(), self.vector.product(*entry)));
        let mut parts: Vec<(TermKey, u64)> = parts.filter(|(_, part)| *part > 0).collect();
        let order = |a: &(TermKey, u64), b: &(TermKey, u64)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
        if parts.len() > MAX_MATCHED_TERMS {
            parts.select_nth_unstable_by(MAX_MATCHED_TERMS, order);
        }
        let matched = parts.len().min(MAX_MATCHED_TERMS);
        parts[..matched].sort_unstable_by(order);
        debug_assert_eq!(
            found.group.leader.similarity,
            cosine(
                parts.iter().map(|(_, part)| part).sum(),
                self.vector.squared_length(),
                found.vector.squared_length
            )
        );
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_takes_its_regions_in() {
        assert_eq!(languages("zh-Hant-TW"), ["zh", "zh-hant", "zh-hant-tw"]);
        assert_eq!(languages(""), Vec::<String>::new());
        assert_eq!(languages(&format!("en{}", "-a".repeat(200_000))), Vec::<String>::new());
    }

    #[test]
    fn a_time_range_has_its_start_and_not_its_end() {
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
