//! How often each topic was assigned, how often it should have been, and the F1 that follows.

use std::collections::BTreeMap;

use super::ratio::ratio;
use crate::model::manifest::Labels;

/// One topic's counts of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct TopicCount {
    /// Documents that have the topic.
    pub(super) support: u64,
    /// Documents to which it was assigned.
    pub(super) predicted: u64,
    /// Documents of both kinds.
    pub(super) right: u64,
}

impl TopicCount {
    fn merge(&mut self, other: Self) {
        self.support += other.support;
        self.predicted += other.predicted;
        self.right += other.right;
    }

    /// The share of `predicted` that is right.
    pub(super) fn precision(self) -> f64 {
        ratio(self.right, self.predicted)
    }

    /// The share of `support` that was found.
    pub(super) fn recall(self) -> f64 {
        ratio(self.right, self.support)
    }

    /// The harmonic mean of precision and recall.
    pub(super) fn f1(self) -> f64 {
        ratio(2 * self.right, self.support + self.predicted)
    }
}

/// The counts of all topics that occur, by label.
#[derive(Debug, Clone, Default)]
pub(super) struct TopicCounts {
    by_label: BTreeMap<usize, TopicCount>,
}

impl TopicCounts {
    /// Adds a document: the topics assigned to it and those that it has, each once.
    pub(super) fn add(&mut self, assigned: &[usize], truth: &[usize]) {
        for &topic in assigned {
            self.by_label.entry(topic).or_default().predicted += 1;
        }
        for &topic in truth {
            let count = self.by_label.entry(topic).or_default();
            count.support += 1;
            count.right += u64::from(assigned.contains(&topic));
        }
    }

    /// Adds documents counted elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (&topic, &count) in &other.by_label {
            self.by_label.entry(topic).or_default().merge(count);
        }
    }

    /// The counts of a topic.
    pub(super) fn of(&self, topic: usize) -> TopicCount {
        self.by_label.get(&topic).copied().unwrap_or_default()
    }

    /// F1 over all decisions on the topics that [`Self::measured`] has.
    pub(super) fn micro_f1(&self, labels: Labels, model_topics: usize) -> f64 {
        let mut total = TopicCount::default();
        self.measured(labels, model_topics).for_each(|count| total.merge(count));
        total.f1()
    }

    /// The mean F1 of the topics that [`Self::measured`] has.
    pub(super) fn macro_f1(&self, labels: Labels, model_topics: usize) -> f64 {
        let f1: Vec<f64> = self.measured(labels, model_topics).map(TopicCount::f1).collect();
        // An empty sum is -0.0, which would be shown with its sign.
        (0.0 + f1.iter().sum::<f64>()) / f1.len().max(1) as f64
    }

    /// The topics that F1 is averaged over: with one topic per document all that occur, with
    /// several those of the model that some document has.
    fn measured(&self, labels: Labels, model_topics: usize) -> impl Iterator<Item = TopicCount> {
        self.by_label
            .iter()
            .filter(move |(topic, count)| match labels {
                Labels::Single => true,
                Labels::Multiple => **topic < model_topics && count.support > 0,
            })
            .map(|(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_topics_are_measured_over_those_that_the_model_has_and_that_occur() {
        let mut counts = TopicCounts::default();
        // The model has topics 0 to 2; 3 is a foreign one.
        counts.add(&[0], &[0, 1]);
        counts.add(&[0, 2], &[]);
        counts.add(&[], &[3]);
        // By hand. Topic 0: one of two right, none missed, 2/3. Topic 1: missed, 0.
        let found = [counts.micro_f1(Labels::Multiple, 3), counts.macro_f1(Labels::Multiple, 3)];
        assert_eq!(found, [2.0 / 4.0, (2.0 / 3.0) / 2.0]);
        assert_eq!((counts.of(2).predicted, counts.of(3).support), (1, 1));
    }

    #[test]
    fn without_a_topic_f1_is_a_positive_zero() {
        let mut counts = TopicCounts::default();
        counts.add(&[0], &[]);
        let found = [counts.micro_f1(Labels::Multiple, 2), counts.macro_f1(Labels::Multiple, 2)];
        assert!(found.iter().all(|f1| *f1 == 0.0 && f1.is_sign_positive()), "{found:?}");
    }

    #[test]
    fn one_topic_is_measured_over_all_that_occur() {
        let mut counts = TopicCounts::default();
        counts.add(&[0], &[0]);
        counts.add(&[0], &[3]);
        // By hand. Topic 0: 2/3. Topic 3: 0. Together one of two right.
        let found = [counts.micro_f1(Labels::Single, 3), counts.macro_f1(Labels::Single, 3)];
        assert_eq!(found, [0.5, (2.0 / 3.0) / 2.0]);
    }

    #[test]
    fn merged_counts_are_those_of_all_documents() {
        let (mut one, mut other) = (TopicCounts::default(), TopicCounts::default());
        one.add(&[0], &[0, 1]);
        other.add(&[1], &[1]);
        one.merge(&other);
        assert_eq!(one.of(0), TopicCount { support: 1, predicted: 1, right: 1 });
        assert_eq!(one.of(1), TopicCount { support: 2, predicted: 1, right: 1 });
    }
}
