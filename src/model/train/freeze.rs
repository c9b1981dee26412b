//! Freezes an estimate into the shape that is served: scaled, centred, in half precision.

use half::f16;
use ndarray::Axis;

use super::TrainOptions;
use super::choose::Trial;
use super::estimate::Linear;
use super::spool::Contents;
use crate::model::artifact::Draft;
use crate::model::manifest::{CorpusRecord, Labels, LinkTrialRecord, Manifest, TopicRecord, TrialRecord, WeightsRecord};
use crate::text::TextOptions;

/// The largest weight, either way: what half precision holds. Only a corpus told apart without a single mistake comes near it.
const MAX_WEIGHT: f64 = 65_504.0;

/// Puts the artefact's parts together.
///
/// Where topics exclude each other, each term's weights are centred over them, which changes no probability (softmax does not see what is added to all
/// topics alike) and is what lets half precision hold them: the log-probabilities lie around -10, where half precision
/// has steps of 0.008, and their differences around 0. The weights come out of the estimator with the system's `ln`, whose
/// last bit may differ between machines; rounding to 11 bits hides that.
pub(super) fn draft(
    options: &TrainOptions,
    record: CorpusRecord,
    contents: &Contents,
    idf: Vec<f32>,
    mut linear: Linear,
    trial: &Trial,
    (trials, link_trials): (Vec<TrialRecord>, Vec<LinkTrialRecord>),
) -> Draft {
    let calibration = &trial.calibration;
    let topic_count = contents.topics.len();
    let term_count = contents.lexicon.len();
    let is_single = options.labels == Labels::Single;
    let mut weights = Vec::with_capacity(topic_count * term_count);
    linear.weights.mapv_inplace(|weight| weight * calibration.scale);
    for column in linear.weights.axis_iter(Axis(1)) {
        let mean = if is_single { column.sum() / topic_count as f64 } else { 0.0 };
        weights.extend(column.iter().map(|&weight| f16::from_f64((weight - mean).clamp(-MAX_WEIGHT, MAX_WEIGHT))));
    }
    let mean = if is_single { linear.bias.iter().sum::<f64>() / topic_count as f64 } else { 0.0 };
    let bias = linear.bias.iter().map(|&bias| ((bias - mean) * calibration.scale) as f32).collect();
    Draft {
        manifest: Manifest {
            format_version: Manifest::FORMAT_VERSION,
            name: options.id.name.clone(),
            version: options.id.version,
            language_code: options.language_code.clone(),
            recipe: trial.recipe(options),
            trials,
            link_trials,
            labels: options.labels,
            text: TextOptions { pairs: options.text.pairs && !trial.words_alone, ..options.text },
            topics: contents
                .topics
                .iter()
                .enumerate()
                .map(|(place, topic)| TopicRecord {
                    name: topic.name.to_string(),
                    document_count: topic.document_count,
                    threshold: calibration.thresholds.get(place).copied(),
                })
                .collect(),
            term_count,
            corpus: record,
            metrics: Some(calibration.metrics.clone()),
            decision: calibration.decision.clone(),
            weights: WeightsRecord { size_bytes: 0, sha256: String::new() },
        },
        terms: contents.lexicon.texts().collect(),
        idf,
        weights,
        bias,
    }
}
