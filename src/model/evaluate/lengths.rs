//! Measures a model by the length of documents.

use super::group_report::{GroupKind, GroupReport};
use super::tally::{Answer, Tally};
use crate::model::manifest::Labels;

/// The groups' names, and the most words of their documents.
const GROUPS: [(&str, u32); 5] = [
    ("up to 15", 15),
    ("16 to 50", 50),
    ("51 to 150", 150),
    ("151 to 500", 500),
    ("more than 500", u32::MAX),
];

/// Gathers answers and the truth by the number of words, one document at a time.
#[derive(Debug, Clone)]
pub struct LengthGroups {
    tallies: [Tally; GROUPS.len()],
}

impl LengthGroups {
    /// For a model of `model_topics` topics.
    pub fn new(labels: Labels, model_topics: usize) -> Self {
        Self { tallies: std::array::from_fn(|_| Tally::new(labels, model_topics)) }
    }

    /// Adds a document of `word_count` words.
    pub fn add(&mut self, word_count: u32, answer: &Answer<'_>, truth: &[usize]) {
        let place = GROUPS.iter().take_while(|(_, most)| word_count > *most).count();
        self.tallies[place].add_answer(answer, truth);
    }

    /// What was measured: the groups that have documents, the shortest first.
    pub fn finish(&self) -> Vec<GroupReport> {
        GROUPS
            .iter()
            .zip(&self.tallies)
            .filter(|(_, tally)| tally.documents > 0)
            .map(|((name, _), tally)| GroupReport::of(name, GroupKind::Value, tally))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::decision::Decision;

    #[test]
    fn documents_are_grouped_by_their_words() {
        let mut groups = LengthGroups::new(Labels::Single, 2);
        let answer =
            Answer { probabilities: &[0.9, 0.1], assigned: &[], decision: Decision::Confident };
        for words in [0, 1, 15, 16, 50, 151, 500, 501, u32::MAX] {
            groups.add(words, &answer, &[usize::from(words == 15)]);
        }
        let found: Vec<(String, u64, f64)> = groups
            .finish()
            .into_iter()
            .map(|report| (report.name, report.documents, report.accuracy))
            .collect();
        let by_hand = [
            ("up to 15", 3, 2.0 / 3.0),
            ("16 to 50", 2, 1.0),
            ("151 to 500", 2, 1.0),
            ("more than 500", 2, 1.0),
        ];
        assert_eq!(
            found,
            by_hand.map(|(name, documents, share)| (name.to_owned(), documents, share))
        );
    }
}
