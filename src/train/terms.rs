//! The terms of a corpus: document frequencies, chi-square statistics and selection.

mod chi_square;
mod selection;
mod vocabulary;

pub(super) use chi_square::TopicSizes;
pub(super) use selection::{Remainder, Selection, keep_best, words_only};
pub(super) use vocabulary::{LeastFrequencies, Status, Term, Vocabulary};
