//! The occurrences of terms in an article.

use super::form::ArticleForm;
use super::hash::TermHash;
use super::options::TextOptions;
use super::scanner::WordScanner;
use super::word::{Word, WordText};
use crate::article::ArticleText;

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
    /// A word too long to be a term ([`super::MAX_WORD_CHARACTERS`]): it only counts as a word of
    /// the text.
    Overlong,
    /// The word just reported, together with the one before it.
    Pair {
        /// The hash of the pair.
        hash: TermHash,
    },
    /// The article's form: the last of its terms.
    Form(ArticleForm),
}

/// Calls `on_term(occurrence, times)` for each term of the article in text order: each word, then
/// the pair it makes with the word before it. Pairs do not cross from the title into the body.
/// The article's form comes last. `times` is 1, or the title's weight.
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
    let mut word_counts = [0; 2];
    for ((field, times), word_count) in
        [(article.title, u32::from(options.title_weight.get())), (article.body, 1)]
            .into_iter()
            .zip(&mut word_counts)
    {
        let mut previous: Option<TermHash> = None;
        let words = scanner.scan(field, options.numbers);
        *word_count = words.len();
        for word in words.iter() {
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
    if let Some(form) = ArticleForm::of(word_counts[0], word_counts[1]) {
        on_term(TermOccurrence::Form(form), 1);
    }
}
