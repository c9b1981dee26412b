//! Checks a search for similar articles.

use super::error::ServiceError;
use super::fields::{PageSize, article_id, check_text};
use super::filter::{RequestedFilter, checked_filter};
use super::models::ModelSet;
use super::violation::FieldViolation;
use super::violations::Violations;
use crate::article::{ArticleText, Limits};
use crate::index::{Deadline, SimilarQuery, SimilarSource, SimilarityIndex};

/// A search as a caller asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimilarRequest {
    /// The article to compare with.
    pub source: Option<RequestedSource>,
    /// Which articles may be results.
    pub filter: RequestedFilter,
    /// Results below this similarity are omitted.
    pub min_similarity: f64,
    /// Limit on the results of the page; 0 for the default.
    pub page_size: i32,
    /// Whether near-duplicates are collapsed.
    pub collapse_near_duplicates: bool,
    /// When the caller stops waiting.
    pub deadline: Deadline,
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
    violations.note(&source);
    violations.note(&filter);
    violations.finish()?;
    Ok(SimilarQuery {
        source: source?,
        filter: filter?,
        min_similarity,
        page_size: page_size?,
        page_bytes: Limits::PAGE_BYTES,
        with_bodies: true,
        after: None,
        collapse_near_duplicates: request.collapse_near_duplicates,
        deadline: request.deadline,
    })
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
