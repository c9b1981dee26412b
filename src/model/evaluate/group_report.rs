//! What is measured of groups of documents.

use serde::Serialize;

use super::decision_count::DecisionCount;
use super::tally::Tally;

/// Which documents a group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Those with one value.
    Value,
    /// Those of groups that are too small, or too many, to be shown.
    Other,
    /// Those without a value.
    Missing,
}

/// How good a model is on a group of documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupReport {
    /// The value that its documents share, "(other)" or "(none)".
    pub name: String,
    /// Tells a value from the two other names.
    pub kind: GroupKind,
    /// Documents of the group.
    pub documents: u64,
    /// As [`accuracy`](super::report::Report::accuracy) of the whole.
    pub accuracy: f64,
    /// As [`micro_f1`](super::report::Report::micro_f1) of the whole.
    pub micro_f1: f64,
    /// As [`macro_f1`](super::report::Report::macro_f1) of the whole; over the topics that occur in
    /// the group.
    pub macro_f1: f64,
    /// As [`ece`](super::report::Report::ece) of the whole.
    pub ece: f64,
    /// Answers the model called confident.
    pub confident: DecisionCount,
}

/// What documents were grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupedBy {
    /// The value of this field or column.
    Field(String),
    /// The number of words, without numbers.
    Length,
}

/// How good a model is on each of the groups that documents fall into.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Breakdown {
    /// What tells the groups apart.
    pub by: GroupedBy,
    /// Every document is in one of them.
    pub groups: Vec<GroupReport>,
}

impl GroupReport {
    /// The report of a group with these sums.
    pub(super) fn of(name: &str, kind: GroupKind, tally: &Tally) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            documents: tally.documents,
            accuracy: tally.accuracy(),
            micro_f1: tally.micro_f1(),
            macro_f1: tally.macro_f1(),
            ece: tally.expected_calibration_error(),
            confident: tally.confident,
        }
    }
}
