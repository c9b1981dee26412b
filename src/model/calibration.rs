//! The map from the probability that a model gives its first topic to how often that is right.

use serde::{Deserialize, Serialize};

/// Beta calibration of the first topic's probability: with `p` as softmax has it,
///
/// ```text
/// q = 1 / (1 + e^-(a ln p - b ln (1 - p) + c))
/// ```
///
/// Where `q` is below one half, the topic gets the larger of `q` and the smaller of `p` and one half,
/// so that it remains the first; the probabilities of all others are multiplied by the same factor,
/// so that all sum to 1 and their order stays. (Kull, Silva Filho and Flach, "Beta calibration: a well-founded and easily
/// implemented improvement on logistic calibration for binary classifiers", AISTATS 2017.)
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BetaCalibration {
    /// At least 0.
    pub a: f64,
    /// At least 0.
    pub b: f64,
    /// The log-odds where the others cancel out.
    pub c: f64,
}

/// The greatest parameter, either way.
const MAX_PARAMETER: f64 = 1e3;

impl BetaCalibration {
    /// Changes no probability.
    pub const IDENTITY: Self = Self { a: 1.0, b: 1.0, c: 0.0 };

    /// Whether the map ascends, and is finite wherever it is used.
    pub fn is_sound(self) -> bool {
        let range = 0.0..=MAX_PARAMETER;
        range.contains(&self.a) && range.contains(&self.b) && range.contains(&self.c.abs())
    }

    /// Calibrates probabilities that sum to 1.
    pub fn apply(self, probabilities: &mut [f64]) {
        let mut first = 0;
        for (topic, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[first] {
                first = topic;
            }
        }
        let top = probabilities[first];
        // Not 1 - top, which has few digits left where top is near 1.
        let others: f64 = probabilities[..first].iter().chain(&probabilities[first + 1..]).sum();
        if self == Self::IDENTITY || others <= f64::MIN_POSITIVE {
            return;
        }
        let odds = libm::exp(self.a * libm::log(top) - self.b * libm::log(others) + self.c);
        let mapped = odds / (1.0 + odds);
        // Just above one half the topic is still the first.
        let least = top.min(0.5 + 1e-9);
        let (first_share, share_of_others) = if mapped >= least {
            (if odds.is_finite() { mapped } else { 1.0 }, 1.0 / (1.0 + odds))
        } else {
            (least, 1.0 - least)
        };
        probabilities.iter_mut().for_each(|probability| *probability *= share_of_others / others);
        probabilities[first] = first_share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_topic_gets_the_mapped_probability_and_the_others_share_what_is_left() {
        // By hand: ln (q / (1 - q)) = 2 ln 0.6 - ln 0.4 + 0.5, so odds of 0.9 e^0.5 = 1.483849.
        let mut probabilities = [0.1, 0.6, 0.3];
        BetaCalibration { a: 2.0, b: 1.0, c: 0.5 }.apply(&mut probabilities);
        let q = 1.483_849_1 / 2.483_849_1;
        for (found, expected) in
            probabilities.into_iter().zip([(1.0 - q) / 4.0, q, (1.0 - q) * 0.75])
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn the_order_stays() {
        for c in [-5.0, -0.1, 0.1, 5.0] {
            for before in [[0.3, 0.29, 0.41], [0.5, 0.49, 0.01], [0.9, 0.06, 0.04], [0.2, 0.5, 0.3]]
            {
                let mut after = before;
                BetaCalibration { a: 1.3, b: 0.7, c }.apply(&mut after);
                assert!((after.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{after:?}");
                for (i, j) in [(0, 1), (1, 2), (0, 2)] {
                    let orders = [before, after].map(|of| of[i].total_cmp(&of[j]));
                    assert_eq!(orders[0], orders[1], "{before:?} {after:?}");
                }
            }
        }
    }

    #[test]
    fn the_map_ascends() {
        for c in -5..=5 {
            let map = BetaCalibration { a: 1.5, b: 0.7, c: f64::from(c) };
            let mapped: Vec<f64> = (1..1_000)
                .map(|n| {
                    let top = 0.5 + f64::from(n) / 2_000.0;
                    let mut probabilities = [top, 1.0 - top];
                    map.apply(&mut probabilities);
                    probabilities[0]
                })
                .collect();
            assert!(mapped.is_sorted(), "{c}: {mapped:?}");
        }
    }

    #[test]
    fn certainty_stays_finite() {
        for mut probabilities in [[1.0, 0.0], [1.0, 1e-300], [0.5, 0.5]] {
            BetaCalibration { a: 1.0, b: 900.0, c: 900.0 }.apply(&mut probabilities);
            assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
        }
    }
}
