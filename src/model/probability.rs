//! Turns scores into probabilities.

use super::elementary::exp;

/// Turns scores into probabilities that sum to 1. The greatest score is subtracted first, so that
/// nothing overflows.
///
/// `probabilities[i] = exp(scores[i]) / sum of exp(scores)`; finite for any finite scores.
#[inline(always)]
pub fn softmax(scores: &[f32], probabilities: &mut Vec<f64>) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.clear();
    probabilities.extend(scores.iter().map(|&score| f64::from(score) - f64::from(greatest)));
    // Padding to whole vectors is faster than a scalar remainder.
    probabilities.resize(scores.len().next_multiple_of(EXPONENTIALS), 0.0);
    probabilities.iter_mut().for_each(|x| *x = exp(*x));
    probabilities.truncate(scores.len());
    let sum: f64 = probabilities.iter().sum();
    for probability in probabilities {
        *probability /= sum;
    }
}

/// The number of exponentials that are computed together where the machine supports it.
const EXPONENTIALS: usize = 8;

/// The largest exponent passed to [`exp`], at which the probability is 0 within double precision.
const MAX_EXPONENT: f64 = 700.0;

/// Turns log-odds into independent probabilities: `1 / (1 + exp(-score))`.
#[inline(always)]
pub fn logistic(scores: &[f32], probabilities: &mut Vec<f64>) {
    probabilities.clear();
    probabilities.extend(
        scores.iter().map(|&score| 1.0 / (1.0 + exp((-f64::from(score)).min(MAX_EXPONENT)))),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_survives_extreme_scores() {
        let mut probabilities = Vec::new();
        softmax(&[3e38, -3e38, 3e38], &mut probabilities);
        assert_eq!(probabilities, [0.5, 0.0, 0.5]);
        softmax(&[-1e30, -1e30], &mut probabilities);
        assert_eq!(probabilities, [0.5, 0.5]);
    }
}
