//! Chooses the terms worth a row in the table: all words, and the terms that say most about the topics.

use super::counts::LANES;
use super::inverted::{Inverted, Rank, Term};

/// What decides which terms are worth a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Selection {
    /// The least statistic that a pair was selected with; None where all were.
    least: Option<f64>,
    min_document_frequency: u32,
}

/// Down to this share of the least statistic pairs stay in the pool: without the documents of one fold they might be selected.
const POOL_SHARE: f64 = 0.5;

/// Selects every word, and of all terms the `keep` with the highest chi-square statistic; None keeps all.
///
/// The statistic is that of the contingency table of a term's presence against the topics, with the continuity correction of
/// Yates: the sum over the topics of `max(|observed - expected| - 1/2, 0)^2 / expected`, where `observed` is the number of the
/// topic's documents with the term and `expected` what it would be if the term knew no topic. The correction matters: without it
/// pairs of two documents of one rare topic come out on top, and say nothing of a third. Of equal terms the first by text is
/// selected. Terms far from selected are dropped. (Yang and Pedersen, "A Comparative Study on Feature Selection in Text Categorization", ICML 1997; Yates, 1934.)
///
/// Words in fewer than `min_document_frequency` documents may be there for [`words`], and are dropped.
pub(super) fn keep_best(corpus: &mut Inverted, keep: Option<usize>, min_document_frequency: u32) -> Selection {
    let all = Selection { least: None, min_document_frequency };
    let is_frequent = |term: &Term| term.document_frequency >= min_document_frequency;
    let frequent = || corpus.terms().filter(|term| is_frequent(term));
    let (terms, pairs) = frequent().fold((0, 0), |(terms, pairs), term| (terms + 1, pairs + usize::from(!term.is_word())));
    let Some(keep) = keep.filter(|&keep| terms > keep && pairs > 0) else {
        corpus.terms_mut().for_each(|term| term.rank = if is_frequent(term) { Rank::Selected } else { Rank::Dropped });
        return all;
    };
    let mut order: Vec<(f64, (u32, u32))> = frequent().map(|term| (term.statistic, term.key())).collect();
    // None is selected by a statistic that none reaches.
    let mut last = (f64::INFINITY, (0, 0));
    let by_rank = |a: &(f64, (u32, u32)), b: &(f64, (u32, u32))| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if let Some(place) = keep.checked_sub(1) {
        last = *order.select_nth_unstable_by(place, by_rank).1;
    }
    let least = last.0;
    for term in corpus.terms_mut() {
        let is_selected = term.is_word() || by_rank(&(term.statistic, term.key()), &last).is_le();
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

    /// Whether a term would have been selected, had `rest` been all there is of the corpus: what was chosen with the held-out documents in
    /// sight must not be used on them. A statistic grows with the documents, and so does the least. `presence`: in how many documents of
    /// the rest it occurs, by topic, and `document_frequency` in all of them.
    #[inline(always)]
    pub(super) fn would_keep(&self, term: &Term, rest: &Rest, presence: &[u32], document_frequency: u32) -> bool {
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
}

impl TopicSizes {
    pub(super) fn new(sizes: &[u64]) -> Self {
        let sum = sizes.iter().sum::<u64>().max(1) as f64;
        let lanes = |sizes: &[u64]| std::array::from_fn(|lane| sizes.get(lane).map_or(0.0, |&size| size as f64 / sum));
        Self { shares: sizes.chunks(LANES).map(lanes).collect() }
    }

    /// The statistic of one term, which is in so many documents of each topic. `observed` is padded, as [`super::counts::padded`] says.
    #[inline(always)]
    pub(super) fn chi_square(&self, observed: &[u32]) -> f64 {
        let total = observed.iter().sum::<u32>() as f64;
        let mut sum = 0.0;
        for (observed, shares) in observed.as_chunks::<LANES>().0.iter().zip(&self.shares) {
            // Apart from the sum, whose order matters: so the divisions are made several at a time.
            let mut parts = [0.0; LANES];
            for ((part, &count), share) in parts.iter_mut().zip(observed).zip(shares) {
                let expected = total * share;
                let difference = ((f64::from(count) - expected).abs() - 0.5).max(0.0);
                let quotient = difference * difference / expected;
                *part = if expected > 0.0 { quotient } else { 0.0 };
            }
            sum = parts.iter().fold(sum, |sum, part| sum + part);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_documents_of_a_rare_topic_weigh_less_than_many_of_a_common_one() {
        let sizes = TopicSizes::new(&[10, 490, 500]);
        let chi_square = |observed: [u32; 3]| {
            let mut lanes = [0; LANES];
            lanes[..3].copy_from_slice(&observed);
            sizes.chi_square(&lanes)
        };
        // By hand: expected 0.02, 0.98, 1; (1.98 - 0.5)^2 / 0.02 + (0.98 - 0.5)^2 / 0.98 + (1 - 0.5)^2 / 1.
        assert!((chi_square([2, 0, 0]) - (1.48f64.powi(2) / 0.02 + 0.48f64.powi(2) / 0.98 + 0.25)).abs() < 1e-9);
        assert!(chi_square([2, 0, 0]) < chi_square([0, 200, 0]));
        assert_eq!(chi_square([0, 1, 1]), 0.0);
    }
}
