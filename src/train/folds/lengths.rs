//! The lengths of the documents' vectors, and what the vectors sum to.

use std::io;

use rayon::prelude::*;

use super::deal::{FOLDS, Folds};
use crate::model::{length_scale, log_tf};
use crate::train::collection::Collection;
use crate::train::estimate::Totals;
use crate::train::terms::{Status, Term};

/// A term's part of a document's vector before that is scaled: `(1 + ln count) * idf`.
#[inline(always)]
pub(crate) fn weight(term: &Term, count: u32) -> f64 {
    f64::from(log_tf(count)) * f64::from(term.idf)
}

/// The scales of the documents' vectors, and the sums of the scaled vectors.
#[derive(Debug)]
pub(crate) struct Lengths {
    /// By document: [`length_scale`] of its selected terms.
    pub(crate) scales: Vec<f32>,
    /// Per fold, followed by the documents that are never held out.
    folds: Vec<Totals>,
}

impl Lengths {
    pub(crate) fn of(collection: &Collection<'_>, folds: &Folds) -> io::Result<Self> {
        // By document: the sum of the squares of its selected terms, and the sum of all terms.
        let of_block = |number| {
            let block = collection.rows.block(number)?;
            let sums = block.iter().map(|(_, row)| {
                row.iter().fold((0.0, 0.0), |(squares, sum), &[term, count]| {
                    let term = &collection.vocabulary.terms[term as usize];
                    let x = weight(term, count);
                    match term.status {
                        Status::Dropped => (squares, sum),
                        Status::Candidate => (squares, sum + x),
                        Status::Selected => (squares + x * x, sum + x),
                    }
                })
            });
            io::Result::Ok(sums.collect())
        };
        let blocks = (0..collection.rows.block_count()).into_par_iter();
        let sums: Vec<Vec<(f64, f64)>> = blocks.map(of_block).collect::<io::Result<_>>()?;
        let mut lengths = Self {
            scales: Vec::with_capacity(collection.document_count()),
            folds: vec![Totals::zeros(collection.topics.len()); FOLDS + 1],
        };
        for (document, (squares, sum)) in sums.into_iter().flatten().enumerate() {
            let scale = length_scale(squares) as f32;
            lengths.scales.push(scale);
            let totals = &mut lengths.folds[folds.of(document as u32)];
            let sum = sum * f64::from(scale);
            totals.document_count += 1;
            totals.collection += sum;
            for &topic in collection.document_topics.get(document) {
                totals.documents[topic as usize] += 1;
                totals.topics[topic as usize] += sum;
            }
            if squares > 0.0 {
                totals.log_lengths += libm::log(squares) / 2.0;
            }
        }
        Ok(lengths)
    }

    /// The totals of all documents.
    pub(crate) fn all(&self) -> Totals {
        Totals::sum(self.folds[0].topics.len(), self.folds.iter())
    }

    /// The totals of all documents but those of a fold.
    pub(crate) fn without(&self, fold: usize) -> Totals {
        let others = (0..self.folds.len()).filter(|&other| other != fold);
        Totals::sum(self.folds[0].topics.len(), others.map(|other| &self.folds[other]))
    }
}
