//! Chooses the terms worth a row in the table: all words, and the terms that say most about the topics.

use std::io;

use super::counts::TopicCounts;
use super::lexicon::Lexicon;
use super::spool::SpooledCorpus;

/// The largest table of document counts, in bytes; a larger one is made in several passes.
const TABLE_BYTES: usize = 128 << 20;

/// What decides which terms are worth a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection {
    /// By term of the lexicon: whether the model has it. The others are there for the cross-validation.
    selected: Vec<bool>,
    /// The least statistic that a pair was selected with; None where all were.
    least: Option<f64>,
    min_document_frequency: u32,
}

/// Down to this share of the least statistic pairs stay in the lexicon: without the documents of one fold they might be selected.
const POOL_SHARE: f64 = 0.5;

/// Selects every word, and of all terms the `keep` with the highest chi-square statistic; None keeps all.
///
/// The statistic is that of the contingency table of a term's presence against the topics, with the continuity correction of
/// Yates: the sum over the topics of `max(|observed - expected| - 1/2, 0)^2 / expected`, where `observed` is the number of the
/// topic's documents with the term and `expected` what it would be if the term knew no topic. The correction matters: without it
/// pairs of two documents of one rare topic come out on top, and say nothing of a third. Of equal terms the first by text is
/// selected. Terms far from selected leave the lexicon. (Yang and Pedersen, "A Comparative Study on Feature Selection in Text Categorization", ICML 1997; Yates, 1934.)
pub(super) fn keep_best(corpus: &mut SpooledCorpus, keep: Option<usize>, min_document_frequency: u32) -> io::Result<Selection> {
    let lexicon = &corpus.contents().lexicon;
    let is_word: Vec<bool> = (0..lexicon.len()).map(|term| lexicon.is_word(term)).collect();
    // Words of fewer documents are there for a vocabulary of words alone.
    let is_frequent: Vec<bool> = lexicon.document_frequencies().iter().map(|&count| count >= min_document_frequency).collect();
    let frequent_count = is_frequent.iter().filter(|is_frequent| **is_frequent).count();
    let Some(keep) = keep.filter(|&keep| frequent_count > keep && is_word.contains(&false)) else {
        return Ok(Selection { selected: is_frequent, least: None, min_document_frequency });
    };
    let mut selected: Vec<bool> = is_word.iter().zip(&is_frequent).map(|(word, frequent)| *word && *frequent).collect();
    let statistics = chi_squares(corpus)?;
    let mut order: Vec<usize> = (0..statistics.len()).filter(|&term| is_frequent[term]).collect();
    let mut least = f64::INFINITY;
    if let Some(last) = keep.checked_sub(1) {
        let by_rank = |a: &usize, b: &usize| statistics[*b].total_cmp(&statistics[*a]).then(a.cmp(b));
        let (before, &mut last, _) = order.select_nth_unstable_by(last, by_rank);
        before.iter().chain([&last]).for_each(|&term| selected[term] = true);
        least = statistics[last];
    }
    let pool: Vec<bool> =
        (0..selected.len()).map(|term| selected[term] || is_word[term] || statistics[term] >= POOL_SHARE * least).collect();
    corpus.retain_terms(&pool);
    let mut in_pool = pool.iter();
    selected.retain(|_| in_pool.next().copied().unwrap_or(false));
    Ok(Selection { selected, least: Some(least), min_document_frequency })
}

impl Selection {
    /// Every word of so many documents, and no pair.
    pub(super) fn words(lexicon: &Lexicon, min_document_frequency: u32) -> Self {
        let frequencies = lexicon.document_frequencies().iter().enumerate();
        let selected = frequencies.map(|(term, &count)| lexicon.is_word(term) && count >= min_document_frequency).collect();
        Self { selected, least: Some(f64::INFINITY), min_document_frequency }
    }

    pub(super) fn min_document_frequency(&self) -> u32 {
        self.min_document_frequency
    }

    /// By term of the lexicon: whether the model has it.
    pub(super) fn selected(&self) -> &[bool] {
        &self.selected
    }

    /// Which terms would have been selected, had `rest` been all there is of the corpus of which `all` are the counts: what was chosen with
    /// the held-out documents in sight must not be used on them. A statistic grows with the documents, and so does the least.
    pub(super) fn among(&self, rest: &TopicCounts, all: &TopicCounts, lexicon: &Lexicon) -> Vec<bool> {
        let share = rest.document_count() as f64 / all.document_count().max(1) as f64;
        let least = self.least.map(|least| least * share);
        let sizes: Vec<f64> = rest.documents().iter().map(|&count| count as f64).collect();
        let mut observed = vec![0; sizes.len()];
        (0..lexicon.len())
            .map(|term| {
                if rest.document_frequency(term) < self.min_document_frequency {
                    return false;
                }
                let Some(least) = least.filter(|_| !lexicon.is_word(term)) else { return true };
                for (observed, cell) in observed.iter_mut().zip(rest.of_term(term)) {
                    *observed = cell.presence;
                }
                chi_square(&observed, &sizes) >= least
            })
            .collect()
    }
}

/// The statistic of one term: in how many documents of each topic it occurs, and how many documents each topic has.
fn chi_square(observed: &[u32], sizes: &[f64]) -> f64 {
    let total: f64 = observed.iter().map(|&count| f64::from(count)).sum();
    let labels: f64 = sizes.iter().sum();
    observed
        .iter()
        .zip(sizes)
        .filter(|(_, size)| **size > 0.0)
        .map(|(&count, size)| {
            let expected = total * size / labels;
            let difference = ((f64::from(count) - expected).abs() - 0.5).max(0.0);
            if expected > 0.0 { difference * difference / expected } else { 0.0 }
        })
        .sum()
}

fn chi_squares(corpus: &mut SpooledCorpus) -> io::Result<Vec<f64>> {
    let term_count = corpus.contents().lexicon.len();
    let topic_sizes: Vec<f64> = corpus.contents().topics.iter().map(|topic| topic.document_count as f64).collect();
    let topic_count = topic_sizes.len();
    // A table a thread, for none has to wait for another's additions then.
    let per_pass = (TABLE_BYTES / corpus.part_count().max(1) / size_of::<u32>() / topic_count).max(1);
    let mut statistics = Vec::with_capacity(term_count);
    for first in (0..term_count).step_by(per_pass) {
        let terms = first..(first + per_pass).min(term_count);
        let tables = corpus.for_each(
            || vec![0u32; terms.len() * topic_count],
            |table, document| {
                for (term, _) in document.terms() {
                    let Some(row) = (term as usize).checked_sub(terms.start).filter(|&row| row < terms.len()) else {
                        continue;
                    };
                    for topic in document.topics() {
                        table[row * topic_count + topic] += 1;
                    }
                }
            },
        )?;
        let mut tables = tables.into_iter();
        let mut table = tables.next().unwrap_or_default();
        for other in tables {
            table.iter_mut().zip(other).for_each(|(count, other)| *count += other);
        }
        statistics.extend(table.chunks_exact(topic_count).map(|observed| chi_square(observed, &topic_sizes)));
    }
    Ok(statistics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_documents_of_a_rare_topic_weigh_less_than_many_of_a_common_one() {
        let sizes = [10.0, 490.0, 500.0];
        // By hand: expected 0.02, 0.98, 1; (1.98 - 0.5)^2 / 0.02 + (0.98 - 0.5)^2 / 0.98 + (1 - 0.5)^2 / 1.
        assert!((chi_square(&[2, 0, 0], &sizes) - (1.48f64.powi(2) / 0.02 + 0.48f64.powi(2) / 0.98 + 0.25)).abs() < 1e-9);
        assert!(chi_square(&[2, 0, 0], &sizes) < chi_square(&[0, 200, 0], &sizes));
        assert_eq!(chi_square(&[0, 1, 1], &sizes), 0.0);
    }
}
