//! The scale that makes probabilities mean what they say.

use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;

use crate::model::elementary::exp;
use crate::train::estimate::padded;
use crate::train::folds::{HeldOut, ScoreTable, sampled};

/// The most documents to fit the scale to, which is a single number.
const MAX_FITTED_ON: usize = 20_000;
/// The documents summed together, whatever the number of threads.
const SUMMED_TOGETHER: usize = 2_048;
/// The scale lies between these. Where every held-out document is right none is large enough: the
/// greatest makes a lead of 0.01 a matter of e^10.
const BOUNDS: (f64, f64) = (1e-3, 1e3);
/// The last step is less than this of the scale; what is left is about the square of that.
const TOLERANCE: f64 = 1e-4;

/// The scale that minimises the mean negative log-likelihood of the right topics; it is convex in
/// the scale. Found by Newton's method on the derivative, kept between bounds; sums in an order
/// that is always the same, so that it comes out the same everywhere.
pub(crate) fn fit_scale(documents: &[HeldOut], table: &ScoreTable) -> f64 {
    let places = sampled((0..documents.len()).collect(), MAX_FITTED_ON);
    let (mut low, mut high) = BOUNDS;
    let mut scale = 1.0;
    for _ in 0..60 {
        let (slope, curvature) = slope_and_curvature(documents, table, &places, scale);
        if slope > 0.0 {
            high = scale;
        } else {
            low = scale;
        }
        let newton = scale - slope / curvature;
        let is_inside = newton.is_finite() && newton > low && newton < high;
        let next = if is_inside { newton } else { (low * high).sqrt() };
        let is_near = (next - scale).abs() <= TOLERANCE * scale;
        scale = next;
        if is_near {
            break;
        }
    }
    // The sample supports few digits, and these survive being written and read.
    libm::round(scale * 1e6) / 1e6
}

/// The sums of [`of_document`] over the documents at some places.
fn slope_and_curvature(
    documents: &[HeldOut],
    table: &ScoreTable,
    places: &[usize],
    scale: f64,
) -> (f64, f64) {
    let level = Level::new();
    let sum_of = |places| dispatch!(level, simd => sum_over(simd, documents, table, places, scale));
    let sums: Vec<(f64, f64)> = places.par_chunks(SUMMED_TOGETHER).map(sum_of).collect();
    sums.into_iter().fold((0.0, 0.0), |(slope, curvature), (s, c)| (slope + s, curvature + c))
}

#[inline(always)]
fn sum_over(
    _: impl Simd,
    documents: &[HeldOut],
    table: &ScoreTable,
    places: &[usize],
    scale: f64,
) -> (f64, f64) {
    let mut masses = vec![0.0; padded(table.topic_count())];
    let (mut slope, mut curvature) = (0.0, 0.0);
    for &place in places {
        let (s, c) = of_document(table.row(place), &documents[place].topics, scale, &mut masses);
        slope += s;
        curvature += c;
    }
    (slope, curvature)
}

/// First and second derivative, by the scale, of the negative log-likelihood of a document's most
/// probable topic. `masses` is memory for a number per topic, padded.
#[inline(always)]
fn of_document(scores: &[f32], topics: &[usize], scale: f64, masses: &mut [f64]) -> (f64, f64) {
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
