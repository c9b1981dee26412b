//! Deals the documents to the folds of the cross-validation.

use super::Recipe;
use super::inverted::Inverted;
use crate::corpus::Ordinal;

/// Into how many folds the corpus is parted.
pub(super) const FOLDS: usize = 5;
/// The fold of a document that is never held out.
pub(super) const NEVER: u8 = FOLDS as u8;
/// The most documents that are held out: of a larger corpus a sample, so that memory does not grow with the corpus.
const MAX_HELD_OUT: u64 = 100_000;
/// The same where nothing is to be chosen: what is left to learn are a scale and the thresholds, and how good the model is.
const MAX_HELD_OUT_FIXED: u64 = 16_384;
/// And the most scores, documents times topics.
const MAX_SCORES: u64 = 8 << 20;

/// Which document is held out with which fold.
#[derive(Debug)]
pub(super) struct Folds {
    /// By document; [`NEVER`] or less.
    of_document: Vec<u8>,
    /// The documents that are held out, in the order of the corpus.
    held_out: Vec<u32>,
}

impl Folds {
    /// Deals the documents of each topic (the first one, where a document has several; those without one) to the folds in turn, in an order
    /// that only the seed decides.
    pub(super) fn deal(corpus: &Inverted, seed: u64, recipe: Recipe) -> Self {
        let most = if recipe == Recipe::Auto { MAX_HELD_OUT } else { MAX_HELD_OUT_FIXED };
        let most = most.min(MAX_SCORES / corpus.topics.len().max(1) as u64);
        let share = most as f64 / corpus.document_count().max(1) as f64;
        let limit = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
        let mut chosen: Vec<(u32, u64, Ordinal, u32)> = (corpus.ordinals.iter().zip(0..))
            .filter_map(|(&ordinal, document)| {
                let key = shuffled(seed, ordinal);
                let topic = corpus.document_topics.of(document).first().copied().unwrap_or(u32::MAX);
                (key <= limit).then_some((topic, key, ordinal, document))
            })
            .collect();
        chosen.sort_unstable();
        let mut of_document = vec![NEVER; corpus.document_count()];
        // The deal goes on from topic to topic, so that many rare topics do not all start with the first fold.
        for (&(.., document), fold) in chosen.iter().zip((0..NEVER).cycle()) {
            of_document[document as usize] = fold;
        }
        let mut held_out: Vec<u32> = chosen.into_iter().map(|(.., document)| document).collect();
        held_out.sort_unstable_by_key(|&document| corpus.ordinals[document as usize]);
        Self { of_document, held_out }
    }

    /// The fold that a document is held out with, below [`FOLDS`], or [`NEVER`].
    #[inline]
    pub(super) fn of(&self, document: u32) -> usize {
        self.of_document[document as usize].into()
    }

    /// The documents that are held out, in the order of the corpus.
    pub(super) fn held_out(&self) -> &[u32] {
        &self.held_out
    }
}

/// A number that looks random and is not (SplitMix64; Steele, Lea and Flood, 2014).
pub(super) fn shuffled(seed: u64, ordinal: Ordinal) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ordinal;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_depends_on_the_seed_and_spreads() {
        assert_ne!(shuffled(1, 5), shuffled(2, 5));
        let low = (0..10_000).filter(|&ordinal| shuffled(1, ordinal) < u64::MAX / 4).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }
}
