//! Counts what a model of several topics per document assigned in place of what.

use std::collections::BTreeMap;

/// Pairs of right and assigned topics.
#[derive(Debug, Clone, Default)]
pub(super) struct Assignments {
    /// (truth, assigned) -> documents, as in [`super::Report::assignment_matrix`]; None for no
    /// topic.
    pairs: BTreeMap<(Option<usize>, Option<usize>), u64>,
}

impl Assignments {
    /// Adds a document: the topics assigned to it, and its right ones; each once.
    pub(super) fn add(&mut self, assigned: &[usize], truth: &[usize]) {
        let without = |topics: &[usize], others: &[usize]| -> Vec<Option<usize>> {
            topics.iter().filter(|topic| !others.contains(topic)).copied().map(Some).collect()
        };
        let or_none =
            |topics: Vec<Option<usize>>| if topics.is_empty() { vec![None] } else { topics };
        let (missed, wrong) = (without(truth, assigned), without(assigned, truth));
        for &topic in truth.iter().filter(|topic| assigned.contains(topic)) {
            *self.pairs.entry((Some(topic), Some(topic))).or_default() += 1;
        }
        // A document without mistakes is on the diagonal, unless it has no topic.
        if !(missed.is_empty() && wrong.is_empty()) || truth.is_empty() {
            let wrong = or_none(wrong);
            for missed in or_none(missed) {
                for &wrong in &wrong {
                    *self.pairs.entry((missed, wrong)).or_default() += 1;
                }
            }
        }
    }

    /// [`super::Report::assignment_matrix`] of this many labels.
    pub(super) fn matrix(&self, labels: usize) -> Vec<Vec<u64>> {
        let mut matrix = vec![vec![0; labels + 1]; labels + 1];
        for (&(truth, assigned), &count) in &self.pairs {
            matrix[truth.unwrap_or(labels)][assigned.unwrap_or(labels)] = count;
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missed_topic_is_paired_with_each_wrong_one() {
        let mut assignments = Assignments::default();
        for (assigned, truth) in [
            // Right, without a mistake.
            (&[0][..], &[0][..]),
            // Right, and 1 missed in favour of 2.
            (&[0, 2], &[0, 1]),
            // Missed, with nothing in its place.
            (&[], &[1]),
            // Wrong next to what is right.
            (&[1, 2], &[1]),
            // Of no topic: left alone, and not.
            (&[], &[]),
            (&[2], &[]),
        ] {
            assignments.add(assigned, truth);
        }
        assert_eq!(assignments.matrix(3), [[2, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 2, 1]]);
    }
}
