//! Multinomial naive Bayes: the log-probability of a term in a topic, and the topic's prior.

use ndarray::Array2;

use super::kind::{Estimator, Formula, Kind, log_all};
use super::linfa;
use super::sums::{TermSums, TopicCounts, Totals, padded};
use crate::train::error::TrainError;

struct Multinomial;

impl Estimator {
    /// Multinomial naive Bayes: the log-probability of a term in a topic, and the topic's prior.
    pub const MULTINOMIAL: Self = Self(&Multinomial);
}

impl Kind for Multinomial {
    fn name(&self) -> &'static str {
        "multinomial"
    }

    fn default_smoothing(&self) -> f64 {
        0.03
    }

    fn bias(&self, totals: &Totals) -> Vec<f64> {
        let total: u64 = totals.documents.iter().sum();
        // Half a document keeps the prior finite for a topic whose documents are all held out.
        let prior = |&count: &u64| (count as f64).max(0.5) / total.max(1) as f64;
        totals.documents.iter().map(prior).map(libm::log).collect()
    }

    fn formula(&self, alpha: f64, totals: &Totals, term_count: usize) -> Box<dyn Formula> {
        Box::new(Smoothed::new(alpha, totals, term_count, |sum| sum))
    }

    fn fit(&self, alpha: f64, counts: &TopicCounts) -> Result<Array2<f64>, TrainError> {
        let factor = counts.totals.length_factor();
        Ok(linfa::log_probabilities(counts.by_topic(|sums, topic| sums[topic]), alpha)? * factor)
    }
}

/// `ln((sum + alpha) / (total + alpha * terms))` by topic, times the length factor.
pub(super) struct Smoothed {
    alpha: f32,
    factor: f32,
    /// By topic, padded: the logarithms of the denominators.
    log_totals: Vec<f32>,
}

impl Smoothed {
    /// `total` computes a topic's total from [`Totals::topics`].
    pub(super) fn new(
        alpha: f64,
        totals: &Totals,
        term_count: usize,
        total: impl Fn(f64) -> f64,
    ) -> Self {
        let factor = totals.length_factor();
        let log_total = |&sum: &f64| libm::log(total(sum) * factor + alpha * term_count as f64);
        let mut log_totals: Vec<f32> =
            totals.topics.iter().map(log_total).map(|log| log as f32).collect();
        log_totals.resize(padded(totals.topics.len()), 0.0);
        Self { alpha: alpha as f32, factor: factor as f32, log_totals }
    }

    /// Sets `weights` from the sums that `sum` computes from those of the topics.
    #[inline(always)]
    pub(super) fn set(&self, topics: &[f64], sum: impl Fn(f64) -> f64, weights: &mut [f32]) {
        for (weight, &topic) in weights.iter_mut().zip(topics) {
            *weight = sum(topic) as f32 * self.factor + self.alpha;
        }
        log_all(weights);
        for (weight, log_total) in weights.iter_mut().zip(&self.log_totals) {
            *weight = self.factor * (*weight - log_total);
        }
    }
}

impl Formula for Smoothed {
    fn weights(&self, sums: TermSums<'_>, weights: &mut [f32]) {
        self.set(sums.topics, |sum| sum, weights);
    }
}
