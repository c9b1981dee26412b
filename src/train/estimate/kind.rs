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

    /// The smoothing that did well on the corpora that were tried.
    fn default_smoothing(&self) -> f64;

    /// The score of each topic before any word is read.
    fn bias(&self, totals: &Totals) -> Vec<f64>;

    /// The formula of the weights in a model with `term_count` terms.
    fn formula(&self, smoothing: f64, totals: &Totals, term_count: usize) -> Box<dyn Formula>;

    /// The weights of all terms, a row per topic.
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
pub(crate) trait Formula: Send + Sync {
    /// Sets `weights`, per topic and padded; the padding is unspecified.
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

    /// The smoothing that did well on the corpora that were tried.
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
pub(crate) struct Estimate {
    pub(crate) estimator: Estimator,
    pub(crate) smoothing: f64,
}

impl Estimate {
    /// What the smoothing is called.
    pub(crate) fn smoothing_name(self) -> &'static str {
        self.estimator.0.smoothing()
    }

    pub(crate) fn bias(self, totals: &Totals) -> Vec<f64> {
        self.estimator.0.bias(totals)
    }

    pub(crate) fn formula(self, totals: &Totals, term_count: usize) -> Box<dyn Formula> {
        self.estimator.0.formula(self.smoothing, totals, term_count)
    }

    /// The model of all documents.
    pub(crate) fn fit(self, counts: &TopicCounts) -> Result<Linear, TrainError> {
        let weights = self.estimator.0.fit(self.smoothing, counts)?;
        Ok(Linear { weights, bias: self.bias(&counts.totals) })
    }
}

/// A linear model: `score = bias + sum over terms of x * weight`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    /// A row per topic, a column per term.
    pub(crate) weights: Array2<f64>,
    /// By topic.
    pub(crate) bias: Vec<f64>,
}

/// Replaces numbers by their natural logarithms.
pub(super) fn log_all(numbers: &mut [f32]) {
    dispatch!(Level::new(), simd => log_all_in(simd, numbers));
}

#[inline(always)]
fn log_all_in(_: impl Simd, numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|number| *number = ln(*number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_of_a_term_is_the_fit_to_all_terms() {
        // Three topics, four terms, a document in five without a topic; by term the sum over the
        // collection, then over the topics.
        let sums = [
            [7.5, 1.5, 0.0, 4.0],
            [3.25, 0.25, 2.0, 0.5],
            [0.5, 0.0, 0.5, 0.0],
            [20.0, 9.0, 0.0, 11.0],
        ];
        let total = |place: usize| sums.iter().map(|row| row[place]).sum();
        let totals = Totals {
            topics: (1..4).map(total).collect(),
            collection: total(0),
            documents: vec![12, 3, 5],
            document_count: 25,
            log_lengths: 25.0 * 1.7,
        };
        let counts = TopicCounts { terms: (0..4).collect(), sums: sums.concat(), totals };
        for (estimator, smoothing) in [
            (Estimator::MULTINOMIAL, 0.03),
            (Estimator::COMPLEMENT, 0.4),
            (Estimator::ONE_AGAINST_REST, 0.8),
        ] {
            let estimate = Estimate { estimator, smoothing };
            let fitted = estimate.fit(&counts).expect("a fit");
            let formula = estimate.formula(&counts.totals, 4);
            for (term, row) in sums.iter().enumerate() {
                let (mut topics, mut weights) = (vec![0.0; padded(3)], vec![0.0; padded(3)]);
                topics[..3].copy_from_slice(&row[1..]);
                formula.weights(TermSums { topics: &topics, collection: row[0] }, &mut weights);
                for (topic, weight) in weights.into_iter().enumerate().take(3) {
                    let off = f64::from(weight) - fitted.weights[[topic, term]];
                    assert!(off.abs() < 1e-5, "{estimator:?} {term} {topic}: {weight}");
                }
            }
        }
    }

    #[test]
    fn one_against_rest_is_the_log_odds_of_two_drawn_distributions() {
        // By hand, of one term and one topic: sums 3 of 10, all others 1 of 30, the collection 4
        // of 40; half of each drawn to 4 / 40.
        let totals = Totals {
            topics: vec![10.0],
            collection: 40.0,
            documents: vec![1],
            document_count: 4,
            log_lengths: 0.0,
        };
        let estimate = Estimate { estimator: Estimator::ONE_AGAINST_REST, smoothing: 0.5 };
        let (mut topics, mut weights) = (vec![0.0; padded(1)], vec![0.0; padded(1)]);
        topics[0] = 3.0;
        let sums = TermSums { topics: &topics, collection: 4.0 };
        estimate.formula(&totals, 1).weights(sums, &mut weights);
        let expected: f64 = (0.2_f64 / (1.0 / 15.0)).ln();
        assert!((f64::from(weights[0]) - expected).abs() < 1e-6, "{} {expected}", weights[0]);
        // And its bias: (1 + 1/2) / (3 + 1/2).
        assert!((estimate.bias(&totals)[0] - (1.5f64 / 3.5).ln()).abs() < 1e-12);
    }
}
