//! Searches for the best way to estimate, by cross-validation on the training corpus alone.

mod choose;
mod kinds;
mod links;
mod plan;
mod rank;
mod term_sets;

pub(super) use choose::{Choice, choose};
pub use kinds::ESTIMATORS;
pub(super) use term_sets::least_frequencies;
