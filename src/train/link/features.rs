//! Held-out scores as the link takes them, brought to the scale of logits.

use crate::model::Labels;
use crate::train::folds::ScoreTable;

/// Above this many topics the matrix between topics has too many parameters to be worth its time:
/// the shared weights, each topic's own and its bias are left.
const MAX_CROSSED_TOPICS: usize = 256;
/// The most documents that a link is fitted to, and the most products of inputs, topics and
/// documents: it has few parameters, and each evaluation looks at all documents.
const MAX_DOCUMENTS: usize = 40_960;
const MAX_PRODUCTS: usize = 1 << 27;
/// And the least of the most.
const MIN_DOCUMENTS: usize = 4_096;
/// How many kinds of scores there may be.
pub(crate) const MAX_KINDS: usize = 8;

/// Held-out scores as the link takes them, one to [`MAX_KINDS`] kinds, brought to the scale of
/// logits.
#[derive(Debug)]
pub(crate) struct Features<'a> {
    pub(super) labels: Labels,
    pub(super) topic_count: usize,
    pub(super) kinds: Vec<Kind<'a>>,
    /// The topics of each document.
    pub(super) topics: Vec<&'a [usize]>,
}

#[derive(Debug)]
pub(super) struct Kind<'a> {
    table: &'a ScoreTable,
    pub(super) normaliser: Normaliser,
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
        let means = || (0..table.len()).map(|document| mean_of(table.row(document)));
        let mean = means().sum::<f64>() / count;
        let variance = means().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        let inverse_deviation = if deviation > 1e-9 { 1.0 / deviation } else { 0.0 };
        Self { scale, mean, inverse_deviation }
    }

    /// What is linear of it, alone.
    pub(super) fn linear(self) -> Self {
        Self { mean: 0.0, ..self }
    }

    /// Writes the scaled scores, and returns the normalised mean; with `centred` the scores have
    /// their mean taken away.
    #[inline(always)]
    pub(super) fn apply(
        &self,
        labels: Labels,
        scores: impl Iterator<Item = f64> + Clone,
        mean: f64,
        out: &mut [f64],
    ) -> f64 {
        let centre = if labels == Labels::Single { mean } else { 0.0 };
        for (out, score) in out.iter_mut().zip(scores) {
            *out = (score - centre) * self.scale;
        }
        (mean - self.mean) * self.inverse_deviation
    }
}

fn mean_of(scores: &[f32]) -> f64 {
    scores.iter().map(|&score| f64::from(score)).sum::<f64>() / scores.len() as f64
}

impl<'a> Features<'a> {
    /// From tables of the same documents, each with the scale that brings its scores to logits;
    /// `topics`: of each document.
    pub(crate) fn new(
        labels: Labels,
        tables: &[(&'a ScoreTable, f64)],
        topics: Vec<&'a [usize]>,
    ) -> Self {
        let topic_count = tables.first().map_or(0, |(table, _)| table.topic_count());
        let kinds = tables
            .iter()
            .map(|&(table, scale)| Kind { table, normaliser: Normaliser::of(table, scale) })
            .collect();
        Self { labels, topic_count, kinds, topics }
    }

    pub(crate) fn len(&self) -> usize {
        self.topics.len()
    }

    pub(crate) fn labels(&self) -> Labels {
        self.labels
    }

    pub(super) fn own_count(&self) -> usize {
        self.kinds.len() * self.topic_count
    }

    fn is_crossed(&self) -> bool {
        self.topic_count <= MAX_CROSSED_TOPICS
    }

    /// How many inputs the matrix has.
    pub(super) fn cross_count(&self) -> usize {
        let scores = if self.is_crossed() { self.own_count() } else { 0 };
        scores + if self.labels == Labels::Single { self.kinds.len() } else { 0 }
    }

    /// A document's scores by kind and topic, then the matrix's inputs.
    #[inline(always)]
    pub(super) fn row(&self, document: usize, own: &mut [f64], cross: &mut [f64]) {
        let k = self.topic_count;
        let mut means = [0.0; MAX_KINDS];
        for ((kind, own), mean) in self.kinds.iter().zip(own.chunks_exact_mut(k)).zip(&mut means) {
            let row = kind.table.row(document);
            *mean = kind.normaliser.apply(
                self.labels,
                row.iter().map(|&score| f64::from(score)),
                mean_of(row),
                own,
            );
        }
        fill_cross(self.labels, self.is_crossed(), own, &means[..self.kinds.len()], cross);
    }

    /// How many products of inputs, topics and documents each evaluation of a link to all of them
    /// takes.
    pub(crate) fn products(&self) -> usize {
        (self.cross_count() + 1) * self.topic_count * self.len()
    }

    /// At most as many documents as a link is fitted to, evenly spread.
    pub(crate) fn thinned(&self, documents: Vec<usize>, most: usize) -> Vec<usize> {
        let products = (self.cross_count() + 1) * self.topic_count;
        let most = most.min((MAX_PRODUCTS / products.max(1)).clamp(MIN_DOCUMENTS, MAX_DOCUMENTS));
        let step = documents.len().div_ceil(most).max(1);
        documents.into_iter().step_by(step).collect()
    }
}

pub(super) fn fill_cross(
    labels: Labels,
    crossed: bool,
    own: &[f64],
    means: &[f64],
    cross: &mut [f64],
) {
    let (scores, rest) = cross.split_at_mut(if crossed { own.len() } else { 0 });
    scores.copy_from_slice(&own[..scores.len()]);
    if labels == Labels::Single {
        rest.copy_from_slice(means);
    }
}
