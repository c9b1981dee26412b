//! What documents come to over all terms of the pool.

use super::lengths::UNIT;

/// The sums of some documents over all terms of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model::train) struct Sums {
    /// By topic, in units.
    pub(in crate::model::train) topics: Vec<u64>,
    /// Over all documents: where a document has several topics or none, not the sum over the
    /// topics.
    pub(in crate::model::train) collection: u64,
    /// Documents by topic.
    pub(in crate::model::train) documents: Vec<u64>,
    /// Documents in all.
    pub(in crate::model::train) document_count: u64,
    /// The sum of the natural logarithms of their vectors' lengths, in units.
    pub(super) log_lengths: u64,
}

impl Sums {
    pub(super) fn zeros(topic_count: usize) -> Self {
        Self {
            topics: vec![0; topic_count],
            collection: 0,
            documents: vec![0; topic_count],
            document_count: 0,
            log_lengths: 0,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.topics.iter_mut().zip(&other.topics).for_each(|(sum, other)| *sum += other);
        self.collection += other.collection;
        self.documents.iter_mut().zip(&other.documents).for_each(|(sum, other)| *sum += other);
        self.document_count += other.document_count;
        self.log_lengths += other.log_lengths;
    }

    pub(super) fn without(&self, part: &Self) -> Self {
        let less = |all: &[u64], part: &[u64]| {
            all.iter().zip(part).map(|(all, part)| all - part).collect()
        };
        Self {
            topics: less(&self.topics, &part.topics),
            collection: self.collection - part.collection,
            documents: less(&self.documents, &part.documents),
            document_count: self.document_count - part.document_count,
            log_lengths: self.log_lengths - part.log_lengths,
        }
    }

    /// What a vector is multiplied by to weigh, where its document has the typical length (the
    /// geometric mean), as if it were scaled to length 1: so a pseudo-count, and the prior, mean
    /// the same for headlines as for books.
    pub(in crate::model::train) fn length_factor(&self) -> f64 {
        let typical = libm::exp(self.log_lengths as f64 / UNIT / self.document_count.max(1) as f64);
        typical.sqrt().sqrt()
    }

    /// What a unit of the sums stands for.
    pub(in crate::model::train) fn unit(&self) -> f64 {
        self.length_factor() / UNIT
    }
}
