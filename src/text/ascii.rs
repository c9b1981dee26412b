//! The fast path: finds the words of ASCII text in lower case as UAX #29 does, 64 bytes at a time.
//!
//! Each byte's class (Word_Break) becomes one bit of a 64-bit mask a class; what joins what is then a few operations on masks,
//! and the words are the runs of ones in the last of them. A word costs a branch, a byte none.

use std::ops::Range;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x64, u8x64};

/// How many bytes are classified together: a bit of a `u64` each.
const BLOCK: usize = 64;

/// A bit a byte: whether the byte is of the class. Bytes of no class separate words.
#[derive(Clone, Copy, Default)]
struct Classes {
    letter: u64,
    digit: u64,
    /// The underscore (ExtendNumLet): joins letters, digits and itself.
    underscore: u64,
    /// The colon (MidLetter): joins two letters.
    mid_letter: u64,
    /// The comma and the semicolon (MidNum): join two digits.
    mid_number: u64,
    /// The full stop and the apostrophe (MidNumLetQ): join two letters, or two digits.
    mid_both: u64,
}

impl Classes {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Self {
        let bytes = u8x64::simd_from(simd, *block);
        let is = |byte: u8| bytes.simd_eq(byte);
        let is_from = |first: u8, count: u8| (bytes - first).simd_lt(count);
        let bits = |matches: mask8x64<S>| matches.to_bitmask();
        Self {
            letter: bits(is_from(b'a', 26)),
            digit: bits(is_from(b'0', 10)),
            underscore: bits(is(b'_')),
            mid_letter: bits(is(b':')),
            mid_number: bits(is(b',') | is(b';')),
            mid_both: bits(is(b'.') | is(b'\'')),
        }
    }

    /// The bytes of words: letters, digits, underscores, and (WB6, WB7, WB11, WB12) a separator that has the same kind on both
    /// sides. `before` and `after` are the blocks around this one.
    #[inline(always)]
    fn words(&self, before: &Self, after: &Self) -> u64 {
        let between = |this: u64, before: u64, after: u64| (this << 1 | before >> 63) & (this >> 1 | after << 63);
        let letters = between(self.letter, before.letter, after.letter);
        let digits = between(self.digit, before.digit, after.digit);
        let joining = self.mid_letter & letters | self.mid_number & digits | self.mid_both & (letters | digits);
        self.letter | self.digit | self.underscore | joining
    }
}

/// The classes of the 64 bytes from `at` on; there are none beyond the end.
#[inline(always)]
fn classes_at(simd: impl Simd, text: &[u8], at: usize) -> Classes {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<BLOCK>() {
        Some(block) => Classes::of(simd, block),
        None => {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            Classes::of(simd, &block)
        }
    }
}

/// Appends the place of each word from `from` on to `words`, in the order of the text. From there on `text` is ASCII in lower case.
///
/// A word is a segment between UAX #29 boundaries that holds a letter or a digit; here a segment of underscores alone is one too.
pub(super) fn find_words(text: &[u8], from: usize, words: &mut Vec<Range<usize>>) {
    dispatch!(Level::new(), simd => find_words_with(simd, text, from, words));
}

#[inline(always)]
fn find_words_with(simd: impl Simd, text: &[u8], from: usize, words: &mut Vec<Range<usize>>) {
    let (mut before, mut here) = (Classes::default(), classes_at(simd, text, from));
    // Whether a word reaches into the block, and where the word begins that ends next.
    let (mut is_open, mut start) = (0, 0);
    for at in (from..text.len()).step_by(BLOCK) {
        let after = classes_at(simd, text, at + BLOCK);
        let inside = here.words(&before, &after);
        let follows = inside << 1 | is_open;
        let (mut starts, mut ends) = (inside & !follows, !inside & follows);
        if is_open == 0 {
            start = at + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
        }
        words.reserve(BLOCK);
        while ends != 0 {
            words.push(start..at + ends.trailing_zeros() as usize);
            ends &= ends - 1;
            // Of the last word's end there is no next start: then what is put here is never used.
            start = at + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
        }
        is_open = inside >> 63;
        (before, here) = (here, after);
    }
    if is_open == 1 {
        words.push(start..text.len());
    }
}
