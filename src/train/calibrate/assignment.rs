//! From which probability on a topic is assigned, where a document may have several.

use crate::train::folds::{HeldOut, ScoreTable};

/// Below this best F1 there is too little to go by, and a threshold that admits hundreds does more
/// harm than one that admits none.
const LEAST_F1: f64 = 0.3;

/// The probability from which to assign a topic: where F1 over the held-out documents is highest.
/// Where even that is low (a topic of one or two documents), the highest probability seen.
/// (Yang, "A study of thresholding strategies for text categorization", SIGIR 2001: SCutFBR.)
pub(super) fn best_threshold(documents: &[HeldOut], table: &ScoreTable, topic: usize) -> f64 {
    let mut ranked: Vec<(f32, bool)> = documents
        .iter()
        .enumerate()
        .map(|(place, document)| (table.row(place)[topic], document.topics.contains(&topic)))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = ranked.iter().filter(|(_, is_right)| *is_right).count();
    let mut right = 0;
    let (mut best_f1, mut cut) = (0.0, 0);
    for (place, &(score, is_right)) in ranked.iter().enumerate() {
        right += usize::from(is_right);
        let f1 = 2.0 * right as f64 / (place + 1 + positives) as f64;
        if f1 > best_f1 && ranked.get(place + 1).is_none_or(|next| next.0 < score) {
            (best_f1, cut) = (f1, place);
        }
    }
    let score = |place: usize| ranked.get(place).map_or(0.0, |(score, _)| f64::from(*score));
    // In the middle between the last that is taken and the first that is not.
    let threshold = if best_f1 < LEAST_F1 {
        score(0)
    } else {
        f64::midpoint(score(cut), score((cut + 1).min(ranked.len() - 1)))
    };
    1.0 / (1.0 + libm::exp(-threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::folds::held_out;

    #[test]
    fn a_topics_threshold_lies_where_f1_is_highest() {
        // Cutting after the second takes both that are right and none that is not: F1 is 1, and the
        // middle is at 1.5.
        let rows: [(&[usize], &[f32]); 4] =
            [(&[0], &[3.0]), (&[0], &[2.0]), (&[], &[1.0]), (&[], &[0.0])];
        let (documents, table) = held_out(&rows);
        assert!(
            (best_threshold(&documents, &table, 0) - 1.0 / (1.0 + (-1.5f64).exp())).abs() < 1e-12
        );
    }

    #[test]
    fn a_topic_that_cannot_be_told_is_assigned_to_next_to_nothing() {
        let mut rows: Vec<(&[usize], &[f32])> = vec![(&[], &[1.0]); 30];
        rows.push((&[], &[2.0]));
        rows.push((&[0], &[0.0]));
        let (documents, table) = held_out(&rows);
        assert!(
            (best_threshold(&documents, &table, 0) - 1.0 / (1.0 + (-2f64).exp())).abs() < 1e-12
        );
    }
}
