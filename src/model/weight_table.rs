//! The table of weights that scoring sums over.
//!
//! The weights stay in half precision, as they are stored. Rows are read in no order, so speed
//! depends on how much of the table fits in the caches: in single precision, the default model took
//! 5.2 MB, and rows came from memory.

use half::f16;
use prefetch_index::prefetch_index;

use super::manifest::Labels;
use super::term_weighting::log_tf_table;
use crate::text::{TermCount, TermId};

/// Rows are padded to a multiple of this many numbers, so that a row is added in whole vectors.
const LANES: usize = 8;

/// The lanes after the topics that hold the term's inverse document frequency, the two halves of a
/// single-precision number.
const IDF_LANES: usize = 2;

/// One row per term: the bits of its weight for each topic in half precision, then its idf, then
/// zeros.
#[derive(Debug, Clone)]
pub(super) struct WeightTable {
    bits: Vec<u16>,
    topic_count: usize,
    stride: usize,
    is_centred: bool,
}

impl WeightTable {
    /// The table of `weights` (one row per term, one column per topic). Where topics exclude each
    /// other, all that is read from it is centred: each row has its mean subtracted.
    pub(super) fn new(weights: &[f16], idf: &[f32], topic_count: usize, labels: Labels) -> Self {
        let stride = (topic_count + IDF_LANES).next_multiple_of(LANES);
        let mut bits = vec![0; idf.len() * stride];
        for ((row, weights), idf) in
            bits.chunks_exact_mut(stride).zip(weights.chunks_exact(topic_count)).zip(idf)
        {
            for (lane, &weight) in row.iter_mut().zip(weights) {
                *lane = weight.to_bits();
            }
            row[topic_count] = idf.to_bits() as u16;
            row[topic_count + 1] = (idf.to_bits() >> 16) as u16;
        }
        Self { bits, topic_count, stride, is_centred: labels == Labels::Single }
    }

    /// What one occurrence of the term adds to each topic's score before the vector is scaled:
    /// weight times idf.
    pub(super) fn row(&self, term: TermId) -> Vec<f32> {
        let start = term as usize * self.stride;
        let row = &self.bits[start..start + self.stride];
        let idf = idf_of(row, self.topic_count);
        let mut weights: Vec<f32> = row[..self.topic_count]
            .iter()
            .map(|&bits| f16::from_bits(bits).to_f32() * idf)
            .collect();
        if self.is_centred {
            centre(&mut weights);
        }
        weights
    }

    /// Sets `scores` to the sum of each term's logarithmic frequency times its [`Self::row`], and
    /// returns the sum of squares of the vector `log_tf(count) * idf`.
    #[inline(always)]
    pub(super) fn sum(&self, terms: &[TermCount], scores: &mut Vec<f32>) -> f32 {
        // The sums of the common sizes stay in registers.
        let squares = match self.stride {
            8 => self.sum_lanes::<8>(terms, scores),
            16 => self.sum_lanes::<16>(terms, scores),
            24 => self.sum_lanes::<24>(terms, scores),
            _ => self.sum_any(terms, scores),
        };
        scores.truncate(self.topic_count);
        for score in &mut *scores {
            *score *= HALF_SCALE;
        }
        // Centring the sum equals centring each row, because the sum is linear.
        if self.is_centred {
            centre(scores);
        }
        squares
    }

    #[inline(always)]
    fn sum_lanes<const N: usize>(&self, terms: &[TermCount], scores: &mut Vec<f32>) -> f32 {
        let table = log_tf_table();
        let (rows, _) = self.bits.as_chunks::<N>();
        let (mut sums, mut squares) = ([0.0f32; N], 0.0f32);
        // Keeps more loads in flight than the additions alone would.
        terms.iter().for_each(|entry| prefetch_index(rows, entry.term as usize));
        for entry in terms {
            let row = &rows[entry.term as usize];
            let x = table.log_tf(entry.count) * idf_of(row, self.topic_count);
            squares += x * x;
            for lane in 0..N {
                sums[lane] += x * scaled_down(row[lane]);
            }
        }
        scores.clear();
        scores.extend_from_slice(&sums);
        squares
    }

    #[inline(always)]
    fn sum_any(&self, terms: &[TermCount], scores: &mut Vec<f32>) -> f32 {
        let table = log_tf_table();
        scores.clear();
        scores.resize(self.stride, 0.0);
        let mut squares = 0.0f32;
        for entry in terms {
            let start = entry.term as usize * self.stride;
            let row = &self.bits[start..start + self.stride];
            let x = table.log_tf(entry.count) * idf_of(row, self.topic_count);
            squares += x * x;
            for (score, &bits) in scores.iter_mut().zip(row) {
                *score += x * scaled_down(bits);
            }
        }
        squares
    }
}

#[inline(always)]
fn idf_of(row: &[u16], topic_count: usize) -> f32 {
    f32::from_bits(u32::from(row[topic_count]) | u32::from(row[topic_count + 1]) << 16)
}

/// The factor that [`scaled_down`] omits: 2 to the difference of the exponent biases, 127 - 15.
const HALF_SCALE: f32 = f32::from_bits((127 + 127 - 15) << 23);

/// A finite half-precision number divided by [`HALF_SCALE`]: its sign, exponent and fraction moved
/// to their places in single precision, without a case for subnormals. Exact, and vectorised.
#[inline(always)]
const fn scaled_down(bits: u16) -> f32 {
    f32::from_bits(((bits as i16 as i32) << 13) as u32 & 0x8fff_e000)
}

/// Subtracts the mean from the values.
pub(super) fn centre(values: &mut [f32]) {
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
    for value in values {
        *value = (f64::from(*value) - mean) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log_tf;

    #[test]
    fn half_precision_is_scaled_exactly() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(
                    (scaled_down(bits) * HALF_SCALE).to_bits(),
                    half.to_f32().to_bits(),
                    "{half}"
                );
            }
        }
    }

    #[test]
    fn a_table_of_any_width_is_summed_alike() {
        for (topic_count, labels) in [2, 6, 7, 13, 14, 15, 22, 23, 90]
            .into_iter()
            .flat_map(|k| [(k, Labels::Single), (k, Labels::Multiple)])
        {
            let weights: Vec<f32> = (0..3 * topic_count)
                .map(|place| f16::from_f64(libm::sin(place as f64)).to_f32())
                .collect();
            let halves: Vec<f16> = weights.iter().map(|&weight| f16::from_f32(weight)).collect();
            let idf = [1.5, 2.7, 3.25];
            let rows = WeightTable::new(&halves, &idf, topic_count, labels);
            let terms = [(2, 1), (0, 300), (1, 4)].map(|(term, count)| TermCount { term, count });
            let mut scores = Vec::new();
            let squares = rows.sum(&terms, &mut scores);
            let mut expected = vec![0.0f64; topic_count];
            let mut expected_squares = 0.0;
            for TermCount { term, count } in terms {
                let row = &weights[term as usize * topic_count..][..topic_count];
                let mean =
                    row.iter().map(|&weight| f64::from(weight)).sum::<f64>() / topic_count as f64;
                let offset = if labels == Labels::Single { mean } else { 0.0 };
                let x = f64::from(log_tf(count)) * f64::from(idf[term as usize]);
                expected_squares += x * x;
                let single = rows.row(term);
                for (topic, sum) in expected.iter_mut().enumerate() {
                    let weight = f64::from(row[topic]) - offset;
                    *sum += x * weight;
                    assert!(
                        (f64::from(single[topic]) - weight * f64::from(idf[term as usize])).abs()
                            < 1e-6
                    );
                }
            }
            assert_eq!(scores.len(), topic_count);
            assert!((f64::from(squares) / expected_squares - 1.0).abs() < 1e-6);
            for (score, expected) in scores.iter().zip(&expected) {
                assert!(
                    (f64::from(*score) - expected).abs() < 1e-5 * expected.abs().max(1.0),
                    "{score} {expected}"
                );
            }
        }
    }
}
