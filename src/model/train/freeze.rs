//! Freezes an estimate into the shape that is served: scaled, centred, in half precision.

use half::f16;
use ndarray::{Array2, Axis};

use super::choose::Trial;
use super::estimate::Linear;
use super::inverted::Inverted;
use super::topic_counts::{TERMS_AT_A_TIME, TERMS_OF_A_PART, TopicCounts};
use super::topics::Topic;
use super::{TrainOptions, threads};
use crate::model::artifact::Draft;
use crate::model::manifest::{
    CorpusRecord, Labels, LinkTrialRecord, Manifest, TopicRecord, TrialRecord, WeightsRecord,
};
use crate::text::TextOptions;

/// The largest weight, either way: what half precision holds. Only a corpus told apart without a
/// single mistake comes near it.
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
/// Where topics exclude each other, each term's weights are centred over them, which changes no
/// probability (softmax does not see what is added to all topics alike) and is what lets half
/// precision hold them: the log-probabilities lie around -10, where half precision has steps of
/// 0.008, and their differences around 0. The weights come out of the estimator with the system's
/// `ln`, whose last bit may differ between machines; rounding to 11 bits hides that.
pub(super) fn draft(
    options: &TrainOptions,
    record: CorpusRecord,
    topics: &[Topic],
    terms: Terms,
    linear: Linear,
    trial: &Trial,
    (trials, link_trials): (Vec<TrialRecord>, Vec<LinkTrialRecord>),
) -> Draft {
    let calibration = &trial.calibration;
    let topic_count = topics.len();
    let term_count = terms.idf.len();
    let is_single = options.labels == Labels::Single;
    let weights = frozen(&linear.weights, calibration.scale, is_single, options.corpus.threads);
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
            text: TextOptions {
                pairs: options.text.pairs && !trial.kept.words_alone,
                ..options.text
            },
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

/// The scaled weights in half precision, a row a term; where asked for, centred over the topics.
fn frozen(weights: &Array2<f64>, scale: f64, is_centred: bool, threads: usize) -> Vec<f16> {
    let topic_count = weights.nrows();
    let mut frozen = vec![f16::ZERO; weights.len()];
    let rows = frozen.chunks_mut((TERMS_OF_A_PART * topic_count).max(1));
    let parts = rows.zip(weights.axis_chunks_iter(Axis(1), TERMS_OF_A_PART));
    threads::map_owned(parts, threads, |(rows, columns)| {
        let blocks = rows.chunks_mut(TERMS_AT_A_TIME * topic_count);
        for (rows, columns) in blocks.zip(columns.axis_chunks_iter(Axis(1), TERMS_AT_A_TIME)) {
            let mut means = [0.0; TERMS_AT_A_TIME];
            if is_centred {
                for row in columns.rows() {
                    means.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * scale);
                }
                means.iter_mut().for_each(|sum| *sum /= topic_count as f64);
            }
            for (topic, row) in columns.rows().into_iter().enumerate() {
                for ((out, weight), mean) in rows.chunks_mut(topic_count).zip(row).zip(means) {
                    out[topic] =
                        f16::from_f64((weight * scale - mean).clamp(-MAX_WEIGHT, MAX_WEIGHT));
                }
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
        let term_count = TERMS_OF_A_PART + TERMS_AT_A_TIME + 3;
        let weights = Array2::from_shape_fn((3, term_count), |(topic, term)| {
            (topic * topic) as f64 - (term % 50) as f64
        });
        for threads in [1, 3] {
            let frozen = [false, true].map(|is_centred| frozen(&weights, 0.5, is_centred, threads));
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
            super::frozen(&Array2::from_elem((1, 1), 1e9), 1.0, false, 1),
            [f16::from_f64(MAX_WEIGHT)]
        );
    }
}
