//! The documents as they are counted: their folds, their topics, and what their vectors are
//! multiplied by.

use std::io;

use prefetch_index::prefetch_index;

use super::sums::Sums;
use crate::model::train::folds::{FOLDS, Folds};
use crate::model::train::inverted::{Inverted, Posting, Rank, Term};
use crate::model::{length_scale, log_tf};

/// A sum's unit: a selected term's weights are in (0, 1], and are added as whole multiples of
/// 2^-32. Whole numbers add up to the same sum in any order, and what was added can be taken away
/// exactly: that is what makes folds and threads free.
pub(in crate::model::train) const UNIT: f64 = 4_294_967_296.0;
/// The unit of a squared length, which may be large: 2^-24.
pub(in crate::model::train) const SQUARE_UNIT: f64 = 16_777_216.0;

/// The unit of a document's weights, added up before they are scaled: 2^-24.
const WEIGHT_UNIT: f64 = SQUARE_UNIT;

/// A number from 0 on, below 2^50 units, in units; of two that are as near the even one.
#[inline(always)]
pub(in crate::model::train) fn fixed(x: f64, unit: f64) -> u64 {
    /// Added to such a number it leaves the nearest whole one in the last bits: 2^52, whose last
    /// bit is 1.
    const TO_UNITS: f64 = 4_503_599_627_370_496.0;
    (x * unit + TO_UNITS).to_bits() - TO_UNITS.to_bits()
}

/// A term's part of a document's vector, before that is scaled: `(1 + ln count) * idf`.
#[inline(always)]
pub(in crate::model::train) fn weight(term: &Term, posting: Posting) -> f64 {
    f64::from(log_tf(posting.count)) * f64::from(term.idf)
}

/// What counting has to know of a document, in one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// [`length_scale`] of its selected terms.
    pub(super) scale: f32,
    /// The fold that it is held out with, and in the other bits its topic; [`Entry::LIST`] where it
    /// has several or none.
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
    pub(super) fn for_each_topic(
        self,
        corpus: &Inverted,
        document: u32,
        mut each: impl FnMut(usize),
    ) {
        match self.fold_and_topic & Self::LIST {
            Self::LIST => {
                corpus.document_topics.of(document).iter().for_each(|&topic| each(topic as usize))
            }
            topic => each(topic as usize),
        }
    }
}

/// What the documents' vectors are multiplied by, and what they come to then.
#[derive(Debug)]
pub(in crate::model::train) struct Lengths {
    /// By document.
    pub(super) entries: Vec<Entry>,
    /// By document: [`length_scale`] of its terms of the pool.
    pool_scales: Vec<f32>,
    /// The sums of the documents of each fold, and of those that are never held out.
    folds: [Sums; FOLDS + 1],
    /// Over all documents.
    all: Sums,
}

impl Lengths {
    /// The lengths of the documents by their selected terms.
    pub(in crate::model::train) fn of(corpus: &Inverted, folds: &Folds) -> io::Result<Self> {
        let parts = corpus.for_each(
            // By document: the squares of its selected terms' weights; of all of the pool the
            // squares, and the weights.
            || vec![[0u64; 3]; corpus.document_count()],
            |totals, partition| {
                for (term, postings) in partition.pool() {
                    let is_selected = u64::from(term.rank == Rank::Selected);
                    for (posting, later) in postings.with_later() {
                        prefetch_index(&*totals, later);
                        let x = weight(term, posting);
                        let square = fixed(x * x, SQUARE_UNIT);
                        let [squares, of_pool, weights] = &mut totals[posting.document as usize];
                        *squares += square * is_selected;
                        *of_pool += square;
                        *weights += fixed(x, WEIGHT_UNIT);
                    }
                }
            },
        )?;
        let totals = added(parts);
        let mut of_folds: [Sums; FOLDS + 1] =
            std::array::from_fn(|_| Sums::zeros(corpus.topics.len()));
        let mut entries = Vec::with_capacity(totals.len());
        let mut pool_scales = Vec::with_capacity(totals.len());
        for ([squares, of_pool, weights], document) in totals.into_iter().zip(0..) {
            let fold = folds.of(document);
            let topics = corpus.document_topics.of(document);
            let scale = scale_of(squares);
            entries.push(Entry::new(scale, fold, topics));
            pool_scales.push(scale_of(of_pool));
            let sums = &mut of_folds[fold];
            let total = fixed(weights as f64 / WEIGHT_UNIT * f64::from(scale), UNIT);
            sums.document_count += 1;
            sums.collection += total;
            for &topic in topics {
                sums.documents[topic as usize] += 1;
                sums.topics[topic as usize] += total;
            }
            // Lengths are 1 or more: a term counts at least once, and its idf is above 1.
            if squares > 0 {
                sums.log_lengths += fixed(libm::log(squares as f64 / SQUARE_UNIT) / 2.0, UNIT);
            }
        }
        let mut all = Sums::zeros(corpus.topics.len());
        of_folds.iter().for_each(|sums| all.add(sums));
        Ok(Self { entries, pool_scales, folds: of_folds, all })
    }

    /// Has what counting reads of a document brought near.
    #[inline(always)]
    pub(super) fn prefetch(&self, document: usize) {
        prefetch_index(&self.entries, document);
    }

    /// [`length_scale`] of a document's selected terms.
    pub(in crate::model::train) fn scale(&self, document: u32) -> f32 {
        self.entries[document as usize].scale
    }

    /// [`length_scale`] of a document's terms of the pool, of which what is known of it is a part.
    pub(in crate::model::train) fn pool_scale(&self, document: u32) -> f32 {
        self.pool_scales[document as usize]
    }

    /// What all documents come to.
    pub(super) fn all(&self) -> &Sums {
        &self.all
    }

    /// What all documents but those of a fold come to.
    pub(in crate::model::train) fn rest(&self, fold: usize) -> Sums {
        self.all.without(&self.folds[fold])
    }
}

/// Adds up what several threads counted.
fn added(parts: Vec<Vec<[u64; 3]>>) -> Vec<[u64; 3]> {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for part in parts {
        all.as_flattened_mut()
            .iter_mut()
            .zip(part.as_flattened())
            .for_each(|(sum, part)| *sum += part);
    }
    all
}

pub(in crate::model::train) fn scale_of(squares: u64) -> f32 {
    length_scale(squares as f64 / SQUARE_UNIT) as f32
}
