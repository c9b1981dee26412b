//! Measures a model on each group of documents that share a value, such as their source.

use std::collections::BTreeMap;

use super::group_report::{GroupKind, GroupReport};
use super::tally::{Answer, Tally};
use crate::model::manifest::Labels;

/// The most values that are told apart: memory is bounded by them.
pub const MAX_GROUPS: usize = 1_000;

/// Fewer documents than these are too few to measure, and count as "(other)".
const MIN_DOCUMENTS: u64 = 10;

/// Values are cut after these characters.
const NAME_CHARS: usize = 100;

/// Gathers answers and the truth by group, one document at a time.
#[derive(Debug, Clone)]
pub struct Groups {
    empty: Tally,
    by_value: BTreeMap<String, Tally>,
    other: Tally,
    missing: Tally,
}

impl Groups {
    /// For a model of `model_topics` topics.
    pub fn new(labels: Labels, model_topics: usize) -> Self {
        let empty = Tally::new(labels, model_topics);
        Self { by_value: BTreeMap::new(), other: empty.clone(), missing: empty.clone(), empty }
    }

    /// Adds a document with its value, cut to 100 characters; a blank one is none. Values beyond
    /// the first [`MAX_GROUPS`] count as "(other)".
    pub fn add(&mut self, value: Option<&str>, answer: &Answer<'_>, truth: &[usize]) {
        let value = value.map(str::trim).filter(|value| !value.is_empty()).map(cut);
        let Some(value) = value else { return self.missing.add_answer(answer, truth) };
        let is_new = !self.by_value.contains_key(value);
        let tally = if is_new && self.by_value.len() == MAX_GROUPS {
            &mut self.other
        } else {
            self.by_value.entry(value.to_owned()).or_insert_with(|| self.empty.clone())
        };
        tally.add_answer(answer, truth);
    }

    /// Whether any document had a value.
    pub fn has_values(&self) -> bool {
        !self.by_value.is_empty()
    }

    /// Documents whose values came after the first [`MAX_GROUPS`].
    pub fn overflow(&self) -> u64 {
        self.other.documents
    }

    /// What was measured: the largest group first, then "(other)" and "(none)" where there are
    /// such documents.
    pub fn finish(self) -> Vec<GroupReport> {
        let Self { by_value, mut other, missing, .. } = self;
        let mut reports = Vec::new();
        for (value, tally) in by_value {
            if tally.documents < MIN_DOCUMENTS {
                other.merge(&tally);
            } else {
                reports.push(GroupReport::of(&value, GroupKind::Value, &tally));
            }
        }
        // Stable: groups of one size stay in the order of their names.
        reports.sort_by_key(|report| std::cmp::Reverse(report.documents));
        let unnamed =
            [("(other)", GroupKind::Other, &other), ("(none)", GroupKind::Missing, &missing)];
        let unnamed = unnamed.into_iter().filter(|(_, _, tally)| tally.documents > 0);
        reports.extend(unnamed.map(|(name, kind, tally)| GroupReport::of(name, kind, tally)));
        reports
    }
}

fn cut(value: &str) -> &str {
    value.char_indices().nth(NAME_CHARS).map_or(value, |(end, _)| &value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::decision::Decision;

    const RIGHT: Answer<'_> =
        Answer { probabilities: &[0.9, 0.1], assigned: &[], decision: Decision::Confident };

    /// Adds documents of topic 0 whose answer is right.
    fn add(groups: &mut Groups, value: Option<&str>, documents: usize) {
        for _ in 0..documents {
            groups.add(value, &RIGHT, &[0]);
        }
    }

    fn names(reports: &[GroupReport]) -> Vec<(&str, u64)> {
        reports.iter().map(|report| (report.name.as_str(), report.documents)).collect()
    }

    #[test]
    fn each_group_has_its_own_figures() {
        let mut groups = Groups::new(Labels::Single, 2);
        add(&mut groups, Some("good"), 11);
        for place in 0..10 {
            // Four are right; the six others are wrong, two of them called confident.
            let decision = if place < 6 { Decision::Confident } else { Decision::Uncertain };
            let answer = Answer { probabilities: &[0.3, 0.7], assigned: &[], decision };
            groups.add(Some("bad"), &answer, &[usize::from(place < 4)]);
        }
        let reports = groups.finish();
        assert_eq!(names(&reports), [("good", 11), ("bad", 10)]);
        let [good, bad] = &reports[..] else { panic!("two groups") };
        assert_eq!((good.accuracy, good.macro_f1, good.confident.right), (1.0, 1.0, 11));
        assert!((good.ece - 0.1).abs() < 1e-12);
        // By hand: all ten are called topic 1, which four are. F1 of it 8/14, of topic 0 none.
        assert_eq!((bad.accuracy, bad.micro_f1, bad.macro_f1), (0.4, 0.4, 8.0 / 14.0 / 2.0));
        assert!((bad.ece - 0.3).abs() < 1e-12, "{}", bad.ece);
        assert_eq!((bad.confident.coverage(10), bad.confident.precision()), (0.6, Some(4.0 / 6.0)));
    }

    #[test]
    fn small_groups_are_measured_together_behind_the_others() {
        let mut groups = Groups::new(Labels::Single, 2);
        for (value, documents) in
            [(Some("nine"), 9), (None, 12), (Some("b"), 10), (Some(" a "), 10), (Some("two"), 2)]
        {
            add(&mut groups, value, documents);
        }
        add(&mut groups, Some("  "), 1);
        let reports = groups.finish();
        assert_eq!(names(&reports), [("a", 10), ("b", 10), ("(other)", 11), ("(none)", 13)]);
        assert_eq!(reports[2].kind, GroupKind::Other);
        assert_eq!((reports[2].accuracy, reports[2].confident.documents), (1.0, 11));
    }

    #[test]
    fn the_number_of_groups_is_bounded() {
        let mut groups = Groups::new(Labels::Single, 2);
        for value in 0..=MAX_GROUPS {
            add(&mut groups, Some(&format!("value {value}")), 10);
        }
        add(&mut groups, Some("value 0"), 1);
        assert_eq!(groups.overflow(), 10);
        let reports = groups.finish();
        assert_eq!(reports.len(), MAX_GROUPS + 1);
        assert_eq!(names(&reports[..1]), [("value 0", 11)]);
        assert_eq!(names(&reports[MAX_GROUPS..]), [("(other)", 10)]);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let mut groups = Groups::new(Labels::Single, 2);
        add(&mut groups, Some(&"ż".repeat(500)), 10);
        assert_eq!(groups.finish()[0].name, "ż".repeat(100));
    }

    #[test]
    fn several_topics_are_measured_by_what_was_assigned() {
        let mut groups = Groups::new(Labels::Multiple, 2);
        let answer = |assigned| Answer {
            probabilities: &[0.9, 0.6],
            assigned,
            decision: Decision::Confident,
        };
        for _ in 0..5 {
            groups.add(Some("x"), &answer(&[0, 1]), &[0]);
            groups.add(Some("x"), &answer(&[0]), &[0, 1]);
        }
        let reports = groups.finish();
        // By hand. Topic 0: all ten right, 1. Topic 1: assigned to five, had by five others, 0.
        // Together 2*10/(15+15). Probabilities: 0.9 where all are right, 0.6 where half are.
        assert_eq!((reports[0].micro_f1, reports[0].macro_f1), (20.0 / 30.0, 0.5));
        assert!((reports[0].ece - (0.1 + 0.1) / 2.0).abs() < 1e-12, "{}", reports[0].ece);
    }
}
