//! The topic model: one frozen, linear shape that every recipe trains into and that serving reads.
//!
//! ```text
//! score[topic] = bias[topic] + sum over terms of x[term] * weight[term][topic]
//! x[term]      = (1 + ln count) * idf[term], the vector scaled to length 1
//! probability  = softmax(score)
//! ```
//!
//! Rows of weights are centred (they sum to 0 over the topics), and so are the biases: a score is then the natural
//! logarithm of a topic's odds against the geometric mean of all topics (the centred log-ratio), and a term's part in it
//! says what the term speaks for and against. Centring changes no probability, for softmax does not see what is added to
//! all topics alike.

pub mod artifact;
pub mod evaluate;
mod explain;
mod manifest;
mod score;
pub mod train;

pub use artifact::{ArtifactError, LoadedModel};
pub use explain::{Contribution, TopicEvidence};
pub use manifest::{
    CorpusRecord, DecisionRule, Manifest, MetricsRecord, ModelId, ModelIdError, RecipeRecord, TopicRecord, WeightsRecord,
};
pub use score::{Decision, Scorer, Scores, log_tf, softmax};

use crate::article::TopicName;
use crate::text::{TermId, TextOptions, Vocabulary};

/// Rows are padded to a multiple of this many floats, so that adding one is whole vector instructions.
const LANES: usize = 8;

/// The largest inverse document frequency: that of a word in one of `e^99` documents.
const MAX_IDF: f32 = 100.0;

/// The largest weight or bias, either way: what half precision holds. No sum over an article's terms then leaves the range of
/// single precision.
const MAX_WEIGHT: f32 = 65_504.0;

/// A topic model, ready to score. Built by [`train`], read by [`artifact`]; never changed.
#[derive(Debug, Clone)]
pub struct TopicModel {
    text: TextOptions,
    topics: Vec<TopicName>,
    vocabulary: Vocabulary,
    /// Inverse document frequency by term.
    idf: Vec<f32>,
    /// `stride` floats a topic-padded row, a row a term: weight times idf.
    rows: Vec<f32>,
    stride: usize,
    /// By topic, padded to `stride`.
    bias: Vec<f32>,
    decision: DecisionRule,
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
    /// Puts a model together. `weights` has a row a term and a column a topic, row after row; the topics ascend by name.
    ///
    /// # Errors
    /// [`ModelShapeError`] if the parts do not fit each other.
    pub fn new(
        text: TextOptions,
        topics: Vec<TopicName>,
        vocabulary: Vocabulary,
        idf: Vec<f32>,
        weights: &[f32],
        bias: &[f32],
        decision: DecisionRule,
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
        ] {
            if found != expected {
                return Err(ModelShapeError::Size { what, found, expected });
            }
        }
        if idf.iter().any(|value| !(*value > 0.0 && *value <= MAX_IDF)) {
            return Err(ModelShapeError::NotFinite("the table of idf"));
        }
        if weights.iter().chain(bias).any(|value| !(-MAX_WEIGHT..=MAX_WEIGHT).contains(value)) {
            return Err(ModelShapeError::NotFinite("the table of weights"));
        }
        let stride = topic_count.next_multiple_of(LANES);
        let mut rows = vec![0.0; term_count * stride];
        for ((row, weights), &idf) in rows.chunks_exact_mut(stride).zip(weights.chunks_exact(topic_count)).zip(&idf) {
            // Half precision has rounded each weight for itself: centre them again.
            let mean = mean(weights);
            for (value, &weight) in row.iter_mut().zip(weights) {
                *value = (f64::from(weight) - mean) as f32 * idf;
            }
        }
        let bias_mean = mean(bias);
        let mut padded_bias: Vec<f32> = bias.iter().map(|&bias| (f64::from(bias) - bias_mean) as f32).collect();
        padded_bias.resize(stride, 0.0);
        Ok(Self { text, topics, vocabulary, idf, rows, stride, bias: padded_bias, decision })
    }

    /// The topics, ascending by name; scores and probabilities stand in this order.
    pub fn topics(&self) -> &[TopicName] {
        &self.topics
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
    pub fn decision_rule(&self) -> DecisionRule {
        self.decision
    }

    /// What each topic has before any word is read, centred.
    pub fn bias(&self) -> &[f32] {
        &self.bias[..self.topics.len()]
    }

    /// What a term that occurs once, alone, adds to each topic's score, before the vector is scaled to length 1.
    pub fn term_weights(&self, term: TermId) -> &[f32] {
        let start = term as usize * self.stride;
        &self.rows[start..start + self.topics.len()]
    }

    /// The terms that speak most for a topic (`topic` counts from 0), the strongest first: terms and what
    /// [`Self::term_weights`] gives for them. Empty for a topic that is not there.
    pub fn strongest_terms(&self, topic: usize, count: usize) -> Vec<(&str, f32)> {
        self.extreme_terms(topic, count, |weight| -weight)
    }

    /// The terms that speak most against a topic, the strongest first, as [`Self::strongest_terms`] gives them.
    pub fn strongest_terms_against(&self, topic: usize, count: usize) -> Vec<(&str, f32)> {
        self.extreme_terms(topic, count, |weight| weight)
    }

    /// The terms of the lowest keys, equal ones in the order of the vocabulary. A key is made of the term's weight.
    fn extreme_terms(&self, topic: usize, count: usize, key: impl Fn(f32) -> f32) -> Vec<(&str, f32)> {
        if topic >= self.topics.len() || count == 0 {
            return Vec::new();
        }
        let weight = |term: TermId| self.term_weights(term)[topic];
        let compare = |a: &TermId, b: &TermId| key(weight(*a)).total_cmp(&key(weight(*b))).then(a.cmp(b));
        let mut terms: Vec<TermId> = (0..self.vocabulary.len() as TermId).collect();
        if count < terms.len() {
            terms.select_nth_unstable_by(count - 1, compare);
            terms.truncate(count);
        }
        terms.sort_unstable_by(compare);
        terms.into_iter().map(|term| (self.vocabulary.term(term), weight(term))).collect()
    }

    fn padded_row(&self, term: TermId) -> &[f32] {
        let start = term as usize * self.stride;
        &self.rows[start..start + self.stride]
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
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
            &[1.0, -1.0, -2.0, 2.0],
            &[0.0, 0.0],
            DecisionRule { confident_probability: 0.8, min_known_share: 0.1 },
        )
        .expect("the parts fit")
    }

    #[test]
    fn terms_speak_for_and_against_a_topic() {
        let model = two_terms();
        assert_eq!(model.strongest_terms(0, 9), [("x", 1.0), ("y", -2.0)]);
        assert_eq!(model.strongest_terms_against(0, 1), [("y", -2.0)]);
        assert_eq!(model.strongest_terms(1, 1), [("y", 2.0)]);
        assert!(model.strongest_terms_against(2, 1).is_empty() && model.strongest_terms(0, 0).is_empty());
    }
}
