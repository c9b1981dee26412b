//! Term keys.

use crate::text::TermHash;

/// A term: 40 bits of the hash of its stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermKey(u64);

impl TermKey {
    /// The key of a stem.
    pub fn of_stem(stem: &str) -> Self {
        Self(TermHash::of_word(stem.as_bytes()).0 >> 24)
    }

    /// The key by which the background finds the term.
    #[inline]
    pub(super) fn fingerprint(self) -> u32 {
        self.0 as u32
    }

    /// The key with these 40 bits.
    #[inline]
    pub(super) fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 40 bits.
    #[inline]
    pub(super) fn bits(self) -> u64 {
        self.0
    }
}
