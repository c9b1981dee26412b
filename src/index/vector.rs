//! Vectors: the terms of an article with their counts, its meaning, and the cosine of two of them.
//!
//! All arithmetic is on integers up to the final division, so that the cosine does not depend on
//! the machine or on the order of the terms.

use std::sync::LazyLock;

use super::background::IDF_ONE;
use super::meaning::Meaning;
use super::term_key::TermKey;

/// Counts above this one are treated as equal to it.
pub(super) const MAX_COUNT: u64 = 255;
/// A weight of 1 in the integer representation.
const WEIGHT_ONE: f64 = 256.0;

/// A term and its count: the term in the upper bits, the count in the lowest eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CountedTerm(pub(super) u64);

impl CountedTerm {
    pub(super) fn key(self) -> TermKey {
        TermKey::of_bits(self.0 >> 8)
    }

    pub(super) fn count(self) -> u8 {
        self.0 as u8
    }
}

/// `1 + ln(count)` by count, in units of 1 / 2^16.
static LOG_COUNTS: LazyLock<[u64; MAX_COUNT as usize + 1]> = LazyLock::new(|| {
    std::array::from_fn(|count| {
        ((1.0 + libm::log(f64::max(1.0, count as f64))) * 65_536.0).round() as u64
    })
});

/// The weight of a term in an article: `(1 + ln count) * idf`, in units of 1 / [`WEIGHT_ONE`]. It
/// fits into 16 bits.
#[inline]
pub(super) fn weight(count: u8, idf: u16) -> u32 {
    // From units of 2^16 * IDF_ONE to WEIGHT_ONE.
    const SHIFT: u32 = 16 + (IDF_ONE / WEIGHT_ONE as u16).ilog2();
    ((LOG_COUNTS[usize::from(count)] * u64::from(idf) + (1 << (SHIFT - 1))) >> SHIFT) as u32
}

/// An article as a vector of term counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vector {
    /// Ascending by term, each once.
    pub(super) terms: Vec<CountedTerm>,
    /// The sum of the squared weights.
    pub(super) squared_length: u64,
    pub(super) meaning: Meaning,
}

/// The cosine of two vectors from their inner product. It is exactly 1 for identical vectors,
/// because the root of a rounded square is exact.
pub(super) fn cosine(product: u64, squared_length: u64, other_squared_length: u64) -> f64 {
    if product == 0 {
        return 0.0;
    }
    (product as f64 / (squared_length as f64 * other_squared_length as f64).sqrt()).min(1.0)
}
