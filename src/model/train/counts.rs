//! The weighted counts that naive Bayes is estimated from: for each topic the sum of its documents' vectors, in all and by fold.

mod cells;
mod lengths;

use std::io;

use self::cells::ALL;
use self::lengths::{SQUARE_UNIT, fixed, scale_of, weight};
use super::folds::{FOLDS, Folds};
use super::inverted::{Inverted, Partition, Posting, Rank, Term};
use super::select::{Rest, Selection, TopicSizes};
use super::topic_counts::{Rows, TopicCounts};
use crate::model::log_tf;

pub(super) use cells::{HeldOutPosting, TermCells};
pub(super) use lengths::{Lengths, UNIT};

/// What belongs to the topics is padded with zeros to a multiple of so many numbers, which are worked on together.
pub(super) const LANES: usize = 8;

/// For so many topics so many numbers.
pub(super) const fn padded(topic_count: usize) -> usize {
    topic_count.next_multiple_of(LANES)
}

/// Adds up what several threads counted.
fn added(parts: Vec<Vec<u64>>) -> Vec<u64> {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for part in parts {
        all.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    all
}

/// The sums of some documents over all terms of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    /// By topic, in units.
    pub(super) topics: Vec<u64>,
    /// Over all documents: where a document has several topics or none, not the sum over the topics.
    pub(super) collection: u64,
    /// Documents by topic.
    pub(super) documents: Vec<u64>,
    /// Documents in all.
    pub(super) document_count: u64,
    /// The sum of the natural logarithms of their vectors' lengths, in units.
    log_lengths: u64,
}

impl Sums {
    fn zeros(topic_count: usize) -> Self {
        Self { topics: vec![0; topic_count], collection: 0, documents: vec![0; topic_count], document_count: 0, log_lengths: 0 }
    }

    fn add(&mut self, other: &Self) {
        self.topics.iter_mut().zip(&other.topics).for_each(|(sum, other)| *sum += other);
        self.collection += other.collection;
        self.documents.iter_mut().zip(&other.documents).for_each(|(sum, other)| *sum += other);
        self.document_count += other.document_count;
        self.log_lengths += other.log_lengths;
    }

    fn without(&self, part: &Self) -> Self {
        let less = |all: &[u64], part: &[u64]| all.iter().zip(part).map(|(all, part)| all - part).collect();
        Self {
            topics: less(&self.topics, &part.topics),
            collection: self.collection - part.collection,
            documents: less(&self.documents, &part.documents),
            document_count: self.document_count - part.document_count,
            log_lengths: self.log_lengths - part.log_lengths,
        }
    }

    /// What a vector is multiplied by to weigh, where its document has the typical length (the geometric mean), as if it were scaled to
    /// length 1: so a pseudo-count, and the prior, mean the same for headlines as for books.
    pub(super) fn length_factor(&self) -> f64 {
        let typical = libm::exp(self.log_lengths as f64 / UNIT / self.document_count.max(1) as f64);
        typical.sqrt().sqrt()
    }

    /// What a unit of the sums stands for.
    pub(super) fn unit(&self) -> f64 {
        self.length_factor() / UNIT
    }
}

/// What a corpus was counted to be.
#[derive(Debug)]
pub(super) struct Counts {
    /// The sums of the documents of each fold, and of those that are never held out.
    folds: [Sums; FOLDS + 1],
    /// Over all documents.
    all: Sums,
    /// How many terms the pool has.
    pub(super) pool_size: usize,
    /// By partition, by term of the pool: a bit a fold whose held-out documents have the term, where it would have been selected
    /// without them.
    known: Vec<Vec<u8>>,
    /// By document: [`crate::model::length_scale`] of what is known of it where it is held out.
    pub(super) known_scales: Vec<f32>,
    /// By document: how many of its words are known where it is held out.
    pub(super) known_tokens: Vec<u32>,
    /// The counts of the selected terms.
    pub(super) selected: TopicCounts,
}

/// What one thread counts.
struct Counting {
    cells: TermCells,
    rest_sums: Vec<u64>,
    rest_presence: Vec<u32>,
    folds: [Sums; FOLDS + 1],
    /// By document: the sum of the squares of what is known of it where it is held out.
    known_squares: Vec<u64>,
    /// And how many of its words are.
    known_tokens: Vec<u64>,
    pool_size: usize,
    known: Vec<(usize, Vec<u8>)>,
    /// A partition each.
    rows: Vec<Rows>,
}

impl Counts {
    /// Counts the terms of the pool.
    pub(super) fn of(corpus: &Inverted, folds: &Folds, selection: &Selection, lengths: &Lengths) -> io::Result<Self> {
        let topic_count = corpus.topics.len();
        let mut of_folds: [Sums; FOLDS + 1] = std::array::from_fn(|_| Sums::zeros(topic_count));
        for document in 0..corpus.document_count() as u32 {
            let sums = &mut of_folds[folds.of(document)];
            sums.document_count += 1;
            for &topic in corpus.document_topics.of(document) {
                sums.documents[topic as usize] += 1;
            }
        }
        for (sums, logs) in of_folds.iter_mut().zip(lengths.logs) {
            sums.log_lengths = logs;
        }
        let mut all = Sums::zeros(topic_count);
        of_folds.iter().for_each(|sums| all.add(sums));
        let rests: Vec<Rest> = (of_folds.iter().take(FOLDS))
            .map(|part| {
                let rest = all.without(part);
                Rest {
                    share: rest.document_count as f64 / all.document_count.max(1) as f64,
                    sizes: TopicSizes::new(&rest.documents),
                }
            })
            .collect();
        let setting = Setting { corpus, lengths, selection, rests: &rests };
        let parts = corpus.for_each(
            || Counting {
                cells: TermCells::new(topic_count),
                rest_sums: vec![0; padded(topic_count)],
                rest_presence: vec![0; padded(topic_count)],
                folds: std::array::from_fn(|_| Sums::zeros(topic_count)),
                known_squares: vec![0; corpus.document_count()],
                known_tokens: vec![0; corpus.document_count()],
                pool_size: 0,
                known: Vec::new(),
                rows: Vec::new(),
            },
            |counting, partition| {
                let mut known = Vec::with_capacity(partition.terms.len());
                let selected_count = partition.terms.iter().filter(|term| term.rank == Rank::Selected).count();
                counting.rows.push(Rows::with_capacity(selected_count, topic_count));
                counting.take(setting, partition, &mut known);
                counting.pool_size += known.len();
                counting.known.push((partition.number, known));
            },
        )?;
        let mut counts = Self {
            folds: of_folds,
            all,
            pool_size: 0,
            known: Vec::new(),
            known_scales: Vec::new(),
            known_tokens: Vec::new(),
            selected: TopicCounts::default(),
        };
        let (mut rows, mut known, mut squares, mut tokens) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            counts.pool_size += part.pool_size;
            for (sums, part) in counts.folds.iter_mut().zip(&part.folds) {
                sums.add(part);
                counts.all.add(part);
            }
            known.extend(part.known);
            squares.push(part.known_squares);
            tokens.push(part.known_tokens);
            rows.extend(part.rows);
        }
        known.sort_unstable_by_key(|(partition, _)| *partition);
        counts.known = known.into_iter().map(|(_, known)| known).collect();
        counts.known_scales = added(squares).into_iter().map(scale_of).collect();
        counts.known_tokens = added(tokens).into_iter().map(|count| count.min(u32::MAX.into()) as u32).collect();
        counts.selected = TopicCounts::put_together(&counts.all, rows);
        Ok(counts)
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

    /// What all documents but those of a fold come to.
    pub(super) fn rest(&self, fold: usize) -> Sums {
        self.all.without(&self.folds[fold])
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
}

impl Counting {
    /// Counts the terms of a partition; adds to `known` in which folds each is known.
    fn take(&mut self, setting: Setting<'_>, partition: Partition<'_>, known: &mut Vec<u8>) {
        for (term, postings) in partition.pool() {
            self.cells.count(setting.corpus, setting.lengths, term, postings);
            known.push(self.take_term(setting, term));
        }
    }

    /// Adds up a term that was counted; returns in which folds it is known.
    fn take_term(&mut self, setting: Setting<'_>, term: &Term) -> u8 {
        let Setting { selection, rests, .. } = setting;
        let Self { cells, folds: sums, rest_sums, rest_presence, .. } = self;
        for fold in cells.others(ALL) {
            let sums = &mut sums[fold];
            sums.topics.iter_mut().zip(&cells.sums[cells.cells_of(fold)]).for_each(|(sum, cell)| *sum += cell);
            sums.collection += cells.collection[fold];
        }
        let mut known = 0;
        for (fold, rest) in rests.iter().enumerate() {
            if cells.is_in(fold) {
                let document_frequency = cells.rest_presence(fold, rest_presence);
                known |= u8::from(selection.would_keep(term, rest, rest_presence, document_frequency)) << fold;
            }
        }
        for HeldOutPosting { posting, .. } in cells.held_out_where(known) {
            let x = weight(term, posting);
            self.known_squares[posting.document as usize] += fixed(x * x, SQUARE_UNIT);
            if term.is_word() {
                self.known_tokens[posting.document as usize] += u64::from(posting.count);
            }
        }
        if term.rank == Rank::Selected
            && let Some(rows) = self.rows.last_mut()
        {
            rows.keys.push(term.key());
            rows.idf.push(term.idf);
            rows.sums.push(cells.rest(ALL, rest_sums));
            rows.sums.extend_from_slice(&rest_sums[..sums[0].topics.len()]);
        }
        known
    }
}

/// A term's part of a document's vector where that is held out, [`crate::model::length_scale`]d by `scale`.
#[inline(always)]
pub(super) fn scaled_weight(term: &Term, posting: Posting, scale: f32) -> f32 {
    log_tf(posting.count) * term.idf * scale
}

#[cfg(test)]
mod tests {
    use super::super::estimate::{Candidate, Estimator, Linear, RowEstimate};
    use super::*;

    #[test]
    fn a_row_by_itself_is_that_of_the_fit_to_all_terms() {
        // Three topics, four terms, a document in five without a topic; by term the collection's sum, then the topics'.
        let unit = |x: f64| fixed(x, UNIT);
        let rows = [[7.5, 1.5, 0.0, 4.0], [3.25, 0.25, 2.0, 0.5], [0.5, 0.0, 0.5, 0.0], [20.0, 9.0, 0.0, 11.0]]
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
        let counts = TopicCounts::put_together(&sums, vec![Rows { keys, idf: vec![1.0; 4], sums: rows.concat() }]);
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
                    assert!((f64::from(weight) - expected).abs() < 1e-5, "{candidate:?} {term} {topic}: {weight} {expected}");
                }
            }
            for (alone, all) in alone.bias.iter().zip(&all.bias) {
                assert!((f64::from(*alone) - all).abs() < 1e-6, "{candidate:?}: {alone} {all}");
            }
        }
    }

    #[test]
    fn numbers_are_rounded_to_whole_units() {
        assert_eq!([0.0, 0.49, 0.5, 0.51, 1.5, 2.0].map(|x| fixed(x, 1.0)), [0, 0, 0, 1, 2, 2]);
        assert_eq!(fixed(1.0, UNIT), 1 << 32);
    }
}
