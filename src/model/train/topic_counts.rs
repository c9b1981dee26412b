//! The counts that the model itself is estimated from: a row a term that was selected, a column a topic.

use ndarray::Array2;

use super::counts::{Sums, UNIT};

/// How many terms are turned from rows into columns together.
const TERMS_AT_A_TIME: usize = 64;

/// What the selected terms come to over all documents.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Their [`super::inverted::Term::key`]s.
    pub(super) keys: Vec<(u32, u32)>,
    /// Term by term: the collection's sum, then those of the topics.
    pub(super) sums: Vec<u64>,
}

/// For each topic, the sum of the vectors of its documents, in fixed point; and how many documents those are. Terms are in the order of
/// their texts.
#[derive(Debug, Clone, Default)]
pub(super) struct TopicCounts {
    topic_count: usize,
    /// A row a term, a column a topic.
    sums: Vec<u64>,
    /// By term, over all documents: where a document has several topics or none, not the sum over the topics.
    collection: Vec<u64>,
    documents: Vec<u64>,
    document_count: u64,
    length_factor: f64,
}

impl TopicCounts {
    /// `parts`: from each thread what it counted of the selected terms.
    pub(super) fn put_together(all: &Sums, parts: &[Rows]) -> Self {
        let topic_count = all.topics.len();
        let mut order: Vec<((u32, u32), &[u64])> =
            parts.iter().flat_map(|rows| rows.keys.iter().copied().zip(rows.sums.chunks_exact(topic_count + 1))).collect();
        order.sort_unstable_by_key(|(key, _)| *key);
        let mut sums = Vec::with_capacity(order.len() * topic_count);
        order.iter().for_each(|(_, row)| sums.extend_from_slice(&row[1..]));
        Self {
            topic_count,
            sums,
            collection: order.iter().map(|(_, row)| row[0]).collect(),
            documents: all.documents.clone(),
            document_count: all.document_count,
            length_factor: all.length_factor(),
        }
    }

    pub(super) fn length_factor(&self) -> f64 {
        self.length_factor
    }

    /// What a unit of the sums stands for.
    fn unit(&self) -> f64 {
        self.length_factor / UNIT
    }

    /// A number a cell, a row a topic; `value(term, sum)`.
    fn rows(&self, value: impl Fn(usize, u64) -> f64) -> Array2<f64> {
        let term_count = self.collection.len();
        let mut rows = Array2::zeros((self.topic_count, term_count));
        // Rows become columns a few lines of cache at a time.
        for first in (0..term_count).step_by(TERMS_AT_A_TIME) {
            let terms = first..(first + TERMS_AT_A_TIME).min(term_count);
            let sums = &self.sums[terms.start * self.topic_count..terms.end * self.topic_count];
            for (topic, mut row) in rows.rows_mut().into_iter().enumerate() {
                let values = row.iter_mut().skip(terms.start);
                for ((out, term), sums) in values.zip(terms.clone()).zip(sums.chunks_exact(self.topic_count)) {
                    *out = value(term, sums[topic]);
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
        let totals: Vec<u64> = self.sums.chunks_exact(self.topic_count).map(|row| row.iter().sum()).collect();
        let unit = self.unit();
        self.rows(|term, sum| (totals[term] - sum) as f64 * unit)
    }

    /// The sums over the documents that do not have the topic, a row a topic: where documents may have several or none.
    pub(super) fn rest_weights(&self) -> Array2<f64> {
        let unit = self.unit();
        self.rows(|term, sum| (self.collection[term] - sum) as f64 * unit)
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
}
