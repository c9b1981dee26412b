//! The topic model: one frozen, linear shape that every recipe trains into and that serving reads.
//!
//! ```text
//! score[topic] = bias[topic] + sum over terms of x[term] * weight[term][topic]
//! x[term]      = (1 + ln count) * idf[term], divided by the vector's length to the power 1.25
//! probability  = softmax(score), the first one calibrated ([`BetaCalibration`]); or
//!                1 / (1 + e^-score) where a document may have several topics
//! ```
//!
//! Where topics exclude each other, rows of weights are centred (they sum to 0 over the topics),
//! and so are the biases: a score is then the natural logarithm of a topic's odds against the
//! geometric mean of all topics (the centred log-ratio), and a term's part in it says what the term
//! speaks for and against. Centring changes no probability, for softmax does not see what is added
//! to all topics alike.

pub mod artifact;
mod calibration;
pub mod doubts;
pub(crate) mod elementary;
pub mod evaluate;
mod explain;
mod hierarchy;
mod manifest;
mod rows;
mod score;

pub use artifact::{ArtifactError, LoadedModel};
pub use calibration::BetaCalibration;
pub use explain::{Contribution, Explanation};
pub use hierarchy::{Hierarchy, Level};
pub use manifest::{
    CorpusRecord, DecisionRule, EstimateRecord, KnownShare, Labels, LinkTrialRecord, Manifest,
    MetricsRecord, ModelId, ModelIdError, RecipeRecord, TopicRecord, TrialRecord, WeightsRecord,
};
pub use score::{Decision, Scorer, Scores, length_scale, log_tf, logistic, softmax};

use rows::{Rows, centre};

use half::f16;

use crate::article::TopicName;
use crate::text::{TermId, TextOptions, Vocabulary};

/// The largest inverse document frequency: that of a word in one of `e^99` documents.
const MAX_IDF: f32 = 100.0;

/// The largest weight or bias, either way: what half precision holds. No sum over an article's
/// terms then leaves the range of single precision.
const MAX_BIAS: f32 = 65_504.0;

/// A topic model, ready to score. Built by [`crate::train`], read by [`artifact`]; never changed.
#[derive(Debug, Clone)]
pub struct TopicModel {
    text: TextOptions,
    topics: Vec<TopicName>,
    hierarchy: Hierarchy,
    vocabulary: Vocabulary,
    rows: Rows,
    /// By topic.
    bias: Vec<f32>,
    /// By topic, the score that gives its probability the share of documents that carried it in
    /// training.
    prior: Vec<f32>,
    calibration: BetaCalibration,
    decision: DecisionRule,
    /// By topic, from what probability on it is assigned; empty where a document has one topic.
    thresholds: Vec<f64>,
}

/// What turns probabilities into an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRule {
    /// How the first topic's probability is mapped, for models of one topic per document.
    pub calibration: BetaCalibration,
    /// What makes it confident, uncertain, or none.
    pub decision: DecisionRule,
    /// By topic, from what probability on it is assigned, for models of several topics a document;
    /// empty for others.
    pub thresholds: Vec<f64>,
    /// By topic, the share of documents that carried it in training, in (0, 1): what is answered
    /// where nothing is known.
    pub shares: Vec<f64>,
}

/// Why parts do not make a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelShapeError {
    /// Fewer than two topics.
    #[error("a model needs at least two topics, not {0}")]
    TooFewTopics(usize),
    /// Topics out of order, or one twice.
    #[error("the topics are not in ascending order: {0:?}")]
    TopicOrder(String),
    /// No term.
    #[error("a model needs at least one term")]
    NoTerms,
    /// A table of the wrong size.
    #[error("{what} has {found} values where {expected} are needed")]
    Size {
        /// Which table.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What it should be.
        expected: usize,
    },
    /// A value that is no finite number.
    #[error("{0} holds a value that is not finite, or out of range")]
    NotFinite(&'static str),
}

impl TopicModel {
    /// Puts a model together. `weights` has a row a term and a column a topic, row after row; the
    /// topics ascend by name.
    ///
    /// # Errors
    /// [`ModelShapeError`] if the parts do not fit each other.
    pub fn new(
        text: TextOptions,
        topics: Vec<TopicName>,
        vocabulary: Vocabulary,
        idf: Vec<f32>,
        weights: &[f16],
        bias: &[f32],
        rule: AnswerRule,
    ) -> Result<Self, ModelShapeError> {
        let (topic_count, term_count) = (topics.len(), vocabulary.len());
        if topic_count < 2 {
            return Err(ModelShapeError::TooFewTopics(topic_count));
        }
        if let Some(pair) = topics.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(ModelShapeError::TopicOrder(pair[1].to_string()));
        }
        if term_count == 0 {
            return Err(ModelShapeError::NoTerms);
        }
        for (what, found, expected) in [
            ("the table of idf", idf.len(), term_count),
            ("the table of weights", weights.len(), term_count * topic_count),
            ("the table of biases", bias.len(), topic_count),
            ("the list of shares", rule.shares.len(), topic_count),
            (
                "the list of thresholds",
                rule.thresholds.len(),
                if rule.thresholds.is_empty() { 0 } else { topic_count },
            ),
        ] {
            if found != expected {
                return Err(ModelShapeError::Size { what, found, expected });
            }
        }
        if !rule.calibration.is_sound() {
            return Err(ModelShapeError::NotFinite("the calibration"));
        }
        if idf.iter().any(|value| !(*value > 0.0 && *value <= MAX_IDF)) {
            return Err(ModelShapeError::NotFinite("the table of idf"));
        }
        let is_out_of_range = |bias: &f32| !(-MAX_BIAS..=MAX_BIAS).contains(bias);
        if !weights.iter().all(|weight| weight.is_finite()) || bias.iter().any(is_out_of_range) {
            return Err(ModelShapeError::NotFinite("the table of weights"));
        }
        let is_single = rule.thresholds.is_empty();
        // Half precision has rounded each weight for itself: they are centred again.
        let rows = Rows::new(weights, &idf, topic_count, is_single);
        let mut bias = bias.to_vec();
        let mut prior = prior(&rule.shares, is_single);
        if is_single {
            centre(&mut bias);
            centre(&mut prior);
        }
        let labels = if is_single { Labels::Single } else { Labels::Multiple };
        let hierarchy = Hierarchy::of(&topics, labels);
        Ok(Self {
            text,
            topics,
            hierarchy,
            vocabulary,
            rows,
            bias,
            prior,
            calibration: rule.calibration,
            decision: rule.decision,
            thresholds: rule.thresholds,
        })
    }

    /// The topics, ascending by name; scores and probabilities stand in this order.
    pub fn topics(&self) -> &[TopicName] {
        &self.topics
    }

    /// The broader levels of the topics: none where their names are flat.
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// The terms.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How text becomes terms.
    pub fn text_options(&self) -> TextOptions {
        self.text
    }

    /// What makes an answer confident.
    pub fn decision_rule(&self) -> &DecisionRule {
        &self.decision
    }

    /// How many topics a document has.
    pub fn labels(&self) -> Labels {
        if self.thresholds.is_empty() { Labels::Single } else { Labels::Multiple }
    }

    /// The topics whose probability reaches their threshold, ascending; none where a document has
    /// one topic.
    fn assigned(&self, probabilities: &[f64]) -> Vec<usize> {
        let thresholds = self.thresholds.iter().zip(probabilities).enumerate();
        thresholds
            .filter(|(_, (threshold, probability))| probability >= threshold)
            .map(|(topic, _)| topic)
            .collect()
    }

    /// What each topic has before any word is read, centred.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// What a term that occurs once adds to each topic's score, before the article's vector is
    /// scaled.
    pub fn term_weights(&self, term: TermId) -> Vec<f32> {
        self.rows.weights(term)
    }

    /// The terms that speak most for a topic (`topic` counts from 0), the strongest first: terms
    /// and what [`Self::term_weights`] gives for them. Empty for a topic that is not there.
    pub fn strongest_terms(&self, topic: usize, count: usize) -> Vec<(&str, f32)> {
        self.extreme_terms(topic, count, |weight| -weight)
    }

    /// The terms that speak most against a topic, the strongest first, as [`Self::strongest_terms`]
    /// gives them.
    pub fn strongest_terms_against(&self, topic: usize, count: usize) -> Vec<(&str, f32)> {
        self.extreme_terms(topic, count, |weight| weight)
    }

    /// The terms of the lowest keys, equal ones in the order of the vocabulary. A key is made of
    /// the term's weight.
    fn extreme_terms(
        &self,
        topic: usize,
        count: usize,
        key: impl Fn(f32) -> f32,
    ) -> Vec<(&str, f32)> {
        if topic >= self.topics.len() || count == 0 {
            return Vec::new();
        }
        let compare = |a: &(TermId, f32), b: &(TermId, f32)| {
            key(a.1).total_cmp(&key(b.1)).then(a.0.cmp(&b.0))
        };
        let mut terms: Vec<(TermId, f32)> = (0..self.vocabulary.len() as TermId)
            .map(|term| (term, self.term_weights(term)[topic]))
            .collect();
        if count < terms.len() {
            terms.select_nth_unstable_by(count - 1, compare);
            terms.truncate(count);
        }
        terms.sort_unstable_by(compare);
        terms.into_iter().map(|(term, weight)| (self.vocabulary.term(term), weight)).collect()
    }
}

/// The scores of topics that have these shares: their logarithms, or log-odds where a document may
/// have several topics.
fn prior(shares: &[f64], is_single: bool) -> Vec<f32> {
    let score =
        |share: &f64| libm::log(*share) - if is_single { 0.0 } else { libm::log(1.0 - share) };
    shares.iter().map(|share| score(share) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two topics; "x" speaks for the first, "y" for the second and twice as much.
    pub(in crate::model) fn two_terms() -> TopicModel {
        TopicModel::new(
            TextOptions::default(),
            ["first", "second"].map(|name| TopicName::new(name).expect("a name")).to_vec(),
            Vocabulary::new(["x", "y"]).expect("distinct terms"),
            vec![1.0, 1.0],
            &[1.0, -1.0, -2.0, 2.0].map(f16::from_f32),
            &[0.0, 0.0],
            AnswerRule {
                calibration: BetaCalibration::IDENTITY,
                decision: DecisionRule {
                    confident_probability: 0.8,
                    known_share: vec![KnownShare { min_tokens: 1, min_share: 0.1 }],
                },
                thresholds: Vec::new(),
                shares: vec![0.5, 0.5],
            },
        )
        .expect("the parts fit")
    }

    #[test]
    fn terms_speak_for_and_against_a_topic() {
        let model = two_terms();
        assert_eq!(model.strongest_terms(0, 9), [("x", 1.0), ("y", -2.0)]);
        assert_eq!(model.strongest_terms_against(0, 1), [("y", -2.0)]);
        assert_eq!(model.strongest_terms(1, 1), [("y", 2.0)]);
        assert!(
            model.strongest_terms_against(2, 1).is_empty()
                && model.strongest_terms(0, 0).is_empty()
        );
    }
}
