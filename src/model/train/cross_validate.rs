//! Scores documents by models that did not see them, and learns from that what the scores are worth.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use super::TrainError;
use super::counts::{TopicCounts, Vectorizer};
use super::estimate::{Candidate, Linear};
use super::spool::SpooledCorpus;
use crate::corpus::Ordinal;
use crate::model::evaluate::Evaluation;
use crate::model::manifest::{DecisionRule, MetricsRecord};
use crate::model::{Decision, softmax};

/// Into how many folds the corpus is parted.
pub(super) const FOLDS: u8 = 5;
/// The most documents that are held out: of a larger corpus a sample, so that memory does not grow with the corpus.
const MAX_HELD_OUT: u64 = 100_000;
/// And the most scores, documents times topics.
const MAX_SCORES: u64 = 8 << 20;
/// The most documents that the scale is fitted on: it is one number.
const MAX_FITTED_ON: usize = 20_000;
/// Below this share of known words a text is unknown.
const MIN_KNOWN_SHARE: f64 = 0.25;

/// Which documents are held out, and with which fold.
#[derive(Debug)]
pub(super) struct Folds {
    by_ordinal: HashMap<Ordinal, u8>,
}

impl Folds {
    /// Deals the documents of each topic (the first one, where a document has several) to the folds in turn, in an order
    /// that only the seed decides.
    pub(super) fn assign(corpus: &mut SpooledCorpus, seed: u64) -> io::Result<Self> {
        let most = MAX_HELD_OUT.min(MAX_SCORES / corpus.topics().len() as u64);
        let share = most as f64 / corpus.document_count() as f64;
        let limit = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
        let chosen = corpus.for_each(Vec::new, |chosen, document| {
            let key = shuffled(seed, document.ordinal);
            if key <= limit {
                chosen.push((document.topics[0], key, document.ordinal));
            }
        })?;
        let mut chosen: Vec<_> = chosen.into_iter().flatten().collect();
        chosen.sort_unstable();
        // The deal goes on from topic to topic, so that many rare topics do not all start with the first fold.
        let by_ordinal = chosen.iter().zip((0..FOLDS).cycle()).map(|(&(_, _, ordinal), fold)| (ordinal, fold)).collect();
        Ok(Self { by_ordinal })
    }

    pub(super) fn of(&self, ordinal: Ordinal) -> Option<u8> {
        self.by_ordinal.get(&ordinal).copied()
    }
}

/// A number that looks random and is not (SplitMix64; Steele, Lea and Flood, 2014).
fn shuffled(seed: u64, ordinal: Ordinal) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ordinal;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A document that was scored by a model that did not see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeldOut {
    pub(super) ordinal: Ordinal,
    pub(super) topics: Vec<usize>,
    /// By topic, before scaling.
    pub(super) scores: Vec<f32>,
}

/// Scores each document of the folds `which` by the candidates' models of the other folds: a list a candidate, in the order of the
/// corpus.
///
/// The terms and their idf are those of the whole corpus: they were chosen with the held-out documents in sight, which
/// flatters the result a little.
pub(super) fn score_held_out(
    corpus: &mut SpooledCorpus,
    idf: &[f32],
    totals: &TopicCounts,
    folds: &Folds,
    candidates: &[Candidate],
    which: Range<u8>,
) -> Result<Vec<Vec<HeldOut>>, TrainError> {
    let mut all: Vec<Vec<HeldOut>> = vec![Vec::new(); candidates.len()];
    for fold in which {
        let is_held_out = |ordinal| folds.of(ordinal) == Some(fold);
        let part = TopicCounts::of(corpus, idf, |document| is_held_out(document.ordinal))?;
        let rest = totals.without(&part);
        for (candidate, all) in candidates.iter().zip(&mut all) {
            let linear = Linear::fit(*candidate, &rest)?;
            // By term: a document touches few of them.
            let weights = linear.weights.t().as_standard_layout().into_owned();
            let scored = corpus.for_each(
                || (Vectorizer::default(), Vec::new()),
                |(vectorizer, scored), document| {
                    if !is_held_out(document.ordinal) {
                        return;
                    }
                    let mut scores = linear.bias.clone();
                    for &(term, x) in vectorizer.vector(&document, idf) {
                        for (score, weight) in scores.iter_mut().zip(weights.row(term as usize)) {
                            *score += x * weight;
                        }
                    }
                    let scores = scores.iter().map(|&score| score as f32).collect();
                    scored.push(HeldOut { ordinal: document.ordinal, topics: document.topics.to_vec(), scores });
                },
            )?;
            all.extend(scored.into_iter().flat_map(|(_, scored)| scored));
        }
    }
    for held_out in &mut all {
        held_out.sort_by_key(|document| document.ordinal);
    }
    Ok(all)
}

/// What held-out documents teach.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    /// What scores are multiplied by.
    pub(super) scale: f64,
    /// When an answer is confident.
    pub(super) decision: DecisionRule,
    /// How good the scaled model is.
    pub(super) metrics: MetricsRecord,
}

/// Finds the scale that makes the held-out topics likeliest, the threshold that makes confident answers right as often as
/// asked, and measures.
pub(super) fn calibrate(held_out: &[HeldOut], topic_count: usize, target_precision: f64) -> Calibration {
    let scale = fit_scale(held_out);
    let mut evaluation = Evaluation::of_topic_count(topic_count);
    let mut tops = Vec::with_capacity(held_out.len());
    let (mut scaled, mut probabilities) = (Vec::new(), Vec::new());
    for document in held_out {
        scaled.clear();
        scaled.extend(document.scores.iter().map(|&score| (f64::from(score) * scale) as f32));
        softmax(&scaled, &mut probabilities);
        // The decision is what is to be found: until then every answer counts as uncertain.
        let first = evaluation.add(&probabilities, &document.topics, Decision::Uncertain);
        tops.push((probabilities[first], document.topics.contains(&first)));
    }
    let (confident_probability, confident_share) = confident_threshold(&mut tops, target_precision);
    let report = evaluation.finish();
    Calibration {
        scale,
        decision: DecisionRule { confident_probability, min_known_share: MIN_KNOWN_SHARE },
        metrics: MetricsRecord {
            document_count: report.documents,
            accuracy: report.accuracy,
            macro_f1: report.macro_f1,
            log_loss: report.log_loss,
            expected_calibration_error: report.ece,
            confident_share,
        },
    }
}

/// The lowest top probability from which on the share of right answers is at least `target`, and the share of documents that
/// reach it; a threshold of 1 that none may reach where there is no such probability. `tops`: (top probability, right).
fn confident_threshold(tops: &mut [(f64, bool)], target: f64) -> (f64, f64) {
    tops.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = (1.0, 0.0);
    let mut right = 0u64;
    for (place, &(top, is_right)) in tops.iter().enumerate() {
        right += u64::from(is_right);
        let taken = place as u64 + 1;
        // Only between different probabilities: a threshold cannot part equal ones.
        let is_last_of_equals = tops.get(place + 1).is_none_or(|next| next.0 < top);
        if is_last_of_equals && right as f64 >= target * taken as f64 {
            best = (top, taken as f64 / tops.len() as f64);
        }
    }
    best
}

/// The scale that minimises the mean negative log-likelihood of the right topics; it is convex in the scale. Found by Newton's
/// method on the derivative, kept between bounds; sums in the order of the corpus, so that it comes out the same everywhere.
fn fit_scale(held_out: &[HeldOut]) -> f64 {
    let step = held_out.len().div_ceil(MAX_FITTED_ON).max(1);
    let sample: Vec<&HeldOut> = held_out.iter().step_by(step).collect();
    // Where every held-out document is right no scale is large enough: this one makes a lead of 0.01 a matter of e^10.
    let (mut low, mut high) = (1e-3, 1e3);
    let mut scale: f64 = 1.0;
    for _ in 0..60 {
        let (slope, curvature) = sample
            .iter()
            .map(|document| document.slope_and_curvature(scale))
            .fold((0.0, 0.0), |(slope, curvature), (s, c)| (slope + s, curvature + c));
        if slope > 0.0 {
            high = scale;
        } else {
            low = scale;
        }
        let newton = scale - slope / curvature;
        let next = if newton.is_finite() && newton > low && newton < high { newton } else { (low * high).sqrt() };
        if (next - scale).abs() <= 1e-9 * scale {
            break;
        }
        scale = next;
    }
    // A few digits are all that the sample can tell, and they survive being written and read.
    libm::round(scale * 1e6) / 1e6
}

impl HeldOut {
    /// First and second derivative, by the scale, of the negative log-likelihood of the document's most probable topic.
    fn slope_and_curvature(&self, scale: f64) -> (f64, f64) {
        let greatest = self.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
        for &score in &self.scores {
            let score = f64::from(score) - f64::from(greatest);
            let mass = libm::exp(score * scale);
            sum += mass;
            mean += mass * score;
            square += mass * score * score;
        }
        mean /= sum;
        let best = self.topics.iter().map(|&topic| self.scores[topic]).fold(f32::NEG_INFINITY, f32::max);
        (mean - (f64::from(best) - f64::from(greatest)), square / sum - mean * mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_out(topics: &[usize], scores: &[f32]) -> HeldOut {
        HeldOut { ordinal: 0, topics: topics.to_vec(), scores: scores.to_vec() }
    }

    #[test]
    fn the_scale_makes_probabilities_match_frequencies() {
        // Always a lead of 1; right three times in four: the scale must make that 3 : 1, which is ln 3.
        let documents: Vec<_> = (0..100).map(|n| held_out(&[usize::from(n % 4 == 0)], &[1.0, 0.0])).collect();
        assert!((fit_scale(&documents) - 3f64.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_scale_is_bounded_when_everything_is_right_or_wrong() {
        let right: Vec<_> = (0..10).map(|_| held_out(&[0], &[1.0, 0.0])).collect();
        let wrong: Vec<_> = (0..10).map(|_| held_out(&[1], &[1.0, 0.0])).collect();
        assert!(fit_scale(&right).is_finite() && fit_scale(&right) > 10.0);
        assert!(fit_scale(&wrong) > 0.0 && fit_scale(&wrong) < 0.01);
        assert!(fit_scale(&[]).is_finite());
    }

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_precision() {
        let mut tops = [(0.9, true), (0.8, true), (0.7, false), (0.6, true), (0.6, true), (0.5, false)];
        // At 0.6: four of five right.
        assert_eq!(confident_threshold(&mut tops, 0.8), (0.6, 5.0 / 6.0));
        assert_eq!(confident_threshold(&mut tops, 0.9), (0.8, 2.0 / 6.0));
        assert_eq!(confident_threshold(&mut [(0.9, false)], 0.9), (1.0, 0.0));
    }

    #[test]
    fn shuffling_depends_on_the_seed_and_spreads() {
        assert_ne!(shuffled(1, 5), shuffled(2, 5));
        let low = (0..10_000).filter(|&ordinal| shuffled(1, ordinal) < u64::MAX / 4).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }
}
