//! The figures of an evaluation.

use serde::Serialize;

use super::coverage::CoveragePoint;
use super::decision_count::DecisionCount;
use super::reliability::Bin;
use crate::model::manifest::Labels;

/// How good a model is on some documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// How many topics a document may have.
    pub labels: Labels,
    /// Documents measured.
    pub documents: u64,
    /// Those of them without a topic, which only models of several topics per document allow.
    pub without_topic: u64,
    /// The share of the documents with a topic whose first topic is right.
    pub accuracy: f64,
    /// F1 over all decisions together; with one topic per document it equals the accuracy. With
    /// several, over the topics that the model has and that occur in the documents measured.
    pub micro_f1: f64,
    /// F1 averaged over the topics that occur, as truth or as prediction; with several topics per
    /// document, over those of `micro_f1`.
    pub macro_f1: f64,
    /// Mean negative natural logarithm of the right topic's probability, over the documents with a
    /// topic.
    pub log_loss: f64,
    /// Mean over the documents of the sum over the topics of (probability - truth) squared. With
    /// one topic per document it is in [0, 2], and a topic that the model does not have counts 1.
    /// With several it is the sum over the model's topics, at most their number.
    pub brier: f64,
    /// Expected calibration error: over 15 equal bins of the probability, the mean distance of
    /// accuracy and mean probability, weighted by predictions. With one topic per document it is
    /// that of the top probability. With several it is that of every topic of the model in every
    /// document: most of these probabilities are near 0, so look at `topics`, too.
    pub ece: f64,
    /// By topic: the model's topics in their order, then those it does not have.
    pub topics: Vec<TopicReport>,
    /// Documents by truth (row) and prediction (column), in the order of `topics`; empty for
    /// several topics per document.
    pub confusion_matrix: Vec<Vec<u64>>,
    /// For several topics per document: documents by right topic (row) and assigned topic (column),
    /// in the order of `topics`, followed by "none". On the diagonal, the topic was rightly
    /// assigned. Elsewhere, the row's topic was missed in a document to which the column's was
    /// wrongly assigned. The last column has missed topics of documents without a wrong topic, the
    /// last row wrong topics of documents without a missed one, and the last field of both the
    /// documents without a topic to which none was assigned. Empty for one topic per document.
    pub assignment_matrix: Vec<Vec<u64>>,
    /// The bins of the calibration error, from low to high.
    pub calibration: Vec<Bin>,
    /// Precision and coverage of the answers that reach a threshold of the top probability, from
    /// the highest threshold to the lowest, at most one point per hundredth of the documents. An
    /// unknown text is not an answer.
    pub precision_coverage: Vec<CoveragePoint>,
    /// Answers the model called confident.
    pub confident: DecisionCount,
    /// Answers it called uncertain.
    pub uncertain: DecisionCount,
    /// Texts it called unknown.
    pub unknown_text: DecisionCount,
}

/// How good a model is at one topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicReport {
    /// The topic.
    pub name: String,
    /// The share of the documents predicted to have the topic that have it; 0 if there are none.
    pub precision: f64,
    /// The share of the documents with the topic that were predicted to have it; 0 if there are
    /// none.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Documents with the topic.
    pub support: u64,
    /// Documents predicted to have the topic.
    pub predicted: u64,
    /// The expected number of documents with the topic: the sum of its probabilities. If these are
    /// calibrated, it is near `support`. 0 for a topic that the model does not have.
    pub expected: f64,
}

impl TopicReport {
    /// Whether any document has the topic or was predicted to have it.
    pub fn occurs(&self) -> bool {
        self.support > 0 || self.predicted > 0
    }
}
