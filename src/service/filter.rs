//! Checks which articles a request asks for.

use std::collections::BTreeMap;

use super::error::ServiceError;
use super::fields::{check_length, language_code_violation, time_bound};
use super::models::{ModelSet, ModelState};
use super::violation::FieldViolation;
use super::violations::Violations;
use crate::article::{Limits, TopicName, is_language_code, topic_levels};
use crate::index::{Filter, SimilarityIndex};

/// A filter as a caller sends it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestedFilter {
    /// Topics, of which an article has one, or one below it.
    pub topics: Vec<String>,
    /// Lower bound on the probability of that topic; 0 for an article's first or assigned topics.
    pub min_topic_probability: f64,
    /// Published at this time or later: seconds and nanoseconds.
    pub publish_time_from: Option<(i64, i32)>,
    /// Published before this time.
    pub publish_time_until: Option<(i64, i32)>,
    /// Sources, of which an article has one.
    pub sources: Vec<String>,
    /// Languages, of which an article has one.
    pub language_codes: Vec<String>,
    /// Labels, of which an article has all.
    pub labels: BTreeMap<String, String>,
}

/// The filter of a request's field `filter`.
///
/// # Errors
/// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several.
pub(super) fn checked_filter(
    filter: RequestedFilter,
    index: &dyn SimilarityIndex,
    models: &ModelSet,
) -> Result<Filter, ServiceError> {
    let time = |time: Option<(i64, i32)>, field: &str| {
        time.map(|(seconds, nanos)| time_bound(seconds, nanos, &format!("filter.{field}")))
            .transpose()
    };
    let published_from = time(filter.publish_time_from, "publish_time_from");
    let published_until = time(filter.publish_time_until, "publish_time_until");
    let min_probability = checked_probability(filter.min_topic_probability, &filter.topics);
    let mut violations = Violations::default();
    violations.note(&published_from);
    violations.note(&published_until);
    violations.note(&min_probability);
    note_topics(&filter.topics, index, models, &mut violations)?;
    note_strings("sources", &filter.sources, Limits::SOURCE_BYTES, &mut violations);
    note_language_codes(&filter.language_codes, &mut violations);
    note_labels(&filter.labels, &mut violations);
    violations.finish()?;
    Ok(Filter {
        topics: filter.topics.into_iter().collect(),
        min_topic_probability: min_probability?,
        published_from: published_from?,
        published_until: published_until?,
        sources: filter.sources.into_iter().collect(),
        language_codes: filter.language_codes.into_iter().collect(),
        labels: filter.labels,
    })
}

fn checked_probability(probability: f64, topics: &[String]) -> Result<f64, ServiceError> {
    let field = "filter.min_topic_probability";
    if !(0.0..=1.0).contains(&probability) {
        let description = format!("must lie in [0, 1], but is {probability}");
        return Err(ServiceError::invalid(field, "PROBABILITY_OUT_OF_RANGE", description));
    }
    if probability > 0.0 && topics.is_empty() {
        let description = "requires filter.topics, whose probability it bounds";
        return Err(ServiceError::invalid(field, "FIELD_REQUIRES_TOPICS", description));
    }
    // Turns -0.0 into 0.0, which has other bits and the same meaning.
    Ok(probability.abs())
}

/// Notes a list over its limit; returns whether its elements may be checked.
fn is_within_limit(
    field: &str,
    count: usize,
    (limit, reason): (usize, &'static str),
    violations: &mut Violations,
) -> bool {
    if count > limit {
        let field = format!("filter.{field}");
        violations.push(FieldViolation::over_limit(field, reason, "elements", count, limit));
    }
    count <= limit
}

const MAX_VALUES: (usize, &str) = (Limits::FILTER_VALUES, "TOO_MANY_VALUES");
const MAX_LABELS: (usize, &str) = (Limits::ARTICLE_LABELS, "TOO_MANY_LABELS");

fn note_strings(field: &str, values: &[String], limit: usize, violations: &mut Violations) {
    if !is_within_limit(field, values.len(), MAX_VALUES, violations) {
        return;
    }
    for (index, value) in values.iter().enumerate() {
        violations.note(&check_length(value, limit, &format!("filter.{field}[{index}]")));
    }
}

fn note_topics(
    topics: &[String],
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    violations: &mut Violations,
) -> Result<(), ServiceError> {
    if !is_within_limit("topics", topics.len(), MAX_VALUES, violations) {
        return Ok(());
    }
    for (position, topic) in topics.iter().enumerate() {
        let field = format!("filter.topics[{position}]");
        if topic.len() > TopicName::MAX_BYTES {
            violations.note(&check_length(topic, TopicName::MAX_BYTES, &field));
        } else if !has_topic(models, topic) && !index.has_topic(topic)? {
            let description = format!("no model and no article has the topic {topic:?}");
            violations.push(FieldViolation {
                values: vec![("topic", topic.clone())],
                ..FieldViolation::new(field, "UNKNOWN_TOPIC", description)
            });
        }
    }
    Ok(())
}

fn note_language_codes(codes: &[String], violations: &mut Violations) {
    if !is_within_limit("language_codes", codes.len(), MAX_VALUES, violations) {
        return;
    }
    for (index, code) in codes.iter().enumerate().filter(|(_, code)| !is_language_code(code)) {
        violations.push(language_code_violation(code, format!("filter.language_codes[{index}]")));
    }
}

fn note_labels(labels: &BTreeMap<String, String>, violations: &mut Violations) {
    if !is_within_limit("labels", labels.len(), MAX_LABELS, violations) {
        return;
    }
    for (key, value) in labels {
        let key_check = check_length(key, Limits::LABEL_KEY_BYTES, "filter.labels");
        violations.note(&key_check);
        if key_check.is_ok() {
            let field = format!("filter.labels[{key:?}]");
            violations.note(&check_length(value, Limits::LABEL_VALUE_BYTES, &field));
        }
    }
}

fn has_topic(models: &ModelSet, topic: &str) -> bool {
    models.entries().iter().any(|entry| match &entry.state {
        ModelState::Serving(loaded) => loaded
            .model
            .topics()
            .iter()
            .any(|name| topic_levels(name.as_str()).any(|level| level == topic)),
        ModelState::Failed(_) => false,
    })
}
