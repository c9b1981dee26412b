//! What a model says of itself: `manifest.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::calibration::BetaCalibration;
use super::score::Decision;
use crate::text::TextOptions;

/// A model's name and version, written "news/1".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelId {
    /// Lower-case letters, digits, `-` and `_`; at most 64.
    pub name: String,
    /// From 1 on.
    pub version: u32,
}

/// Why a string is no model's name or version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelIdError {
    /// The name breaks the rule.
    #[error("a model's name must be 1 to 64 lower-case letters, digits, '-' and '_'")]
    Name,
    /// The version breaks the rule.
    #[error("a model's version must be a whole number from 1 on")]
    Version,
}

impl ModelId {
    /// Checks a name and a version.
    ///
    /// # Errors
    /// [`ModelIdError`] says which of them breaks the rule.
    pub fn new(name: &str, version: &str) -> Result<Self, ModelIdError> {
        Self::check_name(name)?;
        let number: u32 = version.parse().map_err(|_| ModelIdError::Version)?;
        if number == 0 || number.to_string() != version {
            return Err(ModelIdError::Version);
        }
        Ok(Self { name: name.to_owned(), version: number })
    }

    /// Checks a name alone.
    ///
    /// # Errors
    /// [`ModelIdError::Name`].
    pub fn check_name(name: &str) -> Result<(), ModelIdError> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(ModelIdError::Name);
        }
        Ok(())
    }
}

impl FromStr for ModelId {
    type Err = ModelIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = text.split_once('/').ok_or(ModelIdError::Version)?;
        Self::new(name, version)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

/// The manifest of an artefact. It holds no time and no path: the same corpus and options give the
/// same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`Manifest::FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The model's name.
    pub name: String,
    /// The model's version.
    pub version: u32,
    /// BCP-47 tag of the language of the corpus; empty when not stated.
    pub language_code: String,
    /// How it was estimated.
    pub recipe: RecipeRecord,
    /// What cross-validation tried, the best first; the first is `recipe` with `metrics`.
    pub trials: Vec<TrialRecord>,
    /// What was tried for the link, in the order it was; empty where there was nothing to choose.
    pub link_trials: Vec<LinkTrialRecord>,
    /// How many topics a document has.
    pub labels: Labels,
    /// How text becomes terms.
    pub text: TextOptions,
    /// The topics, ascending by name.
    pub topics: Vec<TopicRecord>,
    /// How many terms have weights.
    pub term_count: usize,
    /// What it was trained on.
    pub corpus: CorpusRecord,
    /// How good it is on documents it did not see; absent when not measured.
    pub metrics: Option<MetricsRecord>,
    /// How the first topic's probability is mapped; for one topic per document only.
    pub calibration: BetaCalibration,
    /// What makes an answer confident.
    pub decision: DecisionRule,
    /// The file of weights.
    pub weights: WeightsRecord,
}

impl Manifest {
    /// The version of the artefact's format that this program reads and writes.
    pub const FORMAT_VERSION: u32 = 5;
    /// The file's name in the artefact's directory.
    pub const FILE: &str = "manifest.json";

    /// The model's name and version.
    pub fn id(&self) -> ModelId {
        ModelId { name: self.name.clone(), version: self.version }
    }
}

/// A kind of estimate with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateRecord {
    /// "multinomial" and "complement" naive Bayes, "one-against-rest", "margin" (a linear support
    /// vector machine), "nbsvm" (the same over vectors scaled by naive Bayes).
    pub kind: String,
    /// By name. "alpha" is the pseudo-count of every term of every topic; "interpolation" the share
    /// of the whole collection's distribution (Jelinek-Mercer smoothing); "cost" what a document on
    /// the wrong side of the margin costs.
    pub parameters: BTreeMap<String, f64>,
}

impl EstimateRecord {
    /// An estimate with one parameter.
    pub fn new(kind: &str, (name, value): (&str, f64)) -> Self {
        Self { kind: kind.to_owned(), parameters: BTreeMap::from([(name.to_owned(), value)]) }
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<f64> {
        self.parameters.get(name).copied()
    }
}

/// How a model was estimated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeRecord {
    /// "multinomial", "complement", or "linked": several estimates under a logistic link over their scores;
    /// "one-against-rest" for several topics a document, with a link of its own.
    pub kind: String,
    /// What it was estimated by; several, where there is a link over their scores.
    pub estimates: Vec<EstimateRecord>,
    /// How far the link's parameters may stray from those shared by all topics (the variance of
    /// their prior), where there is a link.
    pub link_variance: Option<f64>,
    /// What the scores were multiplied by so that the probabilities are calibrated (temperature
    /// scaling; Guo, Pleiss, Sun and Weinberger, ICML 2017); 1 when they were left alone.
    pub scale: f64,
    /// The seed of the folds.
    pub seed: u64,
    /// Terms in fewer documents were left out.
    pub min_document_frequency: u32,
    /// How many terms of the highest chi-square were kept besides all words; 0 means all.
    pub keep_terms: usize,
    /// Whether pairs of words were left out because words alone did better.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words_alone: bool,
}

impl fmt::Display for RecipeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} naive Bayes", self.kind)?;
        if self.words_alone {
            f.write_str(", words alone")?;
        }
        for estimate in &self.estimates {
            for (name, value) in &estimate.parameters {
                write!(f, ", {} {name} {value}", estimate.kind)?;
            }
        }
        if let Some(variance) = self.link_variance {
            write!(f, ", link variance {variance}")?;
        }
        Ok(())
    }
}

/// What cross-validation saw of one way to estimate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The recipe that was tried.
    pub recipe: RecipeRecord,
    /// How good it was on documents it did not see.
    pub metrics: MetricsRecord,
}

/// How well a link over these estimates, with this variance, did on the documents of one fold,
/// fitted to those of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTrialRecord {
    /// As in [`RecipeRecord`].
    pub estimates: Vec<EstimateRecord>,
    /// As in [`RecipeRecord`].
    pub link_variance: f64,
    /// As in [`RecipeRecord`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words_alone: bool,
    /// Mean negative natural logarithm of the right topic's probability.
    pub log_loss: f64,
}

/// How many topics a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// One: topics exclude each other, and their probabilities sum to 1.
    #[default]
    Single,
    /// Any number, none too: each topic has a probability, and a yes or no, of its own.
    Multiple,
}

/// A topic in a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicRecord {
    /// Its name.
    pub name: String,
    /// How many documents of the corpus carry it.
    pub document_count: u64,
    /// From this probability on the topic is assigned; for several topics a document only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusRecord {
    /// Documents learned from.
    pub document_count: u64,
    /// Bad lines left out.
    pub skipped_count: u64,
    /// The fingerprint of the decompressed inputs in their order, in hexadecimal: of one, its
    /// SHA-256; of several, from the second on, the SHA-256 over the fingerprint so far and that of
    /// the next.
    pub sha256: String,
}

/// How good a model was measured to be on documents of its corpus, each scored by a model of the
/// same kind that was trained without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsRecord {
    /// Documents it was measured on.
    pub document_count: u64,
    /// The share of documents whose first topic is right.
    pub accuracy: f64,
    /// F1 over all decisions together: the accuracy, where a document has one topic.
    pub micro_f1: f64,
    /// F1 averaged over the topics.
    pub macro_f1: f64,
    /// Mean negative natural logarithm of the right topic's probability.
    pub log_loss: f64,
    /// Expected calibration error over 15 equal bins of the probability: of the top one or, where a
    /// document may have several topics, of every topic's in every document.
    pub expected_calibration_error: f64,
    /// The share of documents answered with confidence.
    pub confident_share: f64,
}

/// What makes an answer confident, uncertain, or none at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRule {
    /// From this top probability on an answer is confident.
    pub confident_probability: f64,
    /// Which share of its words a text must have known, by its length; ascending.
    pub known_share: Vec<KnownShare>,
}

/// Which share of its words a text of a certain length must have known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownShare {
    /// Holds for texts of so many words or more, up to the next step.
    pub min_tokens: u32,
    /// Below this share of known words (of all words) the text is unknown; in [0, 1].
    pub min_share: f64,
}

impl DecisionRule {
    /// Applies the rule. A text without a known word is always unknown.
    pub fn decide(
        &self,
        probabilities: &[f64],
        token_count: u32,
        known_token_count: u32,
    ) -> Decision {
        let known_share = f64::from(known_token_count) / f64::from(token_count.max(1));
        let step = self.known_share.iter().rev().find(|step| step.min_tokens <= token_count);
        if known_token_count == 0 || step.is_some_and(|step| known_share < step.min_share) {
            return Decision::UnknownText;
        }
        let top = probabilities.iter().copied().fold(0.0, f64::max);
        let is_confident = self.confident_probability < 1.0 && top >= self.confident_probability;
        if is_confident { Decision::Confident } else { Decision::Uncertain }
    }
}

/// The file of weights, as its manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsRecord {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_are_written_one_way() {
        assert_eq!("news/1".parse::<ModelId>().map(|id| id.to_string()), Ok("news/1".to_owned()));
        for wrong in
            ["news", "news/", "news/0", "news/01", "news/+1", "/1", "News/1", "../1", "a/b/1"]
        {
            assert!(wrong.parse::<ModelId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_without_known_words_is_unknown() {
        let step = |min_tokens, min_share| KnownShare { min_tokens, min_share };
        let rule = DecisionRule {
            confident_probability: 0.8,
            known_share: vec![step(2, 0.2), step(20, 0.5)],
        };
        assert_eq!(rule.decide(&[0.9, 0.1], 0, 0), Decision::UnknownText);
        assert_eq!(rule.decide(&[0.9, 0.1], 10, 1), Decision::UnknownText);
        assert_eq!(rule.decide(&[0.9, 0.1], 10, 2), Decision::Confident);
        assert_eq!(rule.decide(&[0.5, 0.5], 10, 10), Decision::Uncertain);
        // A longer text must have more; a single word is known or not.
        assert_eq!(rule.decide(&[0.9, 0.1], 20, 9), Decision::UnknownText);
        assert_eq!(rule.decide(&[0.9, 0.1], 20, 10), Decision::Confident);
        assert_eq!(rule.decide(&[0.9, 0.1], 1, 1), Decision::Confident);
    }
}
