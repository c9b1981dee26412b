//! Trains a model from a corpus.
//!
//! ```text
//! corpus -> dictionary (words get numbers) -> documents (counted rows, in the order of the corpus)
//!        -> terms (document frequencies, chi-square, selection) -> matrix (rows and postings)
//!        -> folds (documents scored by models that did not see them) -> estimate -> link
//!        -> calibrate -> search (what did best) -> freeze -> artefact
//! ```
//!
//! The text is read once. Documents are numbered by their places in the corpus, and every sum is
//! taken in an order that the number of threads does not change: the same corpus, options and seed
//! give the same bytes. The vocabulary and some 60 bytes per document are kept in memory, what each
//! document counts in temporary files once it is more than a few hundred megabytes.

mod calibrate;
mod collection;
mod dictionary;
mod documents;
mod error;
mod estimate;
mod folds;
mod freeze;
mod link;
mod lists;
mod matrix;
mod options;
mod search;
mod spool;
mod terms;
mod training;
mod warnings;

pub use documents::{Documents, DocumentsError, Header};
pub use error::TrainError;
pub use estimate::Estimator;
pub use options::{Recipe, TrainOptions};
pub use search::ESTIMATORS;
pub use training::{Trained, train};
