//! The sums that a whole corpus and a group of its documents are measured by.

use super::decision_count::DecisionCount;
use super::ratio::ratio;
use super::reliability::Reliability;
use super::topic_counts::TopicCounts;
use crate::model::decision::Decision;
use crate::model::manifest::Labels;

/// What a model says of a document.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// By topic of the model.
    pub probabilities: &'a [f64],
    /// The assigned topics, of models of several topics per document.
    pub assigned: &'a [usize],
    /// How far the most probable topic can be relied on.
    pub decision: Decision,
}

/// An answer next to the truth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    /// The most probable topic; of equal ones the first.
    pub(super) predicted: usize,
    /// The topic of the document that the answer is compared with: the predicted one if the
    /// document has it, else the most probable that it has. None if it has no topic.
    pub(super) truth: Option<usize>,
    /// The probability of the predicted topic.
    pub(super) top_probability: f64,
}

impl Verdict {
    /// Compares the probabilities of the model's topics with a document's topics.
    pub(super) fn of(probabilities: &[f64], truth: &[usize]) -> Self {
        let mut predicted = 0;
        for (topic, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[predicted] {
                predicted = topic;
            }
        }
        let probability_of = |topic: usize| probabilities.get(topic).copied().unwrap_or(0.0);
        let truth = truth.iter().copied().reduce(|best, topic| {
            if probability_of(topic) > probability_of(best) || topic == predicted {
                topic
            } else {
                best
            }
        });
        Self { predicted, truth, top_probability: probability_of(predicted) }
    }

    /// Whether the document has the predicted topic.
    pub(super) fn is_right(&self) -> bool {
        self.truth == Some(self.predicted)
    }
}

/// Sums over documents; those of two sets of documents add up to those of both.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    labels: Labels,
    model_topics: usize,
    pub(super) documents: u64,
    /// Documents that have no topic.
    pub(super) without_topic: u64,
    right: u64,
    pub(super) topics: TopicCounts,
    pub(super) reliability: Reliability,
    pub(super) confident: DecisionCount,
    pub(super) uncertain: DecisionCount,
    pub(super) unknown_text: DecisionCount,
}

impl Tally {
    /// For a model of `model_topics` topics.
    pub(super) fn new(labels: Labels, model_topics: usize) -> Self {
        Self {
            labels,
            model_topics,
            documents: 0,
            without_topic: 0,
            right: 0,
            topics: TopicCounts::default(),
            reliability: Reliability::default(),
            confident: DecisionCount::default(),
            uncertain: DecisionCount::default(),
            unknown_text: DecisionCount::default(),
        }
    }

    /// Adds a document: the probabilities of the model's topics, its right topics, and the model's
    /// decision.
    pub(super) fn add(
        &mut self,
        probabilities: &[f64],
        truth: &[usize],
        decision: Decision,
    ) -> Verdict {
        let verdict = Verdict::of(probabilities, truth);
        let is_right = verdict.is_right();
        self.documents += 1;
        self.without_topic += u64::from(verdict.truth.is_none());
        self.right += u64::from(is_right);
        match self.labels {
            Labels::Single => {
                self.reliability.add(verdict.top_probability, is_right);
                self.topics.add(
                    verdict.truth.map(|_| verdict.predicted).as_slice(),
                    verdict.truth.as_slice(),
                );
            }
            Labels::Multiple => {
                for (topic, &probability) in probabilities.iter().enumerate() {
                    self.reliability.add(probability, truth.contains(&topic));
                }
            }
        }
        match decision {
            Decision::Confident => self.confident.add(is_right),
            Decision::Uncertain => self.uncertain.add(is_right),
            Decision::UnknownText => self.unknown_text.add(is_right),
        }
        verdict
    }

    /// Adds which topics a model of several topics per document assigned to a document that was
    /// added; both may be empty. Of no effect for other models.
    pub(super) fn add_assigned(&mut self, assigned: &[usize], truth: &[usize]) {
        if self.labels == Labels::Multiple {
            self.topics.add(assigned, truth);
        }
    }

    /// Adds a document: the answer, and its right topics.
    pub(super) fn add_answer(&mut self, answer: &Answer<'_>, truth: &[usize]) {
        self.add(answer.probabilities, truth, answer.decision);
        self.add_assigned(answer.assigned, truth);
    }

    /// Adds documents summed elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.documents += other.documents;
        self.without_topic += other.without_topic;
        self.right += other.right;
        self.topics.merge(&other.topics);
        self.reliability.merge(&other.reliability);
        self.confident.merge(other.confident);
        self.uncertain.merge(other.uncertain);
        self.unknown_text.merge(other.unknown_text);
    }

    /// Documents that have a topic.
    pub(super) fn with_topic(&self) -> u64 {
        self.documents - self.without_topic
    }

    /// The share of the documents with a topic whose most probable topic is right.
    pub(super) fn accuracy(&self) -> f64 {
        ratio(self.right, self.with_topic())
    }

    /// As [`micro_f1`](super::report::Report::micro_f1) in the report.
    pub(super) fn micro_f1(&self) -> f64 {
        self.topics.micro_f1(self.labels, self.model_topics)
    }

    /// As [`macro_f1`](super::report::Report::macro_f1) in the report.
    pub(super) fn macro_f1(&self) -> f64 {
        self.topics.macro_f1(self.labels, self.model_topics)
    }

    /// As [`ece`](super::report::Report::ece) in the report.
    pub(super) fn expected_calibration_error(&self) -> f64 {
        self.reliability.expected_calibration_error()
    }
}
