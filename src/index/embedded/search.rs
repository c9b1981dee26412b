//! The search for similar articles: candidates are compared exactly, the most promising first,
//! until the remaining ones will not be among the results.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::candidate::Candidate;
use super::super::meaning::similarity;
use super::super::page::{ReadPage, page, read};
use super::super::query::MAX_RESULTS;
use super::super::recency::Boost;
use super::super::source::Source;
use super::super::{ArticleId, IndexError, SimilarPage, SimilarQuery, SimilarSource};
use super::candidates::candidates;
use super::segments::Selection;
use super::shared::Shared;
use super::snapshot::{Handle, Snapshot};
use crate::article::ArticleText;

/// The number of candidates of a search for the first few results. Most are not compared: on
/// senate-press, 156 of 600 on average.
const CANDIDATES: usize = 600;
/// The number of candidates of a search for more of them, or with recency: an article may rank high
/// by its meaning or its time, and low by its terms. It is the same for all further pages, so that
/// each goes on where the last one ended.
const MANY_CANDIDATES: usize = 2 * MAX_RESULTS;
/// How many candidates are compared before the others are judged by them.
const MIN_COMPARED: usize = 32;
/// How many candidates are compared between two checks of the deadline.
const COMPARED_PER_CHECK: usize = 64;
/// A candidate's residual is assumed to be at most this many standard deviations above the mean
/// (docs/ranking.md has the measurements).
const DEVIATIONS: f64 = 3.5;
/// Partial scores are sums in single precision, and may be too small by this much.
const ROUNDING: f64 = 1e-5;

/// Finds the articles most similar to the query's source.
pub(super) fn find_similar(
    shared: &Shared,
    query: &SimilarQuery,
) -> Result<SimilarPage, IndexError> {
    match &query.source {
        SimilarSource::Text { title, body } => {
            let text = ArticleText { title, body };
            find(shared, query, &Source::of_text(text, query.recency))
        }
        SimilarSource::Id(id) => {
            let (article, vector) = shared
                .get_with_vector(id)?
                .ok_or_else(|| IndexError::UnknownSource { id: id.clone() })?;
            find(shared, query, &Source::of_article(&article, &vector, query.recency))
        }
    }
}

fn find(
    shared: &Shared,
    query: &SimilarQuery,
    source: &Source<'_>,
) -> Result<SimilarPage, IndexError> {
    let count = match source.boost {
        Boost::None if !query.is_deep() => CANDIDATES,
        _ => MANY_CANDIDATES,
    };
    let SimilarQuery { filter, deadline, .. } = query;
    let selection = Selection { filter, boost: source.boost, count, deadline: *deadline };
    let (found, snapshot) = candidates(shared, source.vector.by_priority(), selection)?;
    let compared = compare(estimates(found, &snapshot, source), &snapshot, source, query)?;
    let read_one =
        |handle: &Handle| Ok((snapshot.article(handle, &shared.records)?, snapshot.vector(handle)));
    let groups = page(compared, query, read_one)?;
    let ReadPage { found, next, unreadable } = read(groups, query, read_one)?;
    let hits = source.hits(found);
    Ok(SimilarPage { hits, next, unreadable })
}

/// What is known of a candidate before its terms are compared.
struct Estimate {
    handle: Handle,
    /// The cosine of its meaning.
    meaning: Option<f64>,
    /// The boost of its score.
    factor: f64,
    /// Its score, if the terms not considered for its partial score add nothing.
    score: f64,
}

/// The candidates with their estimates, the highest score first.
fn estimates(
    candidates: Vec<(f32, Handle)>,
    snapshot: &Snapshot,
    source: &Source<'_>,
) -> Vec<Estimate> {
    for (_, handle) in &candidates {
        if let Handle::Segment(place) = handle {
            snapshot.segments.fetch_meaning(*place);
        }
    }
    let scale = 1.0 / (source.vector.squared_length() as f64).sqrt();
    let estimate = |(boosted, handle): (f32, Handle)| {
        let factor = source.boost.factor(|| snapshot.publish_time(&handle));
        let meaning = source.vector.meaning_cosine(&snapshot.meaning(&handle));
        let cosine = f64::from(boosted) * scale / factor;
        Estimate { meaning, factor, score: factor * similarity(cosine, meaning), handle }
    };
    let mut estimates: Vec<Estimate> = candidates.into_iter().map(estimate).collect();
    estimates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    estimates
}

/// Compares candidates exactly, by descending estimate, until the remaining ones will not be among
/// the results; returns those that may be.
fn compare(
    estimates: Vec<Estimate>,
    snapshot: &Snapshot,
    source: &Source<'_>,
    query: &SimilarQuery,
) -> Result<Vec<Candidate<Handle>>, IndexError> {
    let mut best = TopScores::new(query.depth(), query.min_similarity);
    let mut residuals = Residuals::default();
    let mut compared = Vec::with_capacity(estimates.len().min(256));
    for (number, estimate) in estimates.into_iter().enumerate() {
        if number % COMPARED_PER_CHECK == 0 {
            query.deadline.check()?;
        }
        let Estimate { handle, meaning, factor, score } = estimate;
        if compared.len() >= MIN_COMPARED {
            let bound = residuals.bound();
            if score + source.boost.max_factor() * bound < best.least {
                break;
            }
            // Later candidates may have larger factors.
            if score + factor * bound < best.least {
                continue;
            }
        }
        let similarity = similarity(snapshot.cosine(&handle, &source.vector), meaning);
        // The source itself is not a result. Checking the id of every candidate would take a tenth
        // of the search.
        if similarity == 1.0
            && source.id.as_ref().is_some_and(|id| snapshot.id(&handle) == id.as_str())
        {
            continue;
        }
        residuals.add(similarity - score / factor);
        let score = similarity * factor;
        if similarity >= query.min_similarity {
            best.push(score);
        }
        compared.push((similarity, score, handle));
    }
    let could_be = compared.into_iter().filter(|(_, score, _)| *score >= best.least);
    // The source may have been replaced since it was read.
    let others = could_be.filter(|(.., handle)| {
        source.id.as_ref().is_none_or(|id| snapshot.id(handle) != id.as_str())
    });
    others
        .map(|(similarity, score, handle)| {
            let id = ArticleId::try_from(snapshot.id(&handle).to_owned()).map_err(|error| {
                IndexError::Storage {
                    action: "cannot read the id of an article",
                    reason: error.to_string(),
                }
            })?;
            Ok(Candidate { similarity, score, id, handle })
        })
        .collect()
}

/// The highest scores so far.
struct TopScores {
    depth: usize,
    /// Scores are not negative, so that their bits have the same order.
    scores: BinaryHeap<Reverse<u64>>,
    /// Articles with lower scores are not among the results.
    least: f64,
}

impl TopScores {
    /// The `depth` highest scores. No result has one below `min_similarity`, for no factor is
    /// below 1.
    fn new(depth: usize, min_similarity: f64) -> Self {
        Self { depth, scores: BinaryHeap::with_capacity(depth + 1), least: min_similarity }
    }

    fn push(&mut self, score: f64) {
        self.scores.push(Reverse(score.to_bits()));
        if self.scores.len() > self.depth {
            self.scores.pop();
        }
        if let (true, Some(Reverse(bits))) = (self.scores.len() == self.depth, self.scores.peek()) {
            self.least = self.least.max(f64::from_bits(*bits));
        }
    }
}

/// The residuals of the candidates compared so far: what the terms not considered for their partial
/// scores add to their similarity.
#[derive(Debug, Default)]
struct Residuals {
    count: f64,
    sum: f64,
    sum_of_squares: f64,
}

impl Residuals {
    fn add(&mut self, residual: f64) {
        self.count += 1.0;
        self.sum += residual;
        self.sum_of_squares += residual * residual;
    }

    /// A bound that hardly any residual exceeds.
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
    fn the_bound_exceeds_the_mean_by_a_multiple_of_the_deviation() {
        let mut residuals = Residuals::default();
        [0.1, 0.3].into_iter().for_each(|residual| residuals.add(residual));
        // The mean is 0.2, the standard deviation 0.1.
        assert!((residuals.bound() - 0.55).abs() < 1e-4, "{}", residuals.bound());
        let mut none = Residuals::default();
        none.add(0.0);
        assert!(none.bound() < 1e-4);
    }
}
