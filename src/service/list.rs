//! Lists articles: checks what is asked, and asks the archive.

use super::articles::invalid;
use super::filter::{RequestedFilter, checked_filter};
use super::{ModelSet, ServiceError};
use crate::article::Limits;
use crate::index::{ArticleId, ArticlePage, Deadline, ListQuery, SimilarityIndex};

/// Articles on a page when the request does not say.
const DEFAULT_PAGE_SIZE: usize = 50;
/// The most articles on a page.
const MAX_PAGE_SIZE: usize = 1_000;

/// A list as a caller asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListRequest {
    /// Which articles.
    pub filter: RequestedFilter,
    /// The most articles on the page; 0 for the default.
    pub page_size: i32,
    /// The last article of the page before.
    pub after: Option<ArticleId>,
    /// When the list may be given up.
    pub deadline: Deadline,
}

/// The articles of a page.
///
/// # Errors
/// [`ServiceError::Invalid`] names the field that is wrong.
pub fn list_articles(
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    request: ListRequest,
) -> Result<ArticlePage, ServiceError> {
    let ListRequest { filter, page_size, after, deadline } = request;
    let count = match usize::try_from(page_size) {
        Ok(0) => DEFAULT_PAGE_SIZE,
        Ok(size) => size.min(MAX_PAGE_SIZE),
        Err(_) => {
            let description = format!("must not be negative, but is {page_size}");
            return Err(invalid("page_size", "NEGATIVE_PAGE_SIZE", description));
        }
    };
    let filter = checked_filter(filter, index, models)?;
    Ok(index.list(&ListQuery { after, filter, count, bytes: Limits::PAGE_BYTES, deadline })?)
}
