//! Chooses the terms worth a row in the table: all words, and the terms that say most about the
//! topics.

use super::counts::LANES;
use super::inverted::{Inverted, Rank, Term};

/// What decides which terms are worth a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Selection {
    /// The least statistic that a pair was selected with; None where all were.
    least: Option<f64>,
    min_document_frequency: u32,
}

/// The most that are ever few.
const MAX_FEW: u32 = 16;

/// Down to this share of the least statistic pairs stay in the pool: without the documents of one
/// fold they might be selected.
const POOL_SHARE: f64 = 0.5;

/// Selects every word, and of all terms the `keep` with the highest chi-square statistic; None
/// keeps all.
///
/// The statistic is that of the contingency table of a term's presence against the topics, with the
/// continuity correction of Yates: the sum over the topics of `max(|observed - expected| - 1/2,
/// 0)^2 / expected`, where `observed` is the number of the topic's documents with the term and
/// `expected` what it would be if the term knew no topic. The correction matters: without it pairs
/// of two documents of one rare topic come out on top, and say nothing of a third. Of equal terms
/// the first by text is selected. Terms far from selected are dropped. (Yang and Pedersen, "A
/// Comparative Study on Feature Selection in Text Categorization", ICML 1997; Yates, 1934.)
///
/// Words in fewer than `min_document_frequency` documents may be there for [`words`], and are
/// dropped.
pub(super) fn keep_best(
    corpus: &mut Inverted,
    keep: Option<usize>,
    min_document_frequency: u32,
) -> Selection {
    let all = Selection { least: None, min_document_frequency };
    let is_frequent = |term: &Term| term.document_frequency >= min_document_frequency;
    let frequent = || corpus.terms().filter(|term| is_frequent(term));
    let (terms, pairs) = frequent()
        .fold((0, 0), |(terms, pairs), term| (terms + 1, pairs + usize::from(!term.is_word())));
    let Some(keep) = keep.filter(|&keep| terms > keep && pairs > 0) else {
        corpus.terms_mut().for_each(|term| {
            term.rank = if is_frequent(term) { Rank::Selected } else { Rank::Dropped }
        });
        return all;
    };
    let mut statistics: Vec<f64> = frequent().map(|term| term.statistic).collect();
    // None is selected by a statistic that none reaches.
    let (mut least, mut last) = (f64::INFINITY, (0, 0));
    if let Some(place) = keep.checked_sub(1) {
        least = *statistics.select_nth_unstable_by(place, |a, b| b.total_cmp(a)).1;
        // So many of those of the least one, by their texts.
        let ties = keep - statistics.iter().filter(|&&statistic| statistic > least).count();
        let mut tied: Vec<(u32, u32)> =
            frequent().filter(|term| term.statistic == least).map(Term::key).collect();
        last = *tied.select_nth_unstable(ties - 1).1;
    }
    for term in corpus.terms_mut() {
        let is_best = term.statistic > least || term.statistic == least && term.key() <= last;
        let is_selected = term.is_word() || is_best;
        let is_in_pool = term.statistic >= POOL_SHARE * least;
        term.rank = match (is_frequent(term), is_selected, is_in_pool) {
            (true, true, _) => Rank::Selected,
            (true, false, true) => Rank::Pool,
            _ => Rank::Dropped,
        };
    }
    Selection { least: Some(least), ..all }
}

/// Selects every word of so many documents, and no pair.
pub(super) fn words(corpus: &mut Inverted, min_document_frequency: u32) -> Selection {
    for term in corpus.terms_mut() {
        let is_selected = term.is_word() && term.document_frequency >= min_document_frequency;
        term.rank = if is_selected { Rank::Selected } else { Rank::Dropped };
    }
    Selection { least: None, min_document_frequency }
}

/// What there is of a corpus without the documents of one fold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rest {
    /// How many of the corpus's documents.
    pub(super) share: f64,
    /// How many documents of each topic.
    pub(super) sizes: TopicSizes,
}

impl Selection {
    pub(super) fn min_document_frequency(&self) -> u32 {
        self.min_document_frequency
    }

    /// Whether a term would have been selected, had `rest` been all there is of the corpus: what
    /// was chosen with the held-out documents in sight must not be used on them. A statistic grows
    /// with the documents, and so does the least. `presence`: in how many documents of the rest it
    /// occurs, by topic, and `document_frequency` in all of them.
    #[inline(always)]
    pub(super) fn would_keep(
        &self,
        term: &Term,
        rest: &Rest,
        presence: &[u32],
        document_frequency: u32,
    ) -> bool {
        if document_frequency < self.min_document_frequency {
            return false;
        }
        match self.least {
            Some(least) if !term.is_word() => rest.sizes.chi_square(presence) >= least * rest.share,
            _ => true,
        }
    }
}

/// How many documents each topic has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TopicSizes {
    /// By topic, its share of them all.
    shares: Vec<[f64; LANES]>,
    /// In so many topics of documents or fewer, a term is expected in less than half a document of
    /// any topic.
    few: u32,
}

impl TopicSizes {
    pub(super) fn new(sizes: &[u64]) -> Self {
        let sum = sizes.iter().sum::<u64>().max(1) as f64;
        let lanes = |sizes: &[u64]| {
            std::array::from_fn(|lane| sizes.get(lane).map_or(0.0, |&size| size as f64 / sum))
        };
        let largest = sizes.iter().max().map_or(0.0, |&size| size as f64 / sum);
        let few = (1..=MAX_FEW).rev().find(|&few| f64::from(few) * largest <= 0.5).unwrap_or(0);
        Self { shares: sizes.chunks(LANES).map(lanes).collect(), few }
    }

    /// Whether the statistic of a term of so many topics of documents has no part from topics
    /// without the term: the correction of Yates is more than what is expected of them.
    pub(super) fn counts_observed_only(&self, total: u32) -> bool {
        total <= self.few
    }

    /// [`Self::chi_square`] of a term that is in documents of these topics, each as often as there
    /// are such; None where there are too many. They are put in order.
    pub(super) fn chi_square_of_few(&self, topics: &mut [u32]) -> Option<f64> {
        if !self.counts_observed_only(topics.len() as u32) {
            return None;
        }
        topics.sort_unstable();
        let total = topics.len() as f64;
        let part = |documents: &[u32]| {
            let topic = documents[0] as usize;
            part(documents.len() as f64, total * self.shares[topic / LANES][topic % LANES])
        };
        Some(topics.chunk_by(|a, b| a == b).fold(0.0, |sum, documents| sum + part(documents)))
    }

    /// The statistic of one term, which is in so many documents of each topic. `observed` is
    /// padded, as [`super::counts::padded`] says.
    #[inline(always)]
    pub(super) fn chi_square(&self, observed: &[u32]) -> f64 {
        let total = observed.iter().sum::<u32>() as f64;
        let mut sum = 0.0;
        for (observed, shares) in observed.as_chunks::<LANES>().0.iter().zip(&self.shares) {
            // Apart from the sum, whose order matters: so the divisions are made several at a time.
            let mut parts = [0.0; LANES];
            for ((out, &count), share) in parts.iter_mut().zip(observed).zip(shares) {
                *out = part(f64::from(count), total * share);
            }
            sum = parts.iter().fold(sum, |sum, part| sum + part);
        }
        sum
    }
}

/// What a topic adds to the statistic; nothing where nothing is expected of it.
#[inline(always)]
fn part(observed: f64, expected: f64) -> f64 {
    let difference = ((observed - expected).abs() - 0.5).max(0.0);
    let quotient = difference * difference / expected;
    if expected > 0.0 { quotient } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_documents_have_the_statistic_of_any() {
        let sizes = TopicSizes::new(&[10, 90, 100, 80, 110, 0, 70, 100, 95, 85]);
        for topics in [vec![0], vec![5], vec![9, 0], vec![1, 1], vec![4, 3, 4], vec![8, 2, 9]] {
            let mut observed = [0; 2 * LANES];
            topics.iter().for_each(|&topic: &u32| observed[topic as usize] += 1);
            assert_eq!(
                sizes.chi_square_of_few(&mut topics.clone()),
                Some(sizes.chi_square(&observed)),
                "{topics:?}"
            );
        }
        assert_eq!(sizes.chi_square_of_few(&mut [1; 5]), None);
    }

    #[test]
    fn two_documents_of_a_rare_topic_weigh_less_than_many_of_a_common_one() {
        let sizes = TopicSizes::new(&[10, 490, 500]);
        let chi_square = |observed: [u32; 3]| {
            let mut lanes = [0; LANES];
            lanes[..3].copy_from_slice(&observed);
            sizes.chi_square(&lanes)
        };
        // By hand: expected 0.02, 0.98, 1; (1.98 - 0.5)^2 / 0.02 + (0.98 - 0.5)^2 / 0.98 + (1 -
        // 0.5)^2 / 1.
        assert!(
            (chi_square([2, 0, 0]) - (1.48f64.powi(2) / 0.02 + 0.48f64.powi(2) / 0.98 + 0.25))
                .abs()
                < 1e-9
        );
        assert!(chi_square([2, 0, 0]) < chi_square([0, 200, 0]));
        assert_eq!(chi_square([0, 1, 1]), 0.0);
    }
}
