//! Finds the words of lower-case ASCII text by UAX #29, 64 bytes at a time.
//!
//! Each class of characters (Word_Break) becomes a 64-bit mask with one bit per byte. A few
//! operations on the masks decide what joins what, and the words are the runs of ones in the
//! result. The cost is one branch per word, and none per byte.

use std::hint::black_box;
use std::ops::Range;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x64, u8x64};

/// How many bytes are classified together: one bit of a `u64` each.
const BLOCK: usize = 64;

/// One bit per byte: whether it belongs to the class. Bytes of no class separate words.
#[derive(Clone, Copy)]
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
        // Otherwise LLVM 22 carries the masks through the loop as vectors of bits, which it takes
        // apart and reassembles bit by bit without AVX-512. That takes three times as long as the
        // rest.
        let bits = |matches: mask8x64<S>| black_box(matches.to_bitmask());
        Self {
            letter: bits(is_from(b'a', 26)),
            digit: bits(is_from(b'0', 10)),
            underscore: bits(is(b'_')),
            mid_letter: bits(is(b':')),
            mid_number: bits(is(b',') | is(b';')),
            mid_both: bits(is(b'.') | is(b'\'')),
        }
    }

    /// The bytes of words: letters, digits, underscores, and separators between two of a kind (WB6,
    /// WB7, WB11, WB12). `before` and `after` are the bytes next to the block.
    #[inline(always)]
    fn words(&self, before: Neighbour, after: Neighbour) -> u64 {
        let between = |this: u64, before: bool, after: bool| {
            (this << 1 | u64::from(before)) & (this >> 1 | u64::from(after) << (BLOCK - 1))
        };
        let letters = between(self.letter, before.is_letter, after.is_letter);
        let digits = between(self.digit, before.is_digit, after.is_digit);
        let joining = self.mid_letter & letters
            | self.mid_number & digits
            | self.mid_both & (letters | digits);
        self.letter | self.digit | self.underscore | joining
    }
}

/// What a byte next to a block is.
#[derive(Clone, Copy)]
struct Neighbour {
    is_letter: bool,
    is_digit: bool,
}

impl Neighbour {
    #[inline(always)]
    fn of(byte: Option<&u8>) -> Self {
        let byte = byte.copied().unwrap_or_default();
        Self { is_letter: byte.is_ascii_lowercase(), is_digit: byte.is_ascii_digit() }
    }
}

/// The classes of the 64 bytes from `at` on, padded at the end of the text.
#[inline(always)]
fn classes_at(simd: impl Simd, text: &[u8], at: usize) -> Classes {
    let rest = text.get(at..).unwrap_or_default();
    let mut padded = [0; BLOCK];
    let block = rest.first_chunk().unwrap_or_else(|| {
        padded[..rest.len()].copy_from_slice(rest);
        &padded
    });
    Classes::of(simd, block)
}

/// Appends the range of each word from `from` on to `words`, in text order. From there on, `text`
/// is ASCII in lower case.
///
/// A word is a segment between UAX #29 boundaries that contains a letter or a digit. A segment of
/// underscores alone is also reported.
pub(super) fn find_words(text: &[u8], from: usize, words: &mut Vec<Range<usize>>) {
    dispatch!(Level::new(), simd => find_words_with(simd, text, from, words));
}

#[inline(always)]
fn find_words_with(simd: impl Simd, text: &[u8], from: usize, words: &mut Vec<Range<usize>>) {
    // Whether a word reaches into the block, and the start of the word that ends next.
    let (mut is_open, mut start) = (0, 0);
    for at in (from..text.len()).step_by(BLOCK) {
        let before = if at > from { text.get(at - 1) } else { None };
        let inside = classes_at(simd, text, at)
            .words(Neighbour::of(before), Neighbour::of(text.get(at + BLOCK)));
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
            // After the last word of the block, this value is not used.
            start = at + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
        }
        is_open = inside >> (BLOCK - 1);
    }
    if is_open == 1 {
        words.push(start..text.len());
    }
}
