//! Counts of answers, with the shares that they make up.

use serde::Serialize;

/// The answers of one decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DecisionCount {
    /// How many documents were answered so.
    pub documents: u64,
    /// How many of these answers are right.
    pub right: u64,
}

impl DecisionCount {
    /// Adds an answer.
    pub(super) fn add(&mut self, is_right: bool) {
        self.documents += 1;
        self.right += u64::from(is_right);
    }

    /// Adds the answers counted elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        self.documents += other.documents;
        self.right += other.right;
    }

    /// The share of the answers that are right; None if there are none.
    pub fn precision(self) -> Option<f64> {
        (self.documents > 0).then(|| ratio(self.right, self.documents))
    }

    /// The share that these answers are of `documents`.
    pub fn coverage(self, documents: u64) -> f64 {
        ratio(self.documents, documents)
    }
}

/// A share of a whole; 0 if the whole is.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
