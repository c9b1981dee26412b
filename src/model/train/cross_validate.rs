//! Scores documents by models that did not see them.

use fearless_simd::prelude::*;
use fearless_simd::{f32x8, i32x8};
use prefetch_index::prefetch_index;

use super::counts::{
    Counts, HeldOutPosting, LANES, Lengths, SQUARE_UNIT, TermCells, fixed, padded, scale_of, weight,
};
use super::estimate::{Candidate, RowEstimate};
use super::folds::{FOLDS, Folds};
use super::inverted::{Inverted, Term};
use crate::model::softmax;
use crate::text::is_number;

/// A document that was scored by a model that did not see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeldOut {
    /// Which of the five parts it was dealt to: its fold, unless one model scores all.
    pub(super) part: u8,
    pub(super) topics: Vec<usize>,
    /// Its words, numbers left out, and those of them that the model knew.
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
        let variance = self
            .values
            .iter()
            .map(|&value| (f64::from(value) - mean) * (f64::from(value) - mean))
            .sum::<f64>()
            / count;
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    }

    /// Adds a document's scores, one a topic.
    pub(super) fn push(&mut self, scores: impl IntoIterator<Item = f32>) {
        self.values.extend(scores);
    }
}

/// What candidates make of the documents that are held out.
#[derive(Debug)]
pub(super) struct Scored {
    /// In the order of the corpus.
    pub(super) documents: Vec<HeldOut>,
    /// A table a candidate.
    pub(super) tables: Vec<ScoreTable>,
}

/// A corpus with what was counted in it.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) corpus: &'a Inverted,
    pub(super) folds: &'a Folds,
    pub(super) lengths: &'a Lengths,
    pub(super) counts: &'a Counts,
}

/// Scores are summed up in whole multiples of this, 2^-15, so that the order of the terms changes
/// no bit of them.
const SCORE_UNIT: f32 = 1.0 / 32_768.0;
/// Added to a number between -128 and 128 it leaves a multiple of [`SCORE_UNIT`] in the last bits:
/// 1.5 * 2^8, whose last bit is that.
const TO_UNITS: f32 = 384.0;
/// The most, either way, that one term may add to the sum of a vector that is scaled by all of its
/// pool, and so has parts in (0, 1]: about four times the logarithm of the rarest word's
/// probability.
const MAX_PART: f32 = 127.0;

/// The candidates' models of all documents but those of a fold, fold by fold.
#[derive(Debug)]
pub(super) struct Models<'a> {
    lengths: &'a Lengths,
    estimates: Vec<Vec<RowEstimate>>,
    /// How many numbers the scores by one model take.
    stride: usize,
    /// By document: its place among those held out, and [`Lengths::pool_scale`].
    places: Vec<(u32, f32)>,
    /// By word of the corpus.
    are_numbers: Vec<bool>,
    held_out_count: usize,
}

impl<'a> Models<'a> {
    pub(super) fn new(
        corpus: &Inverted,
        folds: &Folds,
        lengths: &'a Lengths,
        candidates: &[Candidate],
        pool_size: usize,
    ) -> Self {
        let mut places = vec![(0, 0.0); corpus.document_count()];
        for (&document, place) in folds.held_out().iter().zip(0..) {
            places[document as usize] = (place, lengths.pool_scale(document));
        }
        let estimates = (0..FOLDS)
            .map(|fold| {
                let rest = lengths.rest(fold);
                candidates
                    .iter()
                    .map(|&candidate| RowEstimate::new(candidate, &rest, pool_size))
                    .collect()
            })
            .collect();
        let are_numbers = corpus.words.iter().map(|word| is_number(word.as_bytes())).collect();
        let (stride, held_out_count) = (padded(corpus.topics.len()), folds.held_out().len());
        Self { lengths, estimates, stride, places, are_numbers, held_out_count }
    }

    /// Has the place of a document brought near.
    #[inline(always)]
    pub(super) fn prefetch(&self, document: usize) {
        prefetch_index(&self.places, document);
    }

    fn candidate_count(&self) -> usize {
        self.estimates[0].len()
    }

    /// What the threads' scores come to; and by document [`crate::model::length_scale`] of what is
    /// known of it.
    pub(super) fn finish(
        &self,
        corpus: &Inverted,
        folds: &Folds,
        parts: Vec<Scoring>,
    ) -> (Scored, Vec<f32>) {
        let mut parts = parts.into_iter();
        let Scoring { mut scores, mut known, .. } =
            parts.next().unwrap_or_else(|| Scoring::new(self));
        for part in parts {
            scores.iter_mut().zip(part.scores).for_each(|(sum, part)| *sum += part);
            for (sum, part) in known.iter_mut().zip(part.known) {
                sum.squares += part.squares;
                sum.tokens += part.tokens;
            }
        }
        let mut tables = vec![
            ScoreTable::with_room_for(self.held_out_count, corpus.topics.len());
            self.candidate_count()
        ];
        let mut documents = Vec::with_capacity(self.held_out_count);
        let mut known_scales = Vec::with_capacity(self.held_out_count);
        let scores = scores.chunks_exact((self.candidate_count() * self.stride).max(1));
        for ((&document, known), scores) in folds.held_out().iter().zip(known).zip(scores) {
            let fold = folds.of(document);
            let known_scale = scale_of(known.squares);
            let pool_scale = self.lengths.pool_scale(document);
            let unit = if pool_scale > 0.0 { SCORE_UNIT * (known_scale / pool_scale) } else { 0.0 };
            for ((table, scores), estimate) in
                tables.iter_mut().zip(scores.chunks_exact(self.stride)).zip(&self.estimates[fold])
            {
                table.push(
                    scores
                        .iter()
                        .zip(&estimate.bias)
                        .map(|(&score, bias)| bias + score as f32 * unit),
                );
            }
            documents.push(HeldOut {
                part: folds.part(document),
                topics: corpus
                    .document_topics
                    .of(document)
                    .iter()
                    .map(|&topic| topic as usize)
                    .collect(),
                token_count: corpus.token_counts[document as usize],
                known_token_count: known.tokens.min(u32::MAX.into()) as u32,
            });
            known_scales.push(known_scale);
        }
        (Scored { documents, tables }, known_scales)
    }
}

/// What one thread scores.
pub(super) struct Scoring {
    rest: Vec<u64>,
    /// Of one term: fold by fold and candidate by candidate.
    rows: Vec<f32>,
    /// In units, of the held-out documents, candidate by candidate: of vectors that are scaled by
    /// [`Lengths::pool_scale`].
    scores: Vec<i32>,
    /// By held-out document.
    known: Vec<Known>,
}

/// What is known of a document where it is held out.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The sum of the squares of its vector, in units.
    squares: u64,
    /// How many of its words.
    tokens: u64,
}

impl Scoring {
    pub(super) fn new(models: &Models<'_>) -> Self {
        let width = models.candidate_count() * models.stride;
        Self {
            rest: vec![0; models.stride],
            rows: vec![0.0; FOLDS * width],
            scores: vec![0; models.held_out_count * width],
            known: vec![Known::default(); models.held_out_count],
        }
    }

    /// Has the scores that a term adds to, which was counted, brought near.
    #[inline(always)]
    pub(super) fn prefetch(&self, models: &Models<'_>, cells: &TermCells) {
        let width = self.rows.len() / FOLDS;
        for held_out in cells.held_out() {
            let (place, _) = models.places[held_out.posting.document as usize];
            prefetch_index(&self.scores, place as usize * width);
            prefetch_index(&self.known, place as usize);
        }
    }

    /// Adds what a term, which was counted, adds to the scores of the documents held out with the
    /// folds where it is `known`.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        simd: impl Simd,
        models: &Models<'_>,
        term: &Term,
        cells: &TermCells,
        known: u8,
    ) {
        if known == 0 {
            return;
        }
        let width = self.rows.len() / FOLDS;
        for (fold, estimates) in models.estimates.iter().enumerate() {
            if Counts::is_known(known, fold) {
                let collection = cells.rest(fold, &mut self.rest);
                let rows = &mut self.rows[fold * width..][..width];
                for (row, estimate) in rows.chunks_exact_mut(models.stride).zip(estimates) {
                    estimate.row(&self.rest, collection, row);
                }
            }
        }
        let is_word = u64::from(term.is_word() && !models.are_numbers[term.first as usize]);
        for HeldOutPosting { posting, fold } in cells.held_out_where(known) {
            let (place, scale) = models.places[posting.document as usize];
            let place = place as usize;
            let weight = weight(term, posting);
            let known = &mut self.known[place];
            known.squares += fixed(weight * weight, SQUARE_UNIT);
            known.tokens += u64::from(posting.count) * is_word;
            let scores = &mut self.scores[place * width..][..width];
            add_scaled(simd, scores, &self.rows[fold * width..][..width], weight as f32 * scale);
        }
    }
}

/// Adds the row's weights times `x`, in units.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, scores: &mut [i32], row: &[f32], x: f32) {
    let units = i32x8::splat(simd, TO_UNITS.to_bits() as i32);
    for (scores, weights) in
        scores.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0)
    {
        let parts = (f32x8::simd_from(simd, *weights) * x).max(-MAX_PART).min(MAX_PART);
        let parts: i32x8<S> = (parts + TO_UNITS).bitcast();
        (i32x8::simd_from(simd, *scores) + (parts - units)).store_slice(scores);
    }
}

/// The sum of the log losses of the documents at `places`, by their scores in that order.
pub(super) fn log_loss(scores: &ScoreTable, places: &[usize], documents: &[HeldOut]) -> f64 {
    let mut probabilities = Vec::new();
    places
        .iter()
        .enumerate()
        .map(|(row, &place)| {
            softmax(scores.row(row), &mut probabilities);
            let right = documents[place]
                .topics
                .iter()
                .map(|&topic| probabilities[topic])
                .fold(0.0, f64::max);
            -libm::log(right.max(f64::MIN_POSITIVE))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    #[test]
    fn scores_in_units_are_the_sums_of_the_products() {
        let mut scores = [0; LANES];
        let mut expected = [0.0f64; LANES];
        for term in 0..1_000 {
            let x = 1.0 / (1.0 + term as f32);
            let row = [-MAX_PART, MAX_PART, 0.001 * term as f32, -3.3, 0.0, 1.0, 1e-3, -1e-3];
            dispatch!(Level::new(), simd => add_scaled(simd, &mut scores, &row, x));
            expected
                .iter_mut()
                .zip(row)
                .for_each(|(sum, weight)| *sum += f64::from(x) * f64::from(weight));
        }
        for (score, expected) in scores.into_iter().zip(expected) {
            assert!(
                (f64::from(score) * f64::from(SCORE_UNIT) - expected).abs()
                    < 1_000.0 * f64::from(SCORE_UNIT) / 2.0,
                "{score} {expected}"
            );
        }
    }
}
