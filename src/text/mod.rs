//! Turns an article into a bag of terms: words, and pairs of neighbouring words.
//!
//! This cannot fail: any valid UTF-8 makes a bag, perhaps an empty one. The steps are:
//!
//! ```text
//! title, body -> words (normalised, UAX #29) -> term hashes (words, pairs, the article's form)
//!             -> vocabulary -> bag
//! ```
//!
//! Training and serving share them, so that a model is served the terms it was trained on.

mod ascii;
mod bag;
mod bucket;
mod form;
mod hash;
mod locate;
mod normalize;
mod number;
mod options;
mod punctuation;
mod reference;
mod scanner;
mod stem;
mod terms;
mod vocabulary;
mod white_space;
mod word;
mod word_buffer;

pub use bag::{Bag, BagCounter, TermCount};
pub use bucket::{TermId, VocabularyTerm};
pub use form::ArticleForm;
pub use hash::TermHash;
pub use locate::{Occurrences, locate_terms};
pub use normalize::spelling_key;
pub use number::{Numbers, is_number};
pub use options::TextOptions;
pub use reference::reference_words;
pub use scanner::WordScanner;
pub use stem::Stemmer;
pub use terms::{TermOccurrence, scan_terms};
pub use vocabulary::{Vocabulary, VocabularyError};
pub use word::{MAX_WORD_BYTES, MAX_WORD_CHARACTERS, Word, WordText};
pub use word_buffer::Words;
