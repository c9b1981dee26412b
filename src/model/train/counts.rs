//! The weighted counts that naive Bayes is estimated from: for each topic the sum of its documents' vectors.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ndarray::{Array2, Axis};

use super::spool::{SpooledCorpus, SpooledDocument};
use crate::model::{length_scale, log_tf};
use crate::text::TermId;

/// A sum's unit: weights are in (0, 1], and are added as whole multiples of 2^-32. Whole numbers add up to the same sum in
/// any order, and what was added can be taken away exactly: that is what makes folds and threads free.
const UNIT: f64 = 4_294_967_296.0;

/// A weight in units.
fn fixed(x: f64) -> u64 {
    (x * UNIT).round() as u64
}

/// Inverse document frequency by term, smoothed as scikit-learn does: `ln((1 + documents) / (1 + document frequency)) + 1`.
pub(super) fn inverse_document_frequencies(corpus: &SpooledCorpus) -> Vec<f32> {
    let documents = 1.0 + corpus.document_count() as f64;
    corpus
        .lexicon()
        .document_frequencies()
        .iter()
        .map(|&frequency| (libm::log(documents / (1.0 + f64::from(frequency))) + 1.0) as f32)
        .collect()
}

/// Computes document vectors; keeps its memory between documents.
#[derive(Debug, Default)]
pub(super) struct Vectorizer {
    vector: Vec<(TermId, f64)>,
    /// Of the last document, before it was scaled.
    length: f64,
}

impl Vectorizer {
    /// `(1 + ln count) * idf` by term, scaled by the length of what is `selected` (by term; [`length_scale`]); empty for a document
    /// without any.
    pub(super) fn vector(&mut self, document: &SpooledDocument<'_>, idf: &[f32], selected: &[bool]) -> &[(TermId, f64)] {
        self.vector.clear();
        let mut squares = 0.0;
        for &(term, count) in document.bag {
            let x = f64::from(log_tf(count)) * f64::from(idf[term as usize]);
            if selected[term as usize] {
                squares += x * x;
            }
            self.vector.push((term, x));
        }
        if squares == 0.0 {
            self.vector.clear();
        }
        let scale = length_scale(squares);
        self.length = squares.sqrt();
        for (_, x) in &mut self.vector {
            *x *= scale;
        }
        &self.vector
    }
}

/// For each topic, the sum of the vectors of its documents, in fixed point; and how many documents those are.
#[derive(Debug)]
pub(super) struct TopicCounts {
    /// A row a topic, a column a term.
    sums: Array2<u64>,
    /// By term, over all documents: where a document has several topics or none, not the sum over the topics.
    collection: Vec<u64>,
    /// A row a term, a column a topic: in how many of the topic's documents the term occurs.
    presence: Array2<u32>,
    /// By term: in how many documents it occurs.
    document_frequencies: Vec<u32>,
    /// Documents by topic.
    documents: Vec<u64>,
    /// Documents in all.
    document_count: u64,
    /// The sum of the natural logarithms of the lengths of their vectors, in units.
    log_lengths: u64,
}

impl TopicCounts {
    pub(super) fn of_all(corpus: &mut SpooledCorpus, idf: &[f32], selected: &[bool]) -> io::Result<Self> {
        Self::of(corpus, idf, selected, |_| true)
    }

    /// The counts over the documents that `choose` takes.
    pub(super) fn of(
        corpus: &mut SpooledCorpus,
        idf: &[f32],
        selected: &[bool],
        choose: impl Fn(&SpooledDocument<'_>) -> bool + Sync,
    ) -> io::Result<Self> {
        let (topic_count, term_count) = (corpus.topics().len(), idf.len());
        let zeros = |count: usize| -> Vec<AtomicU64> { (0..count).map(|_| AtomicU64::new(0)).collect() };
        let narrow_zeros = |count: usize| -> Vec<AtomicU32> { (0..count).map(|_| AtomicU32::new(0)).collect() };
        let (sums, documents) = (zeros(topic_count * term_count), zeros(topic_count));
        let (collection, document_count, log_lengths) = (zeros(term_count), AtomicU64::new(0), AtomicU64::new(0));
        let (presence, document_frequencies) = (narrow_zeros(topic_count * term_count), narrow_zeros(term_count));
        corpus.for_each(Vectorizer::default, |vectorizer, document| {
            if !choose(&document) {
                return;
            }
            vectorizer.vector(&document, idf, selected);
            let vector = &vectorizer.vector;
            document_count.fetch_add(1, Ordering::Relaxed);
            if !vector.is_empty() {
                // Lengths are 1 or more: a term counts at least once, and its idf is above 1.
                log_lengths.fetch_add(fixed(libm::log(vectorizer.length)), Ordering::Relaxed);
            }
            for &(term, x) in vector {
                collection[term as usize].fetch_add(fixed(x), Ordering::Relaxed);
                document_frequencies[term as usize].fetch_add(1, Ordering::Relaxed);
            }
            for &topic in document.topics {
                documents[topic].fetch_add(1, Ordering::Relaxed);
                let row = &sums[topic * term_count..][..term_count];
                for &(term, x) in vector {
                    row[term as usize].fetch_add(fixed(x), Ordering::Relaxed);
                    presence[term as usize * topic_count + topic].fetch_add(1, Ordering::Relaxed);
                }
            }
        })?;
        let plain = |atomics: Vec<AtomicU64>| -> Vec<u64> { atomics.into_iter().map(AtomicU64::into_inner).collect() };
        let narrow = |atomics: Vec<AtomicU32>| -> Vec<u32> { atomics.into_iter().map(AtomicU32::into_inner).collect() };
        Ok(Self {
            sums: Array2::from_shape_vec((topic_count, term_count), plain(sums)).map_err(io::Error::other)?,
            collection: plain(collection),
            presence: Array2::from_shape_vec((term_count, topic_count), narrow(presence)).map_err(io::Error::other)?,
            document_frequencies: narrow(document_frequencies),
            documents: plain(documents),
            document_count: document_count.into_inner(),
            log_lengths: log_lengths.into_inner(),
        })
    }

    /// What is left when the documents of `part` are taken away; they must be among these.
    pub(super) fn without(&self, part: &Self) -> Self {
        let without = |all: &[u64], part: &[u64]| all.iter().zip(part).map(|(all, part)| all - part).collect();
        Self {
            sums: &self.sums - &part.sums,
            collection: without(&self.collection, &part.collection),
            presence: &self.presence - &part.presence,
            document_frequencies: self
                .document_frequencies
                .iter()
                .zip(&part.document_frequencies)
                .map(|(all, part)| all - part)
                .collect(),
            documents: without(&self.documents, &part.documents),
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
    fn unit(&self) -> f64 {
        self.length_factor() / UNIT
    }

    /// The counts of the terms that are selected, alone.
    pub(super) fn restricted(&self, selected: &[bool]) -> Self {
        let terms: Vec<usize> = (0..selected.len()).filter(|&term| selected[term]).collect();
        Self {
            sums: self.sums.select(Axis(1), &terms),
            collection: terms.iter().map(|&term| self.collection[term]).collect(),
            presence: self.presence.select(Axis(0), &terms),
            document_frequencies: terms.iter().map(|&term| self.document_frequencies[term]).collect(),
            documents: self.documents.clone(),
            document_count: self.document_count,
            log_lengths: self.log_lengths,
        }
    }

    /// The sums as numbers, a row a topic.
    pub(super) fn weights(&self) -> Array2<f64> {
        let unit = self.unit();
        self.sums.mapv(|sum| sum as f64 * unit)
    }

    /// The sums over all topics but one, a row a topic left out.
    pub(super) fn complement_weights(&self) -> Array2<f64> {
        let totals = self.sums.sum_axis(Axis(0));
        let unit = self.unit();
        let mut rest = Array2::zeros(self.sums.raw_dim());
        for (mut rest, sums) in rest.rows_mut().into_iter().zip(self.sums.rows()) {
            ndarray::Zip::from(&mut rest)
                .and(&totals)
                .and(sums)
                .for_each(|rest, total, sum| *rest = (total - sum) as f64 * unit);
        }
        rest
    }

    /// The sums over the documents that do not have the topic, a row a topic: where documents may have several or none.
    pub(super) fn rest_weights(&self) -> Array2<f64> {
        let mut rest = Array2::zeros(self.sums.raw_dim());
        let unit = self.unit();
        for (mut rest, sums) in rest.rows_mut().into_iter().zip(self.sums.rows()) {
            for ((rest, all), sum) in rest.iter_mut().zip(&self.collection).zip(sums) {
                *rest = (all - sum) as f64 * unit;
            }
        }
        rest
    }

    /// The sums over all documents.
    pub(super) fn collection_weights(&self) -> Vec<f64> {
        let unit = self.unit();
        self.collection.iter().map(|&sum| sum as f64 * unit).collect()
    }

    pub(super) fn documents(&self) -> &[u64] {
        &self.documents
    }

    pub(super) fn document_count(&self) -> u64 {
        self.document_count
    }

    pub(super) fn document_frequency(&self, term: usize) -> u32 {
        self.document_frequencies[term]
    }

    /// By topic: in how many of its documents the term occurs.
    pub(super) fn presence(&self, term: usize) -> ndarray::ArrayView1<'_, u32> {
        self.presence.row(term)
    }
}
