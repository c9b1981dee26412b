//! Scores articles.

use fearless_simd::{Level, Simd, dispatch};

use super::decision::Decision;
use super::manifest::Labels;
use super::probability::{logistic, softmax};
use super::term_weighting::length_scale;
use super::topic_model::TopicModel;
use crate::article::ArticleText;
use crate::text::{Bag, BagCounter, TermCount};

/// The scores of an article. The slices are in the order of [`TopicModel::topics`].
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// The score of each topic: the natural logarithm of its odds against the geometric mean of all
    /// topics or, where a document may have several topics, against its absence.
    pub scores: &'a [f32],
    /// The probability of each topic; they sum to 1 where a document has one topic.
    pub probabilities: &'a [f64],
    /// How far the most probable topic can be relied on. For an unknown text, scores and
    /// probabilities are the topics' shares in training (docs/adr/0015).
    pub decision: Decision,
    /// The known terms with their counts.
    pub bag: &'a Bag,
    /// The factor of each term's weight besides its logarithmic count: [`length_scale`] of the
    /// article's vector.
    pub scale: f32,
}

/// Scores articles without allocating per article. Keep one scorer per thread and model.
#[derive(Debug, Default)]
pub struct Scorer {
    counter: BagCounter,
    scores: Vec<f32>,
    probabilities: Vec<f64>,
}

impl Scorer {
    /// Scores an article. The result is valid until the next call; all calls must be for the same
    /// model.
    ///
    /// Time: linear in the length of the text, plus distinct known terms times topics.
    pub fn score(&mut self, model: &TopicModel, article: ArticleText<'_>) -> Scores<'_> {
        let Self { counter, scores, probabilities } = self;
        let bag = counter.count(article, model.text_options(), model.vocabulary());
        let scale = dispatch!(Level::new(), simd => {
            score_terms(simd, model, &bag.terms, scores, probabilities)
        });
        let decision =
            model.decision_rule().decide(probabilities, bag.token_count, bag.known_token_count);
        if decision == Decision::UnknownText {
            scores.copy_from_slice(model.prior());
            set_probabilities(model, scores, probabilities);
        }
        Scores { scores, probabilities, decision, bag, scale }
    }
}

/// Sets the scores and probabilities of a bag of terms, and returns the scale of its vector. Uses
/// the machine's widest vector instructions, which do not change the result.
#[inline(always)]
fn score_terms(
    _: impl Simd,
    model: &TopicModel,
    terms: &[TermCount],
    scores: &mut Vec<f32>,
    probabilities: &mut Vec<f64>,
) -> f32 {
    let squares = model.weights().sum(terms, scores);
    let scale = length_scale(f64::from(squares)) as f32;
    for (score, &bias) in scores.iter_mut().zip(model.bias()) {
        *score = bias + *score * scale;
    }
    set_probabilities(model, scores, probabilities);
    if model.labels() == Labels::Single {
        model.calibration().apply(probabilities);
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
    /// Topics by descending probability; ties in the order of their names.
    pub fn ranking(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]).then(a.cmp(&b)));
        order
    }

    /// The topics of `model` whose probability reaches their threshold, ascending. Empty for an
    /// unknown text, and where a document has one topic.
    pub fn assigned(&self, model: &TopicModel) -> Vec<usize> {
        match self.decision {
            Decision::UnknownText => Vec::new(),
            Decision::Confident | Decision::Uncertain => model.assigned(self.probabilities),
        }
    }

    /// The most probable topic; the first by name in a tie.
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
    fn topics_of_an_unknown_text_are_as_likely_as_in_training() {
        use crate::model::{AnswerRule, BetaCalibration, DecisionRule, KnownShare, ModelParts};
        use crate::text::{TextOptions, Vocabulary};
        let known_share = vec![KnownShare { min_tokens: 1, min_share: 0.5 }];
        let several = TopicModel::new(ModelParts {
            text: TextOptions::default(),
            topics: ["common", "rare"]
                .map(|name| crate::article::TopicName::new(name).expect("a name"))
                .to_vec(),
            vocabulary: Vocabulary::new(["x"]).expect("distinct terms"),
            idf: vec![1.0],
            weights: &[-4.0, 4.0].map(half::f16::from_f32),
            bias: &[2.0, -2.0],
            rule: AnswerRule {
                calibration: BetaCalibration::IDENTITY,
                decision: DecisionRule { confident_probability: 0.8, known_share },
                thresholds: vec![0.5, 0.5],
                shares: vec![0.75, 0.2],
            },
        })
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
        // Although the common topic reaches its threshold.
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
}
