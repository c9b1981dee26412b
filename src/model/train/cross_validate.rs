//! Scores documents by models that did not see them.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, f32x8, i32x8};

use super::TrainError;
use super::counts::{Counts, HeldOutPosting, LANES, Lengths, TermCells, padded, scaled_weight};
use super::estimate::{Candidate, RowEstimate};
use super::folds::{FOLDS, Folds};
use super::inverted::{Inverted, Partition};

/// A document that was scored by a model that did not see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeldOut {
    /// Which of the five parts it was dealt to: its fold, unless one model scores all.
    pub(super) part: u8,
    pub(super) topics: Vec<usize>,
    /// Its words, and those that the model knew.
    pub(super) token_count: u32,
    pub(super) known_token_count: u32,
}

/// Scores by document and topic.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScoreTable {
    topic_count: usize,
    values: Vec<f32>,
}

impl ScoreTable {
    pub(super) fn new(topic_count: usize) -> Self {
        Self { topic_count, values: Vec::new() }
    }

    fn with_room_for(document_count: usize, topic_count: usize) -> Self {
        Self { topic_count, values: Vec::with_capacity(document_count * topic_count) }
    }

    pub(super) fn topic_count(&self) -> usize {
        self.topic_count
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.topic_count
    }

    pub(super) fn row(&self, document: usize) -> &[f32] {
        &self.values[document * self.topic_count..][..self.topic_count]
    }

    /// The standard deviation of all scores; 1 where there are none or all are alike.
    pub(super) fn deviation(&self) -> f64 {
        let count = self.values.len().max(1) as f64;
        let mean = self.values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let variance =
            self.values.iter().map(|&value| (f64::from(value) - mean) * (f64::from(value) - mean)).sum::<f64>() / count;
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    }

    /// Adds a document's scores, one a topic.
    pub(super) fn push(&mut self, scores: impl IntoIterator<Item = f32>) {
        self.values.extend(scores);
    }
}

/// What candidates are measured on: a corpus with what was counted in it.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) corpus: &'a Inverted,
    pub(super) folds: &'a Folds,
    pub(super) lengths: &'a Lengths,
    pub(super) counts: &'a Counts,
}

/// Scores are summed up in whole multiples of this, 2^-15, so that the order of the terms changes no bit of them.
const SCORE_UNIT: f32 = 1.0 / 32_768.0;
/// Added to a number between -128 and 128 it leaves a multiple of [`SCORE_UNIT`] in the last bits: 1.5 * 2^8, whose last bit is that.
const TO_UNITS: f32 = 384.0;
/// The most, either way, that one term may add: about four times the logarithm of the rarest word's probability.
const MAX_PART: f32 = 127.0;

impl Bench<'_> {
    /// Scores each document of the folds by the candidates' models of the other folds: the documents in the order of the corpus,
    /// and a table a candidate.
    ///
    /// The terms are those that would have been selected without the held-out documents: a model that was chosen with the answers in
    /// sight would look better than it is. The idf is that of the whole corpus; it sees no topic.
    pub(super) fn score(&self, candidates: &[Candidate]) -> Result<(Vec<HeldOut>, Vec<ScoreTable>), TrainError> {
        let Self { corpus, folds, counts, .. } = *self;
        let topic_count = corpus.topics.len();
        let stride = padded(topic_count);
        let width = candidates.len() * stride;
        let level = Level::new();
        // By document: its place among those held out, and what its vector is scaled by there.
        let mut places = vec![(0u32, 0.0f32); corpus.document_count()];
        for (&document, place) in folds.held_out().iter().zip(0..) {
            places[document as usize] = (place, counts.known_scales[document as usize]);
        }
        let estimates: Vec<Vec<RowEstimate>> = (0..FOLDS)
            .map(|fold| {
                let rest = counts.rest(fold);
                candidates.iter().map(|&candidate| RowEstimate::new(candidate, &rest, counts.pool_size)).collect()
            })
            .collect();
        let parts = corpus.for_each(
            || Scoring {
                cells: TermCells::new(topic_count),
                rest: vec![0; stride],
                rows: vec![0.0; FOLDS * width],
                scores: vec![0; folds.held_out().len() * width],
            },
            |scoring, partition| dispatch!(level, simd => self.score_partition(simd, scoring, partition, &estimates, &places)),
        )?;
        let mut parts = parts.into_iter().map(|part| part.scores);
        let mut scores = parts.next().unwrap_or_default();
        for part in parts {
            scores.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let mut tables = vec![ScoreTable::with_room_for(folds.held_out().len(), topic_count); candidates.len()];
        let mut documents = Vec::with_capacity(folds.held_out().len());
        for (&document, scores) in folds.held_out().iter().zip(scores.chunks_exact(width.max(1))) {
            let fold = folds.of(document);
            for ((table, scores), estimate) in tables.iter_mut().zip(scores.chunks_exact(stride)).zip(&estimates[fold]) {
                table.push(scores.iter().zip(&estimate.bias).map(|(&score, bias)| bias + score as f32 * SCORE_UNIT));
            }
            documents.push(HeldOut {
                part: folds.part(document),
                topics: corpus.document_topics.of(document).iter().map(|&topic| topic as usize).collect(),
                token_count: corpus.token_counts[document as usize],
                known_token_count: counts.known_tokens[document as usize],
            });
        }
        Ok((documents, tables))
    }

    /// Adds what the terms of a partition add to the scores of held-out documents.
    #[inline(always)]
    fn score_partition(
        &self,
        simd: impl Simd,
        scoring: &mut Scoring,
        partition: Partition<'_>,
        estimates: &[Vec<RowEstimate>],
        places: &[(u32, f32)],
    ) {
        let Self { corpus, lengths, counts, .. } = *self;
        let Scoring { cells, rest, rows, scores } = scoring;
        let width = rows.len() / FOLDS;
        for ((term, postings), &known) in partition.pool().zip(counts.known(partition.number)) {
            if known == 0 {
                continue;
            }
            cells.count(corpus, lengths, term, postings);
            for (fold, (rows, estimates)) in rows.chunks_exact_mut(width).zip(estimates).enumerate() {
                if Counts::is_known(known, fold) {
                    let collection = cells.rest(fold, rest);
                    for (row, estimate) in rows.chunks_exact_mut(width / estimates.len()).zip(estimates) {
                        estimate.row(rest, collection, row);
                    }
                }
            }
            for HeldOutPosting { posting, fold } in cells.held_out_where(known) {
                let (place, scale) = places[posting.document as usize];
                let x = scaled_weight(term, posting, scale);
                let scores = &mut scores[place as usize * width..][..width];
                add_scaled(simd, scores, &rows[fold * width..][..width], x);
            }
        }
    }
}

/// What one thread scores.
struct Scoring {
    cells: TermCells,
    rest: Vec<u64>,
    /// Of one term: fold by fold and candidate by candidate.
    rows: Vec<f32>,
    /// In units, of the held-out documents, candidate by candidate.
    scores: Vec<i32>,
}

/// Adds the row's weights times `x`, in units.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, scores: &mut [i32], row: &[f32], x: f32) {
    let units = i32x8::splat(simd, TO_UNITS.to_bits() as i32);
    for (scores, weights) in scores.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0) {
        let parts = (f32x8::simd_from(simd, *weights) * x).max(-MAX_PART).min(MAX_PART);
        let parts: i32x8<S> = (parts + TO_UNITS).bitcast();
        (i32x8::simd_from(simd, *scores) + (parts - units)).store_slice(scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_in_units_are_the_sums_of_the_products() {
        let mut scores = [0; LANES];
        let mut expected = [0.0f64; LANES];
        for term in 0..1_000 {
            let x = 1.0 / (1.0 + term as f32);
            let row = [-MAX_PART, MAX_PART, 0.001 * term as f32, -3.3, 0.0, 1.0, 1e-3, -1e-3];
            dispatch!(Level::new(), simd => add_scaled(simd, &mut scores, &row, x));
            expected.iter_mut().zip(row).for_each(|(sum, weight)| *sum += f64::from(x) * f64::from(weight));
        }
        for (score, expected) in scores.into_iter().zip(expected) {
            assert!(
                (f64::from(score) * f64::from(SCORE_UNIT) - expected).abs() < 1_000.0 * f64::from(SCORE_UNIT) / 2.0,
                "{score} {expected}"
            );
        }
    }
}
