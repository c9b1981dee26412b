//! The manifest of a model, `manifest.json`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::calibration::BetaCalibration;
use super::decision::DecisionRule;
use super::model_id::ModelId;
use crate::text::TextOptions;

/// The manifest of an artefact. It has no time and no path, so that the same corpus and options
/// give the same bytes.
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
    /// How the weights were estimated.
    pub recipe: RecipeRecord,
    /// The trials of cross-validation, best first; the first is `recipe` with `metrics`.
    pub trials: Vec<TrialRecord>,
    /// The trials of the link, in order; empty where there was nothing to choose.
    pub link_trials: Vec<LinkTrialRecord>,
    /// How many topics a document has.
    pub labels: Labels,
    /// How text becomes terms.
    pub text: TextOptions,
    /// The topics, ascending by name.
    pub topics: Vec<TopicRecord>,
    /// The number of terms.
    pub term_count: usize,
    /// The training corpus.
    pub corpus: CorpusRecord,
    /// Quality on held-out documents; absent if not measured.
    pub metrics: Option<MetricsRecord>,
    /// How the first topic's probability is mapped; for one topic per document only.
    pub calibration: BetaCalibration,
    /// The rule that decides whether an answer is confident.
    pub decision: DecisionRule,
    /// The weights file.
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

/// An estimator with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateRecord {
    /// "multinomial" and "complement" naive Bayes, "one-against-rest", "margin" (a linear support
    /// vector machine), "nbsvm" (the same over vectors scaled by naive Bayes).
    pub kind: String,
    /// By name: "alpha" is the pseudo-count of every term in every topic; "interpolation" the
    /// weight of the collection's distribution (Jelinek-Mercer smoothing); "cost" the penalty for
    /// a document on the wrong side of the margin.
    pub parameters: BTreeMap<String, f64>,
}

impl EstimateRecord {
    /// An estimator with one parameter.
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
    /// "multinomial", "complement", or "linked": several estimates under a logistic link over their
    /// scores; "one-against-rest" for several topics per document, with a link of its own.
    pub kind: String,
    /// The estimators; several where a link combines their scores.
    pub estimates: Vec<EstimateRecord>,
    /// The prior variance of the link's parameters around those shared by all topics; absent
    /// without a link.
    pub link_variance: Option<f64>,
    /// The factor of the scores that calibrates the probabilities (temperature scaling; Guo,
    /// Pleiss, Sun and Weinberger, ICML 2017); 1 without calibration.
    pub scale: f64,
    /// The seed that deals documents into folds.
    pub seed: u64,
    /// The minimum document frequency of a term.
    pub min_document_frequency: u32,
    /// The number of terms of the highest chi-square, the pairs among which were kept; 0 means that
    /// all pairs were.
    pub keep_terms: usize,
    /// Whether word pairs were dropped because words alone did better.
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

/// A trial of cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The recipe that was tried.
    pub recipe: RecipeRecord,
    /// Quality on held-out documents.
    pub metrics: MetricsRecord,
}

/// A trial of a link: fitted to the documents of the other folds, measured on those of one.
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
    /// Any number, including none: each topic has its own probability and is assigned or not.
    Multiple,
}

/// A topic in a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicRecord {
    /// Its name.
    pub name: String,
    /// The number of documents with it in the corpus.
    pub document_count: u64,
    /// The least probability at which the topic is assigned; only for several topics per document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// The corpus that a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusRecord {
    /// The number of training documents.
    pub document_count: u64,
    /// The number of bad lines that were skipped.
    pub skipped_count: u64,
    /// The fingerprint of the decompressed inputs in order, in hexadecimal. The fingerprint of one
    /// input is its SHA-256; each further input replaces the fingerprint by the SHA-256 of the old
    /// one and its own.
    pub sha256: String,
}

/// Quality on documents of the corpus, each scored by a model of the same kind that was trained
/// without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsRecord {
    /// The number of documents measured.
    pub document_count: u64,
    /// The share of documents whose first topic is right.
    pub accuracy: f64,
    /// F1 over all decisions together; equal to the accuracy where a document has one topic.
    pub micro_f1: f64,
    /// F1 averaged over the topics.
    pub macro_f1: f64,
    /// Mean negative natural logarithm of the right topic's probability.
    pub log_loss: f64,
    /// Expected calibration error over 15 equal bins of the probability: of the top one or, where a
    /// document may have several topics, of every topic's in every document.
    pub expected_calibration_error: f64,
    /// The share of documents with a confident answer.
    pub confident_share: f64,
}

/// The weights file, as the manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsRecord {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}
