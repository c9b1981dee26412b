//! Learns from the scores of held-out documents what scores are worth: the scale, the thresholds,
//! the measures.

use fearless_simd::{Level, Simd, dispatch};

use super::counts::padded;
use super::cross_validate::{HeldOut, ScoreTable};
use super::folds::FOLDS;
use super::threads;
use crate::model::elementary::exp;
use crate::model::evaluate::Evaluation;
use crate::model::manifest::{DecisionRule, KnownShare, Labels, MetricsRecord};
use crate::model::{Decision, logistic, softmax};

/// The most documents that the scale is fitted on: it is one number.
const MAX_FITTED_ON: usize = 20_000;
/// From so many documents on, so many of them say first about where the scale is.
const SAMPLED_FROM: usize = 8_000;
const SAMPLE: usize = 1_000;
/// So many documents by one thread.
const SUMMED_TOGETHER: usize = 2_048;
/// Texts of so many words or more are told apart when it comes to how many of their words are
/// known.
const TOKEN_STEPS: [u32; 8] = [1, 4, 8, 16, 32, 64, 128, 256];
/// One document in so many is less known than the least share that counts as known.
const LESS_KNOWN: usize = 500;
/// Below this share of known words a text is unknown where the corpus is too small to say.
const DEFAULT_KNOWN_SHARE: f64 = 0.25;
/// A corpus of few known words must not make every other text unknown, nor one of all known words a
/// single new one.
const MAX_KNOWN_SHARE: f64 = 0.8;
/// Where the best F1 of a topic's threshold is below this there is little to go by, and a threshold
/// that lets hundreds in does more harm than one that lets none in.
const LEAST_F1: f64 = 0.3;

/// What held-out documents teach.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    /// What scores are multiplied by.
    pub(super) scale: f64,
    /// When an answer is confident.
    pub(super) decision: DecisionRule,
    /// By topic, from what probability on it is assigned; empty where topics exclude each other.
    pub(super) thresholds: Vec<f64>,
    /// How good the scaled model is.
    pub(super) metrics: MetricsRecord,
}

/// Finds the scale that makes the held-out topics likeliest, the thresholds, and measures.
pub(super) fn calibrate(
    documents: &[HeldOut],
    table: &ScoreTable,
    labels: Labels,
    target_precision: f64,
    threads: usize,
) -> Calibration {
    let topic_count = table.topic_count();
    let scale = match labels {
        Labels::Single => fit_scale(documents, table, threads),
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
    let scaled = Scaled { documents, table, scale, labels };
    let (evaluation, mut tops) =
        dispatch!(Level::new(), simd => evaluate(simd, scaled, &thresholds, &unsure));
    let (confident_probability, confident_count) = confident_threshold(&mut tops, target_precision);
    let report = evaluation.finish();
    Calibration {
        scale,
        decision: DecisionRule { confident_probability, ..unsure },
        thresholds,
        metrics: MetricsRecord {
            document_count: report.documents,
            accuracy: report.accuracy,
            micro_f1: report.micro_f1,
            macro_f1: report.macro_f1,
            log_loss: report.log_loss,
            expected_calibration_error: report.ece,
            confident_share: confident_count as f64 / documents.len().max(1) as f64,
        },
    }
}

/// Held-out documents, their scores, and what those are multiplied by.
#[derive(Clone, Copy)]
struct Scaled<'a> {
    documents: &'a [HeldOut],
    table: &'a ScoreTable,
    scale: f64,
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
    let Scaled { documents, table, scale, labels } = scaled;
    let topic_count = table.topic_count();
    let mut evaluation = Evaluation::of_topic_count(topic_count, labels);
    let mut tops = Vec::with_capacity(documents.len());
    let (mut scores, mut probabilities) = (Vec::new(), Vec::new());
    for (place, document) in documents.iter().enumerate() {
        scores.clear();
        scores.extend(table.row(place).iter().map(|&score| (f64::from(score) * scale) as f32));
        match labels {
            Labels::Single => softmax(&scores, &mut probabilities),
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

/// The most probable topic of a held-out document.
#[derive(Debug, Clone, Copy)]
struct Top {
    probability: f64,
    is_right: bool,
    part: u8,
}

/// The lowest top probability from which on the share of right answers, less its standard error, is
/// at least `target` in each part that has any, and how many documents reach it; a threshold of 1
/// that none may reach where there is no such probability. That each part has to agree, and not by
/// luck, leaves room for documents that are unlike those of the corpus.
fn confident_threshold(tops: &mut [Top], target: f64) -> (f64, usize) {
    tops.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let mut best = (1.0, 0);
    let mut counts = [(0u64, 0u64); FOLDS];
    for (place, top) in tops.iter().enumerate() {
        let (right, taken) = &mut counts[usize::from(top.part)];
        *right += u64::from(top.is_right);
        *taken += 1;
        // Only between different probabilities: a threshold cannot part equal ones.
        let is_last_of_equals =
            tops.get(place + 1).is_none_or(|next| next.probability < top.probability);
        if is_last_of_equals
            && counts.iter().all(|&(right, taken)| holds(right as f64, taken as f64, target))
        {
            best = (top.probability, place + 1);
        }
    }
    best
}

/// Whether a share of `right` of `taken`, less its standard error, is at least `target`; so if
/// nothing was taken.
fn holds(right: f64, taken: f64, target: f64) -> bool {
    let deviation = (right * (taken - right) / taken.max(1.0)).sqrt();
    right - deviation >= target * taken
}

/// The probability from which on a topic is best assigned: where F1 over the held-out documents is
/// highest. Where even that is low (a topic of one or two documents), the highest probability seen.
/// (Yang, "A study of thresholding strategies for text categorization", SIGIR 2001: SCutFBR.)
fn best_threshold(documents: &[HeldOut], table: &ScoreTable, topic: usize) -> f64 {
    let mut ranked: Vec<(f32, bool)> = documents
        .iter()
        .enumerate()
        .map(|(place, document)| (table.row(place)[topic], document.topics.contains(&topic)))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = ranked.iter().filter(|(_, is_right)| *is_right).count();
    let mut right = 0;
    let (mut best_f1, mut cut) = (0.0, 0);
    for (place, &(score, is_right)) in ranked.iter().enumerate() {
        right += usize::from(is_right);
        let f1 = 2.0 * right as f64 / (place + 1 + positives) as f64;
        if f1 > best_f1 && ranked.get(place + 1).is_none_or(|next| next.0 < score) {
            (best_f1, cut) = (f1, place);
        }
    }
    let score = |place: usize| ranked.get(place).map_or(0.0, |(score, _)| f64::from(*score));
    // In the middle between the last that is taken and the first that is not.
    let threshold = if best_f1 < LEAST_F1 {
        score(0)
    } else {
        f64::midpoint(score(cut), score((cut + 1).min(ranked.len() - 1)))
    };
    1.0 / (1.0 + libm::exp(-threshold))
}

/// Which share of its words a text has to have known, by how many it has: less than one held-out
/// document in 500 of that length. Where the corpus has too few documents of a length, what holds
/// for shorter ones holds.
fn known_shares(documents: &[HeldOut]) -> Vec<KnownShare> {
    let mut steps = Vec::with_capacity(TOKEN_STEPS.len());
    let mut min_share = DEFAULT_KNOWN_SHARE;
    for (place, &from) in TOKEN_STEPS.iter().enumerate() {
        let to = TOKEN_STEPS.get(place + 1).copied().unwrap_or(u32::MAX);
        let mut shares: Vec<f64> = documents
            .iter()
            .filter(|document| (from..to).contains(&document.token_count))
            .map(|document| f64::from(document.known_token_count) / f64::from(document.token_count))
            .collect();
        shares.sort_by(f64::total_cmp);
        if shares.len() >= LESS_KNOWN {
            // Two digits are all that the sample can tell.
            min_share = (libm::floor(shares[shares.len() / LESS_KNOWN] * 100.0) / 100.0)
                .min(MAX_KNOWN_SHARE);
        }
        steps.push(KnownShare { min_tokens: from, min_share });
    }
    steps.dedup_by(|next, step| next.min_share == step.min_share);
    steps
}

/// The scale that minimises the mean negative log-likelihood of the right topics; it is convex in
/// the scale. Found by Newton's method on the derivative, kept between bounds; sums in an order
/// that is always the same, so that it comes out the same everywhere.
pub(super) fn fit_scale(documents: &[HeldOut], table: &ScoreTable, threads: usize) -> f64 {
    let slope_and_curvature_of = |step: usize, scale: f64| {
        let parts: Vec<_> = (0..documents.len()).step_by(step * SUMMED_TOGETHER).collect();
        let sums = threads::map(&parts, threads, |&start| {
            let places = (start..documents.len()).step_by(step).take(SUMMED_TOGETHER);
            dispatch!(Level::new(), simd => slopes_and_curvatures(simd, documents, table, places, scale))
        });
        sums.into_iter().fold((0.0, 0.0), |(slope, curvature), (s, c)| (slope + s, curvature + c))
    };
    let mut start = 1.0;
    if documents.len() >= SAMPLED_FROM {
        // About where it is, a sample says in a fraction of the time.
        start = root(start, 0.1, |scale| {
            slope_and_curvature_of(documents.len().div_ceil(SAMPLE), scale)
        });
    }
    let step = documents.len().div_ceil(MAX_FITTED_ON).max(1);
    let scale = root(start, 1e-4, |scale| slope_and_curvature_of(step, scale));
    // A few digits are all that the sample can tell, and they survive being written and read.
    libm::round(scale * 1e6) / 1e6
}

/// The sums over the documents at these places of their [`slope_and_curvature`].
#[inline(always)]
fn slopes_and_curvatures(
    _: impl Simd,
    documents: &[HeldOut],
    table: &ScoreTable,
    places: impl Iterator<Item = usize>,
    scale: f64,
) -> (f64, f64) {
    let mut masses = vec![0.0; padded(table.topic_count())];
    let (mut slope, mut curvature) = (0.0, 0.0);
    for place in places {
        let (s, c) =
            slope_and_curvature(table.row(place), &documents[place].topics, scale, &mut masses);
        slope += s;
        curvature += c;
    }
    (slope, curvature)
}

/// Where an ascending function of the scale is 0, from its value and its derivative, near `start`.
/// The last step moves it by less than `tolerance` of it; what is left is about the square of that.
#[inline(always)]
fn root(
    start: f64,
    tolerance: f64,
    mut value_and_derivative: impl FnMut(f64) -> (f64, f64),
) -> f64 {
    // Where every held-out document is right no scale is large enough: this one makes a lead of
    // 0.01 a matter of e^10.
    let (mut low, mut high) = (1e-3, 1e3);
    let mut scale = start;
    for _ in 0..60 {
        let (value, derivative) = value_and_derivative(scale);
        if value > 0.0 {
            high = scale;
        } else {
            low = scale;
        }
        let newton = scale - value / derivative;
        let next = if newton.is_finite() && newton > low && newton < high {
            newton
        } else {
            (low * high).sqrt()
        };
        let is_near = (next - scale).abs() <= tolerance * scale;
        scale = next;
        if is_near {
            break;
        }
    }
    scale
}

/// First and second derivative, by the scale, of the negative log-likelihood of a document's most
/// probable topic. `masses` is memory for a number a topic, padded.
#[inline(always)]
fn slope_and_curvature(
    scores: &[f32],
    topics: &[usize],
    scale: f64,
    masses: &mut [f64],
) -> (f64, f64) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // Apart from the sums, whose order matters: so the exponentials are taken several at a time.
    for (mass, &score) in masses.iter_mut().zip(scores) {
        *mass = (f64::from(score) - f64::from(greatest)) * scale;
    }
    masses.iter_mut().for_each(|mass| *mass = exp(*mass));
    let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
    for (&score, &mass) in scores.iter().zip(&*masses) {
        let score = f64::from(score) - f64::from(greatest);
        sum += mass;
        mean += mass * score;
        square += mass * score * score;
    }
    mean /= sum;
    let best = topics.iter().map(|&topic| scores[topic]).fold(f32::NEG_INFINITY, f32::max);
    (mean - (f64::from(best) - f64::from(greatest)), square / sum - mean * mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_out(rows: &[(&[usize], &[f32])]) -> (Vec<HeldOut>, ScoreTable) {
        let mut table = ScoreTable::new(rows.first().map_or(1, |(_, scores)| scores.len()));
        let documents = rows
            .iter()
            .map(|(topics, scores)| {
                table.push(scores.iter().copied());
                HeldOut { part: 0, topics: topics.to_vec(), token_count: 10, known_token_count: 9 }
            })
            .collect();
        (documents, table)
    }

    #[test]
    fn the_scale_makes_probabilities_match_frequencies() {
        // Always a lead of 1; right three times in four: the scale must make that 3 : 1, which is
        // ln 3.
        let rows: Vec<(&[usize], &[f32])> = (0..100)
            .map(|n| (if n % 4 == 0 { &[1][..] } else { &[0][..] }, &[1.0, 0.0][..]))
            .collect();
        let (documents, table) = held_out(&rows);
        assert!((fit_scale(&documents, &table, 1) - 3f64.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_scale_is_the_same_with_any_number_of_threads() {
        let rows: Vec<_> = (0..10_000)
            .map(|n| [libm::sin(f64::from(n)) as f32, libm::sin(f64::from(n * n)) as f32])
            .collect();
        let right = |row: &[f32; 2]| if row[0] + 0.5 > row[1] { &[0][..] } else { &[1][..] };
        let (documents, table) =
            held_out(&rows.iter().map(|row| (right(row), &row[..])).collect::<Vec<_>>());
        let alone = fit_scale(&documents, &table, 1);
        assert!(alone > 0.5, "{alone}");
        assert_eq!([2, 3, 8].map(|threads| fit_scale(&documents, &table, threads)), [alone; 3]);
    }

    #[test]
    fn the_scale_is_bounded_when_everything_is_right_or_wrong() {
        let all = |topic: &'static [usize]| held_out(&vec![(topic, &[1.0, 0.0][..]); 10]);
        let (documents, table) = all(&[0]);
        assert!(
            fit_scale(&documents, &table, 1).is_finite() && fit_scale(&documents, &table, 1) > 10.0
        );
        let (documents, table) = all(&[1]);
        assert!(fit_scale(&documents, &table, 1) > 0.0 && fit_scale(&documents, &table, 1) < 0.01);
        assert!(fit_scale(&[], &ScoreTable::new(2), 2).is_finite());
    }

    fn tops(tops: &[(f64, bool, u8)]) -> Vec<Top> {
        tops.iter()
            .map(|&(probability, is_right, part)| Top { probability, is_right, part })
            .collect()
    }

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_precision() {
        let mut one_part = tops(&[
            (0.9, true, 0),
            (0.8, true, 0),
            (0.7, false, 0),
            (0.6, true, 0),
            (0.6, true, 0),
            (0.5, false, 0),
        ]);
        // At 0.6: four of five right, and sqrt(4 * 1 / 5) = 0.89 documents of deviation: 3.11 of 5
        // are sure.
        assert_eq!(confident_threshold(&mut one_part, 0.62), (0.6, 5));
        assert_eq!(confident_threshold(&mut one_part, 0.63), (0.8, 2));
        assert_eq!(confident_threshold(&mut tops(&[(0.9, false, 0)]), 0.9), (1.0, 0));
    }

    #[test]
    fn the_threshold_holds_in_each_part() {
        // Over both parts two of three are right at 0.7; in the second none is.
        let mut two_parts = tops(&[(0.9, true, 0), (0.8, true, 0), (0.7, false, 1)]);
        assert_eq!(confident_threshold(&mut two_parts, 0.6), (0.8, 2));
    }

    #[test]
    fn a_topics_threshold_lies_where_f1_is_highest() {
        // Cutting after the second takes both that are right and none that is not: F1 is 1, and the
        // middle is at 1.5.
        let rows: [(&[usize], &[f32]); 4] =
            [(&[0], &[3.0]), (&[0], &[2.0]), (&[], &[1.0]), (&[], &[0.0])];
        let (documents, table) = held_out(&rows);
        assert!(
            (best_threshold(&documents, &table, 0) - 1.0 / (1.0 + (-1.5f64).exp())).abs() < 1e-12
        );
    }

    #[test]
    fn a_topic_that_cannot_be_told_is_assigned_to_next_to_nothing() {
        let mut rows: Vec<(&[usize], &[f32])> = vec![(&[], &[1.0]); 30];
        rows.push((&[], &[2.0]));
        rows.push((&[0], &[0.0]));
        let (documents, table) = held_out(&rows);
        assert!(
            (best_threshold(&documents, &table, 0) - 1.0 / (1.0 + (-2f64).exp())).abs() < 1e-12
        );
    }

    #[test]
    fn longer_texts_have_to_have_more_known_words() {
        let documents: Vec<HeldOut> = (0..2_000u32)
            .map(|n| {
                let token_count = if n % 2 == 0 { 10 } else { 100 };
                // Of each length one in 200 has only half, or six tenths, of its words known.
                let known_token_count = match (token_count, n % 400) {
                    (10, 0) => 5,
                    (100, 1) => 60,
                    (count, _) => count * 9 / 10,
                };
                HeldOut { part: 0, topics: vec![0], token_count, known_token_count }
            })
            .collect();
        let steps = known_shares(&documents);
        let expected = [(1, 0.25), (8, 0.5), (64, 0.6)];
        assert_eq!(
            steps.iter().map(|step| (step.min_tokens, step.min_share)).collect::<Vec<_>>(),
            expected
        );
    }
}
