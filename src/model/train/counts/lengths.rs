//! The documents as they are counted: their folds, their topics, and what their vectors are multiplied by.

use std::io;

use super::added;
use crate::model::train::folds::{FOLDS, Folds};
use crate::model::train::inverted::{Inverted, Posting, Rank, Term};
use crate::model::{length_scale, log_tf};

/// A sum's unit: weights are in (0, 1], and are added as whole multiples of 2^-32. Whole numbers add up to the same sum in
/// any order, and what was added can be taken away exactly: that is what makes folds and threads free.
pub(in crate::model::train) const UNIT: f64 = 4_294_967_296.0;
/// The unit of a squared length, which may be large: 2^-24.
pub(super) const SQUARE_UNIT: f64 = 16_777_216.0;

/// A number from 0 on, below 2^50 units, in units; of two that are as near the even one.
#[inline(always)]
pub(super) fn fixed(x: f64, unit: f64) -> u64 {
    /// Added to such a number it leaves the nearest whole one in the last bits: 2^52, whose last bit is 1.
    const TO_UNITS: f64 = 4_503_599_627_370_496.0;
    (x * unit + TO_UNITS).to_bits() - TO_UNITS.to_bits()
}

/// A term's part of a document's vector, before that is scaled: `(1 + ln count) * idf`.
#[inline(always)]
pub(super) fn weight(term: &Term, posting: Posting) -> f64 {
    f64::from(log_tf(posting.count)) * f64::from(term.idf)
}

/// What counting has to know of a document, in one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// [`length_scale`] of its selected terms.
    pub(super) scale: f32,
    /// The fold that it is held out with, and in the other bits its topic; [`Entry::LIST`] where it has several or none.
    fold_and_topic: u32,
}

impl Entry {
    const TOPIC_BITS: u32 = u32::BITS - (FOLDS + 1).next_power_of_two().ilog2();
    const LIST: u32 = (1 << Self::TOPIC_BITS) - 1;

    fn new(scale: f32, fold: usize, topics: &[u32]) -> Self {
        let topic = if let &[topic] = topics { topic.min(Self::LIST) } else { Self::LIST };
        Self { scale, fold_and_topic: (fold as u32) << Self::TOPIC_BITS | topic }
    }

    #[inline(always)]
    pub(super) fn fold(self) -> usize {
        (self.fold_and_topic >> Self::TOPIC_BITS) as usize
    }

    /// Calls `each` with each topic of the document, whose entry this is.
    #[inline(always)]
    pub(super) fn for_each_topic(self, corpus: &Inverted, document: u32, mut each: impl FnMut(usize)) {
        match self.fold_and_topic & Self::LIST {
            Self::LIST => corpus.document_topics.of(document).iter().for_each(|&topic| each(topic as usize)),
            topic => each(topic as usize),
        }
    }
}

/// What the documents' vectors are multiplied by.
#[derive(Debug)]
pub(in crate::model::train) struct Lengths {
    /// By document.
    pub(super) entries: Vec<Entry>,
    /// The sum of the natural logarithms of the vectors' lengths, in units, by fold.
    pub(super) logs: [u64; FOLDS + 1],
}

impl Lengths {
    /// The lengths of the documents by their selected terms.
    pub(in crate::model::train) fn of(corpus: &Inverted, folds: &Folds) -> io::Result<Self> {
        let parts = corpus.for_each(
            || vec![0u64; corpus.document_count()],
            |squares, partition| {
                for (term, postings) in partition.pool().filter(|(term, _)| term.rank == Rank::Selected) {
                    for posting in postings {
                        let x = weight(term, posting);
                        squares[posting.document as usize] += fixed(x * x, SQUARE_UNIT);
                    }
                }
            },
        )?;
        let squares = added(parts);
        let mut logs = [0; FOLDS + 1];
        for (&squares, document) in squares.iter().zip(0..) {
            // Lengths are 1 or more: a term counts at least once, and its idf is above 1.
            if squares > 0 {
                logs[folds.of(document)] += fixed(libm::log(squares as f64 / SQUARE_UNIT) / 2.0, UNIT);
            }
        }
        let entry =
            |(squares, document)| Entry::new(scale_of(squares), folds.of(document), corpus.document_topics.of(document));
        Ok(Self { entries: squares.into_iter().zip(0..).map(entry).collect(), logs })
    }

    /// [`length_scale`] of a document's selected terms.
    pub(in crate::model::train) fn scale(&self, document: u32) -> f32 {
        self.entries[document as usize].scale
    }
}

pub(super) fn scale_of(squares: u64) -> f32 {
    length_scale(squares as f64 / SQUARE_UNIT) as f32
}
