//! Chooses the terms worth a row in the table: all words, and the terms that say most about the topics.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use super::spool::SpooledCorpus;

/// The largest table of document counts, in bytes; a larger one is made in several passes.
const TABLE_BYTES: usize = 128 << 20;

/// Keeps every word, and of all terms the `keep` with the highest chi-square statistic.
///
/// The statistic is that of the contingency table of a term's presence against the topics: the sum over the topics of
/// `(observed - expected)^2 / expected`, where `observed` is the number of the topic's documents with the term and
/// `expected` what it would be if the term knew no topic. Of equal terms the first by text is kept. (Yang and Pedersen, "A
/// Comparative Study on Feature Selection in Text Categorization", ICML 1997.)
pub(super) fn keep_best(corpus: &mut SpooledCorpus, keep: usize) -> io::Result<()> {
    let pairs = corpus.lexicon().terms().iter().filter(|term| term.contains(' ')).count();
    if pairs == 0 || corpus.lexicon().len() <= keep {
        return Ok(());
    }
    let statistics = chi_squares(corpus)?;
    let mut order: Vec<usize> = (0..statistics.len()).collect();
    order.sort_by(|&a, &b| statistics[b].total_cmp(&statistics[a]).then(a.cmp(&b)));
    let mut kept: Vec<bool> = corpus.lexicon().terms().iter().map(|term| !term.contains(' ')).collect();
    for &term in order.iter().take(keep) {
        kept[term] = true;
    }
    corpus.retain_terms(&kept);
    Ok(())
}

fn chi_squares(corpus: &mut SpooledCorpus) -> io::Result<Vec<f64>> {
    let term_count = corpus.lexicon().len();
    let topic_sizes: Vec<f64> = corpus.topics().iter().map(|topic| topic.document_count as f64).collect();
    let topic_count = topic_sizes.len();
    let labels: f64 = topic_sizes.iter().sum();
    let per_pass = (TABLE_BYTES / size_of::<u32>() / topic_count).max(1);
    let mut statistics = Vec::with_capacity(term_count);
    for first in (0..term_count).step_by(per_pass) {
        let terms = first..(first + per_pass).min(term_count);
        let table: Vec<AtomicU32> = (0..terms.len() * topic_count).map(|_| AtomicU32::new(0)).collect();
        corpus.for_each(
            || (),
            |(), document| {
                for &(term, _) in document.bag {
                    let Some(row) = (term as usize).checked_sub(terms.start).filter(|&row| row < terms.len()) else {
                        continue;
                    };
                    for &topic in document.topics {
                        table[row * topic_count + topic].fetch_add(1, Ordering::Relaxed);
                    }
                }
            },
        )?;
        for row in table.chunks_exact(topic_count) {
            let total: u32 = row.iter().map(|count| count.load(Ordering::Relaxed)).sum();
            let statistic = row
                .iter()
                .zip(&topic_sizes)
                .map(|(count, size)| {
                    let expected = f64::from(total) * size / labels;
                    let difference = f64::from(count.load(Ordering::Relaxed)) - expected;
                    difference * difference / expected
                })
                .sum();
            statistics.push(statistic);
        }
    }
    Ok(statistics)
}
