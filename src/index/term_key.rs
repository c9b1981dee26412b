//! The key of a term.

use crate::text::TermHash;

/// A term: 40 bits of the hash of its stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermKey(u64);

impl TermKey {
    /// The key of a stem.
    pub fn of_stem(stem: &str) -> Self {
        Self(TermHash::of_word(stem.as_bytes()).0 >> 24)
    }

    /// What the background knows the term by.
    pub(super) fn fingerprint(self) -> u32 {
        self.0 as u32
    }

    /// The term of these 40 bits.
    pub(super) fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 40 bits.
    pub(super) fn bits(self) -> u64 {
        self.0
    }
}
