//! The source of a search, which articles are compared with.

use super::analyzer::{forms, of_text};
use super::article::{ArchivedArticle, ArticleId};
use super::meaning::{self, similarity};
use super::page::FoundHit;
use super::query::{MatchedTerm, SimilarHit};
use super::query_vector::QueryVector;
use super::recency::{Boost, Recency};
use super::term_key::TermKey;
use super::vector::{Vector, cosine};
use crate::article::ArticleText;

/// How many matched terms are named.
const MAX_MATCHED_TERMS: usize = 10;

/// What a query compares with: a text with its vector, which may be that of an article.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) vector: QueryVector,
    text: ArticleText<'a>,
    /// That of the article, if it is one.
    pub(super) id: Option<ArticleId>,
    pub(super) boost: Boost,
}

impl<'a> Source<'a> {
    /// A text that is not in the archive.
    pub(super) fn of_text(text: ArticleText<'a>, recency: Option<Recency>) -> Self {
        let vector = QueryVector::new(&of_text(text));
        Self { vector, text, id: None, boost: Boost::new(recency, None) }
    }

    /// An article of the archive; `vector` is that of its text.
    pub(super) fn of_article(
        article: &'a ArchivedArticle,
        vector: &Vector,
        recency: Option<Recency>,
    ) -> Self {
        Self {
            vector: QueryVector::new(vector),
            text: article.text(),
            id: Some(article.id.clone()),
            boost: Boost::new(recency, article.publish_time),
        }
    }

    /// The results, with their matched terms.
    pub(super) fn hits<H>(&self, found: Vec<FoundHit<H>>) -> Vec<SimilarHit> {
        let parts: Vec<Vec<(TermKey, u64)>> = found.iter().map(|found| self.parts(found)).collect();
        let matched = |parts: &Vec<(TermKey, u64)>| parts.len().min(MAX_MATCHED_TERMS);
        let mut terms: Vec<TermKey> = parts
            .iter()
            .flat_map(|parts| parts[..matched(parts)].iter().map(|(term, _)| *term))
            .collect();
        terms.sort_unstable();
        terms.dedup();
        let forms = forms(self.text, &terms);
        let form = |term: &TermKey| {
            terms.binary_search(term).map_or_else(|_| String::new(), |place| forms[place].clone())
        };
        let hit = |(FoundHit { group, article, etag, vector }, parts): (
            FoundHit<H>,
            Vec<(TermKey, u64)>,
        )| {
            let whole: u64 = parts.iter().map(|(_, part)| part).sum();
            let similarity = group.leader.similarity;
            let meaning_share = self.meaning_part(&vector) / similarity;
            let share = |part: u64| (1.0 - meaning_share) * part as f64 / whole as f64;
            let (matched, others) = parts.split_at(matched(&parts));
            SimilarHit {
                article,
                etag,
                similarity,
                score: group.leader.score,
                matched_terms: matched
                    .iter()
                    .map(|(term, part)| MatchedTerm { term: form(term), share: share(*part) })
                    .collect(),
                other_share: share(others.iter().map(|(_, part)| part).sum()),
                meaning_share,
                near_duplicates: group.near_duplicates,
            }
        };
        found.into_iter().zip(parts).map(hit).collect()
    }

    /// What the meaning adds to the similarity of an article.
    fn meaning_part(&self, vector: &Vector) -> f64 {
        meaning::part(self.vector.meaning_cosine(&vector.meaning))
    }

    /// The contribution of each common term to the inner product. The terms to be named come first,
    /// by descending contribution; the others are unordered.
    fn parts<H>(&self, found: &FoundHit<H>) -> Vec<(TermKey, u64)> {
        let may_be_common =
            found.vector.terms.iter().filter(|term| self.vector.may_have(term.key()));
        let parts = may_be_common.map(|term| (term.key(), self.vector.product(*term)));
        let mut parts: Vec<(TermKey, u64)> = parts.filter(|(_, part)| *part > 0).collect();
        let order = |a: &(TermKey, u64), b: &(TermKey, u64)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
        if parts.len() > MAX_MATCHED_TERMS {
            parts.select_nth_unstable_by(MAX_MATCHED_TERMS, order);
        }
        let matched = parts.len().min(MAX_MATCHED_TERMS);
        parts[..matched].sort_unstable_by(order);
        debug_assert_eq!(
            found.group.leader.similarity,
            similarity(
                cosine(
                    parts.iter().map(|(_, part)| part).sum(),
                    self.vector.squared_length(),
                    found.vector.squared_length
                ),
                self.vector.meaning_cosine(&found.vector.meaning)
            )
        );
        parts
    }
}
