//! The sums of a term, by fold and topic.

use std::ops::{AddAssign, Range};

use super::lengths::{Lengths, UNIT, fixed, weight};
use super::{Counts, LANES, padded};
use crate::model::train::folds::FOLDS;
use crate::model::train::inverted::{Inverted, Posting, Term};

/// Stands for no fold: where all documents are meant.
pub(super) const ALL: usize = usize::MAX;

/// The sums of one term, by fold.
#[derive(Debug)]
pub(in crate::model::train) struct TermCells {
    /// How many numbers a fold has: [`padded`].
    stride: usize,
    /// By fold and topic, in units.
    pub(super) sums: Vec<u64>,
    /// By fold and topic: in how many documents the term occurs.
    presence: Vec<u32>,
    /// The same by fold, over all documents.
    pub(super) collection: [u64; FOLDS + 1],
    /// 0 where no document of the fold has the term: then there is nothing above, either.
    document_frequencies: [u32; FOLDS + 1],
    /// The first `held_out_count` are the postings of documents that are held out.
    held_out: Vec<HeldOutPosting>,
    held_out_count: usize,
}

/// A posting of a document that is held out.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::train) struct HeldOutPosting {
    pub(in crate::model::train) posting: Posting,
    pub(in crate::model::train) fold: usize,
}

impl TermCells {
    pub(in crate::model::train) fn new(topic_count: usize) -> Self {
        let stride = padded(topic_count);
        Self {
            stride,
            sums: vec![0; (FOLDS + 1) * stride],
            presence: vec![0; (FOLDS + 1) * stride],
            collection: [0; FOLDS + 1],
            document_frequencies: [0; FOLDS + 1],
            held_out: Vec::new(),
            held_out_count: 0,
        }
    }

    /// Counts a term.
    #[inline(always)]
    pub(in crate::model::train) fn count(
        &mut self,
        corpus: &Inverted,
        lengths: &Lengths,
        term: &Term,
        postings: impl Iterator<Item = Posting>,
    ) {
        // Most terms are in few documents, and so in few folds.
        for fold in 0..=FOLDS {
            if self.is_in(fold) {
                let cells = self.cells_of(fold);
                self.sums[cells.clone()].fill(0);
                self.presence[cells].fill(0);
                self.collection[fold] = 0;
                self.document_frequencies[fold] = 0;
            }
        }
        if self.held_out.len() < term.document_frequency as usize {
            let none = HeldOutPosting { posting: Posting { document: 0, count: 0 }, fold: 0 };
            self.held_out.resize(term.document_frequency as usize, none);
        }
        let mut held_out_count = 0;
        for posting in postings {
            let entry = lengths.entries[posting.document as usize];
            let fold = entry.fold();
            let x = fixed(weight(term, posting) * f64::from(entry.scale), UNIT);
            self.collection[fold] += x;
            self.document_frequencies[fold] += 1;
            // Whether a document is held out is hard to guess: there is no branch on it.
            self.held_out[held_out_count] = HeldOutPosting { posting, fold };
            held_out_count += usize::from(fold < FOLDS);
            entry.for_each_topic(corpus, posting.document, |topic| {
                let cell = fold * self.stride + topic;
                self.sums[cell] += x;
                self.presence[cell] += 1;
            });
        }
        self.held_out_count = held_out_count;
    }

    /// The postings of the documents that are held out.
    #[inline(always)]
    pub(in crate::model::train) fn held_out(&self) -> &[HeldOutPosting] {
        &self.held_out[..self.held_out_count]
    }

    /// The postings of the documents that are held out with one of the folds where the term is
    /// `known`.
    #[inline(always)]
    pub(in crate::model::train) fn held_out_where(
        &self,
        known: u8,
    ) -> impl Iterator<Item = HeldOutPosting> {
        self.held_out().iter().copied().filter(move |held| Counts::is_known(known, held.fold))
    }

    /// Whether a document of this fold has the term.
    pub(super) fn is_in(&self, fold: usize) -> bool {
        self.document_frequencies[fold] > 0
    }

    pub(super) fn cells_of(&self, fold: usize) -> Range<usize> {
        fold * self.stride..(fold + 1) * self.stride
    }

    /// The folds but this one whose documents have the term.
    pub(super) fn others(&self, fold: usize) -> impl Iterator<Item = usize> {
        (0..=FOLDS).filter(move |&other| other != fold && self.is_in(other))
    }

    /// The sums by topic over all documents but those of a fold ([`ALL`]: over all), and that of
    /// the collection. `out` is padded.
    #[inline(always)]
    pub(in crate::model::train) fn rest(&self, fold: usize, out: &mut [u64]) -> u64 {
        self.rest_of(&self.sums, &self.collection, fold, out)
    }

    /// The same of the presence, and the document frequency.
    #[inline(always)]
    pub(super) fn rest_presence(&self, fold: usize, out: &mut [u32]) -> u32 {
        self.rest_of(&self.presence, &self.document_frequencies, fold, out)
    }

    #[inline(always)]
    fn rest_of<T: Copy + Default + AddAssign>(
        &self,
        cells: &[T],
        totals: &[T],
        fold: usize,
        out: &mut [T],
    ) -> T {
        out.fill(T::default());
        let mut total = T::default();
        for other in self.others(fold) {
            add(out, &cells[self.cells_of(other)]);
            total += totals[other];
        }
        total
    }
}

/// Adds padded numbers.
#[inline(always)]
fn add<T: Copy + AddAssign>(sums: &mut [T], parts: &[T]) {
    for (sums, parts) in
        sums.as_chunks_mut::<LANES>().0.iter_mut().zip(parts.as_chunks::<LANES>().0)
    {
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum += *part;
        }
    }
}
