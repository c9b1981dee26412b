//! The weighted counts that naive Bayes is estimated from: for each topic the sum of its documents' vectors.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::Array2;
use safetensors::tensor::{Dtype, TensorView};

use super::lexicon::Lexicon;
use super::spool::{SpooledCorpus, SpooledDocument};
use crate::model::artifact::ArtifactError;
use crate::model::log_tf;
use crate::text::TermId;

/// A sum's unit: weights are in (0, 1], and are added as whole multiples of 2^-32. Whole numbers add up to the same sum in
/// any order, and what was added can be taken away exactly: that is what makes folds and threads free.
const UNIT: f64 = 4_294_967_296.0;

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
}

impl Vectorizer {
    /// `(1 + ln count) * idf` by term, scaled to length 1; empty for a document without terms.
    pub(super) fn vector(&mut self, document: &SpooledDocument<'_>, idf: &[f32]) -> &[(TermId, f64)] {
        self.vector.clear();
        let mut squares = 0.0;
        for &(term, count) in document.bag {
            let x = f64::from(log_tf(count)) * f64::from(idf[term as usize]);
            squares += x * x;
            self.vector.push((term, x));
        }
        let length = squares.sqrt();
        for (_, x) in &mut self.vector {
            *x /= length;
        }
        &self.vector
    }
}

/// For each topic, the sum of the vectors of its documents, in fixed point; and how many documents those are.
#[derive(Debug)]
pub(super) struct TopicCounts {
    /// A row a topic, a column a term.
    sums: Array2<u64>,
    /// Documents by topic.
    documents: Vec<u64>,
}

impl TopicCounts {
    pub(super) fn of_all(corpus: &mut SpooledCorpus, idf: &[f32]) -> io::Result<Self> {
        Self::of(corpus, idf, |_| true)
    }

    /// The counts over the documents that `choose` takes.
    pub(super) fn of(
        corpus: &mut SpooledCorpus,
        idf: &[f32],
        choose: impl Fn(&SpooledDocument<'_>) -> bool + Sync,
    ) -> io::Result<Self> {
        let (topic_count, term_count) = (corpus.topics().len(), idf.len());
        let zeros = |count: usize| -> Vec<AtomicU64> { (0..count).map(|_| AtomicU64::new(0)).collect() };
        let (sums, documents) = (zeros(topic_count * term_count), zeros(topic_count));
        corpus.for_each(Vectorizer::default, |vectorizer, document| {
            if !choose(&document) {
                return;
            }
            let vector = vectorizer.vector(&document, idf);
            for &topic in document.topics {
                documents[topic].fetch_add(1, Ordering::Relaxed);
                let row = &sums[topic * term_count..][..term_count];
                for &(term, x) in vector {
                    row[term as usize].fetch_add((x * UNIT).round() as u64, Ordering::Relaxed);
                }
            }
        })?;
        let plain = |atomics: Vec<AtomicU64>| -> Vec<u64> { atomics.into_iter().map(AtomicU64::into_inner).collect() };
        let sums = Array2::from_shape_vec((topic_count, term_count), plain(sums)).map_err(io::Error::other)?;
        Ok(Self { sums, documents: plain(documents) })
    }

    /// What is left when the documents of `part` are taken away; they must be among these.
    pub(super) fn without(&self, part: &Self) -> Self {
        let documents = self.documents.iter().zip(&part.documents).map(|(all, part)| all - part).collect();
        Self { sums: &self.sums - &part.sums, documents }
    }

    /// The sums as numbers, a row a topic.
    pub(super) fn weights(&self) -> Array2<f64> {
        self.sums.mapv(|sum| sum as f64 / UNIT)
    }

    /// The sums over all topics but one, a row a topic left out.
    pub(super) fn complement_weights(&self) -> Array2<f64> {
        let totals = self.sums.sum_axis(ndarray::Axis(0));
        let mut rest = Array2::zeros(self.sums.raw_dim());
        for (mut rest, sums) in rest.rows_mut().into_iter().zip(self.sums.rows()) {
            ndarray::Zip::from(&mut rest)
                .and(&totals)
                .and(sums)
                .for_each(|rest, total, sum| *rest = (total - sum) as f64 / UNIT);
        }
        rest
    }

    pub(super) fn documents(&self) -> &[u64] {
        &self.documents
    }

    /// The bytes of the file that learning goes on from: terms, document frequencies, and the sums in their fixed point.
    pub(super) fn encode(&self, lexicon: &Lexicon, document_count: u64) -> Result<Vec<u8>, ArtifactError> {
        let mut terms = lexicon.terms().join("\n").into_bytes();
        terms.push(b'\n');
        let frequencies: Vec<u8> = lexicon.document_frequencies().iter().flat_map(|value| value.to_le_bytes()).collect();
        let sums: Vec<u8> = self.sums.iter().flat_map(|value| value.to_le_bytes()).collect();
        let documents: Vec<u8> = self.documents.iter().flat_map(|value| value.to_le_bytes()).collect();
        let total = document_count.to_le_bytes();
        let (topic_count, term_count) = self.sums.dim();
        let refused = |error: safetensors::SafeTensorError| ArtifactError::Weights { reason: error.to_string() };
        let view = |dtype, shape: Vec<usize>, data| TensorView::new(dtype, shape, data).map_err(refused);
        let tensors = [
            ("terms", view(Dtype::U8, vec![terms.len()], &terms)?),
            ("document_frequencies", view(Dtype::U32, vec![term_count], &frequencies)?),
            ("weight_sums", view(Dtype::U64, vec![topic_count, term_count], &sums)?),
            ("topic_document_counts", view(Dtype::U64, vec![topic_count], &documents)?),
            ("document_count", view(Dtype::U64, vec![1], &total)?),
        ];
        safetensors::serialize(tensors, None).map_err(refused)
    }
}
