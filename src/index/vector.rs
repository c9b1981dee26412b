//! The vector of an article: its terms with their counts, and the cosine between two of them.
//!
//! Everything is whole numbers up to the last division: the cosine is the same on every machine and
//! in any order of terms.

use std::sync::LazyLock;

use super::background::IDF_ONE;
use super::term_key::TermKey;

pub(super) const MAX_COUNT: u64 = 255;
/// A weight of 1 as it is computed with.

const WEIGHT_ONE: f64 = 256.0;

/// A term with its count: the term in the upper bits, the count in the lowest eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry(pub(super) u64);

impl Entry {
    pub(super) fn term(self) -> TermKey {
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

/// The weight of a term in an article: `(1 + ln count) * idf`, in units of 1 / [`WEIGHT_ONE`]. Fits
/// 16 bits.
#[inline]
pub(super) fn weight(count: u8, idf: u16) -> u32 {
    // Units: 2^16 * IDF_ONE, down to WEIGHT_ONE.
    const SHIFT: u32 = 16 + (IDF_ONE / WEIGHT_ONE as u16).ilog2();
    ((LOG_COUNTS[usize::from(count)] * u64::from(idf) + (1 << (SHIFT - 1))) >> SHIFT) as u32
}

/// An article as the ranking sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vector {
    /// By ascending term, each once.
    pub(super) entries: Vec<Entry>,
    /// The sum of the squared weights.
    pub(super) squared_length: u64,
}

/// The cosine of two vectors from their inner product. Exactly 1 for a vector and itself: the root
/// of a rounded square is exact.
pub(super) fn cosine(product: u64, squared_length: u64, other_squared_length: u64) -> f64 {
    if product == 0 {
        return 0.0;
    }
    (product as f64 / (squared_length as f64 * other_squared_length as f64).sqrt()).min(1.0)
}
