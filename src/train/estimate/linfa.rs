//! Log-probabilities by linfa-bayes, on one row per topic.
//!
//! `MultinomialNb` takes dense rows, and a corpus of dense rows does not fit in memory. Its fit is
//! linear in the rows, though: one row per topic that holds the sum of the topic's documents gives
//! the same `feature_log_prob` as all the documents, and the prior is a count that we have. A
//! complement model is the same fit on the sums over all other topics.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use linfa::DatasetBase;
use linfa::dataset::Label;
use linfa::traits::Fit as _;
use linfa_bayes::MultinomialNb;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use crate::train::error::TrainError;

/// How many values linfa is given at a time: it copies what it is given a few times over.
const VALUES_AT_A_TIME: usize = 1 << 16;

/// The smoothed log-probability of each term (column) in each row: `ln((count + alpha) / (row sum +
/// alpha * terms))`.
pub(super) fn log_probabilities(
    mut counts: Array2<f64>,
    alpha: f64,
) -> Result<Array2<f64>, TrainError> {
    // What is left of linfa's `dbg!` (see `RowLabel`) is one line per class, which nobody asked
    // for. A process can have one gag at a time; where it can have none (no standard error), there
    // is nothing to silence.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let _quiet = gag::Gag::stderr();
    let rows_at_a_time = (VALUES_AT_A_TIME / counts.ncols().max(1)).max(1);
    let parts: Vec<_> = counts.axis_chunks_iter_mut(Axis(0), rows_at_a_time).collect();
    parts.into_par_iter().try_for_each(|mut rows| {
        let labels = (0..rows.nrows()).map(|row| RowLabel { row, generation: 0 }).collect();
        let fitted = fit(&DatasetBase::new(rows.view(), labels), alpha)?;
        for (row, log_probabilities) in fitted {
            rows.row_mut(row).assign(&log_probabilities);
        }
        Ok::<_, TrainError>(())
    })?;
    Ok(counts)
}

/// The log-probabilities of each row of the data set, with the number that is its label.
fn fit(
    dataset: &DatasetBase<ArrayView2<'_, f64>, Array1<RowLabel>>,
    alpha: f64,
) -> Result<Vec<(usize, Array1<f64>)>, TrainError> {
    let failed = |reason: String| TrainError::Estimator(reason);
    let params = MultinomialNb::<f64, RowLabel>::params().alpha(alpha);
    let model = params.fit(dataset).map_err(|error| failed(error.to_string()))?;
    let Fitted { class_info } = postcard::to_allocvec(&model)
        .and_then(|bytes| postcard::from_bytes(&bytes))
        .map_err(|error| failed(format!("cannot read the fitted model: {error}")))?;
    let (row_count, term_count) = dataset.records().dim();
    let is_whole = class_info.len() == row_count
        && class_info
            .iter()
            .all(|(row, class)| *row < row_count && class.feature_log_prob.len() == term_count);
    if !is_whole {
        return Err(failed("the fitted model has not one log-probability per term".to_owned()));
    }
    Ok(class_info.into_iter().map(|(row, class)| (row, class.feature_log_prob)).collect())
}

/// `MultinomialNb` as it is serialised, which is the one way to see what it has learned.
#[derive(Deserialize)]
struct Fitted {
    class_info: HashMap<usize, ClassHistogram>,
}

/// Its fields in their order.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the other fields stand before the last one")]
struct ClassHistogram {
    class_count: usize,
    prior: f64,
    feature_count: Array1<f64>,
    feature_log_prob: Array1<f64>,
}

/// A row of the data set, as a label for linfa.
///
/// The fit of linfa-bayes 0.8.1 has a `dbg!` left in it, which looks each class up in the fitted
/// map and writes every value of it to standard error, unbuffered: on 80,000 terms and 13 topics
/// six million system calls, 3.4 seconds around a fit of 0.05. A gag makes that invisible and not
/// one second shorter. The label that is looked up is the one whose clone was inserted: so a clone
/// of this label is not equal to it, nothing is found, and there is nothing to print. Labels
/// straight from the data set (of generation 0) equal all of their class, which is how the fit
/// selects rows. To be a plain `usize` again once a linfa-bayes without the `dbg!` is released.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_are_those_of_each_row() {
        let counts = Array2::from_shape_fn((5, 40_000), |(row, term)| ((row * term) % 7) as f64);
        let fitted = log_probabilities(counts.clone(), 0.5).expect("a fit");
        for (row, counts) in counts.rows().into_iter().enumerate() {
            let total = counts.sum() + 0.5 * 40_000.0;
            for term in [0, 1, 6, 39_999] {
                let expected = ((counts[term] + 0.5) / total).ln();
                assert!((fitted[[row, term]] - expected).abs() < 1e-9, "{row} {term}");
            }
        }
    }
}
