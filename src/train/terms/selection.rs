//! Selects the terms of the model: all words, and the terms most indicative of topics.

use super::chi_square::TopicSizes;
use super::vocabulary::{Status, Term, Vocabulary};

/// Pairs whose statistic reaches this share of the least selected one remain candidates: without
/// the documents of one fold they might be selected.
const CANDIDATE_SHARE: f64 = 0.5;

/// The rule by which terms were selected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Selection {
    /// The least statistic of a selected pair; None if all pairs were selected.
    least_statistic: Option<f64>,
    pub(crate) min_document_frequency: u32,
}

/// Selects every word, and the `keep` terms with the highest chi-square statistic; None selects
/// all. Ties go to the term whose text sorts first.
///
/// Drops words in fewer than `min_document_frequency` documents, which are only for
/// [`words_only`]. (Yang and Pedersen, "A Comparative Study on Feature Selection in Text
/// Categorization", ICML 1997.)
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
    // Best first; numbers are in the order of the texts.
    let order = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let last = keep.filter(|&keep| ranked.len() > keep && has_pairs).map(|keep| {
        match keep.checked_sub(1) {
            Some(place) => *ranked.select_nth_unstable_by(place, order).1,
            // A statistic that no pair reaches.
            None => (f64::INFINITY, 0),
        }
    });
    for (number, term) in terms.iter_mut().enumerate() {
        let is_best = last.is_none_or(|last| order(&(term.statistic, number), &last).is_le());
        let is_near = last.is_some_and(|last| term.statistic >= CANDIDATE_SHARE * last.0);
        term.status = if !is_frequent(term) {
            Status::Dropped
        } else if term.is_word() || is_best {
            Status::Selected
        } else if is_near {
            Status::Candidate
        } else {
            Status::Dropped
        };
    }
    Selection { least_statistic: last.map(|(statistic, _)| statistic), min_document_frequency }
}

/// Selects every word in at least `min_document_frequency` documents, and no pair.
pub(crate) fn words_only(vocabulary: &mut Vocabulary, min_document_frequency: u32) -> Selection {
    for term in &mut vocabulary.terms {
        let is_selected = term.is_word() && term.document_frequency >= min_document_frequency;
        term.status = if is_selected { Status::Selected } else { Status::Dropped };
    }
    Selection { least_statistic: None, min_document_frequency }
}

/// The corpus without the documents of one fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remainder {
    /// Its share of all documents.
    pub(crate) share: f64,
    pub(crate) sizes: TopicSizes,
}

impl Selection {
    /// Whether a term would have been selected from `remainder` alone: a selection that saw the
    /// held-out documents must not be used on them. Statistics grow with the number of documents,
    /// so the threshold is scaled. `presence` counts the remaining documents that have the term,
    /// per topic, and `document_frequency` all of them.
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
