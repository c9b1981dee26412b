//! Turns an article into a bag of terms: words, and pairs of neighbouring words.
//!
//! Nothing here can fail: any valid UTF-8 makes a bag, perhaps an empty one. The way is
//!
//! ```text
//! title, body -> words (normalised, case-folded, UAX #29) -> term hashes (words, pairs) -> vocabulary -> bag of counts
//! ```
//!
//! Training and serving share it, so that what was learned is what is served.

mod ascii;
mod bag;
mod hash;
mod locate;
mod normalize;
mod number;
mod punctuation;
mod stem;
mod vocabulary;
mod words;

pub use bag::{Bag, BagCounter, TermCount};
pub use hash::TermHash;
pub use locate::{Occurrences, locate_terms};
pub use normalize::spelling_key;
pub use number::{Numbers, is_number};
pub use stem::Stemmer;
pub use vocabulary::{Found, TermId, Vocabulary, VocabularyError};
pub use words::{
    MAX_WORD_BYTES, MAX_WORD_CHARACTERS, Word, WordScanner, WordText, Words, reference_words,
};

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use crate::article::ArticleText;

/// How text becomes terms. A model carries the options it was trained with, and serving follows
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOptions {
    /// Whether two neighbouring words make a term of their own, beside the two words.
    pub pairs: bool,
    /// What becomes of numbers.
    pub numbers: Numbers,
    /// How many times a word of the title counts.
    pub title_weight: NonZeroU8,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { pairs: true, numbers: Numbers::default(), title_weight: NonZeroU8::MIN }
    }
}

/// One occurrence of a term, as [`scan_terms`] reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermOccurrence<'a> {
    /// A word.
    Word {
        /// The hash of the word's text.
        hash: TermHash,
        /// The word.
        text: WordText<'a>,
    },
    /// A word too long to be a term ([`MAX_WORD_CHARACTERS`]): it counts as a word of the text, and
    /// that is all.
    Overlong,
    /// The word just reported, with the one before it.
    Pair {
        /// The hash of the pair.
        hash: TermHash,
    },
}

/// Calls `on_term(occurrence, times)` for each term of the article in the order of the text: each
/// word, then the pair it makes with the word before it. Pairs do not reach from the title into the
/// body. `times` is the title's weight or 1.
///
/// ```
/// use slugline::article::ArticleText;
/// use slugline::text::{TermOccurrence, TextOptions, WordScanner, scan_terms};
///
/// let mut words = Vec::new();
/// let article = ArticleText { title: "Japan's Navy", body: "at sea" };
/// scan_terms(&mut WordScanner::default(), article, TextOptions::default(), |term, _| {
///     if let TermOccurrence::Word { text, .. } = term {
///         words.push(text.to_string());
///     }
/// });
/// assert_eq!(words, ["japan", "navy", "at", "sea"]);
/// ```
#[inline]
pub fn scan_terms(
    scanner: &mut WordScanner,
    article: ArticleText<'_>,
    options: TextOptions,
    mut on_term: impl FnMut(TermOccurrence<'_>, u32),
) {
    for (field, times) in
        [(article.title, u32::from(options.title_weight.get())), (article.body, 1)]
    {
        let mut previous: Option<TermHash> = None;
        for word in scanner.scan(field, options.numbers).iter() {
            let Word::Term { hash, text } = word else {
                on_term(TermOccurrence::Overlong, times);
                previous = None;
                continue;
            };
            on_term(TermOccurrence::Word { hash, text }, times);
            if options.pairs
                && let Some(previous) = previous.replace(hash)
            {
                on_term(TermOccurrence::Pair { hash: previous.followed_by(hash) }, times);
            }
        }
    }
}
