//! Freezes an estimate into the shape that is served: scaled, centred, in half precision.

use half::f16;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::collection::Collection;
use super::estimate::{Linear, TopicCounts};
use super::options::TrainOptions;
use super::search::Trial;
use crate::model::artifact::Draft;
use crate::model::{
    CorpusRecord, Labels, LinkTrialRecord, Manifest, TopicRecord, TrialRecord, WeightsRecord,
};
use crate::text::TextOptions;

/// The largest weight, either way: what half precision holds. Only a corpus told apart without a
/// single mistake comes near it.
const MAX_WEIGHT: f64 = 65_504.0;
/// How many terms are turned from columns into rows together.
const TERMS_AT_A_TIME: usize = 4_096;

/// Which documents a model was trained on, and what was tried on them.
pub(super) struct Origin {
    pub(super) corpus: CorpusRecord,
    pub(super) trials: Vec<TrialRecord>,
    pub(super) link_trials: Vec<LinkTrialRecord>,
}

/// Puts the artefact's parts together.
///
/// Where topics exclude each other, each term's weights are centred over them, which changes no
/// probability (softmax does not see what is added to all topics alike) and is what lets half
/// precision hold them: the log-probabilities lie around -10, where half precision has steps of
/// 0.008, and their differences around 0. The weights come out of the estimator with the system's
/// `ln`, whose last bit may differ between machines; rounding to 11 bits hides that.
pub(super) fn draft(
    options: &TrainOptions,
    collection: &Collection<'_>,
    (trial, counts): (&Trial, &TopicCounts),
    linear: &Linear,
    origin: Origin,
) -> Draft {
    let calibration = &trial.calibration;
    let is_single = options.labels == Labels::Single;
    let topic_count = collection.topics.len();
    let mean = if is_single { linear.bias.iter().sum::<f64>() / topic_count as f64 } else { 0.0 };
    let bias = linear.bias.iter().map(|&bias| ((bias - mean) * calibration.scale) as f32).collect();
    let (terms, idf) = terms(collection, counts);
    Draft {
        manifest: manifest(options, collection, trial, (counts.terms.len(), origin)),
        terms,
        idf,
        weights: frozen(&linear.weights, calibration.scale, is_single),
        bias,
    }
}

/// The texts of the model's terms, each followed by a line feed, and their inverse document
/// frequencies.
fn terms(collection: &Collection<'_>, counts: &TopicCounts) -> (String, Vec<f32>) {
    let Collection { vocabulary, documents, .. } = collection;
    let (mut texts, mut idf) = (String::new(), Vec::with_capacity(counts.terms.len()));
    for &number in &counts.terms {
        let term = &vocabulary.terms[number as usize];
        vocabulary.append_text(documents, term, &mut texts);
        texts.push('\n');
        idf.push(term.idf);
    }
    (texts, idf)
}

fn manifest(
    options: &TrainOptions,
    collection: &Collection<'_>,
    trial: &Trial,
    (term_count, origin): (usize, Origin),
) -> Manifest {
    let calibration = &trial.calibration;
    let thresholds =
        calibration.thresholds.iter().copied().map(Some).chain(std::iter::repeat(None));
    let topics = collection.topics.iter().zip(thresholds).map(|(topic, threshold)| TopicRecord {
        name: topic.name.to_string(),
        document_count: topic.document_count,
        threshold,
    });
    Manifest {
        format_version: Manifest::FORMAT_VERSION,
        name: options.id.name.clone(),
        version: options.id.version,
        language_code: options.language_code.clone(),
        recipe: trial.recipe(options),
        trials: origin.trials,
        link_trials: origin.link_trials,
        labels: options.labels,
        text: TextOptions { pairs: options.text.pairs && !trial.terms.words_only, ..options.text },
        topics: topics.collect(),
        term_count,
        corpus: origin.corpus,
        metrics: Some(calibration.metrics.clone()),
        calibration: calibration.beta,
        decision: calibration.decision.clone(),
        weights: WeightsRecord { size_bytes: 0, sha256: String::new() },
    }
}

/// The scaled weights in half precision, a row per term; where asked for, centred over the topics.
fn frozen(weights: &Array2<f64>, scale: f64, is_centred: bool) -> Vec<f16> {
    let topic_count = weights.nrows();
    let mut frozen = vec![f16::ZERO; weights.len()];
    let columns: Vec<_> = weights.axis_chunks_iter(Axis(1), TERMS_AT_A_TIME).collect();
    let rows = frozen.par_chunks_mut((TERMS_AT_A_TIME * topic_count).max(1));
    rows.zip(columns).for_each(|(rows, columns)| {
        for (row, column) in rows.chunks_mut(topic_count).zip(columns.columns()) {
            let mean = if is_centred { column.sum() * scale / topic_count as f64 } else { 0.0 };
            for (out, weight) in row.iter_mut().zip(column) {
                *out = f16::from_f64((weight * scale - mean).clamp(-MAX_WEIGHT, MAX_WEIGHT));
            }
        }
    });
    frozen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_frozen_term_by_term_and_centred_where_asked_for() {
        let term_count = 2 * TERMS_AT_A_TIME + 3;
        let weights = Array2::from_shape_fn((3, term_count), |(topic, term)| {
            (topic * topic) as f64 - (term % 50) as f64
        });
        {
            let frozen = [false, true].map(|is_centred| frozen(&weights, 0.5, is_centred));
            for term in 0..term_count {
                for topic in 0..3 {
                    let weight = weights[[topic, term]];
                    let mean = weights.column(term).sum() / 3.0;
                    let [plain, centred] = frozen.each_ref().map(|frozen| frozen[term * 3 + topic]);
                    assert_eq!(plain, f16::from_f64(weight / 2.0));
                    assert!(
                        (centred.to_f64() - (weight - mean) / 2.0).abs() < 1e-3,
                        "{centred} of {weight}, {mean}"
                    );
                }
            }
        }
        assert_eq!(
            super::frozen(&Array2::from_elem((1, 1), 1e9), 1.0, false),
            [f16::from_f64(MAX_WEIGHT)]
        );
    }
}
