//! Searches for the best way to estimate, by cross-validation on the training corpus alone.

mod choose;
mod kinds;
mod links;
mod plan;
mod rank;

pub(super) use choose::{Choice, choose, least_frequencies};
pub use kinds::ESTIMATORS;
