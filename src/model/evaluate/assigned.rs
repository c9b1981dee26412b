//! Measures the topics that a model of several topics per document assigns.

use std::collections::BTreeMap;

use super::ratio::ratio;
use super::report::TopicReport;

/// The topics assigned so far, and the right ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Assigned {
    /// By label.
    counts: BTreeMap<usize, AssignedCount>,
    /// The number of documents by (truth, assigned), as in [`super::Report::assignment_matrix`];
    /// None for no topic.
    pairs: BTreeMap<(Option<usize>, Option<usize>), u64>,
}

impl Assigned {
    /// Adds a document: the topics assigned to it and its right topics, without duplicates.
    pub(super) fn add(&mut self, assigned: &[usize], truth: &[usize]) {
        for &topic in assigned {
            self.counts.entry(topic).or_default().predicted += 1;
        }
        for &topic in truth {
            let count = self.counts.entry(topic).or_default();
            count.support += 1;
            count.right += u64::from(assigned.contains(&topic));
        }
        let without = |topics: &[usize], others: &[usize]| -> Vec<Option<usize>> {
            topics.iter().filter(|topic| !others.contains(topic)).copied().map(Some).collect()
        };
        let or_none =
            |topics: Vec<Option<usize>>| if topics.is_empty() { vec![None] } else { topics };
        let (missed, wrong) = (without(truth, assigned), without(assigned, truth));
        for &topic in truth.iter().filter(|topic| assigned.contains(topic)) {
            *self.pairs.entry((Some(topic), Some(topic))).or_default() += 1;
        }
        // Without mistakes there is nothing to add, except for a document of no topic, which counts
        // as (none, none).
        if !(missed.is_empty() && wrong.is_empty()) || truth.is_empty() {
            let wrong = or_none(wrong);
            for missed in or_none(missed) {
                for &wrong in &wrong {
                    *self.pairs.entry((missed, wrong)).or_default() += 1;
                }
            }
        }
    }

    /// The [`super::Report::assignment_matrix`] for this number of labels.
    pub(super) fn matrix(&self, labels: usize) -> Vec<Vec<u64>> {
        let mut matrix = vec![vec![0; labels + 1]; labels + 1];
        for (&(truth, assigned), &count) in &self.pairs {
            matrix[truth.unwrap_or(labels)][assigned.unwrap_or(labels)] = count;
        }
        matrix
    }

    /// The quality of each topic by what was assigned, and F1 over the decisions on the topics of
    /// the model that occur.
    pub(super) fn measure(
        &self,
        topics: Vec<TopicReport>,
        model_topics: usize,
    ) -> (Vec<TopicReport>, f64) {
        let mut total = AssignedCount::default();
        let topics = topics
            .into_iter()
            .enumerate()
            .map(|(label, topic)| {
                let AssignedCount { predicted, support, right } =
                    self.counts.get(&label).copied().unwrap_or_default();
                if label < model_topics && support > 0 {
                    total.predicted += predicted;
                    total.support += support;
                    total.right += right;
                }
                TopicReport {
                    precision: ratio(right, predicted),
                    recall: ratio(right, support),
                    f1: ratio(2 * right, support + predicted),
                    support,
                    predicted,
                    ..topic
                }
            })
            .collect();
        (topics, ratio(2 * total.right, total.support + total.predicted))
    }
}

/// How often a topic was assigned, was right, and was both.
#[derive(Debug, Clone, Copy, Default)]
struct AssignedCount {
    predicted: u64,
    support: u64,
    right: u64,
}

#[cfg(test)]
mod tests {
    use crate::model::decision::Decision;
    use crate::model::evaluate::Evaluation;
    use crate::model::manifest::Labels;

    #[test]
    fn missed_topics_are_paired_with_those_assigned_instead() {
        let mut evaluation = Evaluation::of_topic_count(3, Labels::Multiple);
        for (assigned, truth) in [
            // Right.
            (&[0][..], &[0][..]),
            // 0 is right; 1 was missed, and 2 assigned instead.
            (&[0, 2], &[0, 1]),
            // Missed, and nothing assigned instead.
            (&[], &[1]),
            // 1 is right; 2 was assigned in addition.
            (&[1, 2], &[1]),
            // Documents without a topic.
            (&[], &[]),
            (&[2], &[]),
        ] {
            evaluation.add_assigned(assigned, truth);
        }
        let report = evaluation.finish();
        assert_eq!(
            report.assignment_matrix,
            [[2, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 2, 1]]
        );
    }

    #[test]
    fn several_topics_per_document_are_measured_by_what_was_assigned() {
        let mut evaluation = Evaluation::of_topic_count(3, Labels::Multiple);
        let unknown = evaluation.label("not in the model");
        evaluation.add(&[0.9, 0.6, 0.1], &[0, 1], Decision::Confident);
        evaluation.add_assigned(&[0], &[0, 1]);
        evaluation.add(&[0.9, 0.2, 0.7], &[], Decision::Confident);
        evaluation.add_assigned(&[0, 2], &[]);
        evaluation.add_assigned(&[], &[unknown]);
        let report = evaluation.finish();
        // F1 of topic 0: one of two right, none missed: 2/3. Of topic 1: missed: 0. Topic 2 does
        // not occur, and the fourth is not in the model.
        assert!((report.macro_f1 - (2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert!((report.micro_f1 - 2.0 / 4.0).abs() < 1e-12);
        assert_eq!((report.topics[2].predicted, report.topics[3].support), (1, 1));
        assert!(report.confusion_matrix.is_empty());
    }
}
