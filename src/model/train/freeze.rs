//! Freezes an estimate into the shape that is served: scaled, centred, in half precision.

use half::f16;
use ndarray::Axis;

use super::TrainOptions;
use super::choose::Trial;
use super::estimate::Linear;
use super::inverted::Inverted;
use super::topic_counts::TopicCounts;
use super::topics::Topic;
use crate::model::artifact::Draft;
use crate::model::manifest::{CorpusRecord, Labels, LinkTrialRecord, Manifest, TopicRecord, TrialRecord, WeightsRecord};
use crate::text::TextOptions;

/// The largest weight, either way: what half precision holds. Only a corpus told apart without a single mistake comes near it.
const MAX_WEIGHT: f64 = 65_504.0;

/// The terms of a model, in the order of its rows.
#[derive(Debug)]
pub(super) struct Terms {
    /// Each with a line feed behind it.
    pub(super) texts: String,
    pub(super) idf: Vec<f32>,
}

impl Terms {
    /// The terms that were counted for the model, in the order of their texts.
    pub(super) fn selected(corpus: &Inverted, counts: &TopicCounts) -> Self {
        let mut texts = String::new();
        let mut idf = Vec::with_capacity(counts.term_count());
        for (key, value) in counts.terms() {
            corpus.append_text(key, &mut texts);
            texts.push('\n');
            idf.push(value);
        }
        Self { texts, idf }
    }
}

/// Puts the artefact's parts together.
///
/// Where topics exclude each other, each term's weights are centred over them, which changes no probability (softmax does not see what is added to all
/// topics alike) and is what lets half precision hold them: the log-probabilities lie around -10, where half precision
/// has steps of 0.008, and their differences around 0. The weights come out of the estimator with the system's `ln`, whose
/// last bit may differ between machines; rounding to 11 bits hides that.
pub(super) fn draft(
    options: &TrainOptions,
    record: CorpusRecord,
    topics: &[Topic],
    terms: Terms,
    mut linear: Linear,
    trial: &Trial,
    (trials, link_trials): (Vec<TrialRecord>, Vec<LinkTrialRecord>),
) -> Draft {
    let calibration = &trial.calibration;
    let topic_count = topics.len();
    let term_count = terms.idf.len();
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
            text: TextOptions { pairs: options.text.pairs && !trial.kept.words_alone, ..options.text },
            topics: topics
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
        terms: terms.texts,
        idf: terms.idf,
        weights,
        bias,
    }
}
