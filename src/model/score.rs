//! Scores an article: its bag, the weighted sum, probabilities, and how far they can be relied on.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, dispatch};

use super::TopicModel;
use super::elementary::exp;
use super::manifest::Labels;
use crate::article::ArticleText;
use crate::text::{Bag, BagCounter, TermCount};

/// Counts below this have their logarithm in a table.
const TABLED_COUNTS: usize = 256;

/// Logarithmic term frequencies of small counts.
pub(super) struct LogTfTable([f32; TABLED_COUNTS]);

impl LogTfTable {
    /// As [`log_tf`].
    #[inline]
    pub(super) fn log_tf(&self, count: u32) -> f32 {
        match self.0.get(count as usize) {
            Some(&tf) => tf,
            None => (1.0 + libm::log(f64::from(count))) as f32,
        }
    }
}

static LOG_TF: LazyLock<LogTfTable> = LazyLock::new(|| {
    LogTfTable(std::array::from_fn(|count| {
        if count == 0 { 0.0 } else { (1.0 + libm::log(count as f64)) as f32 }
    }))
});

/// The table, for whoever looks up many.
pub(super) fn log_tf_table() -> &'static LogTfTable {
    &LOG_TF
}

/// Logarithmic term frequency: `1 + ln count`; 0 for a count of 0. (Salton and Buckley, 1988.)
#[inline]
pub fn log_tf(count: u32) -> f32 {
    // Nearly all counts are 1.
    if count == 1 { 1.0 } else { log_tf_table().log_tf(count) }
}

/// What the vector of an article is multiplied by, from the sum of its squares: `1 / length^1.25`,
/// and 0 for an empty one.
///
/// A power above 1 keeps long articles from being answered too surely: scaled to length 1, by
/// cross-validation on six corpora the longest tenth of newsroom was right less often than its
/// probabilities said, and the shortest more often. 1.25 has three square roots, which are the same
/// on every machine. (Pivoted normalisation, Singhal, Buckley and Mitra, SIGIR 1996, corrects the
/// same fault of the cosine in retrieval.) See docs/adr/0005.
#[inline]
pub fn length_scale(squares: f64) -> f64 {
    if squares > 0.0 {
        let length = squares.sqrt();
        1.0 / (length * length.sqrt().sqrt())
    } else {
        0.0
    }
}

/// Turns scores into probabilities that sum to 1, with the greatest subtracted first so that
/// nothing overflows.
///
/// `probabilities[i] = exp(scores[i]) / sum of exp(scores)`; finite for any finite scores.
#[inline(always)]
pub fn softmax(scores: &[f32], probabilities: &mut Vec<f64>) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.clear();
    probabilities.extend(scores.iter().map(|&score| f64::from(score) - f64::from(greatest)));
    // Whole vectors of exponentials are quicker than a few less.
    probabilities.resize(scores.len().next_multiple_of(EXPONENTIALS), 0.0);
    probabilities.iter_mut().for_each(|x| *x = exp(*x));
    probabilities.truncate(scores.len());
    let sum: f64 = probabilities.iter().sum();
    for probability in probabilities {
        *probability /= sum;
    }
}

/// So many exponentials are computed together where the machine can.
const EXPONENTIALS: usize = 8;

/// What [`exp`] is given at the most: the probability is 0 from there on, within what the format
/// can tell.
const MAX_EXPONENT: f64 = 700.0;

/// Turns scores that are log-odds into probabilities, each for itself: `1 / (1 + exp(-score))`.
#[inline(always)]
pub fn logistic(scores: &[f32], probabilities: &mut Vec<f64>) {
    probabilities.clear();
    probabilities.extend(
        scores.iter().map(|&score| 1.0 / (1.0 + exp((-f64::from(score)).min(MAX_EXPONENT)))),
    );
}

/// How far the most probable topic can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Its probability reaches the model's threshold.
    Confident,
    /// It does not.
    Uncertain,
    /// The model knows too little of the text to say anything.
    UnknownText,
}

/// What a model makes of one article. The slices are in the order of [`TopicModel::topics`].
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// The score of each topic: the natural logarithm of its odds, against the geometric mean of
    /// all topics or, where a document may have several topics, against not having it.
    pub scores: &'a [f32],
    /// The probability of each topic; they sum to 1 where a document has one topic.
    pub probabilities: &'a [f64],
    /// How far the most probable topic can be relied on. Where the text is unknown, scores and
    /// probabilities are the topics' shares in training (docs/adr/0015).
    pub decision: Decision,
    /// The known terms with their counts.
    pub bag: &'a Bag,
    /// What each term's weight is multiplied by besides its logarithmic count: [`length_scale`] of
    /// the article's vector.
    pub scale: f32,
}

/// Scores articles without an allocation an article; keep one a thread and a model.
#[derive(Debug, Default)]
pub struct Scorer {
    counter: BagCounter,
    scores: Vec<f32>,
    probabilities: Vec<f64>,
}

impl Scorer {
    /// Scores an article. The answer is good until the next call; a scorer serves one model only.
    ///
    /// Time: linear in the text, and in the number of its different known terms times the number of
    /// topics.
    pub fn score(&mut self, model: &TopicModel, article: ArticleText<'_>) -> Scores<'_> {
        let Self { counter, scores, probabilities } = self;
        let bag = counter.count(article, model.text, &model.vocabulary);
        let scale = dispatch!(Level::new(), simd => {
            score_terms(simd, model, &bag.terms, scores, probabilities)
        });
        let decision = model.decision.decide(probabilities, bag.token_count, bag.known_token_count);
        if decision == Decision::UnknownText {
            scores.copy_from_slice(&model.prior);
            set_probabilities(model, scores, probabilities);
        }
        Scores { scores, probabilities, decision, bag, scale }
    }
}

/// Sets the scores and probabilities of a bag of terms, and returns what its vector is scaled by.
/// In the machine's widest vector instructions, which change no bit.
#[inline(always)]
fn score_terms(
    _: impl Simd,
    model: &TopicModel,
    terms: &[TermCount],
    scores: &mut Vec<f32>,
    probabilities: &mut Vec<f64>,
) -> f32 {
    let squares = model.rows.sum(terms, scores);
    let scale = length_scale(f64::from(squares)) as f32;
    for (score, &bias) in scores.iter_mut().zip(&model.bias) {
        *score = bias + *score * scale;
    }
    set_probabilities(model, scores, probabilities);
    if model.labels() == Labels::Single {
        model.calibration.apply(probabilities);
    }
    scale
}

#[inline(always)]
fn set_probabilities(model: &TopicModel, scores: &[f32], probabilities: &mut Vec<f64>) {
    match model.labels() {
        Labels::Single => softmax(scores, probabilities),
        Labels::Multiple => logistic(scores, probabilities),
    }
}

impl Scores<'_> {
    /// Topics by descending probability, equal ones in the order of their names.
    pub fn ranking(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]).then(a.cmp(&b)));
        order
    }

    /// The topics of `model` that are assigned, ascending: their probability reaches their
    /// threshold, and the text is not unknown. None where a document has one topic.
    pub fn assigned(&self, model: &TopicModel) -> Vec<usize> {
        match self.decision {
            Decision::UnknownText => Vec::new(),
            Decision::Confident | Decision::Uncertain => model.assigned(self.probabilities),
        }
    }

    /// The most probable topic; of equal ones the first by name.
    pub fn first_topic(&self) -> usize {
        let mut first = 0;
        for (topic, score) in self.scores.iter().enumerate() {
            if *score > self.scores[first] {
                first = topic;
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_survives_extreme_scores() {
        let mut probabilities = Vec::new();
        softmax(&[3e38, -3e38, 3e38], &mut probabilities);
        assert_eq!(probabilities, [0.5, 0.0, 0.5]);
        softmax(&[-1e30, -1e30], &mut probabilities);
        assert_eq!(probabilities, [0.5, 0.5]);
    }

    #[test]
    fn of_an_unknown_text_topics_are_as_likely_as_in_training() {
        use crate::model::{AnswerRule, BetaCalibration, DecisionRule, KnownShare};
        use crate::text::{TextOptions, Vocabulary};
        let known_share = vec![KnownShare { min_tokens: 1, min_share: 0.5 }];
        let several = TopicModel::new(
            TextOptions::default(),
            ["common", "rare"]
                .map(|name| crate::article::TopicName::new(name).expect("a name"))
                .to_vec(),
            Vocabulary::new(["x"]).expect("distinct terms"),
            vec![1.0],
            &[-4.0, 4.0].map(half::f16::from_f32),
            &[2.0, -2.0],
            AnswerRule {
                calibration: BetaCalibration::IDENTITY,
                decision: DecisionRule { confident_probability: 0.8, known_share },
                thresholds: vec![0.5, 0.5],
                shares: vec![0.75, 0.2],
            },
        )
        .expect("the parts fit");
        let mut scorer = Scorer::default();
        let known = scorer.score(&several, ArticleText { title: "x", body: "" });
        assert_eq!((known.scores, known.assigned(&several)), (&[-2.0, 2.0][..], vec![1]));
        let unknown = scorer.score(&several, ArticleText { title: "x", body: "no word of it" });
        assert_eq!(unknown.decision, Decision::UnknownText);
        assert!(
            (unknown.probabilities[0] - 0.75).abs() < 1e-6
                && (unknown.probabilities[1] - 0.2).abs() < 1e-6
        );
        // So common a topic reaches its threshold.
        assert!(unknown.assigned(&several).is_empty());
        let evidence = several.explain(&unknown, &[0, 1], 9);
        assert!(
            evidence.iter().all(|topic| topic.contributions.is_empty() && topic.other == 0.0),
            "{evidence:?}"
        );
        // ln 3 and ln 1/4.
        let bias: Vec<f64> = evidence.iter().map(|topic| topic.bias).collect();
        assert!(
            (bias[0] - 1.098_612).abs() < 1e-6 && (bias[1] + 1.386_294).abs() < 1e-6,
            "{bias:?}"
        );
    }

    #[test]
    fn a_longer_vector_is_scaled_down_to_less_than_length_1() {
        assert_eq!(length_scale(0.0), 0.0);
        assert_eq!(length_scale(1.0), 1.0);
        // 16^1.25 = 32.
        assert!((length_scale(256.0) - 1.0 / 32.0).abs() < 1e-15);
    }

    #[test]
    fn log_tf_is_the_same_inside_and_outside_the_table() {
        assert_eq!(log_tf(0), 0.0);
        assert_eq!(log_tf(1), 1.0);
        for count in [255u32, 256, 100_000] {
            assert_eq!(log_tf(count), (1.0 + libm::log(f64::from(count))) as f32);
        }
    }
}
