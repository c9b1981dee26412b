//! Measures answers against the truth.

use std::collections::BTreeMap;

use super::assigned::Assigned;
use super::coverage::CoverageCurve;
use super::ratio::ratio;
use super::report::{Bin, DecisionCount, Report, TopicReport};
use crate::article::TopicName;
use crate::model::decision::Decision;
use crate::model::manifest::Labels;

/// The number of bins of the expected calibration error.
const BINS: usize = 15;

/// The probability that the log loss assumes for a right topic outside the model.
const LEAST_PROBABILITY: f64 = f64::EPSILON;

/// Collects answers and the truth, one document at a time.
///
/// The answer to a document with several topics is right if the model's first topic is one of them;
/// otherwise the document counts for the most probable one of them. Topics that the model does not
/// have count, and no answer to them is right. Documents without a topic count for the measures of
/// probabilities and decisions, and no answer to them is right either.
#[derive(Debug, Clone)]
pub struct Evaluation {
    labels: Vec<String>,
    /// The number of labels that are topics of the model; the others follow them.
    model_topics: usize,
    unknown: BTreeMap<String, usize>,
    /// The number of documents by (truth, prediction).
    confusion: BTreeMap<(usize, usize), u64>,
    documents: u64,
    without_topic: u64,
    right: u64,
    log_loss: f64,
    brier: f64,
    bins: [Bin; BINS],
    curve: CoverageCurve,
    decisions: [DecisionCount; 3],
    /// Only for models of several topics per document.
    assigned: Option<Assigned>,
}

impl Evaluation {
    /// An evaluation of a model with these topics.
    pub fn new(topics: &[TopicName], labels: Labels) -> Self {
        Self::with_names(topics.iter().map(TopicName::to_string).collect(), labels)
    }

    /// An evaluation of a model whose topic names do not matter.
    pub(crate) fn of_topic_count(count: usize, labels: Labels) -> Self {
        Self::with_names((0..count).map(|topic| topic.to_string()).collect(), labels)
    }

    pub(super) fn with_names(names: Vec<String>, labels: Labels) -> Self {
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

    /// The label of a topic for [`Self::add`]. A topic that the model does not have gets a label of
    /// its own.
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

    /// Adds a document: the model's probabilities, the labels of its right topics, and the model's
    /// decision. Returns the predicted topic: the most probable one, the first in a tie.
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

    /// Adds the topics that a model of several topics per document assigned to the document, and
    /// its right topics; both may be empty. No effect for other models.
    pub fn add_assigned(&mut self, assigned: &[usize], truth: &[usize]) {
        if let Some(sums) = &mut self.assigned {
            sums.add(assigned, truth);
        }
    }

    /// The measures of all documents.
    pub fn finish(self) -> Report {
        let label_count = self.labels.len();
        let with_topic = self.documents - self.without_topic;
        let matrix = confusion_matrix(&self.confusion, label_count);
        let topics = topic_reports(self.labels, &matrix);
        let (topics, confusion_matrix, micro_f1) = match &self.assigned {
            None => (topics, matrix, ratio(self.right, with_topic)),
            Some(assigned) => {
                let (topics, micro_f1) = assigned.measure(topics, self.model_topics);
                (topics, Vec::new(), micro_f1)
            }
        };
        let macro_f1 = match &self.assigned {
            None => mean_f1(topics.iter().filter(|topic| topic.occurs())),
            Some(_) => {
                let known = &topics[..self.model_topics];
                mean_f1(known.iter().filter(|topic| topic.support > 0))
            }
        };
        let mean = |sum: f64| sum / with_topic.max(1) as f64;
        let calibration: Vec<Bin> = self.bins.iter().map(averaged).collect();
        let [confident, uncertain, unknown_text] = self.decisions;
        Report {
            documents: self.documents,
            without_topic: self.without_topic,
            accuracy: ratio(self.right, with_topic),
            micro_f1,
            macro_f1,
            log_loss: mean(self.log_loss),
            brier: mean(self.brier),
            ece: expected_calibration_error(&calibration, self.documents),
            topics,
            confusion_matrix,
            assignment_matrix: self
                .assigned
                .map_or_else(Vec::new, |assigned| assigned.matrix(label_count)),
            calibration,
            precision_coverage: self.curve.points(self.documents),
            confident,
            uncertain,
            unknown_text,
        }
    }
}

/// Documents by truth (row) and prediction (column).
fn confusion_matrix(counts: &BTreeMap<(usize, usize), u64>, label_count: usize) -> Vec<Vec<u64>> {
    let mut matrix = vec![vec![0; label_count]; label_count];
    for (&(truth, predicted), &count) in counts {
        matrix[truth][predicted] = count;
    }
    matrix
}

/// The quality of first topics, by label.
fn topic_reports(labels: Vec<String>, matrix: &[Vec<u64>]) -> Vec<TopicReport> {
    let report = |(label, name): (usize, String)| {
        let right = matrix[label][label];
        let support: u64 = matrix[label].iter().sum();
        let predicted: u64 = matrix.iter().map(|row| row[label]).sum();
        TopicReport {
            name,
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            f1: ratio(2 * right, support + predicted),
            support,
            predicted,
        }
    };
    labels.into_iter().enumerate().map(report).collect()
}

/// F1 averaged over topics; 0 without topics.
fn mean_f1<'a>(topics: impl Iterator<Item = &'a TopicReport>) -> f64 {
    let scores: Vec<f64> = topics.map(|topic| topic.f1).collect();
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

/// Turns the sums of a bin into means.
fn averaged(sums: &Bin) -> Bin {
    let count = sums.documents.max(1) as f64;
    Bin {
        documents: sums.documents,
        accuracy: sums.accuracy / count,
        mean_probability: sums.mean_probability / count,
    }
}

/// The distance of accuracy and mean probability, averaged over the documents.
fn expected_calibration_error(bins: &[Bin], documents: u64) -> f64 {
    let documents = documents.max(1) as f64;
    bins.iter()
        .map(|bin| bin.documents as f64 / documents * (bin.accuracy - bin.mean_probability).abs())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evaluate::CoveragePoint;

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
        // The loss is that of the only document with a topic.
        assert!(
            (report.log_loss + f64::ln(0.95)).abs() < 1e-12
                && (report.brier - (0.05 * 0.05 + 0.1 * 0.1)).abs() < 1e-12
        );
    }
}
