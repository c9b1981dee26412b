//! Compares a model's answers with the right topics, one document at a time.

use std::collections::BTreeMap;

use super::assignments::Assignments;
use super::coverage::CoverageCurve;
use super::report::{Report, TopicReport};
use super::tally::{Tally, Verdict};
use crate::article::TopicName;
use crate::model::decision::Decision;
use crate::model::manifest::Labels;

/// The least probability in the log loss; a right topic outside the model has none.
const LEAST_PROBABILITY: f64 = f64::EPSILON;

/// Compares answers with the right topics, one document at a time.
///
/// An answer is right if the document has the most probable topic. Of several topics the document
/// counts as that one or, if the answer is wrong, as the most probable one that it has. A topic
/// that the model does not have counts as a mistake. An answer to a document without a topic is
/// never right: its probabilities and decision are measured, but not its first topic.
#[derive(Debug, Clone)]
pub struct Evaluation {
    labels: Labels,
    names: Vec<String>,
    /// How many of the names are the model's topics; the others are topics it does not have.
    model_topics: usize,
    unknown: BTreeMap<String, usize>,
    tally: Tally,
    /// (truth, prediction) -> documents.
    confusion: BTreeMap<(usize, usize), u64>,
    log_loss: f64,
    brier: f64,
    /// By topic of the model, the sum of its probabilities.
    expected: Vec<f64>,
    curve: CoverageCurve,
    /// For models of several topics per document.
    assignments: Assignments,
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

    /// For a model whose topics have these names, in order.
    pub(super) fn with_names(names: Vec<String>, labels: Labels) -> Self {
        Self {
            labels,
            model_topics: names.len(),
            unknown: BTreeMap::new(),
            tally: Tally::new(labels, names.len()),
            confusion: BTreeMap::new(),
            log_loss: 0.0,
            brier: 0.0,
            expected: vec![0.0; names.len()],
            curve: CoverageCurve::new(),
            assignments: Assignments::default(),
            names,
        }
    }

    /// The number of a topic for [`Self::add`]. A topic that the model does not have gets the next
    /// free number.
    pub fn label(&mut self, topic: &str) -> usize {
        if let Ok(place) =
            self.names[..self.model_topics].binary_search_by(|name| name.as_str().cmp(topic))
        {
            return place;
        }
        if let Some(&place) = self.unknown.get(topic) {
            return place;
        }
        self.names.push(topic.to_owned());
        self.unknown.insert(topic.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    /// Adds a document: the model's probabilities, its right topics ([`Self::label`]), and the
    /// model's decision. Returns the predicted topic: the most probable, of equal ones the first.
    pub fn add(&mut self, probabilities: &[f64], truth: &[usize], decision: Decision) -> usize {
        let verdict = self.tally.add(probabilities, truth, decision);
        let Verdict { predicted, truth: counted, top_probability } = verdict;
        for (sum, probability) in self.expected.iter_mut().zip(probabilities) {
            *sum += probability;
        }
        if let Some(counted) = counted {
            let probability = probabilities.get(counted).copied().unwrap_or(0.0);
            self.log_loss -= libm::log(probability.max(LEAST_PROBABILITY));
            if self.labels == Labels::Single {
                *self.confusion.entry((counted, predicted)).or_default() += 1;
            }
        }
        self.brier += match (self.labels, counted) {
            (Labels::Single, None) => 0.0,
            (Labels::Single, Some(counted)) => {
                let foreign = f64::from(u8::from(counted >= self.model_topics));
                squared_error(probabilities, &[counted]) + foreign
            }
            (Labels::Multiple, _) => squared_error(probabilities, truth),
        };
        if decision != Decision::UnknownText {
            self.curve.add(top_probability, verdict.is_right());
        }
        predicted
    }

    /// Adds which topics a model of several topics per document assigned to it; both may be empty.
    /// Of no effect for other models.
    pub fn add_assigned(&mut self, assigned: &[usize], truth: &[usize]) {
        if self.labels == Labels::Multiple {
            self.tally.add_assigned(assigned, truth);
            self.assignments.add(assigned, truth);
        }
    }

    /// Computes the report.
    pub fn finish(self) -> Report {
        let topics = self.topics();
        let labels = self.names.len();
        let (confusion_matrix, assignment_matrix, brier_documents) = match self.labels {
            Labels::Single => {
                let mut matrix = vec![vec![0; labels]; labels];
                for (&(truth, predicted), &count) in &self.confusion {
                    matrix[truth][predicted] = count;
                }
                (matrix, Vec::new(), self.tally.with_topic())
            }
            Labels::Multiple => (Vec::new(), self.assignments.matrix(labels), self.tally.documents),
        };
        let tally = self.tally;
        Report {
            labels: self.labels,
            documents: tally.documents,
            without_topic: tally.without_topic,
            accuracy: tally.accuracy(),
            micro_f1: tally.micro_f1(),
            macro_f1: tally.macro_f1(),
            log_loss: self.log_loss / tally.with_topic().max(1) as f64,
            brier: self.brier / brier_documents.max(1) as f64,
            ece: tally.expected_calibration_error(),
            topics,
            confusion_matrix,
            assignment_matrix,
            calibration: tally.reliability.bins(),
            precision_coverage: self.curve.points(tally.documents),
            confident: tally.confident,
            uncertain: tally.uncertain,
            unknown_text: tally.unknown_text,
        }
    }

    fn topics(&self) -> Vec<TopicReport> {
        let names = self.names.iter().enumerate();
        let topics = names.map(|(label, name)| {
            let count = self.tally.topics.of(label);
            TopicReport {
                name: name.clone(),
                precision: count.precision(),
                recall: count.recall(),
                f1: count.f1(),
                support: count.support,
                predicted: count.predicted,
                expected: self.expected.get(label).copied().unwrap_or(0.0),
            }
        });
        topics.collect()
    }
}

/// The sum over the topics of (probability - truth) squared.
fn squared_error(probabilities: &[f64], truth: &[usize]) -> f64 {
    let error = |(topic, probability): (usize, &f64)| {
        let is_true = truth.contains(&topic);
        (probability - f64::from(u8::from(is_true))).powi(2)
    };
    probabilities.iter().enumerate().map(error).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evaluate::{CoveragePoint, DecisionCount};

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
    }

    #[test]
    fn of_several_topics_every_topic_of_every_document_is_a_prediction() {
        let mut evaluation = Evaluation::of_topic_count(2, Labels::Multiple);
        let foreign = evaluation.label("of no model");
        evaluation.add(&[0.95, 0.1], &[0, foreign], Decision::Confident);
        evaluation.add(&[0.95, 0.1], &[], Decision::Confident);
        evaluation.add(&[0.05, 0.55], &[1], Decision::Uncertain);
        evaluation.add_assigned(&[0], &[0, foreign]);
        evaluation.add_assigned(&[0], &[]);
        evaluation.add_assigned(&[1], &[1]);
        let report = evaluation.finish();
        // By hand, of six predictions: 0.95 twice, one right; 0.1 twice, none right; 0.05, wrong;
        // 0.55, right.
        let predictions: Vec<u64> = report.calibration.iter().map(|bin| bin.predictions).collect();
        assert_eq!(predictions, [1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2]);
        let ece = (2.0 * 0.45 + 2.0 * 0.1 + 0.05 + 0.45) / 6.0;
        assert!((report.ece - ece).abs() < 1e-12, "{}", report.ece);
        // By document: 0.05^2 + 0.1^2, 0.95^2 + 0.1^2, 0.05^2 + 0.45^2.
        let brier = (0.0125 + 0.9125 + 0.205) / 3.0;
        assert!((report.brier - brier).abs() < 1e-12, "{}", report.brier);
        // The model expects 1.95 documents of topic 0 where there is one, and 0.75 of topic 1.
        let topics: Vec<(f64, u64)> =
            report.topics.iter().map(|topic| (topic.expected, topic.support)).collect();
        for ((expected, support), by_hand) in
            topics.into_iter().zip([(1.95, 1), (0.75, 1), (0.0, 1)])
        {
            assert!((expected - by_hand.0).abs() < 1e-12 && support == by_hand.1, "{expected}");
        }
        // The loss is that of the first topic, over the two documents that have one to find.
        let log_loss = -(f64::ln(0.95) + f64::ln(0.55)) / 2.0;
        assert!((report.log_loss - log_loss).abs() < 1e-12, "{}", report.log_loss);
    }

    #[test]
    fn of_one_topic_the_top_probability_is_the_prediction() {
        let mut evaluation = Evaluation::of_topic_count(2, Labels::Single);
        let foreign = evaluation.label("of no model");
        evaluation.add(&[0.7, 0.3], &[0], Decision::Uncertain);
        evaluation.add(&[0.4, 0.6], &[foreign], Decision::Uncertain);
        let report = evaluation.finish();
        // By hand: distances of 0.3 and 0.6; 0.3^2 + 0.3^2, and 0.4^2 + 0.6^2 + 1.
        assert!((report.ece - 0.45).abs() < 1e-12, "{}", report.ece);
        assert!((report.brier - (0.18 + 1.52) / 2.0).abs() < 1e-12, "{}", report.brier);
        let expected: Vec<f64> = report.topics.iter().map(|topic| topic.expected).collect();
        assert!((expected[0] - 1.1).abs() < 1e-12 && (expected[1] - 0.9).abs() < 1e-12);
        assert_eq!(report.topics[2].expected, 0.0);
    }
}
