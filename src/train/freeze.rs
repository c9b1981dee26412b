//! Freezes an estimate into the served form: scaled, centred, in half precision.

use half::f16;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::collection::Collection;
use super::documents::Topic;
use super::estimate::{Linear, TopicCounts};
use super::options::TrainOptions;
use super::search::Choice;
use crate::model::artifact::Draft;
use crate::model::{CorpusRecord, Labels, Manifest, TopicRecord, WeightsRecord};
use crate::text::TextOptions;

/// The largest finite value in half precision, which bounds weights on both sides. Only topics that
/// are told apart without a single mistake come near it.
const MAX_WEIGHT: f64 = 65_504.0;
/// The number of terms whose columns become rows together.
const TERMS_AT_A_TIME: usize = 4_096;

/// Assembles the artefact.
///
/// Where topics exclude each other, each term's weights are centred over them. That changes no
/// probability (softmax ignores what is added to all topics alike), and half precision needs it:
/// log-probabilities lie around -10, where it has steps of 0.008, and their differences around 0.
/// The estimator takes the system's `ln`, whose last bit may differ between machines; rounding to
/// 11 bits hides that.
pub(super) fn draft(
    options: &TrainOptions,
    collection: &Collection<'_>,
    choice: &Choice,
    linear: &Linear,
    corpus: CorpusRecord,
) -> Draft {
    let scale = choice.trials[0].calibration.scale;
    let is_single = options.labels == Labels::Single;
    let topic_count = linear.bias.len();
    let mean = if is_single { linear.bias.iter().sum::<f64>() / topic_count as f64 } else { 0.0 };
    let manifest = manifest(options, collection, choice, corpus);
    let (mut terms, mut idf) = (String::new(), Vec::with_capacity(manifest.term_count));
    for &number in &counts(choice).terms {
        let term = &collection.vocabulary.terms[number as usize];
        collection.vocabulary.append_text(collection.documents, term, &mut terms);
        terms.push('\n');
        idf.push(term.idf);
    }
    Draft {
        manifest,
        terms,
        idf,
        weights: frozen(&linear.weights, scale, is_single),
        bias: linear.bias.iter().map(|&bias| clamped((bias - mean) * scale) as f32).collect(),
    }
}

fn clamped(weight: f64) -> f64 {
    weight.clamp(-MAX_WEIGHT, MAX_WEIGHT)
}

fn counts(choice: &Choice) -> &TopicCounts {
    &choice.vocabularies[choice.trials[0].terms.vocabulary]
}

fn manifest(
    options: &TrainOptions,
    collection: &Collection<'_>,
    choice: &Choice,
    corpus: CorpusRecord,
) -> Manifest {
    let best = &choice.trials[0];
    let calibration = &best.calibration;
    let topic = |(place, topic): (usize, &Topic)| TopicRecord {
        name: topic.name.to_string(),
        document_count: topic.document_count,
        threshold: calibration.thresholds.get(place).copied(),
    };
    let (trials, link_trials) = choice.records(options);
    Manifest {
        format_version: Manifest::FORMAT_VERSION,
        name: options.id.name.clone(),
        version: options.id.version,
        language_code: options.language_code.clone(),
        recipe: best.recipe(options),
        trials,
        link_trials,
        labels: options.labels,
        text: TextOptions { pairs: options.text.pairs && !best.terms.words_only, ..options.text },
        topics: collection.topics.iter().enumerate().map(topic).collect(),
        term_count: counts(choice).terms.len(),
        corpus,
        metrics: Some(calibration.metrics.clone()),
        calibration: calibration.beta,
        decision: calibration.decision.clone(),
        weights: WeightsRecord { size_bytes: 0, sha256: String::new() },
    }
}

/// The scaled weights in half precision, one row per term, centred over the topics if asked for.
fn frozen(weights: &Array2<f64>, scale: f64, is_centred: bool) -> Vec<f16> {
    let topic_count = weights.nrows();
    let mut frozen = vec![f16::ZERO; weights.len()];
    let columns: Vec<_> = weights.axis_chunks_iter(Axis(1), TERMS_AT_A_TIME).collect();
    let rows = frozen.par_chunks_mut((TERMS_AT_A_TIME * topic_count).max(1));
    rows.zip(columns).for_each(|(rows, columns)| {
        for (row, column) in rows.chunks_mut(topic_count).zip(columns.columns()) {
            let mean = if is_centred { column.sum() * scale / topic_count as f64 } else { 0.0 };
            for (out, weight) in row.iter_mut().zip(column) {
                *out = f16::from_f64(clamped(weight * scale - mean));
            }
        }
    });
    frozen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_frozen_per_term_and_centred_if_asked_for() {
        let term_count = 2 * TERMS_AT_A_TIME + 3;
        let weights = Array2::from_shape_fn((3, term_count), |(topic, term)| {
            (topic * topic) as f64 - (term % 50) as f64
        });
        let [plain, centred] = [false, true].map(|is_centred| frozen(&weights, 0.5, is_centred));
        for ((topic, term), weight) in weights.indexed_iter() {
            let mean = weights.column(term).sum() / 3.0;
            let [plain, centred] = [&plain, &centred].map(|frozen| frozen[term * 3 + topic]);
            assert_eq!(plain, f16::from_f64(weight / 2.0));
            let expected = (weight - mean) / 2.0;
            assert!((centred.to_f64() - expected).abs() < 1e-3, "{centred} for {expected}");
        }
        let large = Array2::from_elem((1, 1), 1e9);
        assert_eq!(frozen(&large, 1.0, false), [f16::from_f64(MAX_WEIGHT)]);
    }
}
