//! From which probability on an answer is confident.

use crate::train::folds::FOLDS;

/// An answer of a lower probability is more likely wrong than right by its own account.
const LEAST_PROBABILITY: f64 = 0.5;

/// The most probable topic of a held-out document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Top {
    pub(super) probability: f64,
    pub(super) is_right: bool,
    pub(super) part: u8,
}

/// From which probabilities on answers were right often enough.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Confidence {
    /// Probabilities, descending, each with how many held-out documents reach it.
    steps: Vec<(f64, usize)>,
    /// Whether answers were right often enough, but too few to show it.
    is_unproven: bool,
}

/// When an answer is confident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    /// From this probability on; 1 where no answer is.
    pub(super) probability: f64,
    /// How many held-out documents reach it.
    pub(super) document_count: usize,
    /// What keeps the probability from being lower.
    pub(super) limit: Option<Limit>,
}

/// Why fewer answers are confident than were right often enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// Text without evidence could get as much as the less probable ones, or they are wrong more
    /// likely than right by their own account.
    NoEvidence,
    /// The held-out documents are too few to show the precision.
    TooFewDocuments,
}

/// From which top probabilities on the share of right answers is at least `target`: over all parts
/// by the lower bound of Wilson's interval, which few documents cannot reach even if all are right;
/// and in no part is it below the target by more than its standard error.
pub(super) fn confidence(tops: &mut [Top], target: f64) -> Confidence {
    tops.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let mut confidence = Confidence::default();
    let mut counts = [(0u64, 0u64); FOLDS];
    let mut right = 0;
    for (place, top) in tops.iter().enumerate() {
        let (right_of_part, taken) = &mut counts[usize::from(top.part)];
        *right_of_part += u64::from(top.is_right);
        *taken += 1;
        right += u64::from(top.is_right);
        // Only between different probabilities: a threshold cannot part equal ones.
        let is_last_of_equals =
            tops.get(place + 1).is_none_or(|next| next.probability < top.probability);
        let agree = |&(right, taken): &(u64, u64)| agrees(right as f64, taken as f64, target);
        if !is_last_of_equals || !counts.iter().all(agree) {
            continue;
        }
        if lower_bound(right as f64, (place + 1) as f64) < target {
            confidence.is_unproven = true;
        } else {
            confidence.steps.push((top.probability, place + 1));
        }
    }
    confidence
}

impl Confidence {
    /// The lowest threshold above what text without evidence gets.
    pub(super) fn threshold(&self, without_evidence: f64) -> Threshold {
        let is_above = |&(probability, _): &(f64, usize)| {
            probability >= LEAST_PROBABILITY && probability > without_evidence
        };
        let usable = self.steps.partition_point(is_above);
        let limit = if usable < self.steps.len() {
            Some(Limit::NoEvidence)
        } else if self.steps.is_empty() && self.is_unproven {
            Some(Limit::TooFewDocuments)
        } else {
            None
        };
        // A threshold of 1 means that no answer is confident.
        let best = usable.checked_sub(1).map(|last| self.steps[last]);
        let (probability, document_count) = best.unwrap_or((1.0, 0));
        let never = document_count == 0;
        let probability = if never { 1.0 } else { probability.min(1.0_f64.next_down()) };
        Threshold { probability, document_count, limit }
    }
}

/// Whether a share of `right` of `taken`, and its standard error, reach `target`; so if nothing was
/// taken.
fn agrees(right: f64, taken: f64, target: f64) -> bool {
    let deviation = (right * (taken - right) / taken.max(1.0)).sqrt();
    right + deviation >= target * taken
}

/// The lower end of the interval of one standard error around a share of `right` of `taken`; of
/// `n` that are all right it is `n / (n + 1)`. (Wilson, "Probable inference, the law of succession,
/// and statistical inference", JASA 1927.)
fn lower_bound(right: f64, taken: f64) -> f64 {
    let share = right / taken;
    let spread = (share * (1.0 - share) / taken + 0.25 / (taken * taken)).sqrt();
    (share + 0.5 / taken - spread) / (1.0 + 1.0 / taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tops(tops: &[(f64, bool, u8)]) -> Vec<Top> {
        let top = |&(probability, is_right, part)| Top { probability, is_right, part };
        tops.iter().map(top).collect()
    }

    fn found(tops: &mut [Top], target: f64) -> (f64, usize, Option<Limit>) {
        threshold(tops, target, 0.0)
    }

    fn threshold(tops: &mut [Top], target: f64, without: f64) -> (f64, usize, Option<Limit>) {
        let Threshold { probability, document_count, limit } =
            confidence(tops, target).threshold(without);
        (probability, document_count, limit)
    }

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_precision() {
        let mut one_part = tops(&[
            (0.9, true, 0),
            (0.8, true, 0),
            (0.7, false, 0),
            (0.6, true, 0),
            (0.6, true, 0),
            (0.5, false, 0),
        ]);
        // At 0.6 four of five are right: (0.8 + 0.1 - sqrt(0.032 + 0.01)) / 1.2 = 0.58. At 0.8: 2
        // of 2, 2 / 3.
        assert_eq!(found(&mut one_part, 0.57), (0.6, 5, None));
        assert_eq!(found(&mut one_part, 0.6), (0.8, 2, None));
        assert_eq!(found(&mut one_part, 0.67), (1.0, 0, Some(Limit::TooFewDocuments)));
        assert_eq!(found(&mut tops(&[(0.9, false, 0)]), 0.9), (1.0, 0, None));
    }

    #[test]
    fn the_threshold_holds_in_each_part() {
        // Over both parts two of three are right at 0.7; in the second none is.
        let mut two_parts = tops(&[(0.9, true, 0), (0.8, true, 0), (0.7, false, 1)]);
        assert_eq!(found(&mut two_parts, 0.4), (0.8, 2, None));
        // Within its standard error a part may be below: 9 of 10 here, and all of the other one.
        let part = |part, wrong| (0..10).map(move |n| (0.9, n >= wrong, part));
        let mut near = tops(&part(0, 0).chain(part(1, 1)).collect::<Vec<_>>());
        assert_eq!(found(&mut near, 0.86), (0.9, 20, None));
    }

    #[test]
    fn few_documents_cannot_show_a_high_precision() {
        // 18 / 19 is below 0.95, and 19 / 20 is 0.95.
        let all_right = |count| tops(&vec![(0.9, true, 0); count]);
        assert_eq!(found(&mut all_right(18), 0.95).2, Some(Limit::TooFewDocuments));
        assert_eq!(found(&mut all_right(20), 0.95), (0.9, 20, None));
    }

    #[test]
    fn the_threshold_is_above_what_text_without_evidence_gets() {
        let limit = Some(Limit::NoEvidence);
        let mut all_right = tops(&[vec![(0.9, true, 0); 30], vec![(0.05, true, 0); 30]].concat());
        assert_eq!(threshold(&mut all_right, 0.95, 0.04), (0.9, 30, limit));
        assert_eq!(threshold(&mut all_right, 0.95, 0.9), (1.0, 0, limit));
        assert_eq!(found(&mut tops(&[(0.45, true, 0); 60]), 0.95), (1.0, 0, limit));
    }

    #[test]
    fn what_holds_below_the_floor_need_not_hold_above() {
        let mut tops = tops(
            &[vec![(0.9, true, 0); 100], vec![(0.6, false, 0); 20], vec![(0.45, true, 0); 1_000]]
                .concat(),
        );
        assert_eq!(found(&mut tops, 0.95), (0.9, 100, Some(Limit::NoEvidence)));
    }

    #[test]
    fn a_threshold_of_one_that_was_earned_is_not_the_one_that_none_reaches() {
        let (probability, count, _) = found(&mut tops(&[(1.0, true, 0); 40]), 0.95);
        assert!(probability < 1.0 && count == 40);
    }
}
