//! What held-out documents teach: the scale, the thresholds, and how good the model is.

use fearless_simd::{Level, Simd, dispatch};

use super::assignment::best_threshold;
use super::beta::fit_beta;
use super::confidence::{Confidence, Limit, Top, confidence};
use super::known::known_shares;
use super::scale::fit_scale;
use crate::model::evaluate::Evaluation;
use crate::model::{
    BetaCalibration, Decision, DecisionRule, Labels, MetricsRecord, logistic, softmax,
};
use crate::train::folds::{HeldOut, ScoreTable};

/// What held-out documents teach.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calibration {
    /// The factor of the scores.
    pub(crate) scale: f64,
    /// How the first topic's probability is mapped.
    pub(crate) beta: BetaCalibration,
    /// When an answer is confident, and when a text is unknown.
    pub(crate) decision: DecisionRule,
    confidence: Confidence,
    /// The reason that no more answers are confident.
    pub(crate) limit: Option<Limit>,
    /// Per topic, the probability from which it is assigned; empty where topics exclude each other.
    pub(crate) thresholds: Vec<f64>,
    /// The quality of the calibrated model.
    pub(crate) metrics: MetricsRecord,
}

/// Fits the scale, the calibration of the first topic and the thresholds, and measures.
pub(crate) fn calibrate(
    documents: &[HeldOut],
    table: &ScoreTable,
    labels: Labels,
    target_precision: f64,
) -> Calibration {
    let topic_count = table.topic_count();
    let scale = match labels {
        Labels::Single => fit_scale(documents, table),
        // The link has seen to it.
        Labels::Multiple => 1.0,
    };
    let thresholds = match labels {
        Labels::Single => Vec::new(),
        Labels::Multiple => {
            (0..topic_count).map(|topic| best_threshold(documents, table, topic)).collect()
        }
    };
    let known_share = known_shares(documents);
    let unsure = DecisionRule { confident_probability: 1.0, known_share };
    let mut scaled = Scaled { documents, table, scale, beta: BetaCalibration::IDENTITY, labels };
    let level = Level::new();
    if labels == Labels::Single {
        let (_, tops) = dispatch!(level, simd => evaluate(simd, scaled, &thresholds, &unsure));
        scaled.beta = fit_beta(&tops);
    }
    let (evaluation, mut tops) =
        dispatch!(level, simd => evaluate(simd, scaled, &thresholds, &unsure));
    let report = evaluation.finish();
    let mut calibration = Calibration {
        scale,
        beta: scaled.beta,
        decision: unsure,
        confidence: confidence(&mut tops, target_precision),
        limit: None,
        thresholds,
        metrics: MetricsRecord {
            document_count: report.documents,
            accuracy: report.accuracy,
            micro_f1: report.micro_f1,
            macro_f1: report.macro_f1,
            log_loss: report.log_loss,
            expected_calibration_error: report.ece,
            confident_share: 0.0,
        },
    };
    calibration.set_without_evidence(0.0);
    calibration
}

impl Calibration {
    /// Keeps confidence above the probability that a text without evidence gets.
    pub(crate) fn set_without_evidence(&mut self, probability: f64) {
        let threshold = self.confidence.threshold(probability);
        self.decision.confident_probability = threshold.probability;
        self.limit = threshold.limit;
        let documents = self.metrics.document_count.max(1) as f64;
        self.metrics.confident_share = threshold.document_count as f64 / documents;
    }
}

/// Held-out documents, their scores, and how those become probabilities.
#[derive(Clone, Copy)]
struct Scaled<'a> {
    documents: &'a [HeldOut],
    table: &'a ScoreTable,
    scale: f64,
    beta: BetaCalibration,
    labels: Labels,
}

/// Compares the answers with the documents' topics, and has the most probable topic of each
/// document whose text is not unknown.
#[inline(always)]
fn evaluate(
    _: impl Simd,
    scaled: Scaled<'_>,
    thresholds: &[f64],
    rule: &DecisionRule,
) -> (Evaluation, Vec<Top>) {
    let Scaled { documents, table, scale, beta, labels } = scaled;
    let topic_count = table.topic_count();
    let mut evaluation = Evaluation::of_topic_count(topic_count, labels);
    let mut tops = Vec::with_capacity(documents.len());
    let (mut scores, mut probabilities) = (Vec::new(), Vec::new());
    for (place, document) in documents.iter().enumerate() {
        scores.clear();
        scores.extend(table.row(place).iter().map(|&score| (f64::from(score) * scale) as f32));
        match labels {
            Labels::Single => {
                softmax(&scores, &mut probabilities);
                beta.apply(&mut probabilities);
            }
            Labels::Multiple => logistic(&scores, &mut probabilities),
        }
        let decision =
            rule.decide(&probabilities, document.token_count, document.known_token_count);
        let first = evaluation.add(&probabilities, &document.topics, decision);
        if labels == Labels::Multiple {
            let assigned: Vec<usize> = (0..topic_count)
                .filter(|&topic| probabilities[topic] >= thresholds[topic])
                .collect();
            evaluation.add_assigned(&assigned, &document.topics);
        }
        if decision != Decision::UnknownText {
            tops.push(Top {
                probability: probabilities[first],
                is_right: document.topics.contains(&first),
                part: document.part,
            });
        }
    }
    (evaluation, tops)
}
