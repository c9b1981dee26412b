//! The result of an evaluation, as it is printed.

use serde::Serialize;

use crate::cli::report;
use crate::model::TopicModel;
use crate::model::doubts::{self, Copies};
use crate::model::evaluate::{Breakdown, LevelReport, Report};

#[derive(Serialize)]
pub(super) struct Outcome {
    pub(super) model: String,
    pub(super) skipped: u64,
    pub(super) documents_per_second: f64,
    pub(super) megabytes_per_second: f64,
    #[serde(flatten)]
    pub(super) report: Report,
    /// One per depth of hierarchical names; empty where names are flat.
    pub(super) levels: Vec<LevelReport>,
    /// The figures by group, in the order of the flags that ask for them.
    pub(super) breakdowns: Vec<Breakdown>,
    /// The most frequent confusions, by falling frequency.
    pub(super) worst_confusions: Vec<Confused>,
    /// Doubts about the documents that affect the figures, in sentences.
    pub(super) warnings: Vec<String>,
}

impl Outcome {
    /// Drops the matrices where they are too large to be read.
    pub(super) fn without_large_matrices(mut self) -> Self {
        if self.report.topics.len() > report::DRAWN {
            self.report.confusion_matrix.clear();
            self.report.assignment_matrix.clear();
        }
        self
    }
}

#[derive(Serialize)]
pub(super) struct Confused {
    /// The right topic; where documents have several, a missed one, or "(none)".
    pub(super) topic: String,
    /// The topic assigned in its place, or "(none)".
    pub(super) called: String,
    pub(super) documents: u64,
}

/// Doubts about the documents measured, in sentences.
pub(super) fn warnings(report: &Report, copies: Copies, model: &TopicModel) -> Vec<String> {
    let names = || report.topics.iter().map(|topic| topic.name.as_str());
    let counts = || report.topics.iter().map(|topic| (topic.name.as_str(), topic.support));
    let mut warnings = Vec::new();
    warnings.extend(doubts::of_foreign(counts(), model.topics().len()));
    warnings.extend(doubts::of_names(names(), model.labels()));
    warnings.extend(copies.doubt("each counts by itself, and tells nothing new"));
    warnings.extend(doubts::of_few("the figures", report.documents, counts()));
    warnings
}

pub(super) fn worst_confusions(report: &Report) -> Vec<Confused> {
    let matrix = if report.assignment_matrix.is_empty() {
        &report.confusion_matrix
    } else {
        &report.assignment_matrix
    };
    let name = |label: usize| {
        report.topics.get(label).map_or(report::NONE, |topic| &topic.name).to_owned()
    };
    let confused = |(topic, called): (usize, usize)| Confused {
        topic: name(topic),
        called: name(called),
        documents: matrix[topic][called],
    };
    report::most_confused(matrix).into_iter().map(confused).collect()
}
