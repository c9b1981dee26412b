//! The search for similar articles: candidates by some of the source's terms, the likeliest first,
//! compared exactly until the next ones will not come to be results.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::analyzer::of_text;
use super::super::candidate::Candidate;
use super::super::page::{ReadPage, page, read};
use super::super::query::MAX_COLLAPSED;
use super::super::source::Source;
use super::super::{ArticleId, IndexError, SimilarPage, SimilarQuery, SimilarSource};
use super::candidates::candidates;
use super::shared::Shared;
use super::snapshot::{Handle, Snapshot};
use crate::article::ArticleText;

/// How many candidates there are at the least. Most are not compared: on senate-press 156 of 600
/// are, in the mean.
const CANDIDATES: usize = 600;
/// So many candidates are compared before the others are judged by them.
const MIN_COMPARED: usize = 32;
/// After so many comparisons the deadline is looked at again.
const COMPARED_AT_ONCE: usize = 64;
/// By so many standard deviations a candidate's rest may lie above the mean: docs/ranking.md has
/// what was measured.
const DEVIATIONS: f64 = 3.5;
/// The parts of candidates are sums in single precision: they may be this much too small.
const ROUNDING: f64 = 1e-5;

/// Finds the articles most similar to the query's source.
pub(super) fn find_similar(
    shared: &Shared,
    query: &SimilarQuery,
) -> Result<SimilarPage, IndexError> {
    match &query.source {
        SimilarSource::Text { title, body } => {
            let text = ArticleText { title, body };
            find(shared, query, &Source::new(text, &of_text(text), None))
        }
        SimilarSource::Id(id) => {
            let (article, vector) = shared
                .get_with_vector(id)?
                .ok_or_else(|| IndexError::UnknownSource { id: id.clone() })?;
            find(shared, query, &Source::new(article.text(), &vector, Some(id.clone())))
        }
    }
}

fn find(
    shared: &Shared,
    query: &SimilarQuery,
    source: &Source<'_>,
) -> Result<SimilarPage, IndexError> {
    let depth = query.depth();
    let count =
        (2 * if query.collapse_near_duplicates { MAX_COLLAPSED } else { depth }).max(CANDIDATES);
    let (found, snapshot) = candidates(shared, source.vector.by_priority(), query, count)?;
    let compared = compare(found, &snapshot, source, query)?;
    let read_one =
        |handle: &Handle| Ok((snapshot.article(handle, &shared.records)?, snapshot.vector(handle)));
    let groups = page(compared, query, read_one)?;
    let ReadPage { found, next, unreadable } = read(groups, query, read_one)?;
    let hits = source.hits(found);
    Ok(SimilarPage { hits, next, unreadable })
}

/// Compares candidates exactly, those of the largest parts first, until the next ones will not be
/// among the results: those that could be are returned.
fn compare(
    candidates: Vec<(f32, Handle)>,
    snapshot: &Snapshot,
    source: &Source<'_>,
    query: &SimilarQuery,
) -> Result<Vec<Candidate<Handle>>, IndexError> {
    let depth = query.depth();
    let scale = 1.0 / (source.vector.squared_length() as f64).sqrt();
    // Similarities are not negative: their bits have their order.
    let mut best: BinaryHeap<Reverse<u64>> = BinaryHeap::with_capacity(depth + 1);
    let mut least = query.min_similarity;
    let mut rests = Rests::default();
    let mut compared = Vec::with_capacity(candidates.len().min(256));
    for (number, (part, handle)) in candidates.into_iter().enumerate() {
        if number % COMPARED_AT_ONCE == 0 {
            query.deadline.check()?;
        }
        let part = f64::from(part) * scale;
        if compared.len() >= MIN_COMPARED && part + rests.bound() < least {
            break;
        }
        let similarity = snapshot.similarity(&handle, &source.vector);
        // The source itself is no result. To look at the id of every candidate would take a tenth
        // of the time.
        if similarity == 1.0
            && source.id.as_ref().is_some_and(|id| snapshot.id(&handle) == id.as_str())
        {
            continue;
        }
        rests.add(similarity - part);
        compared.push((similarity, handle));
        best.push(Reverse(similarity.to_bits()));
        if best.len() > depth {
            best.pop();
        }
        if let (true, Some(Reverse(bits))) = (best.len() == depth, best.peek()) {
            least = f64::max(query.min_similarity, f64::from_bits(*bits));
        }
    }
    let could_be = compared.into_iter().filter(|(similarity, _)| *similarity >= least);
    could_be
        .map(|(similarity, handle)| {
            let id = ArticleId::try_from(snapshot.id(&handle).to_owned()).map_err(|error| {
                IndexError::Storage {
                    action: "cannot read the id of an article",
                    reason: error.to_string(),
                }
            })?;
            Ok(Candidate { similarity, id, handle })
        })
        .collect()
}

/// How much the terms that were not looked at add to the similarity of those that were compared.
#[derive(Debug, Default)]
struct Rests {
    count: f64,
    sum: f64,
    sum_of_squares: f64,
}

impl Rests {
    fn add(&mut self, rest: f64) {
        self.count += 1.0;
        self.sum += rest;
        self.sum_of_squares += rest * rest;
    }

    /// What hardly any article has more of.
    fn bound(&self) -> f64 {
        let mean = self.sum / self.count;
        let variance = (self.sum_of_squares / self.count - mean * mean).max(0.0);
        mean + DEVIATIONS * variance.sqrt() + ROUNDING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_lies_above_the_mean_as_far_as_the_rests_are_spread() {
        let mut rests = Rests::default();
        [0.1, 0.3].into_iter().for_each(|rest| rests.add(rest));
        // The mean is 0.2, the standard deviation 0.1.
        assert!((rests.bound() - 0.55).abs() < 1e-4, "{}", rests.bound());
        let mut none = Rests::default();
        none.add(0.0);
        assert!(none.bound() < 1e-4);
    }
}
