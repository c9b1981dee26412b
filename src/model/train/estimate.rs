//! Estimates the weights with linfa-bayes, on one row a topic, and carries them out of it.
//!
//! `MultinomialNb` takes dense rows, and a corpus of dense rows does not fit in memory. Its fit is
//! linear in the rows, though: one row a topic that holds the sum of the topic's documents gives
//! the same `feature_log_prob` as all the documents, and the prior is a count that we have. A
//! complement model is the same fit on the sums over all other topics.

mod extract;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use linfa::DatasetBase;
use linfa::dataset::Label;
use linfa::traits::Fit as _;
use linfa_bayes::MultinomialNb;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Serialize, Serializer};

use super::counts::{LANES, Sums};
use super::topic_counts::TopicCounts;
use super::{TrainError, threads};
use crate::model::elementary::ln;

/// How weights are estimated from counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimator {
    /// Multinomial naive Bayes: the log-probability of a term in a topic, and the topic's prior.
    Multinomial,
    /// Complement naive Bayes: the negative log-probability of a term in all other topics; no
    /// prior. (Rennie, Shih, Teevan and Karger, "Tackling the Poor Assumptions of Naive Bayes Text
    /// Classifiers", ICML 2003.)
    Complement,
}

impl Estimator {
    /// The name in manifests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Multinomial => "multinomial",
            Self::Complement => "complement",
        }
    }

    /// The pseudo-count that did well on the corpora it was tried on.
    pub const fn default_alpha(self) -> f64 {
        match self {
            Self::Multinomial => 0.03,
            Self::Complement => 0.1,
        }
    }
}

/// An estimator with its smoothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Candidate {
    /// An estimator with the pseudo-count that every term has beforehand; above 0.
    Smoothed(Estimator, f64),
    /// Each topic against the documents without it: the log-odds of the two multinomial estimates.
    /// Both are drawn to the whole collection by the share `interpolation`, in (0, 1), which is
    /// kinder to rare topics than a pseudo-count. (Jelinek and Mercer, "Interpolated estimation of
    /// Markov source parameters from sparse data", 1980; Zhai and Lafferty, TOIS 2004.)
    OneAgainstRest {
        /// The share of the collection's distribution.
        interpolation: f64,
    },
}

/// What linfa's pseudo-count is where smoothing is done before it: it only has to be above 0.
const NO_ALPHA: f64 = 1e-12;

/// A linear model: `score = bias + sum over terms of x * weight`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    /// A row a topic, a column a term.
    pub(super) weights: Array2<f64>,
    /// By topic.
    pub(super) bias: Vec<f64>,
}

impl Linear {
    /// Fits a candidate. The weights are for vectors as [`super::counts`] makes them.
    pub(super) fn fit(
        candidate: Candidate,
        counts: &TopicCounts,
        threads: usize,
    ) -> Result<Self, TrainError> {
        // As documents are counted, their vectors are scaled to a typical length of 1.
        let factor = counts.length_factor();
        let fitted = |rows, alpha, factor| feature_log_probabilities(rows, alpha, factor, threads);
        let weights = match candidate {
            Candidate::Smoothed(Estimator::Multinomial, alpha) => {
                fitted(counts.weights(threads), alpha, factor)?
            }
            Candidate::Smoothed(Estimator::Complement, alpha) => {
                fitted(counts.complement_weights(threads), alpha, -factor)?
            }
            Candidate::OneAgainstRest { interpolation } => {
                let collection = counts.collection_weights();
                let distribution = |rows: Array2<f64>| {
                    fitted(interpolated(rows, &collection, interpolation), NO_ALPHA, factor)
                };
                distribution(counts.weights(threads))? - distribution(counts.rest_weights(threads))?
            }
        };
        Ok(Self { weights, bias: candidate.bias(counts.documents(), counts.document_count()) })
    }
}

impl Candidate {
    /// What a topic has before any word is read, from its number of documents and that of all.
    fn bias(self, documents: &[u64], document_count: u64) -> Vec<f64> {
        match self {
            Self::Smoothed(Estimator::Multinomial, _) => {
                let total: u64 = documents.iter().sum();
                // A topic all of whose documents were held out has no prior of its own: half a
                // document keeps it finite.
                documents
                    .iter()
                    .map(|&count| libm::log((count as f64).max(0.5) / total as f64))
                    .collect()
            }
            Self::Smoothed(Estimator::Complement, _) => vec![0.0; documents.len()],
            Self::OneAgainstRest { .. } => {
                let odds =
                    |count: f64| libm::log((count + 0.5) / (document_count as f64 - count + 0.5));
                documents.iter().map(|&count| odds(count as f64)).collect()
            }
        }
    }
}

/// A candidate as it would be fitted to some of the documents, a term at a time: what
/// cross-validation scores the others by.
///
/// It makes five models a candidate, of which it needs a row here and there and seven digits. So it
/// does without linfa's dense matrices, and computes from a term's sums what [`Linear::fit`]
/// computes from all; a test holds the two equal.
#[derive(Debug)]
pub(super) struct RowEstimate {
    /// What the weights are multiplied by in the end.
    factor: f32,
    /// What a unit of the sums stands for.
    unit: f32,
    form: Form,
    pub(super) bias: Vec<f32>,
}

#[derive(Debug)]
enum Form {
    /// `ln((sum + alpha) / (topic's sum + alpha * terms))`; by topic the logarithm of what is
    /// below.
    Multinomial { alpha: f32, log_totals: Vec<[f32; LANES]> },
    /// The same of the other topics, negated.
    Complement { alpha: f32, log_totals: Vec<[f32; LANES]> },
    /// By topic, what its own sum, that of the rest, and in both that of the collection are
    /// multiplied by.
    OneAgainstRest { shares: Vec<[Drawn; 2]> },
}

/// A distribution that is drawn to the collection's, as in [`interpolated`].
#[derive(Debug, Clone, Copy)]
struct Drawn {
    own: f32,
    collection: f32,
}

impl RowEstimate {
    /// `sums`: over the documents that are fitted to, and so many terms.
    pub(super) fn new(candidate: Candidate, sums: &Sums, term_count: usize) -> Self {
        let unit = sums.unit();
        let of_topics = |total: &dyn Fn(u64) -> u64, alpha: f64| {
            let log_total =
                |&sum: &u64| libm::log(total(sum) as f64 * unit + alpha * term_count as f64) as f32;
            let lanes =
                |sums: &[u64]| std::array::from_fn(|lane| sums.get(lane).map_or(0.0, log_total));
            sums.topics.chunks(LANES).map(lanes).collect()
        };
        let form = match candidate {
            Candidate::Smoothed(Estimator::Multinomial, alpha) => {
                Form::Multinomial { alpha: alpha as f32, log_totals: of_topics(&|sum| sum, alpha) }
            }
            Candidate::Smoothed(Estimator::Complement, alpha) => {
                let all: u64 = sums.topics.iter().sum();
                Form::Complement {
                    alpha: alpha as f32,
                    log_totals: of_topics(&|sum| all - sum, alpha),
                }
            }
            Candidate::OneAgainstRest { interpolation } => {
                let total = sums.collection as f64 * unit;
                let drawn = |sum: u64| {
                    let own =
                        if sum > 0 { (1.0 - interpolation) / (sum as f64 * unit) } else { 0.0 };
                    let collection = if sum > 0 { interpolation / total } else { 1.0 / total };
                    Drawn { own: own as f32, collection: collection as f32 }
                };
                Form::OneAgainstRest {
                    shares: sums
                        .topics
                        .iter()
                        .map(|&sum| [drawn(sum), drawn(sums.collection - sum)])
                        .collect(),
                }
            }
        };
        let bias = candidate
            .bias(&sums.documents, sums.document_count)
            .into_iter()
            .map(|bias| bias as f32)
            .collect();
        Self { factor: sums.length_factor() as f32, unit: unit as f32, form, bias }
    }

    /// The weights of a term by topic, from its sums: by topic, and the collection's. `sums` and
    /// `out` are padded, as [`super::counts::padded`] says; what stands behind the topics in `out`
    /// means nothing. The loops are apart so that the compiler can make vector instructions of
    /// those that can be.
    #[inline(always)]
    pub(super) fn row(&self, sums: &[u64], collection: u64, out: &mut [f32]) {
        match &self.form {
            Form::Multinomial { alpha, log_totals } => {
                out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = self.number(sum) + alpha);
                for (out, log_total) in out.iter_mut().zip(log_totals.as_flattened()) {
                    *out = self.factor * (ln(*out) - log_total);
                }
            }
            Form::Complement { alpha, log_totals } => {
                let all: u64 = sums.iter().sum();
                out.iter_mut()
                    .zip(sums)
                    .for_each(|(out, &sum)| *out = self.number(all - sum) + alpha);
                for (out, log_total) in out.iter_mut().zip(log_totals.as_flattened()) {
                    *out = self.factor * (log_total - ln(*out));
                }
            }
            Form::OneAgainstRest { shares } => {
                for ((out, &sum), [topic, rest]) in out.iter_mut().zip(sums).zip(shares) {
                    let probability = |drawn: &Drawn, sum: u64| {
                        self.number(sum) * drawn.own
                            + self.number(collection) * drawn.collection
                            + NO_ALPHA as f32
                    };
                    *out = self.factor
                        * ln(probability(topic, sum) / probability(rest, collection - sum));
                }
            }
        }
    }

    /// Sums are far below 2^63, and signed numbers are the quicker ones to convert.
    #[inline(always)]
    fn number(&self, sum: u64) -> f32 {
        sum as i64 as f32 * self.unit
    }
}

/// Each row as a distribution, drawn to that of the collection. A row of nothing is the
/// collection's.
fn interpolated(mut rows: Array2<f64>, collection: &[f64], interpolation: f64) -> Array2<f64> {
    let total: f64 = collection.iter().sum();
    for mut row in rows.rows_mut() {
        let sum = row.sum();
        let own = if sum > 0.0 { (1.0 - interpolation) / sum } else { 0.0 };
        let shared = if sum > 0.0 { interpolation / total } else { 1.0 / total };
        for (value, collection) in row.iter_mut().zip(collection) {
            *value = *value * own + collection * shared;
        }
    }
    rows
}

/// How much of the matrix linfa is given at a time, in values: it copies what it is given a few
/// times over.
const VALUES_AT_A_TIME: usize = 1 << 16;

/// Of counts, the smoothed log-probability of each term (column) in each row, times a factor:
/// `factor * ln((count + alpha) / (row sum + alpha * terms))`.
fn feature_log_probabilities(
    mut counts: Array2<f64>,
    alpha: f64,
    factor: f64,
    threads: usize,
) -> Result<Array2<f64>, TrainError> {
    // What is left of linfa's `dbg!` (see `RowLabel`) is a line a class, which nobody asked for.
    // One gag at a time is all that a process can have; where there can be none (no standard
    // error), there is nothing to keep quiet.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let _quiet = gag::Gag::stderr();
    let rows_at_a_time = (VALUES_AT_A_TIME / counts.ncols().max(1)).max(1);
    let parts = counts.axis_chunks_iter_mut(Axis(0), rows_at_a_time);
    let outcomes = threads::map_owned(parts, threads, |mut rows| {
        let labels: Array1<RowLabel> =
            (0..rows.nrows()).map(|row| RowLabel { row, generation: 0 }).collect();
        for (row, log_probabilities) in fit(&DatasetBase::new(rows.view(), labels), alpha)? {
            let values = rows.row_mut(row as usize);
            values.into_iter().zip(log_probabilities).for_each(|(value, ln)| *value = ln * factor);
        }
        Ok(())
    });
    outcomes.into_iter().collect::<Result<(), TrainError>>()?;
    Ok(counts)
}

/// The log-probabilities of each row of the data set, with the number that is its label.
fn fit(
    dataset: &DatasetBase<ArrayView2<'_, f64>, Array1<RowLabel>>,
    alpha: f64,
) -> Result<Vec<(u64, Vec<f64>)>, TrainError> {
    let failed = |reason: String| TrainError::Estimator(reason);
    let params = MultinomialNb::<f64, RowLabel>::params().alpha(alpha);
    let model = params.fit(dataset).map_err(|error| failed(error.to_string()))?;
    let rows = extract::log_probabilities(&model).map_err(|error| failed(error.to_string()))?;
    let (row_count, term_count) = dataset.records().dim();
    if rows.len() != row_count || rows.iter().any(|(_, numbers)| numbers.len() != term_count) {
        return Err(failed(
            "the fitted model has not a log-probability of each term in each topic".to_owned(),
        ));
    }
    Ok(rows)
}

/// A topic's row, as a label for linfa.
///
/// The fit of linfa-bayes 0.8.1 leaves a `dbg!` behind, which looks each class up in the fitted map
/// and writes every value of it to standard error, unbuffered: on 80,000 terms and 13 topics six
/// million system calls, 3.4 seconds around a fit of 0.05. A gag makes that invisible and not one
/// second shorter. What is looked up is the label whose clone was inserted: so a clone of this
/// label is not equal to it, nothing is found, and there is nothing to print. Labels straight from
/// the data set (their generation is 0) equal all of their class, which is what the fit selects
/// rows by. To be a plain `usize` again once a linfa-bayes without the `dbg!` is released.
#[derive(Debug, Default)]
struct RowLabel {
    row: usize,
    /// How many clonings lie between this label and the data set's.
    generation: u32,
}

impl Clone for RowLabel {
    fn clone(&self) -> Self {
        Self { row: self.row, generation: self.generation + 1 }
    }
}

impl PartialEq for RowLabel {
    fn eq(&self, other: &Self) -> bool {
        let comparable =
            self.generation == 0 || other.generation == 0 || self.generation == other.generation;
        self.row == other.row && comparable
    }
}

impl Eq for RowLabel {}

impl Hash for RowLabel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.row.hash(state);
    }
}

impl PartialOrd for RowLabel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RowLabel {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.row, self.generation).cmp(&(other.row, other.generation))
    }
}

impl Label for RowLabel {}

impl Serialize for RowLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row.serialize(serializer)
    }
}
