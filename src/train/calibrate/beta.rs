//! Fits the map from the first topic's probability to how often it is right.

use linfa_linalg::cholesky::SolveC as _;
use ndarray::Array2;

use super::confidence::Top;
use crate::model::BetaCalibration;

/// A probability nearer to 0 or 1 says no more than this one.
const MARGIN: f64 = 1e-9;
/// Newton's method needs a few steps.
const MAX_STEPS: usize = 100;

/// The parameters under which the first topics are right as often as they were: the likeliest,
/// drawn to the map that changes nothing by normal priors of variance 1: a logistic regression on
/// `ln p` and `-ln (1 - p)`, by Newton's method. A coefficient that would be negative is 0.
pub(super) fn fit_beta(tops: &[Top]) -> BetaCalibration {
    let rows: Vec<([f64; 3], f64)> = tops
        .iter()
        .map(|top| {
            let p = top.probability.clamp(MARGIN, 1.0 - MARGIN);
            ([libm::log(p), -libm::log(1.0 - p), 1.0], f64::from(u8::from(top.is_right)))
        })
        .collect();
    let mut is_free = [true; 3];
    loop {
        let [a, b, c] = newton(&rows, is_free);
        is_free = [is_free[0] && a >= 0.0, is_free[1] && b >= 0.0, true];
        if a >= 0.0 && b >= 0.0 {
            // A few digits are all that the sample can tell, and they survive being written and
            // read.
            let [a, b, c] = [a, b, c].map(|value| libm::round(value * 1e6) / 1e6);
            return BetaCalibration { a, b, c };
        }
    }
}

/// The maximum where the coefficients that are not free are 0.
fn newton(rows: &[([f64; 3], f64)], is_free: [bool; 3]) -> [f64; 3] {
    let prior = [1.0, 1.0, 0.0];
    let mut at: [f64; 3] = std::array::from_fn(|i| if is_free[i] { prior[i] } else { 0.0 });
    for _ in 0..MAX_STEPS {
        let mut gradient = Array2::from_shape_fn((3, 1), |(i, _)| at[i] - prior[i]);
        let mut hessian = Array2::eye(3);
        for (x, right) in rows {
            let z: f64 = x.iter().zip(&at).map(|(x, weight)| x * weight).sum();
            let q = 1.0 / (1.0 + libm::exp(-z));
            for i in 0..3 {
                gradient[[i, 0]] += (q - right) * x[i];
                for j in 0..3 {
                    hessian[[i, j]] += q * (1.0 - q) * x[i] * x[j];
                }
            }
        }
        for i in (0..3).filter(|&i| !is_free[i]) {
            gradient[[i, 0]] = 0.0;
            hessian.row_mut(i).fill(0.0);
            hessian.column_mut(i).fill(0.0);
            hessian[[i, i]] = 1.0;
        }
        let Ok(step) = hessian.solvec(&gradient) else { break };
        // The likelihood is flat far away, where a whole step could overshoot.
        let length = step.iter().fold(0.0, |most: f64, step| most.max(step.abs()));
        let damping = 1.0 / length.max(1.0);
        at.iter_mut().zip(&step).for_each(|(at, step)| *at -= step * damping);
        if length < 1e-9 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` outcomes of this probability, of which a share is right.
    fn outcomes(rows: &[(f64, f64)], count: usize) -> Vec<Top> {
        let of = |&(probability, share): &(f64, f64)| {
            let right = (share * count as f64).round() as usize;
            (0..count).map(move |n| Top { probability, is_right: n < right, part: 0 })
        };
        rows.iter().flat_map(of).collect()
    }

    fn mapped(map: BetaCalibration, top: f64) -> f64 {
        let mut probabilities = [top, 1.0 - top];
        map.apply(&mut probabilities);
        probabilities[0]
    }

    #[test]
    fn the_map_gives_how_often_the_first_topic_is_right() {
        let seen = [(0.6, 0.65), (0.8, 0.72), (0.95, 0.85), (0.99, 0.95)];
        let map = fit_beta(&outcomes(&seen, 20_000));
        for (top, share) in seen {
            assert!(
                (mapped(map, top) - share).abs() < 0.015,
                "{top}: {} {share}",
                mapped(map, top)
            );
        }
    }

    #[test]
    fn what_is_calibrated_stays_and_few_documents_change_little() {
        let calibrated = fit_beta(&outcomes(&[(0.6, 0.6), (0.8, 0.8), (0.95, 0.95)], 2_000));
        assert!((calibrated.a - 1.0).abs() < 0.05 && calibrated.c.abs() < 0.05, "{calibrated:?}");
        let few = fit_beta(&outcomes(&[(0.6, 1.0), (0.8, 0.0)], 1));
        assert!((mapped(few, 0.7) - 0.7).abs() < 0.2, "{few:?}");
        assert_eq!(fit_beta(&[]), BetaCalibration::IDENTITY);
    }

    #[test]
    fn no_coefficient_is_negative() {
        // The surer the less often right.
        let map = fit_beta(&outcomes(&[(0.55, 0.9), (0.8, 0.7), (0.99, 0.5)], 5_000));
        assert!(map.is_sound() && map.a.min(map.b) == 0.0, "{map:?}");
    }
}
