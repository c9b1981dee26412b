//! Explanations add up.

use half::f16;

use super::*;
use crate::article::TopicName;
use crate::model::{AnswerRule, BetaCalibration, DecisionRule, KnownShare, ModelParts, Scorer};
use crate::text::{TextOptions, Vocabulary};

const TERMS: [&str; 5] = ["goal", "match", "minister", "vote", "<headline>"];

/// Three topics; the rows of weights sum to 0, as those of a trained model do.
fn three_topics() -> TopicModel {
    let weights = [
        [-1.0, -1.5, 2.5],
        [-0.5, -0.75, 1.25],
        [0.25, 1.0, -1.25],
        [-0.75, 2.0, -1.25],
        [0.5, 0.25, -0.75],
    ];
    let weights: Vec<f16> = weights.as_flattened().iter().copied().map(f16::from_f32).collect();
    TopicModel::new(ModelParts {
        text: TextOptions::default(),
        topics: ["arts", "politics", "sport"]
            .map(|name| TopicName::new(name).expect("a name"))
            .to_vec(),
        vocabulary: Vocabulary::new(TERMS).expect("distinct terms"),
        idf: vec![1.5, 1.0, 2.0, 1.0, 0.5],
        weights: &weights,
        bias: &[0.5, -0.25, -0.25],
        rule: AnswerRule {
            // Far from the identity: explanations are of the scores, before calibration.
            calibration: BetaCalibration { a: 2.0, b: 0.5, c: 0.25 },
            decision: DecisionRule {
                confident_probability: 0.9,
                known_share: vec![KnownShare { min_tokens: 1, min_share: 0.5 }],
            },
            thresholds: Vec::new(),
            shares: vec![0.5, 0.25, 0.25],
        },
    })
    .expect("the parts fit")
}

const ARTICLE: ArticleText<'static> =
    ArticleText { title: "Minister at match: goal, goal", body: "vote on the goal" };

fn sum(explanation: &Explanation) -> f64 {
    let weights = explanation.contributions.iter().map(|contribution| contribution.weight);
    explanation.bias + weights.sum::<f64>() + explanation.other
}

#[test]
fn a_contrast_is_the_difference_of_two_scores_term_by_term() {
    let (model, mut scorer) = (three_topics(), Scorer::default());
    let scores = scorer.score(&model, ARTICLE);
    let of_topics = model.explain(&scores, &[0, 1, 2], usize::MAX);
    for (topic, other) in [(2, 1), (1, 2), (2, 0), (0, 1)] {
        let contrast = model.contrast(&scores, topic, other, usize::MAX);
        let difference = f64::from(scores.scores[topic]) - f64::from(scores.scores[other]);
        assert_eq!(contrast.score, difference);
        assert!((sum(&contrast) - difference).abs() < 1e-12, "{contrast:?}");
        assert!(contrast.other.abs() < 1e-6, "no term is left: {contrast:?}");
        assert_eq!(contrast.contributions.len(), 4, "the body has words: no headline");
        for part in &contrast.contributions {
            let of = |topic: usize| {
                let mut parts = of_topics[topic].contributions.iter();
                parts.find(|other| other.term == part.term).expect("the same terms").weight
            };
            assert!((part.weight - (of(topic) - of(other))).abs() < 1e-12, "{part:?}");
        }
    }
}

#[test]
fn a_contrast_is_the_log_odds_of_softmax_whatever_the_calibration() {
    let (model, mut scorer) = (three_topics(), Scorer::default());
    let scores = scorer.score(&model, ArticleText { title: "goal", body: "match" });
    let mut softmax = Vec::new();
    crate::model::softmax(scores.scores, &mut softmax);
    let odds = softmax[2] / softmax[1];
    let contrast = model.contrast(&scores, 2, 1, 2);
    assert!((contrast.score - odds.ln()).abs() < 1e-6, "{contrast:?}");
    let calibrated = scores.probabilities[2] / scores.probabilities[1];
    assert!((contrast.score - calibrated.ln()).abs() > 0.1, "the calibration moves the odds");
}

#[test]
fn the_parts_of_a_contrast_follow_the_formula() {
    let (model, mut scorer) = (three_topics(), Scorer::default());
    // Two terms, "goal" and the form, with vectors 1.5 and 0.5.
    let scores = scorer.score(&model, ArticleText { title: "goal", body: "" });
    let scale = (1.5f64 * 1.5 + 0.5 * 0.5).powf(-0.625);
    let contrast = model.contrast(&scores, 2, 1, 1);
    let goal = 1.5 * (2.5 - -1.5) * scale;
    let form = 0.5 * (-0.75 - 0.25) * scale;
    assert_eq!(contrast.contributions.len(), 1);
    assert!((contrast.contributions[0].weight - goal).abs() < 1e-6, "{contrast:?}");
    assert!((contrast.other - form).abs() < 1e-6, "{contrast:?}");
    assert_eq!(contrast.bias, 0.0);
    // 6 of 6.5, whatever the scale.
    assert!((contrast.explained_share - 6.0 / 6.5).abs() < 1e-6, "{contrast:?}");
}

#[test]
fn the_explained_share_grows_with_the_terms_and_ends_at_1() {
    let (model, mut scorer) = (three_topics(), Scorer::default());
    let scores = scorer.score(&model, ARTICLE);
    let shares: Vec<f64> =
        (0..=4).map(|terms| model.contrast(&scores, 2, 1, terms).explained_share).collect();
    assert_eq!((shares[0], shares[4]), (0.0, 1.0));
    assert!(shares.is_sorted_by(|a, b| a < b), "{shares:?}");
}

#[test]
fn the_contrast_of_an_unknown_text_is_that_of_the_shares_in_training() {
    let (model, mut scorer) = (three_topics(), Scorer::default());
    let scores = scorer.score(&model, ArticleText { title: "goal", body: "no word of it" });
    assert_eq!(scores.decision, Decision::UnknownText);
    let contrast = model.contrast(&scores, 0, 1, 9);
    assert!((contrast.score - 2.0f64.ln()).abs() < 1e-6, "{contrast:?}");
    assert_eq!((contrast.bias, contrast.other), (contrast.score, 0.0));
    assert!(contrast.contributions.is_empty() && contrast.explained_share == 0.0);
}
