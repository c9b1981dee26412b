//! A word of a text.

use std::fmt;

use super::hash::TermHash;
use super::number::is_number;

/// The maximum length of a term, in code points after normalisation, as in Lucene's standard
/// tokenizer. Compounded and inflected words may have 80 and more, also in scripts whose letters
/// take three bytes each. What is longer is not language but encoded data or an address.
pub const MAX_WORD_CHARACTERS: usize = 255;
/// The maximum length of a term in bytes.
pub const MAX_WORD_BYTES: usize = 4 * MAX_WORD_CHARACTERS;

/// A word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// A word that can be a term.
    Term {
        /// The hash of its text.
        hash: TermHash,
        /// Its text.
        text: WordText<'a>,
    },
    /// A word longer than [`MAX_WORD_CHARACTERS`].
    Overlong,
}

/// The text of a word, normalised, with numbers as [`super::Numbers`] defines. It is UTF-8, which
/// is only checked where a string is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordText<'a>(pub(super) &'a [u8]);

impl WordText<'_> {
    /// Whether it is a number, as [`is_number`] defines.
    pub fn is_number(self) -> bool {
        is_number(self.0)
    }

    /// Appends the word to a string.
    pub fn append_to(self, out: &mut String) {
        // A slice of valid UTF-8 in which only ASCII bytes are rewritten: the check cannot fail.
        out.push_str(str::from_utf8(self.0).unwrap_or_default());
    }
}

impl fmt::Display for WordText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.0).unwrap_or_default())
    }
}
