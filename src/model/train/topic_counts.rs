//! The counts that the model itself is estimated from: a row a term that was selected, a column a
//! topic.

use ndarray::{Array2, Axis};

use super::counts::{Sums, UNIT};
use super::threads;

/// How many terms are turned from rows into columns, or back, together.
pub(super) const TERMS_AT_A_TIME: usize = 64;
/// And so many by one thread.
pub(super) const TERMS_OF_A_PART: usize = 64 * TERMS_AT_A_TIME;

/// What the selected terms of a partition come to over all documents.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Their [`super::inverted::Term::key`]s.
    pub(super) keys: Vec<(u32, u32)>,
    pub(super) idf: Vec<f32>,
    /// Term by term: the collection's sum, then those of the topics.
    pub(super) sums: Vec<u64>,
}

impl Rows {
    /// None, with room for so many terms.
    pub(super) fn with_capacity(term_count: usize, topic_count: usize) -> Self {
        Self {
            keys: Vec::with_capacity(term_count),
            idf: Vec::with_capacity(term_count),
            sums: Vec::with_capacity(term_count * (topic_count + 1)),
        }
    }
}

/// A term's place in [`TopicCounts::parts`].
#[derive(Debug, Clone, Copy)]
struct Place {
    part: u32,
    row: u32,
}

/// For each topic, the sum of the vectors of its documents, in fixed point; and how many documents
/// those are. Terms are in the order of their texts.
#[derive(Debug, Default)]
pub(super) struct TopicCounts {
    topic_count: usize,
    parts: Vec<Rows>,
    /// By term: its key, and where its sums are.
    places: Vec<((u32, u32), Place)>,
    documents: Vec<u64>,
    document_count: u64,
    length_factor: f64,
}

impl TopicCounts {
    /// `parts`: what was counted of the selected terms, each in one of them.
    pub(super) fn put_together(all: &Sums, parts: Vec<Rows>) -> Self {
        let mut places = Vec::with_capacity(parts.iter().map(|rows| rows.keys.len()).sum());
        for (rows, part) in parts.iter().zip(0..) {
            places.extend(rows.keys.iter().zip(0..).map(|(&key, row)| (key, Place { part, row })));
        }
        // As one number they are quicker to compare.
        places.sort_unstable_by_key(|&((first, second), _)| {
            u64::from(first) << 32 | u64::from(second)
        });
        Self {
            topic_count: all.topics.len(),
            parts,
            places,
            documents: all.documents.clone(),
            document_count: all.document_count,
            length_factor: all.length_factor(),
        }
    }

    pub(super) fn term_count(&self) -> usize {
        self.places.len()
    }

    /// The terms in the order of their texts: their keys with their idf.
    pub(super) fn terms(&self) -> impl Iterator<Item = ((u32, u32), f32)> {
        self.places
            .iter()
            .map(|&(key, Place { part, row })| (key, self.parts[part as usize].idf[row as usize]))
    }

    /// The sum of a term over all documents (where a document has several topics or none, not the
    /// sum over the topics), and its sums by topic.
    fn sums(&self, Place { part, row }: Place) -> (u64, &[u64]) {
        let width = self.topic_count + 1;
        let sums = &self.parts[part as usize].sums[row as usize * width..][..width];
        (sums[0], &sums[1..])
    }

    pub(super) fn length_factor(&self) -> f64 {
        self.length_factor
    }

    /// What a unit of the sums stands for.
    fn unit(&self) -> f64 {
        self.length_factor / UNIT
    }

    /// A number a cell, a row a topic, from a term's sums by topic and the sum that `whole` makes
    /// of all its sums.
    fn rows(
        &self,
        threads: usize,
        whole: impl Fn(u64, &[u64]) -> u64 + Sync,
        value: impl Fn(u64, u64) -> u64 + Sync,
    ) -> Array2<f64> {
        let unit = self.unit();
        let mut rows = Array2::zeros((self.topic_count, self.places.len()));
        let parts = rows
            .axis_chunks_iter_mut(Axis(1), TERMS_OF_A_PART)
            .zip(self.places.chunks(TERMS_OF_A_PART));
        threads::map_owned(parts, threads, |(mut rows, places)| {
            let mut terms: Vec<(u64, &[u64])> = Vec::with_capacity(TERMS_AT_A_TIME);
            // Rows become columns a few lines of cache at a time.
            for (places, first) in
                places.chunks(TERMS_AT_A_TIME).zip((0..).step_by(TERMS_AT_A_TIME))
            {
                terms.clear();
                terms.extend(places.iter().map(|&(_, place)| {
                    let (collection, sums) = self.sums(place);
                    (whole(collection, sums), sums)
                }));
                for (topic, mut row) in rows.rows_mut().into_iter().enumerate() {
                    for (out, &(whole, sums)) in row.iter_mut().skip(first).zip(&terms) {
                        // Far below 2^63, and signed numbers are the quicker ones to convert.
                        *out = value(whole, sums[topic]) as i64 as f64 * unit;
                    }
                }
            }
        });
        rows
    }

    /// The sums as numbers, a row a topic.
    pub(super) fn weights(&self, threads: usize) -> Array2<f64> {
        self.rows(threads, |_, _| 0, |_, sum| sum)
    }

    /// The sums over all topics but one, a row a topic left out.
    pub(super) fn complement_weights(&self, threads: usize) -> Array2<f64> {
        self.rows(threads, |_, sums| sums.iter().sum(), |total, sum| total - sum)
    }

    /// The sums over the documents that do not have the topic, a row a topic: where documents may
    /// have several or none.
    pub(super) fn rest_weights(&self, threads: usize) -> Array2<f64> {
        self.rows(threads, |collection, _| collection, |collection, sum| collection - sum)
    }

    /// The sums over all documents.
    pub(super) fn collection_weights(&self) -> Vec<f64> {
        let unit = self.unit();
        self.places.iter().map(|&(_, place)| self.sums(place).0 as f64 * unit).collect()
    }

    pub(super) fn documents(&self) -> &[u64] {
        &self.documents
    }

    pub(super) fn document_count(&self) -> u64 {
        self.document_count
    }
}
