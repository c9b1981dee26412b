//! The precision and coverage of answers at each threshold of the top probability.

use serde::Serialize;

use super::ratio::ratio;

/// The number of distinct thresholds, which bounds the memory whatever the number of documents.
const THRESHOLDS: usize = 10_000;

/// The number of equal steps of coverage, each of which has at most one point of the curve.
const STEPS: u64 = 100;

/// The answers at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CoveragePoint {
    /// The least top probability of an answer that counts.
    pub threshold: f64,
    /// The number of answers that count.
    pub answers: u64,
    /// Their share of all documents.
    pub coverage: f64,
    /// The share of right ones.
    pub precision: f64,
}

/// Answers by their top probability, in one bin per threshold.
#[derive(Debug, Clone)]
pub(super) struct CoverageCurve {
    bins: Vec<Answers>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    given: u64,
    right: u64,
}

impl CoverageCurve {
    pub(super) fn new() -> Self {
        Self { bins: vec![Answers::default(); THRESHOLDS] }
    }

    /// Adds an answer with its top probability.
    pub(super) fn add(&mut self, top_probability: f64, right: bool) {
        let bin = ((top_probability * THRESHOLDS as f64) as usize).min(THRESHOLDS - 1);
        self.bins[bin].given += 1;
        self.bins[bin].right += u64::from(right);
    }

    /// The curve over this number of documents, from the highest threshold to the lowest. It ends
    /// below a coverage of 1 if some documents had no answer.
    pub(super) fn points(&self, documents: u64) -> Vec<CoveragePoint> {
        let all: u64 = self.bins.iter().map(|bin| bin.given).sum();
        let (mut points, mut sum, mut last_step) = (Vec::new(), Answers::default(), 0);
        for (number, bin) in self.bins.iter().enumerate().rev().filter(|(_, bin)| bin.given > 0) {
            sum.given += bin.given;
            sum.right += bin.right;
            let step = sum.given * STEPS / documents;
            if step > last_step || sum.given == all {
                last_step = step;
                points.push(CoveragePoint {
                    threshold: number as f64 / THRESHOLDS as f64,
                    answers: sum.given,
                    coverage: ratio(sum.given, documents),
                    precision: ratio(sum.right, sum.given),
                });
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(answers: &[(f64, bool)], documents: u64) -> Vec<(f64, u64, f64, f64)> {
        let mut curve = CoverageCurve::new();
        for &(probability, right) in answers {
            curve.add(probability, right);
        }
        curve
            .points(documents)
            .iter()
            .map(|point| (point.threshold, point.answers, point.coverage, point.precision))
            .collect()
    }

    #[test]
    fn a_lower_threshold_lets_more_answers_through() {
        // By hand: 4 of 5 documents have an answer; two share a probability.
        let found = points(&[(0.5, true), (0.9, false), (1.0, true), (0.9, true)], 5);
        assert_eq!(found, [(0.9999, 1, 0.2, 1.0), (0.9, 3, 0.6, 2.0 / 3.0), (0.5, 4, 0.8, 0.75)]);
    }

    #[test]
    fn the_curve_stays_short_whatever_the_number_of_answers() {
        let answers: Vec<(f64, bool)> =
            (0..9_999).map(|number| (f64::from(number) / 10_000.0, number >= 5_000)).collect();
        let found = points(&answers, 9_999);
        assert_eq!(found.len(), 100);
        assert_eq!(found.last(), Some(&(0.0, 9_999, 1.0, 4_999.0 / 9_999.0)));
    }

    #[test]
    fn without_an_answer_there_is_no_curve() {
        assert!(points(&[], 3).is_empty());
        assert!(points(&[], 0).is_empty());
    }
}
