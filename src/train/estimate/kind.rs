//! What a kind of naive Bayes is, and the linear model that it estimates.

use std::fmt;

use fearless_simd::{Level, Simd, dispatch};
use ndarray::Array2;
use rayon::prelude::*;

use super::sums::{TermSums, TopicCounts, Totals, padded};
use crate::model::elementary::ln;
use crate::train::error::TrainError;

/// A kind of naive Bayes: weights that can be computed term by term from sums over the documents.
pub(super) trait Kind: Sync {
    /// The name in manifests and on the command line.
    fn name(&self) -> &'static str;

    /// The name of its smoothing in manifests.
    fn smoothing(&self) -> &'static str {
        "alpha"
    }

    /// The smoothing that did well on the corpora it was tried on.
    fn default_smoothing(&self) -> f64;

    /// What a topic scores before any word is read.
    fn bias(&self, totals: &Totals) -> Vec<f64>;

    /// The formula of the weights, of a model of so many terms.
    fn formula(&self, smoothing: f64, totals: &Totals, term_count: usize) -> Box<dyn Formula>;

    /// The weights of all terms, a row per topic.
    ///
    /// # Errors
    /// If an estimator that is not ours fails.
    fn fit(&self, smoothing: f64, counts: &TopicCounts) -> Result<Array2<f64>, TrainError> {
        let topic_count = counts.topic_count();
        let formula = self.formula(smoothing, &counts.selected_totals(), counts.terms.len());
        let rows: Vec<(f64, &[f64])> = counts.rows().collect();
        let weights: Vec<Vec<f32>> = rows
            .par_iter()
            .map(|&(collection, sums)| {
                let mut topics = sums.to_vec();
                topics.resize(padded(topic_count), 0.0);
                let mut weights = vec![0.0; padded(topic_count)];
                formula.weights(TermSums { topics: &topics, collection }, &mut weights);
                weights
            })
            .collect();
        Ok(Array2::from_shape_fn((topic_count, rows.len()), |(topic, term)| {
            weights[term][topic].into()
        }))
    }
}

/// The weights of a term from its sums.
pub(in crate::train) trait Formula: Send + Sync {
    /// Sets `weights`, by topic and padded; what stands behind the topics means nothing.
    fn weights(&self, sums: TermSums<'_>, weights: &mut [f32]);
}

/// A kind of estimate that can be asked for by name.
#[derive(Clone, Copy)]
pub struct Estimator(pub(super) &'static dyn Kind);

impl Estimator {
    /// The name in manifests and on the command line.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The smoothing that did well on the corpora it was tried on.
    pub fn default_smoothing(self) -> f64 {
        self.0.default_smoothing()
    }
}

impl PartialEq for Estimator {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Estimator {}

impl fmt::Debug for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Estimator({})", self.name())
    }
}

/// An estimator with its smoothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::train) struct Estimate {
    pub(in crate::train) estimator: Estimator,
    pub(in crate::train) smoothing: f64,
}

impl Estimate {
    /// What the smoothing is called.
    pub(in crate::train) fn smoothing_name(self) -> &'static str {
        self.estimator.0.smoothing()
    }

    pub(in crate::train) fn bias(self, totals: &Totals) -> Vec<f64> {
        self.estimator.0.bias(totals)
    }

    pub(in crate::train) fn formula(self, totals: &Totals, term_count: usize) -> Box<dyn Formula> {
        self.estimator.0.formula(self.smoothing, totals, term_count)
    }

    /// The model of all documents.
    ///
    /// # Errors
    /// If an estimator that is not ours fails.
    pub(in crate::train) fn fit(self, counts: &TopicCounts) -> Result<Linear, TrainError> {
        let weights = self.estimator.0.fit(self.smoothing, counts)?;
        Ok(Linear { weights, bias: self.bias(&counts.totals) })
    }
}

/// A linear model: `score = bias + sum over terms of x * weight`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::train) struct Linear {
    /// A row per topic, a column per term.
    pub(in crate::train) weights: Array2<f64>,
    /// By topic.
    pub(in crate::train) bias: Vec<f64>,
}

/// Replaces numbers by their natural logarithms.
pub(super) fn log_all(numbers: &mut [f32]) {
    dispatch!(Level::new(), simd => log_all_in(simd, numbers));
}

#[inline(always)]
fn log_all_in(_: impl Simd, numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|number| *number = ln(*number));
}
