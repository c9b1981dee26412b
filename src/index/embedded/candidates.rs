//! Selects the candidates of a search.

use std::sync::Arc;

use super::recent::{Recent, RecentArticle};
use super::segments::Selection;
use super::shared::Shared;
use super::snapshot::{Handle, Snapshot};
use crate::index::query_vector::WeightedTerm;
use crate::index::{Deadline, Filter, IndexError};

/// How many articles in memory a filter examines between two checks of the deadline.
const FILTERED_PER_CHECK: usize = 256;
/// About how many postings are read for the candidates, which limits the number of the source's
/// terms that are considered (docs/ranking.md has the measurements).
const POSTINGS_TARGET: usize = 150_000;

/// Candidates with their partial scores, and the snapshot that their handles belong to.
pub(super) type Candidates = (Vec<(f32, Handle)>, Snapshot);

/// The selected articles, unordered. `terms` are those of the source, in the order in which their
/// postings are worth reading.
pub(super) fn candidates(
    shared: &Shared,
    terms: &[WeightedTerm],
    selection: Selection<'_>,
) -> Result<Candidates, IndexError> {
    let found = candidates_within(shared, terms, POSTINGS_TARGET, selection)?;
    if found.0.len() >= selection.count {
        return Ok(found);
    }
    // In a small archive, or under a narrow filter, every article that shares a term is found.
    candidates_within(shared, terms, usize::MAX, selection)
}

/// As [`candidates`], from the first terms that have about `postings` postings together.
fn candidates_within(
    shared: &Shared,
    terms: &[WeightedTerm],
    postings: usize,
    selection: Selection<'_>,
) -> Result<Candidates, IndexError> {
    let Selection { filter, boost, count, deadline } = selection;
    // The plan is made without the lock, and again if the segments were replaced meanwhile.
    let mut segments = Arc::clone(&shared.read().segments);
    let (plan, recent, snapshot) = loop {
        let plan = segments.plan(terms, postings);
        let state = shared.read();
        if !Arc::ptr_eq(&segments, &state.segments) {
            segments = Arc::clone(&state.segments);
            continue;
        }
        // A filter may take long, and is applied without the lock.
        let best = |recent: &Recent| {
            if filter.is_empty() {
                recent.best(plan.terms, boost, count)
            } else {
                recent.all(plan.terms, boost)
            }
        };
        let mut recent = best(&state.recent);
        if let Some(frozen) = &state.frozen {
            let frozen = best(frozen).into_iter();
            recent.extend(
                frozen.filter(|(_, article)| state.recent.get(&article.article.id).is_none()),
            );
        }
        break (plan, recent, state.snapshot());
    };
    let recent = accepted(recent, filter, deadline)?;
    let folded = snapshot.segments.candidates(&plan, selection, &snapshot.superseded)?;
    let recent = recent.into_iter().map(|(score, article)| (score, Handle::Memory(article)));
    let folded = folded.into_iter().map(|(score, place)| (score, Handle::Segment(place)));
    Ok((highest(recent.chain(folded).collect(), count), snapshot))
}

/// The articles that pass a filter.
fn accepted(
    mut articles: Vec<(f32, Arc<RecentArticle>)>,
    filter: &Filter,
    deadline: Deadline,
) -> Result<Vec<(f32, Arc<RecentArticle>)>, IndexError> {
    if filter.is_empty() {
        return Ok(articles);
    }
    let mut accepted = Vec::new();
    while !articles.is_empty() {
        deadline.check()?;
        let batch = articles.split_off(articles.len().saturating_sub(FILTERED_PER_CHECK));
        accepted.extend(batch.into_iter().filter(|(_, article)| filter.accepts(&article.article)));
    }
    Ok(accepted)
}

/// The `count` candidates with the highest partial scores, unordered.
fn highest(mut candidates: Vec<(f32, Handle)>, count: usize) -> Vec<(f32, Handle)> {
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0));
        candidates.truncate(count);
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::super::segments::Place;
    use super::*;

    #[test]
    fn the_candidates_with_the_highest_scores_are_kept() {
        let handle = |document| Handle::Segment(Place { segment: 0, document });
        let candidates = [(0.2, 0), (0.9, 1), (0.5, 2), (0.7, 3)]
            .map(|(score, document)| (score, handle(document)));
        let mut scores: Vec<f32> =
            highest(candidates.into(), 3).iter().map(|(score, _)| *score).collect();
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        assert_eq!(scores, [0.9, 0.7, 0.5]);
    }
}
