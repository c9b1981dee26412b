//! Which document is held out with which fold.

use super::copies::Copies;
use crate::train::collection::Collection;

/// The number of folds.
pub(crate) const FOLDS: usize = 5;
/// The fold of a document that is never held out.
const NEVER: u8 = FOLDS as u8;
/// The most documents that are held out. A larger corpus is sampled, so that memory does not grow
/// with it.
const MAX_HELD_OUT: u64 = 40_960;
/// A fifth of a corpus with at least this many documents is held out as a single fold: one model
/// instead of five then scores enough documents to learn from.
const ENOUGH_OF_ONE_FOLD: u64 = 8_192;
/// The most documents of the single fold.
const MAX_OF_ONE_FOLD: u64 = 16_384;
/// Seeds samples of held-out documents.
const SAMPLE_SEED: u64 = 2;
/// The most scores, documents times topics.
const MAX_SCORES: u64 = 8 << 20;

/// Which document is held out with which fold.
#[derive(Debug)]
pub(crate) struct Folds {
    /// Per document: the part, of [`FOLDS`], that it is dealt to, or [`NEVER`].
    parts: Vec<u8>,
    /// Whether all parts are held out together, as fold 0; otherwise each part is a fold.
    is_one: bool,
    /// The held-out documents, in corpus order.
    held_out: Vec<u32>,
}

impl Folds {
    /// Deals the documents to the parts in an order that depends on the seed alone, copies of each
    /// other to the same part, and about as many documents of each topic to every part. A document
    /// counts for its first topic; documents without one count as a topic of their own.
    pub(crate) fn deal(collection: &Collection<'_>, copies: &Copies, seed: u64) -> Self {
        let document_count = collection.document_count();
        let topic_count = collection.topics.len();
        let (most, is_one) = extent(document_count as u64, topic_count as u64);
        let share = most as f64 / document_count.max(1) as f64;
        let limit = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
        // Groups of copies by topic and random key, each a range of documents.
        let mut chosen: Vec<(u32, u64, usize, u32)> = (0..document_count as u32)
            .filter_map(|document| {
                let first = copies.first(document as usize);
                let key = shuffled(seed, first as u64);
                let topic = collection.document_topics.get(first).first();
                let topic = topic.map_or(topic_count as u32, |&topic| topic);
                (key <= limit).then_some((topic, key, first, document))
            })
            .collect();
        chosen.sort_unstable();
        let mut parts = vec![NEVER; document_count];
        let mut sizes = [0; FOLDS];
        for of_topic in chosen.chunk_by(|a, b| a.0 == b.0) {
            let mut of_topic_sizes = [0; FOLDS];
            for group in of_topic.chunk_by(|a, b| a.2 == b.2) {
                // The part with the fewest documents of the topic, of equals that with the fewest
                // of all: so not all rare topics start with the first part.
                let part = (0..FOLDS).min_by_key(|&part| (of_topic_sizes[part], sizes[part]));
                let part = part.unwrap_or(0);
                of_topic_sizes[part] += group.len();
                sizes[part] += group.len();
                for &(.., document) in group {
                    parts[document as usize] = part as u8;
                }
            }
        }
        let mut held_out: Vec<u32> = chosen.into_iter().map(|(.., document)| document).collect();
        held_out.sort_unstable();
        Self { parts, is_one, held_out }
    }

    /// The fold that a document is held out with, below [`FOLDS`], or [`NEVER`].
    #[inline]
    pub(crate) fn of(&self, document: u32) -> usize {
        match self.parts[document as usize] {
            0..NEVER if self.is_one => 0,
            part => part.into(),
        }
    }

    /// Whether a document is held out with any fold.
    #[inline]
    pub(crate) fn is_held_out(&self, document: u32) -> bool {
        self.parts[document as usize] != NEVER
    }

    /// Whether a fold has any documents.
    pub(crate) fn has(&self, fold: usize) -> bool {
        self.held_out.iter().any(|&document| self.of(document) == fold)
    }

    /// Which of [`FOLDS`] parts a document that is held out was dealt to.
    pub(crate) fn part(&self, document: u32) -> u8 {
        self.parts[document as usize]
    }

    /// The held-out documents, in corpus order.
    pub(crate) fn held_out(&self) -> &[u32] {
        &self.held_out
    }
}

/// The most documents to hold out, and whether as a single fold.
fn extent(document_count: u64, topic_count: u64) -> (u64, bool) {
    let most = MAX_HELD_OUT.min(MAX_SCORES / topic_count.max(1));
    let in_one = most.min(MAX_OF_ONE_FOLD).min(document_count / FOLDS as u64);
    if in_one >= ENOUGH_OF_ONE_FOLD { (in_one, true) } else { (most, false) }
}

/// A number that looks random and is not (SplitMix64; Steele, Lea and Flood, 2014).
pub(crate) fn shuffled(seed: u64, document: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ document;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// At most `most` of some ascending numbers, drawn at random; ascending.
pub(crate) fn sampled(mut numbers: Vec<usize>, most: usize) -> Vec<usize> {
    if numbers.len() > most {
        numbers.sort_unstable_by_key(|&number| shuffled(SAMPLE_SEED, !(number as u64)));
        numbers.truncate(most);
        numbers.sort_unstable();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fold_is_enough_of_a_large_corpus() {
        assert_eq!(extent(40_959, 13), (40_960, false));
        assert_eq!(extent(40_960, 13), (8_192, true));
        assert_eq!(extent(1_000_000, 13), (16_384, true));
        assert_eq!(extent(1_000_000, 2_000), (4_194, false));
    }

    #[test]
    fn a_sample_is_of_all_kinds_whatever_the_order() {
        let sample = sampled((0..10_000).collect(), 2_000);
        assert_eq!(sample.len(), 2_000);
        assert!(sample.is_sorted());
        let even = sample.iter().filter(|number| **number % 2 == 0).count();
        assert!((900..1_100).contains(&even), "{even}");
        assert_eq!(sampled(vec![3, 5], 2), [3, 5]);
    }

    #[test]
    fn shuffling_depends_on_the_seed_and_spreads() {
        assert_ne!(shuffled(1, 5), shuffled(2, 5));
        let low = (0..10_000).filter(|&document| shuffled(1, document) < u64::MAX / 4).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }
}
