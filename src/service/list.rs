//! Lists the articles of the archive, page by page.

use super::error::ServiceError;
use super::fields::PageSize;
use super::filter::{RequestedFilter, checked_filter};
use super::models::ModelSet;
use super::violations::both;
use crate::article::Limits;
use crate::index::{
    ArchivedArticle, ArticleId, ArticlePage, Deadline, IndexError, ListQuery, SimilarityIndex,
};

/// How many times a page without bodies reads on: the archive reads whole articles, up to
/// [`Limits::PAGE_BYTES`] of them at a time.
const MAX_READS_PER_PAGE: usize = 16;

/// A list as a caller asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListRequest {
    /// Which articles.
    pub filter: RequestedFilter,
    /// Limit on the articles of the page; 0 for the default.
    pub page_size: i32,
    /// When the caller stops waiting.
    pub deadline: Deadline,
}

/// A page of articles, each as `T`.
#[derive(Debug, PartialEq)]
pub struct ListPage<T> {
    /// The articles.
    pub articles: Vec<T>,
    /// Articles between them that cannot be read.
    pub unreadable: Vec<ArticleId>,
    /// The id that the next page comes after; None on the last page.
    pub next: Option<ArticleId>,
    /// Whether the archive has lost articles whose ids it does not know.
    pub is_incomplete: bool,
}

/// The query for the first page.
///
/// # Errors
/// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several.
pub(super) fn list_query(
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    request: ListRequest,
) -> Result<ListQuery, ServiceError> {
    let ListRequest { filter, page_size, deadline } = request;
    let count = PageSize::LIST.checked(page_size);
    let (count, filter) = both(count, checked_filter(filter, index, models))?;
    Ok(ListQuery { after: None, filter, count, bytes: Limits::PAGE_BYTES, deadline })
}

/// Reads a page. `show` turns an article into what the answer holds of it, and says how many bytes
/// that takes: the page ends with the article that brings it to [`Limits::PAGE_BYTES`]. `read`
/// reads up to as many articles as the query asks for.
pub(super) fn page<T>(
    mut query: ListQuery,
    show: impl Fn(ArchivedArticle) -> (T, usize),
    read: impl Fn(&ListQuery) -> Result<ArticlePage, IndexError>,
) -> Result<ListPage<T>, ServiceError> {
    let page_size = query.count;
    let (mut articles, mut unreadable) = (Vec::new(), Vec::new());
    let (mut bytes, mut is_incomplete) = (0, false);
    for _ in 0..MAX_READS_PER_PAGE {
        query.count = page_size - articles.len();
        let part = read(&query)?;
        is_incomplete |= part.is_incomplete;
        let mut is_full = false;
        for article in part.articles {
            if bytes >= Limits::PAGE_BYTES {
                is_full = true;
                break;
            }
            query.after = Some(article.id.clone());
            let (article, size) = show(article);
            bytes += size;
            articles.push(article);
        }
        if !is_full && part.last.is_some() {
            query.after = part.last;
        }
        let is_shown = |id: &ArticleId| !is_full || Some(id) <= query.after.as_ref();
        unreadable.extend(part.unreadable.into_iter().filter(is_shown));
        if !is_full && !part.is_more {
            return Ok(ListPage { articles, unreadable, next: None, is_incomplete });
        }
        let is_complete = articles.len() + unreadable.len() >= page_size;
        if is_full || is_complete || bytes >= Limits::PAGE_BYTES {
            break;
        }
    }
    Ok(ListPage { articles, unreadable, next: query.after, is_incomplete })
}
