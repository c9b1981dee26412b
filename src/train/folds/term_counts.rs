//! The sums and document frequencies of one term, by fold and topic.

use super::deal::{FOLDS, Folds};
use super::lengths::{Lengths, weight};
use crate::train::collection::Collection;
use crate::train::estimate::padded;
use crate::train::terms::Term;

/// The folds, followed by the documents that are never held out.
const PARTS: usize = FOLDS + 1;

/// The counts of one term; reused for the next.
#[derive(Debug)]
pub(super) struct TermCounts {
    stride: usize,
    /// By part and topic, padded: the sums of the documents' vectors.
    sums: Vec<f64>,
    /// By part and topic, padded: how many documents have the term.
    presence: Vec<u32>,
    /// Per part: the same over all its documents.
    collection: [f64; PARTS],
    document_frequencies: [u32; PARTS],
}

impl TermCounts {
    pub(super) fn new(topic_count: usize) -> Self {
        let stride = padded(topic_count);
        Self {
            stride,
            sums: vec![0.0; PARTS * stride],
            presence: vec![0; PARTS * stride],
            collection: [0.0; PARTS],
            document_frequencies: [0; PARTS],
        }
    }

    /// Counts a term.
    pub(super) fn count(
        &mut self,
        collection: &Collection<'_>,
        folds: &Folds,
        lengths: &Lengths,
        (term, postings): (&Term, &[[u32; 2]]),
    ) {
        self.clear();
        for &[document, count] in postings {
            let part = folds.of(document);
            let x = weight(term, count) * f64::from(lengths.scales[document as usize]);
            self.collection[part] += x;
            self.document_frequencies[part] += 1;
            for &topic in collection.document_topics.get(document as usize) {
                let place = part * self.stride + topic as usize;
                self.sums[place] += x;
                self.presence[place] += 1;
            }
        }
    }

    /// Clears the parts in use: most terms are in few documents, and so in few parts.
    fn clear(&mut self) {
        for part in 0..PARTS {
            if self.is_in(part) {
                let own = part * self.stride..(part + 1) * self.stride;
                self.sums[own.clone()].fill(0.0);
                self.presence[own].fill(0);
                self.collection[part] = 0.0;
                self.document_frequencies[part] = 0;
            }
        }
    }

    /// Whether a document of this part has the term.
    pub(super) fn is_in(&self, part: usize) -> bool {
        self.document_frequencies[part] > 0
    }

    /// Sets `sums` to those of all documents outside a fold, or of all documents, and returns the
    /// sum over the collection.
    pub(super) fn sums_without(&self, fold: Option<usize>, sums: &mut [f64]) -> f64 {
        sums.fill(0.0);
        let mut collection = 0.0;
        for part in (0..PARTS).filter(|&part| Some(part) != fold && self.is_in(part)) {
            let own = &self.sums[part * self.stride..][..self.stride];
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            collection += self.collection[part];
        }
        collection
    }

    /// The same for document frequencies.
    pub(super) fn presence_without(&self, fold: usize, presence: &mut [u32]) -> u32 {
        presence.fill(0);
        let mut document_frequency = 0;
        for part in (0..PARTS).filter(|&part| part != fold && self.is_in(part)) {
            let own = &self.presence[part * self.stride..][..self.stride];
            presence.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            document_frequency += self.document_frequencies[part];
        }
        document_frequency
    }
}
