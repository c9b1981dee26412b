//! Held-out scores as the link takes them, brought to the scale of logits.

use crate::model::Labels;
use crate::train::folds::{ScoreTable, sampled};

/// Beyond this many topics the matrix between them has too many parameters to be worth its time.
const MAX_CROSSED_TOPICS: usize = 256;
/// The most documents to fit a link to, and the most products of inputs, topics and documents: it
/// has few parameters, and each evaluation visits all documents.
const MAX_DOCUMENTS: usize = 40_960;
const MAX_PRODUCTS: usize = 1 << 27;
/// The least of these limits.
const MIN_DOCUMENTS: usize = 4_096;

/// Held-out scores of several kinds, brought to the scale of logits.
#[derive(Debug)]
pub(crate) struct Features<'a> {
    pub(super) labels: Labels,
    pub(super) topic_count: usize,
    pub(super) normalisers: Vec<Normaliser>,
    /// Per document and kind: the scores by topic, then their mean.
    rows: Vec<f32>,
    /// The topics of each document.
    pub(super) topics: Vec<&'a [usize]>,
}

/// Brings the scores of one kind to the scale of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Normaliser {
    scale: f64,
    /// Mean and inverse standard deviation, over the documents, of a document's mean score.
    mean: f64,
    inverse_deviation: f64,
}

impl Normaliser {
    fn of(table: &ScoreTable, scale: f64) -> Self {
        let count = table.len().max(1) as f64;
        let means = || (0..table.len()).map(|document| mean_of(table.row(document).iter()));
        let mean = means().sum::<f64>() / count;
        let variance = means().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        // Where all means are equal, rounding leaves a deviation of its own.
        let is_constant = deviation <= 1e-5 * mean.abs().max(1.0);
        let inverse_deviation = if is_constant { 0.0 } else { 1.0 / deviation };
        Self { scale, mean, inverse_deviation }
    }

    /// The part of it that is linear.
    pub(super) fn linear(self) -> Self {
        Self { mean: 0.0, ..self }
    }

    /// Appends the scaled scores, then their normalised mean. Where topics exclude each other the
    /// scores are centred.
    pub(super) fn append<'s, T: Into<f64> + Copy + 's>(
        &self,
        labels: Labels,
        scores: impl ExactSizeIterator<Item = &'s T> + Clone,
        row: &mut Vec<f32>,
    ) {
        let mean = mean_of(scores.clone());
        let centre = if labels == Labels::Single { mean } else { 0.0 };
        row.extend(scores.map(|&score| ((score.into() - centre) * self.scale) as f32));
        row.push(((mean - self.mean) * self.inverse_deviation) as f32);
    }
}

fn mean_of<'s, T: Into<f64> + Copy + 's>(scores: impl ExactSizeIterator<Item = &'s T>) -> f64 {
    let count = scores.len() as f64;
    scores.map(|&score| score.into()).sum::<f64>() / count
}

impl<'a> Features<'a> {
    /// From tables of the same documents, each with the scale that brings its scores to logits;
    /// `topics`: of each document.
    pub(crate) fn new(
        labels: Labels,
        tables: &[(&ScoreTable, f64)],
        topics: Vec<&'a [usize]>,
    ) -> Self {
        let topic_count = tables.first().map_or(0, |(table, _)| table.topic_count());
        let normalisers: Vec<Normaliser> =
            tables.iter().map(|&(table, scale)| Normaliser::of(table, scale)).collect();
        let mut rows = Vec::with_capacity(topics.len() * tables.len() * (topic_count + 1));
        for document in 0..topics.len() {
            for ((table, _), normaliser) in tables.iter().zip(&normalisers) {
                normaliser.append(labels, table.row(document).iter(), &mut rows);
            }
        }
        Self { labels, topic_count, normalisers, rows, topics }
    }

    pub(crate) fn len(&self) -> usize {
        self.topics.len()
    }

    fn row_len(&self) -> usize {
        self.normalisers.len() * (self.topic_count + 1)
    }

    pub(super) fn row(&self, document: usize) -> &[f32] {
        &self.rows[document * self.row_len()..][..self.row_len()]
    }

    /// The number of inputs of the matrix: the whole row, or none where documents may have several
    /// topics, as one topic says too little about another.
    pub(super) fn input_count(&self) -> usize {
        let is_crossed = self.labels == Labels::Single && self.topic_count <= MAX_CROSSED_TOPICS;
        if is_crossed { self.row_len() } else { 0 }
    }

    /// The products of inputs, topics and documents in an evaluation of a link on all of them.
    pub(crate) fn products(&self) -> usize {
        (self.input_count() + 1) * self.topic_count * self.len()
    }

    /// A random sample of at most `most` documents, and of no more than a link is fitted to.
    pub(crate) fn thinned(&self, documents: Vec<usize>, most: usize) -> Vec<usize> {
        let products = (self.input_count() + 1) * self.topic_count;
        let most = most.min((MAX_PRODUCTS / products.max(1)).clamp(MIN_DOCUMENTS, MAX_DOCUMENTS));
        sampled(documents, most)
    }
}
