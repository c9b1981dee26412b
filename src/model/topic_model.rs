//! The topic model, whose tables are checked once when it is built.

use half::f16;

use super::calibration::BetaCalibration;
use super::decision::DecisionRule;
use super::hierarchy::Hierarchy;
use super::manifest::Labels;
use super::weight_table::{WeightTable, centre};
use crate::article::TopicName;
use crate::text::{TermId, TextOptions, Vocabulary};

/// The largest inverse document frequency: that of a word in one of `e^99` documents.
const MAX_IDF: f32 = 100.0;

/// The largest absolute value of a bias, that of half precision. No sum over an article's terms
/// then leaves the range of single precision.
const MAX_BIAS: f32 = 65_504.0;

/// A topic model, ready to score. Trained by [`crate::train`], read by
/// [`artifact`](super::artifact), and immutable.
#[derive(Debug, Clone)]
pub struct TopicModel {
    text: TextOptions,
    topics: Vec<TopicName>,
    hierarchy: Hierarchy,
    vocabulary: Vocabulary,
    weights: WeightTable,
    /// By topic.
    bias: Vec<f32>,
    /// By topic, the score whose probability is the topic's share of the training documents.
    prior: Vec<f32>,
    calibration: BetaCalibration,
    decision: DecisionRule,
    /// By topic, the least probability at which it is assigned; empty where a document has one
    /// topic.
    thresholds: Vec<f64>,
}

/// The rule that turns probabilities into an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRule {
    /// How the first topic's probability is mapped, for models of one topic per document.
    pub calibration: BetaCalibration,
    /// The rule of the decision.
    pub decision: DecisionRule,
    /// By topic, the least probability at which it is assigned, for models of several topics per
    /// document; empty for others.
    pub thresholds: Vec<f64>,
    /// By topic, its share of the training documents, in (0, 1): the answer for an unknown text.
    pub shares: Vec<f64>,
}

/// Why parts cannot be built into a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelShapeError {
    /// Fewer than two topics.
    #[error("a model needs at least two topics, not {0}")]
    TooFewTopics(usize),
    /// Topics out of order, or a duplicate.
    #[error("topic {0:?} is a duplicate or not in ascending order")]
    TopicOrder(String),
    /// No terms.
    #[error("a model needs at least one term")]
    NoTerms,
    /// A table of the wrong size.
    #[error("{what} has {found} values, but needs {expected}")]
    Size {
        /// Which table.
        what: &'static str,
        /// Its size.
        found: usize,
        /// The size that it needs.
        expected: usize,
    },
    /// A value that is not finite, or out of range.
    #[error("{0} has a value that is not finite or out of range")]
    OutOfRange(&'static str),
}

/// The parts of a model.
#[derive(Debug)]
pub struct ModelParts<'a> {
    /// How text becomes terms.
    pub text: TextOptions,
    /// The topics, ascending by name.
    pub topics: Vec<TopicName>,
    /// The terms.
    pub vocabulary: Vocabulary,
    /// Inverse document frequency, by term.
    pub idf: Vec<f32>,
    /// One row per term and one column per topic, in row-major order.
    pub weights: &'a [f16],
    /// By topic.
    pub bias: &'a [f32],
    /// The rule that turns probabilities into an answer.
    pub rule: AnswerRule,
}

impl ModelParts<'_> {
    fn check(&self) -> Result<(), ModelShapeError> {
        let (topic_count, term_count) = (self.topics.len(), self.vocabulary.len());
        if topic_count < 2 {
            return Err(ModelShapeError::TooFewTopics(topic_count));
        }
        if let Some(pair) = self.topics.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(ModelShapeError::TopicOrder(pair[1].to_string()));
        }
        if term_count == 0 {
            return Err(ModelShapeError::NoTerms);
        }
        let thresholds = &self.rule.thresholds;
        for (what, found, expected) in [
            ("the idf table", self.idf.len(), term_count),
            ("the weight table", self.weights.len(), term_count * topic_count),
            ("the bias table", self.bias.len(), topic_count),
            ("the list of shares", self.rule.shares.len(), topic_count),
            (
                "the list of thresholds",
                thresholds.len(),
                if thresholds.is_empty() { 0 } else { topic_count },
            ),
        ] {
            if found != expected {
                return Err(ModelShapeError::Size { what, found, expected });
            }
        }
        if !self.rule.calibration.is_sound() {
            return Err(ModelShapeError::OutOfRange("the calibration"));
        }
        if self.idf.iter().any(|value| !(*value > 0.0 && *value <= MAX_IDF)) {
            return Err(ModelShapeError::OutOfRange("the idf table"));
        }
        if !self.weights.iter().all(|weight| weight.is_finite()) {
            return Err(ModelShapeError::OutOfRange("the weight table"));
        }
        if self.bias.iter().any(|bias| !(-MAX_BIAS..=MAX_BIAS).contains(bias)) {
            return Err(ModelShapeError::OutOfRange("the bias table"));
        }
        Ok(())
    }
}

impl TopicModel {
    /// Builds a model.
    ///
    /// # Errors
    /// [`ModelShapeError`] if the parts are out of range or do not fit each other.
    pub fn new(parts: ModelParts<'_>) -> Result<Self, ModelShapeError> {
        parts.check()?;
        let ModelParts { text, topics, vocabulary, idf, weights, bias, rule } = parts;
        let labels = if rule.thresholds.is_empty() { Labels::Single } else { Labels::Multiple };
        // Rounding each weight to half precision shifted the rows' means: centre them again.
        let weights = WeightTable::new(weights, &idf, topics.len(), labels);
        let mut bias = bias.to_vec();
        let mut prior = prior(&rule.shares, labels);
        if labels == Labels::Single {
            centre(&mut bias);
            centre(&mut prior);
        }
        let hierarchy = Hierarchy::of(&topics, labels);
        Ok(Self {
            text,
            topics,
            hierarchy,
            vocabulary,
            weights,
            bias,
            prior,
            calibration: rule.calibration,
            decision: rule.decision,
            thresholds: rule.thresholds,
        })
    }

    /// The topics, ascending by name; scores and probabilities are in this order.
    pub fn topics(&self) -> &[TopicName] {
        &self.topics
    }

    /// The broader levels of the topics; none where their names are flat.
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

    /// The rule that decides whether an answer is confident.
    pub fn decision_rule(&self) -> &DecisionRule {
        &self.decision
    }

    /// How many topics a document has.
    pub fn labels(&self) -> Labels {
        if self.thresholds.is_empty() { Labels::Single } else { Labels::Multiple }
    }

    /// The topics whose probability reaches their threshold, ascending; empty where a document has
    /// one topic.
    pub(super) fn assigned(&self, probabilities: &[f64]) -> Vec<usize> {
        let thresholds = self.thresholds.iter().zip(probabilities).enumerate();
        thresholds
            .filter(|(_, (threshold, probability))| probability >= threshold)
            .map(|(topic, _)| topic)
            .collect()
    }

    /// The score of each topic before any word is read, centred.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// By topic, the score that gives its share of the training documents; centred as
    /// [`Self::bias`] is.
    pub(super) fn prior(&self) -> &[f32] {
        &self.prior
    }

    /// The map of the first topic's probability.
    pub(super) fn calibration(&self) -> BetaCalibration {
        self.calibration
    }

    /// The table of weights.
    pub(super) fn weights(&self) -> &WeightTable {
        &self.weights
    }

    /// What a term that occurs once adds to each topic's score, before the article's vector is
    /// scaled.
    pub fn term_weights(&self, term: TermId) -> Vec<f32> {
        self.weights.row(term)
    }

    /// The strongest terms for a topic (an index from 0), strongest first, with their
    /// [`Self::term_weights`]. Empty for an index out of range.
    pub fn strongest_terms(&self, topic: usize, count: usize) -> Vec<(&str, f32)> {
        self.extreme_terms(topic, count, |weight| -weight)
    }

    /// The strongest terms against a topic, in the form of [`Self::strongest_terms`].
    pub fn strongest_terms_against(&self, topic: usize, count: usize) -> Vec<(&str, f32)> {
        self.extreme_terms(topic, count, |weight| weight)
    }

    /// The terms with the lowest keys, which are computed from their weights; ties in the order of
    /// the vocabulary.
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

/// The scores of topics with these shares: their logarithms, or their log-odds where a document may
/// have several topics.
fn prior(shares: &[f64], labels: Labels) -> Vec<f32> {
    let score = |&share: &f64| match labels {
        Labels::Single => libm::log(share),
        Labels::Multiple => libm::log(share) - libm::log(1.0 - share),
    };
    shares.iter().map(|share| score(share) as f32).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::KnownShare;

    /// Two topics; "x" speaks for the first, "y" for the second and twice as much.
    pub(in crate::model) fn two_terms() -> TopicModel {
        TopicModel::new(ModelParts {
            text: TextOptions::default(),
            topics: ["first", "second"].map(|name| TopicName::new(name).expect("a name")).to_vec(),
            vocabulary: Vocabulary::new(["x", "y"]).expect("distinct terms"),
            idf: vec![1.0, 1.0],
            weights: &[1.0, -1.0, -2.0, 2.0].map(f16::from_f32),
            bias: &[0.0, 0.0],
            rule: AnswerRule {
                calibration: BetaCalibration::IDENTITY,
                decision: DecisionRule {
                    confident_probability: 0.8,
                    known_share: vec![KnownShare { min_tokens: 1, min_share: 0.1 }],
                },
                thresholds: Vec::new(),
                shares: vec![0.5, 0.5],
            },
        })
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
