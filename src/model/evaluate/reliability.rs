//! How well probabilities match frequencies, in bins of the probability.

use serde::Serialize;

/// The number of bins.
const BINS: usize = 15;

/// The predictions in one bin of the probability.
///
/// For models of one topic per document a prediction is the most probable topic of a document; for
/// models of several topics it is each of the model's topics in each document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Predictions whose probability lies in the bin.
    pub predictions: u64,
    /// The share of them that are right: the document has the topic. 0 for an empty bin.
    pub accuracy: f64,
    /// Their mean probability; 0 for an empty bin.
    pub mean_probability: f64,
}

/// Gathers predictions.
#[derive(Debug, Clone, Default)]
pub(super) struct Reliability {
    bins: [Sums; BINS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    predictions: u64,
    right: u64,
    probability: f64,
}

impl Reliability {
    /// Adds a prediction.
    pub(super) fn add(&mut self, probability: f64, is_right: bool) {
        let bin = ((probability * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        let sums = &mut self.bins[bin];
        sums.predictions += 1;
        sums.right += u64::from(is_right);
        sums.probability += probability;
    }

    /// Adds the predictions gathered elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (sums, others) in self.bins.iter_mut().zip(&other.bins) {
            sums.predictions += others.predictions;
            sums.right += others.right;
            sums.probability += others.probability;
        }
    }

    /// The bins, from low to high.
    pub(super) fn bins(&self) -> Vec<Bin> {
        let bin = |sums: &Sums| {
            let count = sums.predictions.max(1) as f64;
            Bin {
                predictions: sums.predictions,
                accuracy: sums.right as f64 / count,
                mean_probability: sums.probability / count,
            }
        };
        self.bins.iter().map(bin).collect()
    }

    /// The expected calibration error: over the bins, the mean distance of accuracy and mean
    /// probability, weighted by predictions.
    pub(super) fn expected_calibration_error(&self) -> f64 {
        let predictions: u64 = self.bins.iter().map(|sums| sums.predictions).sum();
        let all = predictions.max(1) as f64;
        self.bins()
            .iter()
            .map(|bin| bin.predictions as f64 / all * (bin.accuracy - bin.mean_probability).abs())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_mean_distance_weighted_by_predictions() {
        // By hand. The last bin: 0.95 twice, right once, a distance of 0.45. The first: 0.04, a
        // distance of 0.04.
        let mut reliability = Reliability::default();
        for (probability, is_right) in [(0.95, true), (0.95, false), (0.04, false)] {
            reliability.add(probability, is_right);
        }
        let error = reliability.expected_calibration_error();
        assert!((error - (2.0 * 0.45 + 0.04) / 3.0).abs() < 1e-12, "{error}");
        let bins = reliability.bins();
        assert_eq!(bins.len(), 15);
        assert_eq!(bins[14], Bin { predictions: 2, accuracy: 0.5, mean_probability: 0.95 });
        assert_eq!(bins[7], Bin::default());
    }

    #[test]
    fn a_bin_includes_its_upper_edge() {
        let mut reliability = Reliability::default();
        for probability in [0.0, 1.0 / 15.0, 0.07, 1.0] {
            reliability.add(probability, true);
        }
        let predictions: Vec<u64> =
            reliability.bins().iter().map(|bin| bin.predictions).filter(|&n| n > 0).collect();
        assert_eq!(predictions, [2, 1, 1]);
    }

    #[test]
    fn merged_bins_are_those_of_all_predictions() {
        let (mut one, mut other, mut both) = Default::default();
        for (place, probability) in [0.1, 0.6, 0.62, 0.9].into_iter().enumerate() {
            let part: &mut Reliability = if place % 2 == 0 { &mut one } else { &mut other };
            part.add(probability, place == 2);
            Reliability::add(&mut both, probability, place == 2);
        }
        one.merge(&other);
        assert_eq!(one.bins(), both.bins());
    }
}
