//! A word of a text, and how long it may be.

use std::fmt;

use super::hash::TermHash;
use super::number::is_number;

/// The longest word that can be a term, in code points after normalisation: as many as Lucene's
/// standard tokenizer allows. Words that are compounded or inflected have 80 and more, in scripts
/// whose letters take three bytes each as well as in ASCII. What is longer is not language: encoded
/// data, addresses.
pub const MAX_WORD_CHARACTERS: usize = 255;
/// The most bytes that such a word has.
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

/// The text of a word, normalised and case-folded, numbers as [`Numbers`] says. It is UTF-8;
/// whoever needs it as such, for a new word, has it checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordText<'a>(pub(super) &'a [u8]);

impl WordText<'_> {
    /// Whether it is a number, as [`is_number`] has it.
    pub fn is_number(self) -> bool {
        is_number(self.0)
    }

    /// Appends the word.
    pub fn append_to(self, out: &mut String) {
        // It is cut from valid UTF-8, and rewritten at ASCII bytes only: the check cannot fail.
        out.push_str(str::from_utf8(self.0).unwrap_or_default());
    }
}

impl fmt::Display for WordText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.0).unwrap_or_default())
    }
}
