//! Checks which articles a request asks for.

use std::collections::{BTreeMap, BTreeSet};

use super::articles::{invalid, time_bound};
use super::{FieldViolation, ModelSet, ModelState, ServiceError, Violations};
use crate::article::{is_language_code, topic_levels};
use crate::index::{Filter, SimilarityIndex};

/// A filter whose times and names are yet to be checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestedFilter {
    /// One of these topics, or one below it.
    pub topics: Vec<String>,
    /// The least probability of that topic; 0 for an article's first topic, or an assigned one.
    pub min_topic_probability: f64,
    /// Published at this time or later: seconds and nanoseconds.
    pub publish_time_from: Option<(i64, i32)>,
    /// Published before this time.
    pub publish_time_until: Option<(i64, i32)>,
    /// Of one of these sources.
    pub sources: Vec<String>,
    /// In one of these languages.
    pub language_codes: Vec<String>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
}

/// The filter of a request's field `filter`.
///
/// # Errors
/// [`ServiceError::Invalid`] names the part of it that is wrong, [`ServiceError::InvalidFields`]
/// all that are.
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
    let least = checked_least(filter.min_topic_probability, &filter.topics);
    let mut violations = Violations::default();
    violations.note(&published_from);
    violations.note(&published_until);
    violations.note(&least);
    for (place, topic) in filter.topics.iter().enumerate() {
        if !knows_topic(models, topic) && !index.has_topic(topic)? {
            let mut violation = FieldViolation::new(
                format!("filter.topics[{place}]"),
                "UNKNOWN_TOPIC",
                format!("no model and no article of this server has the topic {topic:?}"),
            );
            violation.values.push(("topic", topic.clone()));
            violations.note::<()>(&Err(ServiceError::Invalid(violation)));
        }
    }
    for (place, code) in filter.language_codes.iter().enumerate() {
        if !is_language_code(code) {
            let description = "must be a BCP-47 tag such as \"en\" or \"pt-BR\"";
            let field = format!("filter.language_codes[{place}]");
            violations.note::<()>(&Err(invalid(field, "INVALID_LANGUAGE_CODE", description)));
        }
    }
    violations.finish()?;
    let (published_from, published_until, least) = (published_from?, published_until?, least?);
    Ok(Filter {
        topics: filter.topics.into_iter().collect(),
        min_topic_probability: least,
        published_from,
        published_until,
        sources: filter.sources.into_iter().collect::<BTreeSet<_>>(),
        language_codes: filter.language_codes.into_iter().collect(),
        labels: filter.labels,
    })
}

fn checked_least(probability: f64, topics: &[String]) -> Result<f64, ServiceError> {
    let refused =
        |reason, description| Err(invalid("filter.min_topic_probability", reason, description));
    if !(0.0..=1.0).contains(&probability) {
        return refused(
            "PROBABILITY_OUT_OF_RANGE",
            format!("must lie in [0, 1], but is {probability}"),
        );
    }
    if probability > 0.0 && topics.is_empty() {
        let description = "says how probable one of filter.topics must be, but there is none";
        return refused("FIELD_REQUIRES_TOPICS", description.to_owned());
    }
    // Of the two zeros this one: both are equal, and mean the same.
    Ok(probability.abs())
}

fn knows_topic(models: &ModelSet, topic: &str) -> bool {
    models.entries().iter().any(|entry| match &entry.state {
        ModelState::Serving(loaded) => loaded
            .model
            .topics()
            .iter()
            .any(|known| topic_levels(known.as_str()).any(|level| level == topic)),
        ModelState::Failed(_) => false,
    })
}
