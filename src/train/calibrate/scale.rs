//! The scale that makes probabilities mean what they say.

use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;

use crate::model::elementary::exp;
use crate::train::estimate::padded;
use crate::train::folds::{HeldOut, ScoreTable};

/// The most documents that the scale is fitted on: it is one number.
const MAX_FITTED_ON: usize = 20_000;
/// Of so many documents or more, a sample first says about where the scale is.
const SAMPLED_FROM: usize = 8_000;
const SAMPLE: usize = 1_000;
/// How many documents are summed up together, whatever the number of threads.
const SUMMED_TOGETHER: usize = 2_048;

/// The scale that minimises the mean negative log-likelihood of the right topics; it is convex in
/// the scale. Found by Newton's method on the derivative, kept between bounds; sums in an order
/// that is always the same, so that it comes out the same everywhere.
pub(crate) fn fit_scale(documents: &[HeldOut], table: &ScoreTable) -> f64 {
    let slope_and_curvature_of = |step: usize, scale: f64| {
        let parts: Vec<_> = (0..documents.len()).step_by(step * SUMMED_TOGETHER).collect();
        let sum_of = |start| {
            let places = (start..documents.len()).step_by(step).take(SUMMED_TOGETHER);
            dispatch!(Level::new(), simd => {
                slopes_and_curvatures(simd, documents, table, places, scale)
            })
        };
        let sums: Vec<(f64, f64)> = parts.into_par_iter().map(sum_of).collect();
        sums.into_iter().fold((0.0, 0.0), |(slope, curvature), (s, c)| (slope + s, curvature + c))
    };
    let mut start = 1.0;
    if documents.len() >= SAMPLED_FROM {
        // About where it is, a sample says in a fraction of the time.
        start = root(start, 0.1, |scale| {
            slope_and_curvature_of(documents.len().div_ceil(SAMPLE), scale)
        });
    }
    let step = documents.len().div_ceil(MAX_FITTED_ON).max(1);
    let scale = root(start, 1e-4, |scale| slope_and_curvature_of(step, scale));
    // A few digits are all that the sample can tell, and they survive being written and read.
    libm::round(scale * 1e6) / 1e6
}

/// The sums over the documents at these places of their [`slope_and_curvature`].
#[inline(always)]
fn slopes_and_curvatures(
    _: impl Simd,
    documents: &[HeldOut],
    table: &ScoreTable,
    places: impl Iterator<Item = usize>,
    scale: f64,
) -> (f64, f64) {
    let mut masses = vec![0.0; padded(table.topic_count())];
    let (mut slope, mut curvature) = (0.0, 0.0);
    for place in places {
        let (s, c) =
            slope_and_curvature(table.row(place), &documents[place].topics, scale, &mut masses);
        slope += s;
        curvature += c;
    }
    (slope, curvature)
}

/// Where an ascending function of the scale is 0, from its value and its derivative, near `start`.
/// The last step moves it by less than `tolerance` of it; what is left is about the square of that.
#[inline(always)]
fn root(
    start: f64,
    tolerance: f64,
    mut value_and_derivative: impl FnMut(f64) -> (f64, f64),
) -> f64 {
    // Where every held-out document is right no scale is large enough: this one makes a lead of
    // 0.01 a matter of e^10.
    let (mut low, mut high) = (1e-3, 1e3);
    let mut scale = start;
    for _ in 0..60 {
        let (value, derivative) = value_and_derivative(scale);
        if value > 0.0 {
            high = scale;
        } else {
            low = scale;
        }
        let newton = scale - value / derivative;
        let next = if newton.is_finite() && newton > low && newton < high {
            newton
        } else {
            (low * high).sqrt()
        };
        let is_near = (next - scale).abs() <= tolerance * scale;
        scale = next;
        if is_near {
            break;
        }
    }
    scale
}

/// First and second derivative, by the scale, of the negative log-likelihood of a document's most
/// probable topic. `masses` is memory for a number a topic, padded.
#[inline(always)]
fn slope_and_curvature(
    scores: &[f32],
    topics: &[usize],
    scale: f64,
    masses: &mut [f64],
) -> (f64, f64) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // Apart from the sums, whose order matters: so the exponentials are taken several at a time.
    for (mass, &score) in masses.iter_mut().zip(scores) {
        *mass = (f64::from(score) - f64::from(greatest)) * scale;
    }
    masses.iter_mut().for_each(|mass| *mass = exp(*mass));
    let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
    for (&score, &mass) in scores.iter().zip(&*masses) {
        let score = f64::from(score) - f64::from(greatest);
        sum += mass;
        mean += mass * score;
        square += mass * score * score;
    }
    mean /= sum;
    let best = topics.iter().map(|&topic| scores[topic]).fold(f32::NEG_INFINITY, f32::max);
    (mean - (f64::from(best) - f64::from(greatest)), square / sum - mean * mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::folds::held_out;

    #[test]
    fn the_scale_makes_probabilities_match_frequencies() {
        // Always a lead of 1; right three times in four: the scale must make that 3 : 1, which is
        // ln 3.
        let rows: Vec<(&[usize], &[f32])> = (0..100)
            .map(|n| (if n % 4 == 0 { &[1][..] } else { &[0][..] }, &[1.0, 0.0][..]))
            .collect();
        let (documents, table) = held_out(&rows);
        assert!((fit_scale(&documents, &table) - 3f64.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_scale_is_bounded_when_everything_is_right_or_wrong() {
        let all = |topic: &'static [usize]| held_out(&vec![(topic, &[1.0, 0.0][..]); 10]);
        let (documents, table) = all(&[0]);
        assert!(fit_scale(&documents, &table).is_finite() && fit_scale(&documents, &table) > 10.0);
        let (documents, table) = all(&[1]);
        assert!(fit_scale(&documents, &table) > 0.0 && fit_scale(&documents, &table) < 0.01);
        assert!(fit_scale(&[], &ScoreTable::new(2)).is_finite());
    }
}
