//! The weighted counts that naive Bayes is estimated from: for each topic the sum of its documents' vectors.

use std::io;

use ndarray::Array2;

use super::folds::{Documents, FoldedCorpus, FoldedDocument};
use super::spool::Contents;
use crate::model::{length_scale, log_tf};
use crate::text::TermId;

/// How much memory the tables of several threads may take together; a single one may be larger.
const TABLE_BYTES: usize = 128 << 20;

/// A sum's unit: weights are in (0, 1], and are added as whole multiples of 2^-32. Whole numbers add up to the same sum in
/// any order, and what was added can be taken away exactly: that is what makes folds and threads free.
const UNIT: f64 = 4_294_967_296.0;

/// A weight in units, rounded half up. (`f64::round` is a call of a function where the processor is not known to round.)
fn fixed(x: f64) -> u64 {
    let units = x * UNIT;
    let whole = units as i64;
    whole as u64 + u64::from(units - whole as f64 >= 0.5)
}

/// How many terms are turned from rows into columns together.
const TERMS_AT_A_TIME: usize = 64;

/// Inverse document frequency by term, smoothed as scikit-learn does: `ln((1 + documents) / (1 + document frequency)) + 1`.
pub(super) fn inverse_document_frequencies(contents: &Contents) -> Vec<f32> {
    let documents = 1.0 + contents.document_count as f64;
    contents
        .lexicon
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
    pub(super) fn vector(&mut self, document: &FoldedDocument<'_>, idf: &[f32], selected: &[bool]) -> &[(TermId, f64)] {
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
#[derive(Debug, Clone)]
pub(super) struct TopicCounts {
    topic_count: usize,
    /// A row a term, a column a topic: a document touches few terms, and of each one place in the memory.
    cells: Vec<Cell>,
    /// By term, over all documents: where a document has several topics or none, not the sum over the topics.
    collection: Vec<Cell>,
    /// Documents by topic.
    documents: Vec<u64>,
    /// Documents in all.
    document_count: u64,
    /// The sum of the natural logarithms of the lengths of their vectors, in units.
    log_lengths: u64,
}

/// What some documents' vectors have of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    sum: u64,
    /// In how many of them it occurs.
    pub(super) presence: u32,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.presence += other.presence;
    }

    fn without(self, part: Self) -> Self {
        Self { sum: self.sum - part.sum, presence: self.presence - part.presence }
    }
}

impl TopicCounts {
    fn zeros(topic_count: usize, term_count: usize) -> Self {
        Self {
            topic_count,
            cells: vec![Cell::default(); topic_count * term_count],
            collection: vec![Cell::default(); term_count],
            documents: vec![0; topic_count],
            document_count: 0,
            log_lengths: 0,
        }
    }

    /// The counts over some of the documents.
    pub(super) fn of(corpus: &mut FoldedCorpus, documents: Documents, idf: &[f32], selected: &[bool]) -> io::Result<Self> {
        let (topic_count, term_count) = (corpus.contents().topics.len(), idf.len());
        // A table a thread: what several threads add to one is several times as slow, for a processor that waits for each addition.
        let table_bytes = (topic_count + 1) * term_count * size_of::<Cell>();
        let threads = corpus.part_count().min(TABLE_BYTES / table_bytes.max(1)).max(1);
        let states = (0..threads).map(|_| (Vectorizer::default(), Self::zeros(topic_count, term_count))).collect();
        let counted = corpus.for_each(documents, states, |(vectorizer, counts), document| {
            counts.add_document(&document, vectorizer, idf, selected);
        })?;
        let mut counted = counted.into_iter().map(|(_, counts)| counts);
        let mut all = counted.next().unwrap_or_else(|| Self::zeros(topic_count, term_count));
        counted.for_each(|counts| all.add(&counts));
        Ok(all)
    }

    fn add_document(&mut self, document: &FoldedDocument<'_>, vectorizer: &mut Vectorizer, idf: &[f32], selected: &[bool]) {
        self.document_count += 1;
        for &topic in document.topics {
            self.documents[topic] += 1;
        }
        vectorizer.vector(document, idf, selected);
        let vector = &vectorizer.vector;
        if !vector.is_empty() {
            // Lengths are 1 or more: a term counts at least once, and its idf is above 1.
            self.log_lengths += fixed(libm::log(vectorizer.length));
        }
        for &(term, x) in vector {
            let term = term as usize;
            let cell = Cell { sum: fixed(x), presence: 1 };
            self.collection[term].add(cell);
            for &topic in document.topics {
                self.cells[term * self.topic_count + topic].add(cell);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.cells.iter_mut().zip(&other.cells).for_each(|(cell, other)| cell.add(*other));
        self.collection.iter_mut().zip(&other.collection).for_each(|(cell, other)| cell.add(*other));
        self.documents.iter_mut().zip(&other.documents).for_each(|(count, other)| *count += other);
        self.document_count += other.document_count;
        self.log_lengths += other.log_lengths;
    }

    /// What is left of `all` when these are taken away, which must be among them; in the memory of these.
    pub(super) fn taken_from(mut self, all: &Self) -> Self {
        self.cells.iter_mut().zip(&all.cells).for_each(|(part, all)| *part = all.without(*part));
        self.collection.iter_mut().zip(&all.collection).for_each(|(part, all)| *part = all.without(*part));
        self.documents.iter_mut().zip(&all.documents).for_each(|(part, all)| *part = all - *part);
        self.document_count = all.document_count - self.document_count;
        self.log_lengths = all.log_lengths - self.log_lengths;
        self
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
    pub(super) fn restricted(mut self, selected: &[bool]) -> Self {
        let mut flags = selected.iter();
        self.collection.retain(|_| flags.next().copied().unwrap_or(false));
        let mut flags = selected.iter().flat_map(|selected| std::iter::repeat_n(*selected, self.topic_count));
        self.cells.retain(|_| flags.next().unwrap_or(false));
        self
    }

    /// A number a cell, a row a topic; `value(term, sum)`.
    fn rows(&self, value: impl Fn(usize, u64) -> f64) -> Array2<f64> {
        let term_count = self.collection.len();
        let mut rows = Array2::zeros((self.topic_count, term_count));
        // Rows become columns a few lines of cache at a time.
        for first in (0..term_count).step_by(TERMS_AT_A_TIME) {
            let terms = first..(first + TERMS_AT_A_TIME).min(term_count);
            let cells = &self.cells[terms.start * self.topic_count..terms.end * self.topic_count];
            for (topic, mut row) in rows.rows_mut().into_iter().enumerate() {
                let values = row.iter_mut().skip(terms.start);
                for ((out, term), cells) in values.zip(terms.clone()).zip(cells.chunks_exact(self.topic_count)) {
                    *out = value(term, cells[topic].sum);
                }
            }
        }
        rows
    }

    /// The sums as numbers, a row a topic.
    pub(super) fn weights(&self) -> Array2<f64> {
        let unit = self.unit();
        self.rows(|_, sum| sum as f64 * unit)
    }

    /// The sums over all topics but one, a row a topic left out.
    pub(super) fn complement_weights(&self) -> Array2<f64> {
        let totals: Vec<u64> =
            self.cells.chunks_exact(self.topic_count).map(|row| row.iter().map(|cell| cell.sum).sum()).collect();
        let unit = self.unit();
        self.rows(|term, sum| (totals[term] - sum) as f64 * unit)
    }

    /// The sums over the documents that do not have the topic, a row a topic: where documents may have several or none.
    pub(super) fn rest_weights(&self) -> Array2<f64> {
        let unit = self.unit();
        self.rows(|term, sum| (self.collection[term].sum - sum) as f64 * unit)
    }

    /// The sums over all documents.
    pub(super) fn collection_weights(&self) -> Vec<f64> {
        let unit = self.unit();
        self.collection.iter().map(|cell| cell.sum as f64 * unit).collect()
    }

    pub(super) fn documents(&self) -> &[u64] {
        &self.documents
    }

    pub(super) fn document_count(&self) -> u64 {
        self.document_count
    }

    pub(super) fn document_frequency(&self, term: usize) -> u32 {
        self.collection[term].presence
    }

    /// By topic.
    pub(super) fn of_term(&self, term: usize) -> &[Cell] {
        &self.cells[term * self.topic_count..][..self.topic_count]
    }
}
