//! The sets of terms that are tried.

use std::io;

use crate::model::Labels;
use crate::train::collection::Collection;
use crate::train::options::{Recipe, TrainOptions};
use crate::train::terms::{LeastFrequencies, Selection, keep_best, words_only};

/// The default minimum document frequency: a word or pair of a single document is often a slip.
const DEFAULT_MIN_DOCUMENT_FREQUENCY: u32 = 2;
/// The default number of terms, words and pairs, whose pairs are kept; and what is tried as well
/// where documents have several topics.
const DEFAULT_KEEP: usize = 60_000;
const MULTI_LABEL_KEEP: usize = 10_000;
/// The most documents of a small corpus.
pub(super) const SMALL: u64 = 16_384;

/// Which terms a model has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TermSet {
    /// All words, and the pairs among this many terms of the highest chi-square; None for all pairs.
    Best(Option<usize>),
    /// Words alone.
    Words,
}

impl TermSet {
    /// What is tried; the first one in any case.
    ///
    /// On a small corpus words alone are tried as well, including words of a single document. Every
    /// count depends on the terms, so each set costs the whole search again, which a small corpus
    /// can afford; it is also where it matters (docs/adr/0004).
    pub(super) fn all(options: &TrainOptions, document_count: u64) -> Vec<Self> {
        let keep = match options.keep_terms {
            None => Some(DEFAULT_KEEP),
            Some(0) => None,
            Some(keep) => Some(keep),
        };
        let mut sets = vec![Self::Best(keep)];
        if options.labels == Labels::Multiple && options.keep_terms.is_none() {
            sets.push(Self::Best(Some(MULTI_LABEL_KEEP)));
        }
        if tries_words_alone(options, document_count) {
            sets.push(Self::Words);
        }
        sets
    }

    /// The number of terms whose pairs are kept.
    pub(super) fn keep(self) -> Option<usize> {
        match self {
            Self::Best(keep) => keep,
            Self::Words => None,
        }
    }

    /// Selects the terms.
    pub(super) fn select(
        self,
        collection: &mut Collection<'_>,
        options: &TrainOptions,
    ) -> io::Result<Selection> {
        let least = least_frequencies(options, collection.document_count() as u64);
        match self {
            Self::Words => return Ok(words_only(&mut collection.vocabulary, least.words)),
            Self::Best(Some(_)) => collection.compute_statistics()?,
            Self::Best(None) => {}
        }
        Ok(keep_best(&mut collection.vocabulary, self.keep(), least.pairs))
    }
}

/// The minimum document frequencies of the sets that are tried.
pub(crate) fn least_frequencies(options: &TrainOptions, document_count: u64) -> LeastFrequencies {
    let least = options.min_document_frequency.unwrap_or(DEFAULT_MIN_DOCUMENT_FREQUENCY);
    let of_words = options.min_document_frequency.unwrap_or(1);
    let words = if tries_words_alone(options, document_count) { of_words } else { least };
    LeastFrequencies { words, pairs: least }
}

fn tries_words_alone(options: &TrainOptions, document_count: u64) -> bool {
    let is_searched = options.recipe == Recipe::Auto && options.labels == Labels::Single;
    is_searched && options.text.pairs && document_count <= SMALL
}
