//! The meaning of a text: the mean of its words' vectors.
//!
//! All arithmetic is on integers up to the last division, or on numbers that every machine rounds
//! alike, so that a meaning does not depend on the machine.

use super::word_vectors::{DIMENSIONS, WordVector};

/// The weight of the meaning in the similarity of two texts (docs/ranking.md has the
/// measurements).
const WEIGHT: f64 = 0.15;

/// The direction of the weighted mean of a text's word vectors, in 8 bits per dimension; all zero
/// for a text without known words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning(pub(super) WordVector);

impl Default for Meaning {
    fn default() -> Self {
        Self([0; DIMENSIONS])
    }
}

/// The sum of weighted word vectors. All of them together, with the greatest weights, fit into 32
/// bits; a text crafted of terms with equal fingerprints may wrap around, on every machine alike.
#[derive(Debug)]
pub(super) struct MeaningSum([i32; DIMENSIONS]);

impl Default for MeaningSum {
    fn default() -> Self {
        Self([0; DIMENSIONS])
    }
}

impl MeaningSum {
    /// Adds a word vector.
    #[inline]
    pub(super) fn add(&mut self, vector: &WordVector, weight: u32) {
        // A weight fits into 15 bits, and products of so few take a quarter of the time of others.
        let weight = weight as i16;
        for (sum, part) in self.0.iter_mut().zip(vector) {
            *sum = sum.wrapping_add(i32::from(weight) * i32::from(*part));
        }
    }

    /// The meaning: the sum, divided so that its largest part is 127.
    pub(super) fn meaning(&self) -> Meaning {
        let largest = self.0.iter().map(|part| part.unsigned_abs()).max().unwrap_or(0);
        if largest == 0 {
            return Meaning::default();
        }
        let scale = f64::from(i8::MAX) / f64::from(largest);
        Meaning(self.0.map(|part| (f64::from(part) * scale).round() as i8))
    }
}

impl Meaning {
    #[inline]
    fn product(&self, other: &Self) -> i32 {
        self.0.iter().zip(&other.0).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
    }
}

/// A meaning that is prepared for comparison with many others.
#[derive(Debug)]
pub(super) struct QueryMeaning {
    meaning: Meaning,
    square: i32,
}

impl From<Meaning> for QueryMeaning {
    fn from(meaning: Meaning) -> Self {
        Self { meaning, square: meaning.product(&meaning) }
    }
}

impl QueryMeaning {
    /// The cosine of two meanings, 0 where it is negative; None if one of the texts has none.
    #[inline]
    pub(super) fn cosine(&self, other: &Meaning) -> Option<f64> {
        let squares = f64::from(self.square) * f64::from(other.product(other));
        // The root of a rounded square is exact: the cosine of equal meanings is 1.
        let cosine = f64::from(self.meaning.product(other).max(0)) / squares.sqrt();
        (squares > 0.0).then_some(cosine.min(1.0))
    }
}

/// The similarity of two texts: the cosine of their term vectors, and that of their meanings where
/// both have one; 0 without a common term.
#[inline]
pub(super) fn similarity(cosine: f64, meaning: Option<f64>) -> f64 {
    match meaning {
        Some(meaning) if cosine > 0.0 => (1.0 - WEIGHT) * cosine + WEIGHT * meaning,
        _ => cosine,
    }
}

/// The meaning's part of a similarity.
pub(super) fn part(meaning: Option<f64>) -> f64 {
    meaning.map_or(0.0, |meaning| WEIGHT * meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(parts: &[(usize, i8, u32)]) -> Meaning {
        let mut sum = MeaningSum::default();
        for (dimension, value, weight) in parts {
            let mut vector = [0; DIMENSIONS];
            vector[*dimension] = *value;
            sum.add(&vector, *weight);
        }
        sum.meaning()
    }

    #[test]
    fn a_meaning_is_the_direction_of_the_weighted_sum() {
        // (2 * 100, -50, 40): 127 times (1, -0.25, 0.2).
        let found = meaning(&[(0, 100, 2), (1, -50, 1), (2, 10, 4)]);
        assert_eq!(found.0[..4], [127, -32, 25, 0]);
        assert_eq!(meaning(&[(0, 127, 9_999)]).0[0], 127);
        assert_eq!(meaning(&[(0, 5, 3), (0, -5, 3)]), Meaning::default());
    }

    #[test]
    fn the_cosine_is_that_by_hand_and_never_negative() {
        let [x, y, minus_x] =
            [&[(0, 1, 1)][..], &[(0, 1, 1), (1, 1, 1)], &[(0, -1, 1)]].map(meaning);
        let diagonal = QueryMeaning::from(x).cosine(&y).expect("both have a meaning");
        assert!((diagonal * diagonal - 0.5).abs() < 1e-9, "{diagonal}");
        assert_eq!([x, y].map(|one| QueryMeaning::from(one).cosine(&one)), [Some(1.0); 2]);
        let x = QueryMeaning::from(x);
        assert_eq!(x.cosine(&minus_x), Some(0.0));
        assert_eq!(x.cosine(&Meaning::default()), None);
    }

    #[test]
    fn equal_texts_have_similarity_1_with_or_without_a_meaning() {
        assert_eq!([similarity(1.0, Some(1.0)), similarity(1.0, None)], [1.0; 2]);
        assert_eq!(similarity(0.0, Some(0.9)), 0.0);
        // 0.85 * 0.5 + 0.15 * 0.25
        assert!((similarity(0.5, Some(0.25)) - 0.462_5).abs() < 1e-12);
    }
}
