//! Complement naive Bayes: the negative log-probability of a term in all other topics; no prior.
//!
//! (Rennie, Shih, Teevan and Karger, "Tackling the Poor Assumptions of Naive Bayes Text
//! Classifiers", ICML 2003.)

use ndarray::Array2;

use super::kind::{Estimator, Formula, Kind};
use super::linfa;
use super::multinomial::Smoothed;
use super::sums::{TermSums, TopicCounts, Totals};
use crate::train::error::TrainError;

struct Complement;

impl Estimator {
    /// Complement naive Bayes: the negative log-probability of a term in all other topics; no
    /// prior. (Rennie, Shih, Teevan and Karger, "Tackling the Poor Assumptions of Naive Bayes Text
    /// Classifiers", ICML 2003.)
    pub const COMPLEMENT: Self = Self(&Complement);
}

impl Kind for Complement {
    fn name(&self) -> &'static str {
        "complement"
    }

    fn default_smoothing(&self) -> f64 {
        0.1
    }

    fn bias(&self, totals: &Totals) -> Vec<f64> {
        vec![0.0; totals.topics.len()]
    }

    fn formula(&self, alpha: f64, totals: &Totals, term_count: usize) -> Box<dyn Formula> {
        let all: f64 = totals.topics.iter().sum();
        Box::new(Negated(Smoothed::new(alpha, totals, term_count, |sum| (all - sum).max(0.0))))
    }

    fn fit(&self, alpha: f64, counts: &TopicCounts) -> Result<Array2<f64>, TrainError> {
        let factor = counts.totals.length_factor();
        Ok(linfa::log_probabilities(counts.by_topic(others), alpha)? * -factor)
    }
}

/// The sum over all other topics, at least 0 despite rounding.
fn others(sums: &[f64], topic: usize) -> f64 {
    (sums.iter().sum::<f64>() - sums[topic]).max(0.0)
}

struct Negated(Smoothed);

impl Formula for Negated {
    fn weights(&self, sums: TermSums<'_>, weights: &mut [f32]) {
        let all: f64 = sums.topics.iter().sum();
        // Rounding may leave less than 0.
        self.0.set(sums.topics, |sum| (all - sum).max(0.0), weights);
        weights.iter_mut().for_each(|weight| *weight = -*weight);
    }
}
