//! Candidates for the results of a search.

use std::cmp::Ordering;

use super::article::ArticleId;

/// An article that may be a result.
#[derive(Debug, Clone)]
pub(super) struct Candidate<H> {
    pub(super) similarity: f64,
    /// What results are ordered by.
    pub(super) score: f64,
    pub(super) id: ArticleId,
    /// Where the backend has the article.
    pub(super) handle: H,
}

impl<H> Candidate<H> {
    pub(super) fn order(&self, other_score: f64, other_id: &ArticleId) -> Ordering {
        other_score.total_cmp(&self.score).then_with(|| self.id.cmp(other_id))
    }
}

/// A result, and the near-duplicates folded into it.
#[derive(Debug)]
pub(super) struct Group<H> {
    pub(super) leader: Candidate<H>,
    pub(super) near_duplicates: Vec<ArticleId>,
}
