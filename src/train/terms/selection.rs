//! Selects the terms of the model: all words, and the terms that say most about the topics.

use super::chi_square::TopicSizes;
use super::vocabulary::{Status, Term, Vocabulary};

/// Down to this share of the least statistic of a selected pair, pairs remain candidates: without
/// the documents of one fold they might be selected.
const CANDIDATE_SHARE: f64 = 0.5;

/// The rule by which terms were selected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Selection {
    /// The least statistic of a selected pair; None where all pairs were selected.
    least_statistic: Option<f64>,
    pub(crate) min_document_frequency: u32,
}

/// Selects every word, and of all terms the `keep` with the highest chi-square statistic; None
/// keeps all. Of equal terms the first by text is selected.
///
/// Words in fewer than `min_document_frequency` documents may be there for [`words_only`], and are
/// dropped. (Yang and Pedersen, "A Comparative Study on Feature Selection in Text Categorization",
/// ICML 1997.)
pub(crate) fn keep_best(
    vocabulary: &mut Vocabulary,
    keep: Option<usize>,
    min_document_frequency: u32,
) -> Selection {
    let is_frequent = |term: &Term| term.document_frequency >= min_document_frequency;
    let terms = &mut vocabulary.terms;
    let mut ranked: Vec<(f64, usize)> = (0..terms.len())
        .filter(|&number| is_frequent(&terms[number]))
        .map(|number| (terms[number].statistic, number))
        .collect();
    let has_pairs = ranked.iter().any(|&(_, number)| !terms[number].is_word());
    let Some(keep) = keep.filter(|&keep| ranked.len() > keep && has_pairs) else {
        for term in terms {
            term.status = if is_frequent(term) { Status::Selected } else { Status::Dropped };
        }
        return Selection { least_statistic: None, min_document_frequency };
    };
    // Better ones first, of equal ones the first by text.
    let order = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    // No pair is selected by a statistic that none reaches.
    let mut last = (f64::INFINITY, 0);
    if let Some(place) = keep.checked_sub(1) {
        last = *ranked.select_nth_unstable_by(place, order).1;
    }
    for (number, term) in terms.iter_mut().enumerate() {
        let is_best = order(&(term.statistic, number), &last).is_le();
        term.status = if !is_frequent(term) {
            Status::Dropped
        } else if term.is_word() || is_best {
            Status::Selected
        } else if term.statistic >= CANDIDATE_SHARE * last.0 {
            Status::Candidate
        } else {
            Status::Dropped
        };
    }
    Selection { least_statistic: Some(last.0), min_document_frequency }
}

/// Selects every word in so many documents, and no pair.
pub(crate) fn words_only(vocabulary: &mut Vocabulary, min_document_frequency: u32) -> Selection {
    for term in &mut vocabulary.terms {
        let is_selected = term.is_word() && term.document_frequency >= min_document_frequency;
        term.status = if is_selected { Status::Selected } else { Status::Dropped };
    }
    Selection { least_statistic: None, min_document_frequency }
}

/// What a corpus is without the documents of one fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remainder {
    /// Which share of all documents.
    pub(crate) share: f64,
    pub(crate) sizes: TopicSizes,
}

impl Selection {
    /// Whether a term would have been selected from `remainder` alone: what was chosen with the
    /// held-out documents in sight must not be used on them. Statistics grow with the documents,
    /// and so does the least one. `presence`: in how many of the remaining documents the term
    /// occurs, by topic, and `document_frequency` in all of them.
    #[inline(always)]
    pub(crate) fn would_keep(
        &self,
        term: &Term,
        remainder: &Remainder,
        presence: &[u32],
        document_frequency: u32,
    ) -> bool {
        if document_frequency < self.min_document_frequency {
            return false;
        }
        match self.least_statistic {
            Some(least) if !term.is_word() => {
                remainder.sizes.chi_square(presence) >= least * remainder.share
            }
            _ => true,
        }
    }
}
