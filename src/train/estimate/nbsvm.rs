//! A wide margin over vectors that naive Bayes has scaled: NBSVM.
//!
//! Each term of a document is multiplied, for each topic, by the logarithm of how much likelier it
//! is in documents of the topic than in the others; then the margin is fitted. Terms that naive
//! Bayes takes for evidence are cheap to use. (Wang and Manning, "Baselines and Bigrams: Simple,
//! Good Sentiment and Topic Classification", ACL 2012.)

use super::margin::{Margin, Scaling, rounded};
use super::solver::{Lanes, Planes, Problem, Solver};

/// The pseudo-count of documents of every term, with and without the topic.
const ALPHA: f64 = 1.0;

/// The support vector machine over log-ratios.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NbSvm(pub(crate) Margin);

impl Solver for NbSvm {
    fn name(&self) -> &'static str {
        "nbsvm"
    }

    fn parameter(&self) -> (&'static str, f64) {
        ("cost", rounded(self.0.cost))
    }

    fn solve(&self, problem: &Problem<'_>) -> Planes {
        self.0.solve_scaled(problem, &Ratios(squared_log_ratios(problem)))
    }
}

/// The squares of the log-ratios.
struct Ratios(Planes);

impl Scaling for Ratios {
    #[inline(always)]
    fn squares(&self, at: usize) -> Lanes {
        self.0.lanes[at]
    }
}

/// By term and topic the square of `ln(p / q)`, where `p` and `q` are the shares of the term in the
/// terms of all documents with the topic, and without it; each document counts a term once.
fn squared_log_ratios(problem: &Problem<'_>) -> Planes {
    let mut planes = Planes::zeros(problem);
    let mut frequencies = vec![0u32; problem.term_count];
    for (document, topics) in problem.topics.iter().enumerate() {
        for feature in problem.rows.get(document) {
            frequencies[feature.term as usize] += 1;
            let row = planes.of_term_mut(feature.term as usize);
            topics.iter().for_each(|&topic| row[topic as usize] += 1.0);
        }
    }
    let mut sums = vec![0.0; problem.topic_count];
    for term in 0..problem.term_count {
        let row = planes.of_term(term).iter();
        sums.iter_mut().zip(row).for_each(|(sum, &count)| *sum += f64::from(count));
    }
    let all: f64 = frequencies.iter().map(|&frequency| f64::from(frequency)).sum();
    let pseudo = ALPHA * problem.term_count as f64;
    let log_odds = |sum: &f64| libm::log((pseudo + all - sum) / (pseudo + sum));
    let offsets: Vec<f64> = sums.iter().map(log_odds).collect();
    for (term, &frequency) in frequencies.iter().enumerate() {
        for (value, offset) in planes.of_term_mut(term).iter_mut().zip(&offsets) {
            let with = ALPHA + f64::from(*value);
            let without = ALPHA + f64::from(frequency) - f64::from(*value);
            let ratio = libm::log(with / without) + offset;
            *value = (ratio * ratio) as f32;
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::super::solver::Feature;
    use super::*;

    #[test]
    fn terms_are_scaled_by_the_log_ratio_of_their_shares() {
        let mut problem = Problem::new(2, 2);
        let rows: [(&[u32], &[u32]); 3] = [(&[0, 1], &[0]), (&[0], &[0]), (&[1], &[1])];
        for (terms, topics) in rows {
            problem.push(terms.iter().map(|&term| Feature { term, x: 0.5 }), topics);
        }
        let ratios = squared_log_ratios(&problem);
        // Of topic 0: term 0 in 2 of 3 occurrences and 0 of 1 outside, with one more of each of two
        // terms: (3 / 5) / (1 / 3). Term 1: (2 / 5) / (2 / 3).
        let expected = [(9.0f64 / 5.0).ln().powi(2), (3.0f64 / 5.0).ln().powi(2)];
        for (term, expected) in expected.into_iter().enumerate() {
            let found = f64::from(ratios.of_term(term)[0]);
            assert!((found - expected).abs() < 1e-6, "{term}: {found} {expected}");
        }
    }

    #[test]
    fn the_weights_minimise_the_margin_over_scaled_vectors() {
        // sklearn.svm.LinearSVC(C=1, tol=1e-10) on x * r of topic 0 (r: the log-ratios above), for
        // the documents above; the weights times r.
        let mut problem = Problem::new(2, 2);
        let rows: [(&[u32], &[u32]); 3] = [(&[0, 1], &[0]), (&[0], &[0]), (&[1], &[1])];
        for (terms, topics) in rows {
            problem.push(terms.iter().map(|&term| Feature { term, x: 0.5 }), topics);
        }
        let planes = NbSvm(Margin { cost: 1.0, passes: 1_000 }).solve(&problem);
        let expected = [0.4272, -0.1270, 0.1999];
        let fitted = [planes.of_term(0)[0], planes.of_term(1)[0], planes.bias()[0]];
        for (fitted, expected) in fitted.into_iter().zip(expected) {
            assert!((fitted - expected).abs() < 5e-3, "{fitted} {expected}");
        }
    }
}
