//! Checks a search for similar articles.

use super::error::ServiceError;
use super::fields::{PageSize, article_id, check_text, positive_duration, publish_time};
use super::filter::{RequestedFilter, checked_filter};
use super::models::ModelSet;
use super::violation::FieldViolation;
use super::violations::{Violations, both};
use crate::article::{ArticleText, Limits};
use crate::index::{
    Deadline, PublishTime, Recency, ReferenceTime, SimilarQuery, SimilarSource, SimilarityIndex,
};

/// A search as a caller asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarRequest {
    /// The article to compare with.
    pub source: Option<RequestedSource>,
    /// Which articles may be results.
    pub filter: RequestedFilter,
    /// Results below this similarity are omitted.
    pub min_similarity: f64,
    /// How closeness in time counts.
    pub recency: RequestedRecency,
    /// Limit on the results of the page; 0 for the default.
    pub page_size: i32,
    /// Whether near-duplicates are collapsed.
    pub collapse_near_duplicates: bool,
    /// When the caller stops waiting.
    pub deadline: Deadline,
}

/// How closeness in time counts, each time in seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedRecency {
    /// The age at which half of the gain is left; None if time does not count.
    pub half_life: Option<(i64, i32)>,
    /// The time from which ages are measured; None for that of the source, or `now`.
    pub reference_time: Option<(i64, i32)>,
    /// The time of the call.
    pub now: PublishTime,
}

/// The article to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedSource {
    /// The article of this id.
    Id(String),
    /// A text.
    Text {
        /// The headline.
        title: String,
        /// The text under it.
        body: String,
        /// Its language code.
        language_code: String,
    },
}

/// The query for the first page, with bodies.
///
/// # Errors
/// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several.
pub(super) fn similar_query(
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    request: SimilarRequest,
    limits: &Limits,
) -> Result<SimilarQuery, ServiceError> {
    let SimilarRequest { source, filter, min_similarity, .. } = request;
    let page_size = PageSize::SEARCH.checked(request.page_size);
    let source = checked_source(source, limits);
    let filter = checked_filter(filter, index, models);
    let mut violations = Violations::default();
    violations.note(&page_size);
    if !(0.0..=1.0).contains(&min_similarity) {
        let description = format!("must lie in [0, 1], but is {min_similarity}");
        let reason = "SIMILARITY_OUT_OF_RANGE";
        violations.push(FieldViolation::new("min_similarity", reason, description));
    }
    let recency = checked_recency(request.recency);
    violations.note(&recency);
    violations.note(&source);
    violations.note(&filter);
    violations.finish()?;
    Ok(SimilarQuery {
        source: source?,
        filter: filter?,
        min_similarity,
        recency: recency?,
        page_size: page_size?,
        page_bytes: Limits::PAGE_BYTES,
        with_bodies: true,
        after: None,
        collapse_near_duplicates: request.collapse_near_duplicates,
        deadline: request.deadline,
    })
}

fn checked_recency(requested: RequestedRecency) -> Result<Option<Recency>, ServiceError> {
    let RequestedRecency { half_life, reference_time, now } = requested;
    let half_life = half_life
        .map(|(seconds, nanos)| positive_duration(seconds, nanos, "recency_half_life"))
        .transpose();
    let reference_time = reference_time
        .map(|(seconds, nanos)| publish_time(seconds, nanos, "reference_time"))
        .transpose();
    let (half_life, reference_time) = both(half_life, reference_time)?;
    match (half_life, reference_time) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let description = "requires recency_half_life: without it, no ages are measured";
            let reason = "FIELD_REQUIRES_HALF_LIFE";
            Err(ServiceError::invalid("reference_time", reason, description))
        }
        (Some(half_life), time) => {
            let of_source = ReferenceTime::OfSource { otherwise: now };
            let reference = time.map_or(of_source, ReferenceTime::At);
            Ok(Some(Recency { half_life, reference }))
        }
    }
}

fn checked_source(
    source: Option<RequestedSource>,
    limits: &Limits,
) -> Result<SimilarSource, ServiceError> {
    match source {
        None => {
            let description = "one of article_id and article is required";
            Err(ServiceError::invalid("source", "FIELD_REQUIRED", description))
        }
        Some(RequestedSource::Id(id)) => Ok(SimilarSource::Id(article_id(&id, "article_id")?)),
        Some(RequestedSource::Text { title, body, language_code }) => {
            let text = ArticleText { title: &title, body: &body };
            check_text(text, &language_code, limits, "article")?;
            Ok(SimilarSource::Text { title, body })
        }
    }
}
