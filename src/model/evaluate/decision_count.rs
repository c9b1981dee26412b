//! Counts the answers of a decision.

use serde::Serialize;

use super::ratio::ratio;

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
