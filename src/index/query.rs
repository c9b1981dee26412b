//! Searches for similar articles.

use super::article::{ArchivedArticle, ArticleId};
use super::deadline::Deadline;
use super::filter::Filter;
use super::recency::Recency;

/// The maximum number of results of a query, over all pages.
pub const MAX_RESULTS: usize = 1_000;
/// How many of the first articles are considered when near-duplicates are folded.
pub(super) const MAX_COLLAPSED: usize = 200;

/// The minimum cosine of the term vectors of near-duplicates whose bodies are too short to compare.
pub const NEAR_DUPLICATE_COSINE: f64 = 0.85;
/// The most results on a first page that shows the first few alone.
const FEW: usize = 10;
/// The room for articles before the start of a page that the previous page did not find.
const NOT_FOUND_BEFORE: usize = 32;
/// How many near-duplicates of a result are named.
pub const MAX_NEAR_DUPLICATE_IDS: usize = 20;

/// What results are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimilarSource {
    /// An article of the archive.
    Id(ArticleId),
    /// A text.
    Text {
        /// The headline.
        title: String,
        /// The text below it.
        body: String,
    },
}

/// The end of a page, and so the start of the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct PageKey {
    /// The score of the last result.
    pub score: f64,
    /// Its id.
    pub id: ArticleId,
    /// Its rank among all results, from 1 on.
    pub shown: u32,
}

/// A search for similar articles.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarQuery {
    /// What results are compared with.
    pub source: SimilarSource,
    /// Which articles may be results.
    pub filter: Filter,
    /// The minimum similarity, in [0, 1]; results without any similarity are always left out.
    pub min_similarity: f64,
    /// How closeness in time counts; None ranks by similarity alone.
    pub recency: Option<Recency>,
    /// The maximum number of results on the page.
    pub page_size: usize,
    /// The page ends with the article that brings its text to this size, in bytes; bodies that are
    /// not returned do not count.
    pub page_bytes: usize,
    /// Whether results include their bodies. Without them, sixteen times as much text may be read
    /// for a page.
    pub with_bodies: bool,
    /// The end of the previous page; None for the first page.
    pub after: Option<PageKey>,
    /// Whether near-duplicates are folded into one result.
    pub collapse_near_duplicates: bool,
    /// When the search is given up.
    pub deadline: Deadline,
}

impl SimilarQuery {
    /// Searches for the ten most similar articles, without a filter.
    pub fn new(source: SimilarSource) -> Self {
        Self {
            source,
            filter: Filter::default(),
            min_similarity: 0.0,
            recency: None,
            page_size: 10,
            page_bytes: usize::MAX,
            with_bodies: true,
            after: None,
            collapse_near_duplicates: false,
            deadline: Deadline::default(),
        }
    }

    /// How many of the first articles the page requires: one more than it shows. A later page may
    /// rank articles before its start that the previous page did not find.
    pub(super) fn depth(&self) -> usize {
        if self.collapse_near_duplicates {
            return MAX_COLLAPSED;
        }
        let before = self.after.as_ref().map_or(0, |key| key.shown as usize + NOT_FOUND_BEFORE);
        (before + self.page_size + 1).min(MAX_RESULTS)
    }

    /// Whether the page shows more than the first few results.
    pub(super) fn is_deep(&self) -> bool {
        self.after.is_some() || self.page_size > FEW || self.collapse_near_duplicates
    }
}

/// A page of results.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SimilarPage {
    /// The results.
    pub hits: Vec<SimilarHit>,
    /// The key of the next page; None on the last one.
    pub next: Option<PageKey>,
    /// Results that cannot be read because the archive is damaged.
    pub unreadable: Vec<ArticleId>,
}

/// A similar article.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarHit {
    /// The article, without its body if the query asks for none.
    pub article: ArchivedArticle,
    /// The etag of the complete article.
    pub etag: String,
    /// Its similarity to the source.
    pub similarity: f64,
    /// What results are ordered by: the similarity, boosted by [`SimilarQuery::recency`].
    pub score: f64,
    /// The terms that contribute most, the strongest first.
    pub matched_terms: Vec<MatchedTerm>,
    /// The share of all other terms.
    pub other_share: f64,
    /// The share of the meaning: what the cosine of the mean word vectors adds.
    pub meaning_share: f64,
    /// The near-duplicates folded into it, the most similar to the source first.
    pub near_duplicates: Vec<ArticleId>,
}

/// A term of both articles.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedTerm {
    /// In the form that the source uses.
    pub term: String,
    /// Its share of the similarity.
    pub share: f64,
}
