//! The sums of documents' vectors that naive Bayes is estimated from.

use ndarray::Array2;

/// Numbers per topic are padded with zeros to a multiple of this, for vector instructions.
const LANES: usize = 8;

/// The padded length of a row with a number per topic.
pub(crate) const fn padded(topic_count: usize) -> usize {
    topic_count.next_multiple_of(LANES)
}

/// The sums over all terms of some documents' vectors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Totals {
    /// By topic: the sum over its documents.
    pub(crate) topics: Vec<f64>,
    /// The sum over all documents; where a document has several topics or none, not the sum over
    /// the topics.
    pub(crate) collection: f64,
    /// Per topic: the number of documents.
    pub(crate) documents: Vec<u64>,
    /// The number of documents.
    pub(crate) document_count: u64,
    /// The sum of the natural logarithms of the lengths of the vectors before they were scaled.
    pub(crate) log_lengths: f64,
}

impl Totals {
    pub(crate) fn zeros(topic_count: usize) -> Self {
        Self {
            topics: vec![0.0; topic_count],
            collection: 0.0,
            documents: vec![0; topic_count],
            document_count: 0,
            log_lengths: 0.0,
        }
    }

    /// The totals of all these documents together.
    pub(crate) fn sum<'a>(topic_count: usize, parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::zeros(topic_count);
        for part in parts {
            all.topics.iter_mut().zip(&part.topics).for_each(|(sum, part)| *sum += part);
            all.documents.iter_mut().zip(&part.documents).for_each(|(sum, part)| *sum += part);
            all.collection += part.collection;
            all.document_count += part.document_count;
            all.log_lengths += part.log_lengths;
        }
        all
    }

    /// The factor that gives a document of typical length (the geometric mean) a vector of length
    /// 1, so that a pseudo-count and the prior mean the same for headlines and for books.
    pub(crate) fn length_factor(&self) -> f64 {
        let typical = libm::exp(self.log_lengths / self.document_count.max(1) as f64);
        typical.sqrt().sqrt()
    }
}

/// The sums at one term of some documents' vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TermSums<'a> {
    /// By topic, padded.
    pub(crate) topics: &'a [f64],
    /// Over all documents.
    pub(crate) collection: f64,
}

/// The sums at the model's terms of all documents' vectors.
#[derive(Debug)]
pub(crate) struct TopicCounts {
    /// The numbers of the terms.
    pub(crate) terms: Vec<u32>,
    /// Term by term: the sum over all documents, then those of the topics.
    pub(crate) sums: Vec<f64>,
    /// Over all terms that were counted, those of the model among them.
    pub(crate) totals: Totals,
}

impl TopicCounts {
    pub(crate) fn topic_count(&self) -> usize {
        self.totals.topics.len()
    }

    /// By term: the sum over all documents, and those of the topics.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (f64, &[f64])> {
        self.sums.chunks_exact(self.topic_count() + 1).map(|sums| (sums[0], &sums[1..]))
    }

    /// A row per topic and a column per term of what `value` makes of a term's sums for a topic,
    /// times [`Totals::length_factor`].
    pub(crate) fn by_topic(&self, value: impl Fn(&[f64], usize) -> f64) -> Array2<f64> {
        let factor = self.totals.length_factor();
        let mut counts = Array2::zeros((self.topic_count(), self.terms.len()));
        for ((_, sums), mut column) in self.rows().zip(counts.columns_mut()) {
            for (topic, count) in column.iter_mut().enumerate() {
                *count = value(sums, topic) * factor;
            }
        }
        counts
    }

    /// [`Self::totals`] over the terms of the model alone.
    pub(crate) fn selected_totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        totals.topics.fill(0.0);
        totals.collection = 0.0;
        for (collection, sums) in self.rows() {
            totals.collection += collection;
            totals.topics.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        totals
    }
}
