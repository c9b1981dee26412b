//! Measures a model on labelled documents.

mod assigned;
mod coverage;
mod levels;
mod mistakes;

pub use coverage::CoveragePoint;
pub use levels::{LevelEvaluations, LevelReport};
pub use mistakes::{Case, Labelled, Mistake, MostProbable, Suspect};

use std::collections::BTreeMap;

use serde::Serialize;

use self::assigned::Assigned;
use self::coverage::CoverageCurve;
use super::manifest::Labels;
use super::score::Decision;
use crate::article::TopicName;

/// The number of bins of the expected calibration error.
const BINS: usize = 15;

/// The probability that a right topic outside the model counts with in the log loss: it has none.
const LEAST_PROBABILITY: f64 = f64::EPSILON;

/// Gathers answers and the truth, one document at a time.
///
/// A document with several topics is right if the model's first topic is one of them, and else
/// counts as the most probable one of them. A topic that the model does not have can never be
/// right, and counts. Nor is an answer right where a document has no topic: the probabilities and
/// decisions are measured on it, too, but there is no first topic to find.
#[derive(Debug, Clone)]
pub struct Evaluation {
    labels: Vec<String>,
    /// How many of the labels are the model's; the others are topics it does not have.
    model_topics: usize,
    unknown: BTreeMap<String, usize>,
    /// (truth, prediction) -> documents.
    confusion: BTreeMap<(usize, usize), u64>,
    documents: u64,
    without_topic: u64,
    right: u64,
    log_loss: f64,
    brier: f64,
    bins: [Bin; BINS],
    curve: CoverageCurve,
    decisions: [DecisionCount; 3],
    /// For models of several topics a document.
    assigned: Option<Assigned>,
}

/// What fell into one bin of the top probability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Documents whose top probability lies in the bin.
    pub documents: u64,
    /// The share of them that were right; 0 for an empty bin.
    pub accuracy: f64,
    /// Their mean top probability; 0 for an empty bin.
    pub mean_probability: f64,
}

/// What became of the documents with one decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DecisionCount {
    /// How many there were.
    pub documents: u64,
    /// How many of them were right.
    pub right: u64,
}

/// How good a model is on some documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Documents measured.
    pub documents: u64,
    /// Those of them without a topic, which models of several topics a document are measured on,
    /// too.
    pub without_topic: u64,
    /// The share whose first topic is right; of the documents with a topic.
    pub accuracy: f64,
    /// F1 over all decisions together; with one topic a document it equals the accuracy. With
    /// several, over the topics that the model has and that occur in the documents measured.
    pub micro_f1: f64,
    /// F1 averaged over the topics that occur, as truth or as prediction; with several topics a
    /// document, over those of `micro_f1`.
    pub macro_f1: f64,
    /// Mean negative natural logarithm of the right topic's probability; over the documents with a
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
    /// several topics a document.
    pub confusion_matrix: Vec<Vec<u64>>,
    /// For several topics a document: documents by a topic of theirs (row) and a topic that was
    /// assigned (column), in the order of `topics` and behind them "none". On the diagonal the
    /// topic was assigned where it is right. Elsewhere the row's topic was missed in a document to
    /// which the column's was wrongly assigned: in the last column a document to which nothing was,
    /// in the last row one of which nothing was missed. The last of both are documents of no topic
    /// that were left alone. Empty for one topic a document.
    pub assignment_matrix: Vec<Vec<u64>>,
    /// The bins of the calibration error, from low to high.
    pub calibration: Vec<Bin>,
    /// How precise the answers are that a threshold of the top probability lets through, and their
    /// share of all documents: from the highest threshold to the lowest, at most one point a
    /// hundredth of the documents. Unknown text is no answer.
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
    /// The share of the documents called this that are; 0 when none was.
    pub precision: f64,
    /// The share of the documents that are this that were called so; 0 when none is.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Documents that are this.
    pub support: u64,
    /// Documents called this.
    pub predicted: u64,
}

impl TopicReport {
    /// Whether any document is this, or was called so: without either there is nothing to measure.
    pub fn occurs(&self) -> bool {
        self.support > 0 || self.predicted > 0
    }
}

impl DecisionCount {
    /// The share of them that were right; None where there is none.
    pub fn precision(self) -> Option<f64> {
        (self.documents > 0).then(|| ratio(self.right, self.documents))
    }

    /// Their share of so many documents in all.
    pub fn coverage(self, documents: u64) -> f64 {
        ratio(self.documents, documents)
    }
}

impl Evaluation {
    /// For a model with these topics.
    pub fn new(topics: &[TopicName], labels: Labels) -> Self {
        Self::with_names(topics.iter().map(TopicName::to_string).collect(), labels)
    }

    /// For a model whose topics' names do not matter.
    pub(crate) fn of_topic_count(count: usize, labels: Labels) -> Self {
        Self::with_names((0..count).map(|topic| topic.to_string()).collect(), labels)
    }

    fn with_names(names: Vec<String>, labels: Labels) -> Self {
        Self {
            model_topics: names.len(),
            labels: names,
            unknown: BTreeMap::new(),
            confusion: BTreeMap::new(),
            documents: 0,
            without_topic: 0,
            right: 0,
            log_loss: 0.0,
            brier: 0.0,
            bins: [Bin::default(); BINS],
            curve: CoverageCurve::new(),
            decisions: [DecisionCount::default(); 3],
            assigned: (labels == Labels::Multiple).then(Assigned::default),
        }
    }

    /// The number that stands for a topic in [`Self::add`]; one that the model does not have gets a
    /// number of its own.
    pub fn label(&mut self, topic: &str) -> usize {
        if let Ok(place) =
            self.labels[..self.model_topics].binary_search_by(|label| label.as_str().cmp(topic))
        {
            return place;
        }
        if let Some(&place) = self.unknown.get(topic) {
            return place;
        }
        self.labels.push(topic.to_owned());
        self.unknown.insert(topic.to_owned(), self.labels.len() - 1);
        self.labels.len() - 1
    }

    /// Adds a document: the model's probabilities, its right topics ([`Self::label`]), and the
    /// model's decision. Returns the predicted topic: the most probable, of equal ones the first.
    pub fn add(&mut self, probabilities: &[f64], truth: &[usize], decision: Decision) -> usize {
        let mut predicted = 0;
        for (topic, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[predicted] {
                predicted = topic;
            }
        }
        let probability_of = |topic: usize| probabilities.get(topic).copied().unwrap_or(0.0);
        let counted = truth.iter().copied().reduce(|best, topic| {
            if probability_of(topic) > probability_of(best) || topic == predicted {
                topic
            } else {
                best
            }
        });
        let right = counted == Some(predicted);
        self.documents += 1;
        if let Some(counted) = counted {
            self.right += u64::from(right);
            *self.confusion.entry((counted, predicted)).or_default() += 1;
            self.log_loss -= probability_of(counted).max(LEAST_PROBABILITY).ln();
            let squares: f64 =
                probabilities.iter().map(|probability| probability * probability).sum();
            let hit = probability_of(counted);
            self.brier += squares - hit * hit + (1.0 - hit) * (1.0 - hit);
        } else {
            self.without_topic += 1;
        }
        let top = probabilities.get(predicted).copied().unwrap_or(0.0);
        let bin = &mut self.bins[((top * BINS as f64).ceil() as usize).clamp(1, BINS) - 1];
        bin.documents += 1;
        bin.accuracy += f64::from(u8::from(right));
        bin.mean_probability += top;
        if decision != Decision::UnknownText {
            self.curve.add(top, right);
        }
        let count = &mut self.decisions[decision as usize];
        count.documents += 1;
        count.right += u64::from(right);
        predicted
    }

    /// Adds which topics a model of several topics a document assigned to it; both may be empty. Of
    /// no effect for other models.
    pub fn add_assigned(&mut self, assigned: &[usize], truth: &[usize]) {
        if let Some(sums) = &mut self.assigned {
            sums.add(assigned, truth);
        }
    }

    /// What was measured.
    pub fn finish(self) -> Report {
        let labels = self.labels.len();
        let with_topic = self.documents - self.without_topic;
        let mut matrix = vec![vec![0; labels]; labels];
        for (&(truth, predicted), &count) in &self.confusion {
            matrix[truth][predicted] = count;
        }
        let topics: Vec<TopicReport> = self
            .labels
            .into_iter()
            .enumerate()
            .map(|(label, name)| {
                let right = matrix[label][label];
                let support: u64 = matrix[label].iter().sum();
                let called: u64 = matrix.iter().map(|row| row[label]).sum();
                TopicReport {
                    name,
                    precision: ratio(right, called),
                    recall: ratio(right, support),
                    f1: ratio(2 * right, support + called),
                    support,
                    predicted: called,
                }
            })
            .collect();
        let (topics, matrix, micro_f1) = match &self.assigned {
            None => (topics, matrix, ratio(self.right, with_topic)),
            Some(assigned) => {
                let (topics, micro_f1) = assigned.measure(topics, self.model_topics);
                (topics, Vec::new(), micro_f1)
            }
        };
        let is_multi_label = self.assigned.is_some();
        let model_topics = self.model_topics;
        let occurring: Vec<f64> = topics
            .iter()
            .enumerate()
            .filter(|(label, topic)| {
                if is_multi_label {
                    *label < model_topics && topic.support > 0
                } else {
                    topic.occurs()
                }
            })
            .map(|(_, topic)| topic.f1)
            .collect();
        let mean = |sum: f64| sum / with_topic.max(1) as f64;
        let documents = self.documents.max(1) as f64;
        let calibration: Vec<Bin> = self
            .bins
            .iter()
            .map(|bin| {
                let count = bin.documents.max(1) as f64;
                Bin {
                    documents: bin.documents,
                    accuracy: bin.accuracy / count,
                    mean_probability: bin.mean_probability / count,
                }
            })
            .collect();
        let [confident, uncertain, unknown_text] = self.decisions;
        Report {
            documents: self.documents,
            without_topic: self.without_topic,
            accuracy: ratio(self.right, with_topic),
            micro_f1,
            macro_f1: occurring.iter().sum::<f64>() / occurring.len().max(1) as f64,
            log_loss: mean(self.log_loss),
            brier: mean(self.brier),
            ece: calibration
                .iter()
                .map(|bin| {
                    bin.documents as f64 / documents * (bin.accuracy - bin.mean_probability).abs()
                })
                .sum(),
            topics,
            confusion_matrix: matrix,
            assignment_matrix: self
                .assigned
                .map_or_else(Vec::new, |assigned| assigned.matrix(labels)),
            calibration,
            precision_coverage: self.curve.points(self.documents),
            confident,
            uncertain,
            unknown_text,
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_text_counts_as_a_document_and_not_as_an_answer() {
        let mut evaluation = Evaluation::of_topic_count(2, Labels::Single);
        evaluation.add(&[0.9, 0.1], &[0], Decision::Confident);
        evaluation.add(&[0.8, 0.2], &[1], Decision::UnknownText);
        let report = evaluation.finish();
        let point = CoveragePoint { threshold: 0.9, answers: 1, coverage: 0.5, precision: 1.0 };
        assert_eq!(report.precision_coverage, [point]);
        assert_eq!((report.confident.coverage(2), report.confident.precision()), (0.5, Some(1.0)));
        assert_eq!((report.uncertain.coverage(2), report.uncertain.precision()), (0.0, None));
    }

    #[test]
    fn a_topic_occurs_as_truth_or_as_prediction() {
        let mut evaluation = Evaluation::of_topic_count(3, Labels::Single);
        evaluation.add(&[0.2, 0.8, 0.0], &[0], Decision::Confident);
        let report = evaluation.finish();
        assert!(report.assignment_matrix.is_empty());
        let found: Vec<_> = report
            .topics
            .iter()
            .map(|topic| (topic.support, topic.predicted, topic.occurs()))
            .collect();
        assert_eq!(found, [(1, 0, true), (0, 1, true), (0, 0, false)]);
    }

    #[test]
    fn no_answer_to_a_document_without_a_topic_is_right() {
        let mut evaluation = Evaluation::of_topic_count(2, Labels::Multiple);
        evaluation.add(&[0.95, 0.1], &[0], Decision::Confident);
        evaluation.add(&[0.95, 0.1], &[], Decision::Confident);
        evaluation.add(&[0.05, 0.05], &[], Decision::Uncertain);
        let report = evaluation.finish();
        assert_eq!((report.documents, report.without_topic, report.accuracy), (3, 2, 1.0));
        assert_eq!(report.confident, DecisionCount { documents: 2, right: 1 });
        assert_eq!(report.uncertain, DecisionCount { documents: 1, right: 0 });
        // By hand: half of two are right where 0.95 was said, none of one where 0.05 was.
        assert!((report.ece - (2.0 * 0.45 + 0.05) / 3.0).abs() < 1e-12, "{}", report.ece);
        // The loss is that of the one document that has a topic to find.
        assert!(
            (report.log_loss + f64::ln(0.95)).abs() < 1e-12
                && (report.brier - (0.05 * 0.05 + 0.1 * 0.1)).abs() < 1e-12
        );
    }
}
