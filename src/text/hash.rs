//! The 64-bit hash that identifies a term.
//!
//! A term is looked up by its hash alone. The probability that two of a million terms share a hash
//! is 3e-8, and that an unknown word is taken for a known one is 6e-12 (a [`super::Vocabulary`] of
//! 100,000 terms compares 54 of the bits). A [`super::Vocabulary`] rejects terms whose hashes
//! collide, so that its own terms are never confused.
//!
//! The mixing step is the folded 64 x 64 -> 128 bit multiplication of wyhash (Wang Yi, 2019). Bytes
//! are read in little-endian order, so that hashes are the same on every machine.

use std::ops::Range;

/// The hash of a word, or of a pair of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermHash(pub u64);

const SEED: u64 = 0x243f_6a88_85a3_08d3;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const LENGTH: u64 = 0xa409_3822_299f_31d1;
const PAIR: u64 = 0x1319_8a2e_0370_7345;

const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The eight bytes from `at` on, padded with zeros beyond the end.
#[inline]
fn eight_bytes(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(bytes)
        }
    }
}

impl TermHash {
    /// Hashes a word's bytes, eight at a time.
    #[inline]
    pub fn of_word(word: &[u8]) -> Self {
        let mut state = SEED;
        let mut chunks = word.chunks_exact(8);
        for chunk in &mut chunks {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            state = fold(state ^ u64::from_le_bytes(bytes), STEP);
        }
        let mut last = [0; 8];
        let rest = chunks.remainder();
        last[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(last), STEP);
        Self(fold(state ^ LENGTH, word.len() as u64 ^ STEP))
    }

    /// Hashes the word at a range of a longer text, as [`Self::of_word`] does, without copying its
    /// last bytes.
    #[inline]
    pub(super) fn at(text: &[u8], range: Range<usize>) -> Self {
        let length = range.len();
        let mut state = SEED;
        let mut at = range.start;
        while at + 8 <= range.end {
            state = fold(state ^ eight_bytes(text, at), STEP);
            at += 8;
        }
        // Masks off what follows the word in the text.
        let last = eight_bytes(text, at) & ((1 << (8 * (length % 8))) - 1);
        state = fold(state ^ last, STEP);
        Self(fold(state ^ LENGTH, length as u64 ^ STEP))
    }

    /// The hash of the pair of this word and the next one; order matters.
    #[inline]
    pub fn followed_by(self, next: Self) -> Self {
        Self(fold(self.0 ^ PAIR, next.0 ^ STEP))
    }

    /// Hashes a term as a vocabulary spells it, a word or two words separated by a space; and says
    /// whether it is a pair.
    pub fn of_term(term: &str) -> (Self, bool) {
        Self::of_term_at(term.as_bytes(), 0..term.len())
    }

    /// As [`Self::of_term`], for the term at a range of a longer text.
    pub(super) fn of_term_at(text: &[u8], range: Range<usize>) -> (Self, bool) {
        match text[range.clone()].iter().position(|&byte| byte == b' ') {
            None => (Self::at(text, range), false),
            Some(length) => {
                let blank = range.start + length;
                (
                    Self::at(text, range.start..blank)
                        .followed_by(Self::at(text, blank + 1..range.end)),
                    true,
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_order_of_a_pair_matters() {
        assert_ne!(TermHash::of_term("new york"), TermHash::of_term("york new"));
    }

    #[test]
    fn trailing_zero_bytes_change_the_hash() {
        assert_ne!(TermHash::of_word(b"a"), TermHash::of_word(b"a\0"));
        assert_ne!(TermHash::of_word(b""), TermHash::of_word(&[0; 8]));
    }

    #[test]
    fn a_word_has_the_same_hash_at_any_position() {
        let text: Vec<u8> = (0..200u8).collect();
        for start in 0..130 {
            for end in start..text.len() {
                assert_eq!(
                    TermHash::at(&text, start..end),
                    TermHash::of_word(&text[start..end]),
                    "{start}..{end}"
                );
            }
        }
    }

    #[test]
    fn short_words_do_not_collide() {
        let mut seen = HashSet::new();
        for a in 0u8..=255 {
            assert!(seen.insert(TermHash::of_word(&[a])));
            for b in 0u8..=255 {
                assert!(seen.insert(TermHash::of_word(&[a, b])));
            }
        }
        for number in 0..200_000u32 {
            assert!(seen.insert(TermHash::of_word(format!("word {number}").as_bytes())));
        }
    }
}
