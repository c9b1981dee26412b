//! The measures of an evaluation.

use serde::Serialize;

use super::coverage::CoveragePoint;
use super::ratio::ratio;

/// The documents in a bin of the top probability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Documents whose top probability lies in the bin.
    pub documents: u64,
    /// The share of right answers; 0 for an empty bin.
    pub accuracy: f64,
    /// Their mean top probability; 0 for an empty bin.
    pub mean_probability: f64,
}

/// The documents with one decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DecisionCount {
    /// Their number.
    pub documents: u64,
    /// The number of right answers.
    pub right: u64,
}

/// The quality of a model on some documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The number of documents.
    pub documents: u64,
    /// The number of documents without a topic, which only models of several topics per document
    /// are measured on.
    pub without_topic: u64,
    /// The share of the documents with a topic whose first topic is right.
    pub accuracy: f64,
    /// F1 over all decisions together; equal to the accuracy with one topic per document. With
    /// several, over the topics of the model that occur in the documents.
    pub micro_f1: f64,
    /// F1 averaged over the topics that occur as truth or prediction; with several topics per
    /// document, over those of `micro_f1`.
    pub macro_f1: f64,
    /// Mean negative natural logarithm of the right topic's probability, over the documents with a
    /// topic.
    pub log_loss: f64,
    /// Mean over the documents with a topic of the sum over the topics of (probability - truth)
    /// squared; in [0, 2].
    pub brier: f64,
    /// Expected calibration error: over 15 equal bins of the top probability, the mean distance of
    /// accuracy and mean probability, weighted by documents.
    pub ece: f64,
    /// By topic: the model's topics in their order, then those it does not have.
    pub topics: Vec<TopicReport>,
    /// Documents by truth (row) and prediction (column), in the order of `topics`; empty for
    /// several topics per document.
    pub confusion_matrix: Vec<Vec<u64>>,
    /// For several topics per document: documents by right topic (row) and assigned topic (column),
    /// in the order of `topics`, followed by "none". The diagonal counts topics that were rightly
    /// assigned. Any other cell counts documents in which the row's topic was missed and the
    /// column's topic wrongly assigned; the last column stands for nothing wrongly assigned, and
    /// the last row for nothing missed. The last cell of the diagonal counts documents without a
    /// topic to which none was assigned. Empty for one topic per document.
    pub assignment_matrix: Vec<Vec<u64>>,
    /// The bins of the calibration error, from low to high.
    pub calibration: Vec<Bin>,
    /// The precision and coverage of answers at thresholds of the top probability, from the highest
    /// threshold to the lowest, with at most one point per hundredth of the documents. Decisions of
    /// unknown text are not answers.
    pub precision_coverage: Vec<CoveragePoint>,
    /// Confident answers.
    pub confident: DecisionCount,
    /// Uncertain answers.
    pub uncertain: DecisionCount,
    /// Unknown texts.
    pub unknown_text: DecisionCount,
}

/// The quality of a model for one topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicReport {
    /// The topic.
    pub name: String,
    /// The share of right ones among the documents predicted; 0 if there are none.
    pub precision: f64,
    /// The share of predicted ones among the documents with the topic; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The number of documents with the topic.
    pub support: u64,
    /// The number of documents predicted to have it.
    pub predicted: u64,
}

impl TopicReport {
    /// Whether any document has the topic or was predicted to; otherwise nothing can be measured.
    pub fn occurs(&self) -> bool {
        self.support > 0 || self.predicted > 0
    }
}

impl DecisionCount {
    /// The share of right answers; None without documents.
    pub fn precision(self) -> Option<f64> {
        (self.documents > 0).then(|| ratio(self.right, self.documents))
    }

    /// Their share of all `documents`.
    pub fn coverage(self, documents: u64) -> f64 {
        ratio(self.documents, documents)
    }
}
