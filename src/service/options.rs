//! The options of a classification.

use std::num::NonZeroUsize;

use super::error::ServiceError;
use super::violation::FieldViolation;
use super::violations::Violations;

/// How to classify an article.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClassifyOptions {
    /// Limit on the topics returned; None returns all.
    pub max_topics: Option<NonZeroUsize>,
    /// Topics below this probability are omitted; in [0, 1].
    pub min_probability: f64,
    /// Whether topics come with evidence.
    pub explain: bool,
    /// Limit on the terms of a topic's evidence, within that of the server; None for the server's.
    pub max_evidence_terms: Option<NonZeroUsize>,
    /// Limit on the spans of a term, within that of the server; None for the server's.
    pub max_evidence_spans: Option<usize>,
}

/// How to classify, in the fields of every request that classifies.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestedOptions {
    /// Limit on the topics; 0 for none.
    pub max_topics: i32,
    /// Topics below this probability are omitted.
    pub min_probability: f64,
    /// Whether topics come with evidence.
    pub explain: bool,
    /// Limit on the terms of a topic's evidence; 0 for the server's.
    pub max_evidence_terms: i32,
    /// Limit on the spans of a term; None for the server's.
    pub max_evidence_spans: Option<i32>,
}

impl RequestedOptions {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for one out of range, [`ServiceError::InvalidFields`] for several.
    pub fn checked(self) -> Result<ClassifyOptions, ServiceError> {
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
        violations.finish()?;
        Ok(ClassifyOptions {
            max_topics: NonZeroUsize::new(max_topics),
            min_probability: self.min_probability,
            explain: self.explain,
            max_evidence_terms: NonZeroUsize::new(terms),
            max_evidence_spans: spans,
        })
    }
}
