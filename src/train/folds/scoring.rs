//! Scores each held-out document by the models of the other folds, and counts what the final model
//! is estimated from.
//!
//! A model's terms are those that would have been selected without the held-out documents: a term
//! that was chosen with the answers in sight would look better than it is. The idf is that of the
//! whole corpus; it sees no topic.

use std::io;
use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;

use super::deal::{FOLDS, Folds};
use super::held_out::{HeldOut, ScoreTable};
use super::lengths::{Lengths, weight};
use super::term_counts::TermCounts;
use crate::model::length_scale;
use crate::train::collection::Collection;
use crate::train::estimate::{Estimate, Formula, TermSums, TopicCounts, padded};
use crate::train::matrix::Block;
use crate::train::terms::{Remainder, Selection, Status, TopicSizes};

/// About how many bytes the models' weights may take at a time.
const WEIGHT_BYTES: usize = 48 << 20;

/// A corpus with its folds and the terms selected from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split<'a> {
    pub(crate) collection: &'a Collection<'a>,
    pub(crate) folds: &'a Folds,
    pub(crate) lengths: &'a Lengths,
    pub(crate) selection: &'a Selection,
}

/// What was counted and scored.
#[derive(Debug)]
pub(crate) struct Scored {
    /// The held-out documents, in the order of the corpus.
    pub(crate) documents: Vec<HeldOut>,
    /// By held-out document: [`length_scale`] of its terms that the model knew.
    pub(crate) known_scales: Vec<f32>,
    /// A table per estimate.
    pub(crate) tables: Vec<ScoreTable>,
    /// Of all documents.
    pub(crate) counts: TopicCounts,
    /// By term: a bit per fold without which it would have been selected, too.
    pub(crate) kept: Vec<u8>,
}

/// Scores the held-out documents by each of the estimates.
pub(crate) fn score(split: Split<'_>, estimates: &[Estimate]) -> io::Result<Scored> {
    let Split { collection, folds, lengths, .. } = split;
    let topic_count = collection.topics.len();
    let models = Models::new(split, estimates);
    let mut kept = Vec::with_capacity(collection.vocabulary.terms.len());
    let (mut terms, mut sums) = (Vec::new(), Vec::new());
    let mut scores = Scores::zeros(folds.held_out().len(), models.width);
    for blocks in models.groups() {
        let start = kept.len();
        let counted: Vec<CountedBlock> =
            blocks.into_par_iter().map(|number| models.count(number)).collect::<io::Result<_>>()?;
        let mut weights = Weights { first_term: start, rows: Vec::new(), blocks: Vec::new() };
        for mut block in counted {
            kept.append(&mut block.kept);
            terms.append(&mut block.selected);
            sums.append(&mut block.sums);
            let number = weights.blocks.len() as u32;
            weights.rows.extend(block.rows.iter().map(|&rows| (number, rows)));
            weights.blocks.push(block.weights);
        }
        models.add_scores(&weights, &mut scores)?;
    }
    let counts = TopicCounts { terms, sums, totals: lengths.all() };
    let mut scored = Scored {
        documents: Vec::with_capacity(folds.held_out().len()),
        known_scales: Vec::with_capacity(folds.held_out().len()),
        tables: vec![ScoreTable::new(topic_count); estimates.len()],
        counts,
        kept,
    };
    scores.finish(&models, &mut scored);
    Ok(scored)
}

/// The estimates of all documents but those of a fold, fold by fold.
struct Models<'a> {
    split: Split<'a>,
    remainders: Vec<Remainder>,
    /// By fold and estimate.
    formulas: Vec<Vec<Box<dyn Formula>>>,
    biases: Vec<Vec<Vec<f64>>>,
    /// How many numbers stand for the topics.
    stride: usize,
    /// How many numbers a term has in each fold: a stride per estimate.
    width: usize,
}

/// A block of terms, counted.
#[derive(Default)]
struct CountedBlock {
    kept: Vec<u8>,
    /// By term.
    rows: Vec<TermRows>,
    /// Row by row, by estimate: the weights by topic, padded.
    weights: Vec<f32>,
    selected: Vec<u32>,
    /// As in [`TopicCounts::sums`].
    sums: Vec<f64>,
}

/// Where the rows of a term are: one for each fold whose model has the term, and whose held-out
/// documents need it.
#[derive(Debug, Clone, Copy, Default)]
struct TermRows {
    /// The first row of its block.
    first: u32,
    /// A bit per fold.
    folds: u8,
}

impl TermRows {
    /// The row for a fold.
    #[inline(always)]
    fn row(self, fold: usize) -> Option<usize> {
        let is_there = self.folds >> fold & 1 == 1;
        let before = (self.folds & ((1 << fold) - 1)).count_ones();
        is_there.then_some((self.first + before) as usize)
    }
}

impl<'a> Models<'a> {
    fn new(split: Split<'a>, estimates: &[Estimate]) -> Self {
        let terms = &split.collection.vocabulary.terms;
        let term_count = terms.iter().filter(|term| term.status > Status::Dropped).count();
        let document_count = split.collection.document_count().max(1) as f64;
        let (mut remainders, mut formulas, mut biases) = (Vec::new(), Vec::new(), Vec::new());
        for fold in 0..FOLDS {
            let totals = split.lengths.without(fold);
            remainders.push(Remainder {
                share: totals.document_count as f64 / document_count,
                sizes: TopicSizes::new(&totals.documents),
            });
            let of_estimates = estimates.iter();
            formulas.push(of_estimates.clone().map(|e| e.formula(&totals, term_count)).collect());
            biases.push(of_estimates.map(|estimate| estimate.bias(&totals)).collect());
        }
        let stride = padded(split.collection.topics.len());
        Self { split, remainders, formulas, biases, stride, width: estimates.len() * stride }
    }

    /// The blocks of postings in groups whose weights fit in memory.
    fn groups(&self) -> Vec<Range<usize>> {
        let postings = &self.split.collection.postings;
        let most = WEIGHT_BYTES / (FOLDS * self.width * size_of::<f32>()).max(1);
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut size = 0;
        for number in 0..postings.block_count() {
            let terms = &self.split.collection.vocabulary.terms[postings.rows(number)];
            let own = terms.iter().filter(|term| term.status > Status::Dropped).count();
            size += own;
            match groups.last_mut() {
                Some(group) if size <= most => group.end = number + 1,
                _ => {
                    groups.push(number..number + 1);
                    size = own;
                }
            }
        }
        groups
    }

    /// Counts a block of terms.
    fn count(&self, number: usize) -> io::Result<CountedBlock> {
        let Split { collection, folds, lengths, .. } = self.split;
        let topic_count = collection.topics.len();
        let (mut counts, mut block) = (TermCounts::new(topic_count), CountedBlock::default());
        let (mut topics, mut presence) = (vec![0.0; self.stride], vec![0; self.stride]);
        for (number, postings) in collection.postings.block(number)?.iter() {
            let term = &collection.vocabulary.terms[number];
            if term.status == Status::Dropped {
                block.kept.push(0);
                block.rows.push(TermRows::default());
                continue;
            }
            counts.count(collection, folds, lengths, (term, postings));
            let kept = self.kept(number, &counts, &mut presence);
            let needed = (0..FOLDS).filter(|&fold| counts.is_in(fold));
            let folds = kept & needed.fold(0, |bits, fold| bits | 1 << fold);
            let first = (block.weights.len() / self.width) as u32;
            block.kept.push(kept);
            block.rows.push(TermRows { first, folds });
            self.append_rows(&counts, folds, &mut topics, &mut block.weights);
            if term.status == Status::Selected {
                block.selected.push(number as u32);
                block.sums.push(counts.sums_without(None, &mut topics));
                block.sums.extend_from_slice(&topics[..topic_count]);
            }
        }
        Ok(block)
    }

    /// A bit per fold without whose documents the term would be selected.
    fn kept(&self, number: usize, counts: &TermCounts, presence: &mut [u32]) -> u8 {
        let term = &self.split.collection.vocabulary.terms[number];
        (0..FOLDS).fold(0, |bits, fold| {
            let is_kept = if counts.is_in(fold) {
                let frequency = counts.presence_without(fold, presence);
                let remainder = &self.remainders[fold];
                self.split.selection.would_keep(term, remainder, presence, frequency)
            } else {
                term.status == Status::Selected
            };
            bits | u8::from(is_kept) << fold
        })
    }

    /// Appends the weights of a term for each of these folds.
    fn append_rows(&self, counts: &TermCounts, folds: u8, topics: &mut [f64], rows: &mut Vec<f32>) {
        for fold in (0..FOLDS).filter(|fold| folds >> fold & 1 == 1) {
            let collection = counts.sums_without(Some(fold), topics);
            let start = rows.len();
            rows.resize(start + self.width, 0.0);
            let own = rows[start..].chunks_exact_mut(self.stride);
            for (weights, formula) in own.zip(&self.formulas[fold]) {
                formula.weights(TermSums { topics, collection }, weights);
            }
        }
    }

    /// Adds what a group of terms adds to the scores of all held-out documents.
    fn add_scores(&self, weights: &Weights, scores: &mut Scores) -> io::Result<()> {
        let Split { collection, folds, .. } = self.split;
        let mut rest = (&mut scores.values[..], &mut scores.known[..]);
        let mut held_out = folds.held_out();
        let mut parts = Vec::with_capacity(collection.rows.block_count());
        for number in 0..collection.rows.block_count() {
            let end = collection.rows.rows(number).end;
            let count = held_out.partition_point(|&document| (document as usize) < end);
            held_out = &held_out[count..];
            let (values, other_values) = rest.0.split_at_mut(count * self.width);
            let (known, other_known) = rest.1.split_at_mut(count);
            rest = (other_values, other_known);
            parts.push((number, values, known));
        }
        let level = Level::new();
        parts.into_par_iter().filter(|(.., known)| !known.is_empty()).try_for_each(
            |(number, values, known)| {
                let block = collection.rows.block(number)?;
                dispatch!(level, simd => {
                    self.add_block(simd, &block, weights, (values, known))
                });
                Ok(())
            },
        )
    }

    /// Adds to the scores of the held-out documents of a block.
    #[inline(always)]
    fn add_block(
        &self,
        _: impl Simd,
        block: &Block<'_>,
        weights: &Weights,
        (values, known): (&mut [f32], &mut [Known]),
    ) {
        let Split { collection, folds, .. } = self.split;
        let held_out = block.iter().filter(|(document, _)| folds.is_held_out(*document as u32));
        let scores = values.chunks_exact_mut(self.width).zip(known);
        for ((document, row), (scores, known)) in held_out.zip(scores) {
            let fold = folds.of(document as u32);
            let start = row.partition_point(|&[term, _]| (term as usize) < weights.first_term);
            for &[number, count] in &row[start..] {
                let Some((block, rows)) = weights.rows.get(number as usize - weights.first_term)
                else {
                    break;
                };
                let Some(place) = rows.row(fold) else { continue };
                let term = &collection.vocabulary.terms[number as usize];
                let x = weight(term, count);
                known.squares += x * x;
                if collection.vocabulary.is_counted_word(collection.documents, term) {
                    known.tokens = known.tokens.saturating_add(count);
                }
                let row = &weights.blocks[*block as usize][place * self.width..][..self.width];
                for (score, weight) in scores.iter_mut().zip(row) {
                    *score += x as f32 * weight;
                }
            }
        }
    }
}

/// The weights of some terms in a row.
struct Weights {
    first_term: usize,
    /// By term: its block, and its rows there.
    rows: Vec<(u32, TermRows)>,
    /// By block: the weights, row by row.
    blocks: Vec<Vec<f32>>,
}

/// What the held-out documents score so far.
struct Scores {
    /// By held-out document, estimate and topic: of a vector that is not scaled yet.
    values: Vec<f32>,
    known: Vec<Known>,
}

/// What the model knows of a document where it is held out.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The sum of the squares of its vector.
    squares: f64,
    /// How many of its words.
    tokens: u32,
}

impl Scores {
    fn zeros(document_count: usize, width: usize) -> Self {
        Self {
            values: vec![0.0; document_count * width],
            known: vec![Known::default(); document_count],
        }
    }

    fn finish(self, models: &Models<'_>, scored: &mut Scored) {
        let Split { collection, folds, .. } = models.split;
        let topic_count = collection.topics.len();
        let scores = self.values.chunks_exact(models.width).zip(self.known);
        for (&document, (scores, known)) in folds.held_out().iter().zip(scores) {
            let biases = &models.biases[folds.of(document)];
            let scale = length_scale(known.squares) as f32;
            let tables = scored.tables.iter_mut().zip(scores.chunks_exact(models.stride));
            for ((table, scores), bias) in tables.zip(biases) {
                let topics = scores[..topic_count].iter().zip(bias);
                table.push(topics.map(|(score, bias)| *bias as f32 + score * scale));
            }
            let topics = collection.document_topics.get(document as usize);
            scored.documents.push(HeldOut {
                part: folds.part(document),
                topics: topics.iter().map(|&topic| topic as usize).collect(),
                token_count: collection.documents.token_counts[document as usize],
                known_token_count: known.tokens,
            });
            scored.known_scales.push(scale);
        }
    }
}
