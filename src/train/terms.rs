//! The terms of a corpus: their document frequencies, and which of them are worth a row in the
//! model.

mod chi_square;
mod selection;
mod vocabulary;

pub(super) use chi_square::TopicSizes;
pub(super) use selection::{Remainder, Selection, keep_best, words_only};
pub(super) use vocabulary::{LeastFrequencies, Status, Term, Vocabulary};
