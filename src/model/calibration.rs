//! The map from the probability that a model gives its first topic to how often that is right.

use serde::{Deserialize, Serialize};

/// Beta calibration of the first topic's probability: with `p` as softmax has it,
///
/// ```text
/// q = 1 / (1 + e^-(a ln p - b ln (1 - p) + c))
/// ```
///
/// Below one half `p` stays where `q` would be less, so that the topic remains the first; the
/// probabilities of all others are multiplied by the same factor, so that all sum to 1 and their
/// order stays. (Kull, Silva Filho and Flach, "Beta calibration: a well-founded and easily
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
        let (first_share, share_of_others) = if mapped >= 0.5 {
            (if odds.is_finite() { mapped } else { 1.0 }, 1.0 / (1.0 + odds))
        } else if mapped > top {
            (mapped, 1.0 - mapped)
        } else {
            return;
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
    fn certainty_stays_finite() {
        for mut probabilities in [[1.0, 0.0], [1.0, 1e-300], [0.5, 0.5]] {
            BetaCalibration { a: 1.0, b: 900.0, c: 900.0 }.apply(&mut probabilities);
            assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
        }
    }
}
