//! The weighted counts that naive Bayes is estimated from: for each topic the sum of its documents'
//! vectors, in all and by fold.

mod cells;
mod lengths;
mod sums;

use std::io;

use fearless_simd::{Level, Simd, dispatch};

use self::cells::ALL;
use super::cross_validate::{Models, Scored, Scoring};
use super::estimate::Candidate;
use super::folds::{FOLDS, Folds};
use super::inverted::{Inverted, Partition, Rank, Term};
use super::select::{Rest, Selection, TopicSizes};
use super::threads;
use super::topic_counts::{Rows, TopicCounts};

pub(super) use cells::{HeldOutPosting, TermCells};
pub(super) use lengths::{Lengths, SQUARE_UNIT, UNIT, fixed, scale_of, weight};
pub(super) use sums::Sums;

/// What belongs to the topics is padded with zeros to a multiple of so many numbers, which are
/// worked on together.
pub(super) const LANES: usize = 8;

/// For so many topics so many numbers.
pub(super) const fn padded(topic_count: usize) -> usize {
    topic_count.next_multiple_of(LANES)
}

/// What a corpus was counted to be.
#[derive(Debug)]
pub(super) struct Counts {
    /// How many terms the pool has.
    pub(super) pool_size: usize,
    /// By partition, by term of the pool: a bit a fold whose held-out documents have the term,
    /// where it would have been selected without them.
    known: Vec<Vec<u8>>,
    /// By document, in the order of [`Folds::held_out`]: [`crate::model::length_scale`] of what is
    /// known of it where it is held out.
    pub(super) known_scales: Vec<f32>,
    /// The counts of the selected terms.
    pub(super) selected: TopicCounts,
}

/// What one thread counts.
struct Counting {
    cells: TermCells,
    rest_sums: Vec<u64>,
    rest_presence: Vec<u32>,
    scoring: Scoring,
    known: Vec<(usize, Vec<u8>)>,
    /// A partition each.
    rows: Vec<Rows>,
}

impl Counts {
    /// Counts the terms of the pool, and scores each document of the folds by the candidates'
    /// models of the other folds.
    ///
    /// A model's terms are those that would have been selected without the held-out documents: one
    /// that was chosen with the answers in sight would look better than it is. The idf is that of
    /// the whole corpus; it sees no topic.
    pub(super) fn of(
        corpus: &Inverted,
        folds: &Folds,
        selection: &Selection,
        lengths: &Lengths,
        candidates: &[Candidate],
    ) -> io::Result<(Self, Scored)> {
        let topic_count = corpus.topics.len();
        let all = lengths.all();
        let rests: Vec<Rest> = (0..FOLDS)
            .map(|fold| {
                let rest = lengths.rest(fold);
                Rest {
                    share: rest.document_count as f64 / all.document_count.max(1) as f64,
                    sizes: TopicSizes::new(&rest.documents),
                }
            })
            .collect();
        let pool_size = corpus.terms().filter(|term| term.rank > Rank::Dropped).count();
        let models = Models::new(corpus, folds, lengths, candidates, pool_size);
        let setting = Setting { corpus, lengths, selection, rests: &rests, models: &models };
        let level = Level::new();
        let parts = corpus.for_each(
            || Counting {
                cells: TermCells::new(topic_count),
                rest_sums: vec![0; padded(topic_count)],
                rest_presence: vec![0; padded(topic_count)],
                scoring: Scoring::new(&models),
                known: Vec::new(),
                rows: Vec::new(),
            },
            |counting, partition| {
                let mut known = Vec::with_capacity(partition.terms.len());
                let selected_count =
                    partition.terms.iter().filter(|term| term.rank == Rank::Selected).count();
                counting.rows.push(Rows::with_capacity(selected_count, topic_count));
                dispatch!(level, simd => counting.take(simd, setting, partition, &mut known));
                counting.known.push((partition.number, known));
            },
        )?;
        let (mut rows, mut known, mut scorings) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            known.extend(part.known);
            rows.extend(part.rows);
            scorings.push(part.scoring);
        }
        known.sort_unstable_by_key(|(partition, _)| *partition);
        let known = known.into_iter().map(|(_, known)| known).collect();
        let (selected, (scored, known_scales)) = threads::join(
            corpus.threads,
            || TopicCounts::put_together(all, rows),
            || models.finish(corpus, folds, scorings),
        );
        Ok((Self { pool_size, known, known_scales, selected }, scored))
    }

    /// By term of a partition's pool, the bits of [`Self::is_known`].
    pub(super) fn known(&self, partition: usize) -> &[u8] {
        &self.known[partition]
    }

    /// Whether a term of these bits is in held-out documents of a fold and known there.
    #[inline]
    pub(super) fn is_known(bits: u8, fold: usize) -> bool {
        bits >> fold & 1 == 1
    }
}

/// What is counted, and by which rules.
#[derive(Clone, Copy)]
struct Setting<'a> {
    corpus: &'a Inverted,
    lengths: &'a Lengths,
    selection: &'a Selection,
    /// By fold.
    rests: &'a [Rest],
    models: &'a Models<'a>,
}

impl Counting {
    /// Counts the terms of a partition; adds to `known` in which folds each is known.
    #[inline(always)]
    fn take(
        &mut self,
        simd: impl Simd,
        setting: Setting<'_>,
        partition: Partition<'_>,
        known: &mut Vec<u8>,
    ) {
        let Setting { corpus, lengths, models, .. } = setting;
        for (term, postings) in partition.pool() {
            let postings = postings.with_later().map(|(posting, later)| {
                lengths.prefetch(later);
                models.prefetch(later);
                posting
            });
            self.cells.count(corpus, lengths, term, postings);
            self.scoring.prefetch(models, &self.cells);
            let known_in = self.take_term(setting, term);
            self.scoring.add(simd, models, term, &self.cells, known_in);
            known.push(known_in);
        }
    }

    /// Adds up a term that was counted; returns in which folds it is known.
    #[inline(always)]
    fn take_term(&mut self, setting: Setting<'_>, term: &Term) -> u8 {
        let Setting { selection, rests, .. } = setting;
        let Self { cells, rest_sums, rest_presence, .. } = self;
        let mut known = 0;
        for (fold, rest) in rests.iter().enumerate() {
            if cells.is_in(fold) {
                let document_frequency = cells.rest_presence(fold, rest_presence);
                known |=
                    u8::from(selection.would_keep(term, rest, rest_presence, document_frequency))
                        << fold;
            }
        }
        if term.rank == Rank::Selected
            && let Some(rows) = self.rows.last_mut()
        {
            rows.keys.push(term.key());
            rows.idf.push(term.idf);
            rows.sums.push(cells.rest(ALL, rest_sums));
            rows.sums.extend_from_slice(&rest_sums[..setting.corpus.topics.len()]);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimate::{Estimator, Linear, RowEstimate};
    use super::super::intern::Interner;
    use super::super::inverted::LeastFrequencies;
    use super::super::{Recipe, select};
    use super::*;
    use crate::corpus::Document;
    use crate::model::manifest::Labels;
    use crate::text::TextOptions;

    #[test]
    fn a_row_by_itself_is_that_of_the_fit_to_all_terms() {
        // Three topics, four terms, a document in five without a topic; by term the collection's
        // sum, then the topics'.
        let unit = |x: f64| fixed(x, UNIT);
        let rows = [
            [7.5, 1.5, 0.0, 4.0],
            [3.25, 0.25, 2.0, 0.5],
            [0.5, 0.0, 0.5, 0.0],
            [20.0, 9.0, 0.0, 11.0],
        ]
        .map(|row| row.map(unit));
        let column = |place: usize| rows.iter().map(|row| row[place]).sum();
        let sums = Sums {
            topics: (1..4).map(column).collect(),
            collection: column(0),
            documents: vec![12, 3, 5],
            document_count: 25,
            log_lengths: unit(25.0 * 1.7),
        };
        let keys = (0..4).map(|term| (term, 0)).collect();
        let counts = TopicCounts::put_together(
            &sums,
            vec![Rows { keys, idf: vec![1.0; 4], sums: rows.concat() }],
        );
        for candidate in [
            Candidate::Smoothed(Estimator::Multinomial, 0.03),
            Candidate::Smoothed(Estimator::Complement, 0.4),
            Candidate::OneAgainstRest { interpolation: 0.8 },
        ] {
            let all = Linear::fit(candidate, &counts, 2).expect("a fit");
            let alone = RowEstimate::new(candidate, &sums, rows.len());
            for (term, row) in rows.iter().enumerate() {
                let (mut lanes, mut weights) = ([0; LANES], [0.0; LANES]);
                lanes[..3].copy_from_slice(&row[1..]);
                alone.row(&lanes, row[0], &mut weights);
                for (topic, weight) in weights.into_iter().enumerate().take(3) {
                    let expected = all.weights[[topic, term]];
                    assert!(
                        (f64::from(weight) - expected).abs() < 1e-5,
                        "{candidate:?} {term} {topic}: {weight} {expected}"
                    );
                }
            }
            for (alone, all) in alone.bias.iter().zip(&all.bias) {
                assert!((f64::from(*alone) - all).abs() < 1e-6, "{candidate:?}: {alone} {all}");
            }
        }
    }

    #[test]
    fn totals_by_document_are_those_by_term() {
        let mut interner = Interner::new(TextOptions::default(), Labels::Multiple, None);
        for n in 0..300 {
            let body = format!(
                "a{} b{} c{} some common words and more d{}",
                n % 7,
                n % 11,
                n % 30,
                n % 90
            );
            let topics: &[&str] = [&["a"][..], &["b"], &["a", "b"], &[]][n % 4];
            let document = Document::of_text(&body).with_topics(topics);
            interner.add(1 + n as u64, &document).expect("a document");
        }
        let mut postings = std::mem::take(&mut interner.postings);
        postings.finish().expect("memory");
        let least = LeastFrequencies { words: 2, pairs: 2 };
        let mut corpus = Inverted::new(&[interner], &[postings], least, true).expect("memory");
        let folds = Folds::deal(&corpus, 1, Recipe::Auto);
        // Some pairs are in the pool and not selected.
        let _selection = select::keep_best(&mut corpus, Some(100), 2);
        let lengths = Lengths::of(&corpus, &folds).expect("memory");
        // Half a unit of a weight, a posting; they are scaled by 1 at most.
        let most_off = 300.0 * 20.0 * UNIT / SQUARE_UNIT;
        for fold in 0..FOLDS {
            let parts = corpus.for_each(
                || (TermCells::new(2), [0; LANES], [0; LANES], 0),
                |(cells, rest, sums, collection), partition| {
                    for (term, postings) in partition.pool() {
                        cells.count(&corpus, &lengths, term, postings);
                        *collection += cells.rest(fold, rest);
                        sums.iter_mut()
                            .zip(&*rest)
                            .for_each(|(sum, part): (&mut u64, &u64)| *sum += part);
                    }
                },
            );
            let totals = lengths.rest(fold);
            for (_, _, sums, collection) in parts.expect("memory") {
                for (sum, total) in [
                    (collection, totals.collection),
                    (sums[0], totals.topics[0]),
                    (sums[1], totals.topics[1]),
                ] {
                    assert!(total > 100 * UNIT as u64, "{total}");
                    assert!(sum.abs_diff(total) as f64 <= most_off, "{fold}: {sum} {total}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_rounded_to_whole_units() {
        assert_eq!([0.0, 0.49, 0.5, 0.51, 1.5, 2.0].map(|x| fixed(x, 1.0)), [0, 0, 0, 1, 2, 2]);
        assert_eq!(fixed(1.0, UNIT), 1 << 32);
    }
}
