//! The files that `tests/golden/make.py` writes.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use slugline::train::{Estimator, Trained};

use crate::training::{all_terms, line, trained};

pub(super) type Matrix = Vec<Vec<f64>>;

/// `trained.json`: from texts to weights.
#[derive(Deserialize)]
pub(super) struct TrainedNumbers {
    pub(super) length_factor: f64,
    pub(super) documents: Vec<LabelledText>,
    pub(super) probes: Vec<String>,
    pub(super) topics: Vec<String>,
    pub(super) vocabulary: Vec<String>,
    pub(super) idf: Vec<f64>,
    pub(super) matrix: Matrix,
    pub(super) multinomial: EstimatorNumbers,
    pub(super) complement: EstimatorNumbers,
}

#[derive(Deserialize)]
pub(super) struct LabelledText {
    pub(super) body: String,
    pub(super) topic: String,
}

#[derive(Deserialize)]
pub(super) struct EstimatorNumbers {
    pub(super) alpha: f64,
    #[serde(default)]
    pub(super) class_log_prior: Vec<f64>,
    pub(super) feature_log_prob: Matrix,
    #[serde(default)]
    pub(super) joint_log_proba: Matrix,
}

/// `tfidf.json`: from texts to vectors.
#[derive(Deserialize)]
pub(super) struct VectorNumbers {
    pub(super) documents: Vec<String>,
    pub(super) vocabulary: Vec<String>,
    pub(super) idf: Vec<f64>,
    pub(super) matrix: Matrix,
}

/// `naive_bayes.json`: from vectors to weights and predictions.
#[derive(Deserialize)]
pub(super) struct BayesNumbers {
    pub(super) documents: Matrix,
    pub(super) document_topics: Vec<usize>,
    pub(super) probes: Matrix,
    pub(super) topic_term_sums: Matrix,
    pub(super) multinomial: Vec<PredictionNumbers>,
    pub(super) complement: Vec<PredictionNumbers>,
}

#[derive(Deserialize)]
pub(super) struct PredictionNumbers {
    pub(super) alpha: f64,
    #[serde(default)]
    pub(super) norm: bool,
    pub(super) feature_log_prob: Matrix,
    #[serde(default)]
    pub(super) predict_log_proba: Matrix,
    #[serde(default)]
    pub(super) predict_proba: Matrix,
}

/// `metrics.json`: from predictions to measurements.
#[derive(Deserialize)]
pub(super) struct MetricNumbers {
    pub(super) topics: Vec<String>,
    pub(super) predictions: Vec<Prediction>,
    pub(super) predicted: Vec<usize>,
    pub(super) accuracy: f64,
    pub(super) micro_f1: f64,
    pub(super) macro_f1: f64,
    pub(super) per_topic: Vec<TopicNumbers>,
    pub(super) confusion: Vec<Vec<u64>>,
    pub(super) log_loss: f64,
    pub(super) brier_score: f64,
    pub(super) calibration_bins: usize,
    pub(super) expected_calibration_error: f64,
}

#[derive(Deserialize)]
pub(super) struct Prediction {
    pub(super) probabilities: Vec<f64>,
    pub(super) topic: usize,
}

#[derive(Deserialize)]
pub(super) struct TopicNumbers {
    pub(super) precision: f64,
    pub(super) recall: f64,
    pub(super) f1: f64,
    pub(super) support: u64,
}

pub(super) fn golden<T: DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    serde_json::from_slice(&fs::read(&path).expect(file)).expect(file)
}

impl TrainedNumbers {
    /// The same documents, through our training.
    pub(super) fn train(&self, estimator: Estimator) -> Trained {
        let lines: Vec<String> = self
            .documents
            .iter()
            .map(|document| line(&document.body, &[&document.topic]))
            .collect();
        let alpha = Some(self.of(estimator).alpha);
        trained(&lines, &slugline::train::TrainOptions { alpha, ..all_terms(estimator) })
    }

    pub(super) fn of(&self, estimator: Estimator) -> &EstimatorNumbers {
        match estimator.name() {
            "multinomial" => &self.multinomial,
            "complement" => &self.complement,
            other => panic!("there are no golden numbers for {other}"),
        }
    }

    /// The texts that `joint_log_proba` has a row for.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.documents
            .iter()
            .map(|document| document.body.as_str())
            .chain(self.probes.iter().map(String::as_str))
    }
}
