//! The search for similar articles: what is asked for, and a page of the answer.

use super::article::{ArchivedArticle, ArticleId};
use super::deadline::Deadline;
use super::filter::Filter;

/// The last result that any page of a query has.
pub const MAX_RESULTS: usize = 1_000;
/// How many of the most similar articles are looked at where near-duplicates are folded.
pub(super) const MAX_COLLAPSED: usize = 200;

/// Two results whose bodies are too short to tell by are near-duplicates if they are this similar
/// to each other, or more.
pub const NEAR_DUPLICATE_SIMILARITY: f64 = 0.85;
/// How many near-duplicates of a result are named.
pub const MAX_NEAR_DUPLICATE_IDS: usize = 20;

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
