//! Finds similar articles: checks what is asked, and asks the archive.

use super::articles::{article_id, invalid};
use super::filter::{RequestedFilter, checked_filter};
use super::{ModelSet, ServiceError, Violations};
use crate::article::{ArticleText, Limits};
use crate::index::{Deadline, PageKey, SimilarPage, SimilarQuery, SimilarSource, SimilarityIndex};

/// Results on a page when the request does not say.
const DEFAULT_PAGE_SIZE: usize = 10;
/// The most results on a page.
const MAX_PAGE_SIZE: usize = 100;

/// A search as a caller asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimilarRequest {
    /// What results are to be like.
    pub source: Option<RequestedSource>,
    /// Which articles may be results.
    pub filter: RequestedFilter,
    /// Results below it are left out.
    pub min_similarity: f64,
    /// The most results on the page; 0 for the default.
    pub page_size: i32,
    /// Whether results have their bodies.
    pub with_bodies: bool,
    /// Where the page before ended.
    pub after: Option<PageKey>,
    /// Whether near-duplicates are folded.
    pub collapse_near_duplicates: bool,
    /// When the search may be given up.
    pub deadline: Deadline,
}

/// What results are to be like.
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
        /// Its language.
        language_code: String,
    },
}

/// Finds the articles most similar to the source.
///
/// # Errors
/// As [`checked_similar`]; [`ServiceError::ArticleNotFound`] for an unknown id.
pub fn find_similar(
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    request: SimilarRequest,
    limits: &Limits,
) -> Result<SimilarPage, ServiceError> {
    Ok(index.find_similar(&checked_similar(index, models, request, limits)?)?)
}

/// Checks what is asked.
///
/// # Errors
/// [`ServiceError::Invalid`] names the field that is wrong, [`ServiceError::InvalidFields`] all
/// that are.
pub fn checked_similar(
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    request: SimilarRequest,
    limits: &Limits,
) -> Result<SimilarQuery, ServiceError> {
    let SimilarRequest { source, filter, min_similarity, page_size, with_bodies, .. } = request;
    let SimilarRequest { after, collapse_near_duplicates, deadline, .. } = request;
    let page_size = checked_page_size(page_size);
    let (source, filter) = (checked_source(source, limits), checked_filter(filter, index, models));
    let mut violations = Violations::default();
    violations.note(&page_size);
    if !(0.0..=1.0).contains(&min_similarity) {
        let description = format!("must lie in [0, 1], but is {min_similarity}");
        violations.note::<()>(&Err(invalid(
            "min_similarity",
            "SIMILARITY_OUT_OF_RANGE",
            description,
        )));
    }
    violations.note(&source);
    violations.note(&filter);
    violations.finish()?;
    let (page_size, source, filter) = (page_size?, source?, filter?);
    let page_bytes = Limits::PAGE_BYTES;
    Ok(SimilarQuery {
        source,
        filter,
        min_similarity,
        page_size,
        page_bytes,
        with_bodies,
        after,
        collapse_near_duplicates,
        deadline,
    })
}

fn checked_page_size(requested: i32) -> Result<usize, ServiceError> {
    match usize::try_from(requested) {
        Ok(0) => Ok(DEFAULT_PAGE_SIZE),
        Ok(size) => Ok(size.min(MAX_PAGE_SIZE)),
        Err(_) => Err(invalid(
            "page_size",
            "NEGATIVE_PAGE_SIZE",
            format!("must not be negative, but is {requested}"),
        )),
    }
}

fn checked_source(
    source: Option<RequestedSource>,
    limits: &Limits,
) -> Result<SimilarSource, ServiceError> {
    match source {
        None => {
            Err(invalid("source", "FIELD_REQUIRED", "one of article_id and article is required"))
        }
        Some(RequestedSource::Id(id)) => Ok(SimilarSource::Id(article_id(&id, "article_id")?)),
        Some(RequestedSource::Text { title, body, language_code }) => {
            let text = ArticleText { title: &title, body: &body };
            super::check_text(text, &language_code, limits, "article")?;
            Ok(SimilarSource::Text { title, body })
        }
    }
}
