//! The fast path: finds the words of ASCII text as UAX #29 does, 64 bytes at a time.
//!
//! Each byte's class (Word_Break) becomes one bit of a 64-bit mask a class; what joins what is then a few operations on masks,
//! and the words are the runs of ones in the last of them. A word costs a branch, a byte none.

use std::ops::Range;

use wide::u8x16;

/// How many bytes are classified together: a bit of a `u64` each.
const BLOCK: usize = 64;
const LANES: usize = 16;

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
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut classes = Self::default();
        let (chunks, _) = block.as_chunks::<LANES>();
        for (place, chunk) in chunks.iter().enumerate() {
            let bytes = u8x16::new(*chunk);
            let bits = |matches: u8x16| u64::from(matches.to_bitmask()) << (place * LANES);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let lower = bytes | u8x16::splat(0x20);
            classes.letter |= bits((lower - u8x16::splat(b'a')).simd_lt(u8x16::splat(26)));
            classes.digit |= bits((bytes - u8x16::splat(b'0')).simd_lt(u8x16::splat(10)));
            classes.underscore |= bits(is(b'_'));
            classes.mid_letter |= bits(is(b':'));
            classes.mid_number |= bits(is(b',') | is(b';'));
            classes.mid_both |= bits(is(b'.') | is(b'\''));
        }
        classes
    }

    /// The bytes of words: letters, digits, underscores, and (WB6, WB7, WB11, WB12) a separator that has the same kind on both
    /// sides. `before` and `after` are the blocks around this one.
    #[inline]
    fn words(&self, before: &Self, after: &Self) -> u64 {
        let between = |this: u64, before: u64, after: u64| (this << 1 | before >> 63) & (this >> 1 | after << 63);
        let letters = between(self.letter, before.letter, after.letter);
        let digits = between(self.digit, before.digit, after.digit);
        let joining = self.mid_letter & letters | self.mid_number & digits | self.mid_both & (letters | digits);
        self.letter | self.digit | self.underscore | joining
    }
}

/// The classes of the 64 bytes from `at` on; there are none beyond the end.
#[inline]
fn classes_at(text: &[u8], at: usize) -> Classes {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<BLOCK>() {
        Some(block) => Classes::of(block),
        None => {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            Classes::of(&block)
        }
    }
}

/// Appends the place of each word to `words`, in the order of the text. `text` is ASCII.
///
/// A word is a segment between UAX #29 boundaries that holds a letter or a digit; here a segment of underscores alone is one too.
pub(super) fn find_words(text: &[u8], words: &mut Vec<Range<usize>>) {
    let (mut before, mut here) = (Classes::default(), classes_at(text, 0));
    // Whether a word reaches into the block, and where the word begins that ends next.
    let (mut is_open, mut start) = (0, 0);
    for at in (0..text.len()).step_by(BLOCK) {
        let after = classes_at(text, at + BLOCK);
        let inside = here.words(&before, &after);
        let follows = inside << 1 | is_open;
        let (mut starts, mut ends) = (inside & !follows, !inside & follows);
        if is_open == 0 {
            start = at + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
        }
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
