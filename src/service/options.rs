//! The options of a classification.

use std::num::NonZeroUsize;

use super::error::ServiceError;
use super::fields::check_length;
use super::models::ModelEntry;
use super::violation::FieldViolation;
use super::violations::Violations;
use crate::article::TopicName;

/// The field of a request that names the topic to explain against.
pub(super) const EXPLAIN_AGAINST: &str = "explain_against";

/// How to classify an article.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassifyOptions {
    /// Limit on the topics returned; None returns all.
    pub max_topics: Option<NonZeroUsize>,
    /// Topics below this probability are omitted; in [0, 1].
    pub min_probability: f64,
    /// Whether the answer is explained.
    pub explain: bool,
    /// Limit on the terms in the evidence of a topic or the contrast, within that of the server;
    /// None for the server's.
    pub max_evidence_terms: Option<NonZeroUsize>,
    /// Limit on the spans of a term, within that of the server; None for the server's.
    pub max_evidence_spans: Option<usize>,
    /// The topic that the most probable one is explained against; None for the runner-up.
    pub explain_against: Option<String>,
}

/// How to classify, in the fields of every request that classifies.
#[derive(Debug, Clone, Default)]
pub struct RequestedOptions {
    /// Limit on the topics; 0 for none.
    pub max_topics: i32,
    /// Topics below this probability are omitted.
    pub min_probability: f64,
    /// Whether the answer is explained.
    pub explain: bool,
    /// Limit on the terms in the evidence of a topic or the contrast; 0 for the server's.
    pub max_evidence_terms: i32,
    /// Limit on the spans of a term; None for the server's.
    pub max_evidence_spans: Option<i32>,
    /// The topic that the most probable one is explained against; empty for the runner-up.
    pub explain_against: String,
}

impl RequestedOptions {
    /// Checks the fields. `model` is the one to ask; without it, any topic may be explained
    /// against.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a field out of range or a topic that the model does not have,
    /// [`ServiceError::InvalidFields`] for several.
    pub fn checked(self, model: Option<&ModelEntry>) -> Result<ClassifyOptions, ServiceError> {
        let mut violations = Violations::default();
        let mut count = |field: &'static str, reason, value: i32| {
            usize::try_from(value).unwrap_or_else(|_| {
                violations.push(FieldViolation::new(
                    field,
                    reason,
                    format!("must not be negative, but is {value}"),
                ));
                0
            })
        };
        let max_topics = count("max_topics", "NEGATIVE_MAX_TOPICS", self.max_topics);
        let terms =
            count("max_evidence_terms", "NEGATIVE_MAX_EVIDENCE_TERMS", self.max_evidence_terms);
        let spans = self
            .max_evidence_spans
            .map(|limit| count("max_evidence_spans", "NEGATIVE_MAX_EVIDENCE_SPANS", limit));
        if !(0.0..=1.0).contains(&self.min_probability) {
            let description = format!("must lie in [0, 1], but is {}", self.min_probability);
            violations.push(FieldViolation::new(
                "min_probability",
                "PROBABILITY_OUT_OF_RANGE",
                description,
            ));
        }
        let against = Some(self.explain_against).filter(|name| !name.is_empty());
        if let Some(name) = &against {
            let length = check_length(name, TopicName::MAX_BYTES, EXPLAIN_AGAINST);
            violations.note(&length);
            if let (Ok(()), Some(model)) = (length, model) {
                violations.note(&model.find_topic(name, EXPLAIN_AGAINST));
            }
        }
        violations.finish()?;
        Ok(ClassifyOptions {
            max_topics: NonZeroUsize::new(max_topics),
            min_probability: self.min_probability,
            explain: self.explain,
            max_evidence_terms: NonZeroUsize::new(terms),
            max_evidence_spans: spans,
            explain_against: against,
        })
    }
}
