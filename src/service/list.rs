//! Checks which articles a list asks for.

use super::articles::invalid;
use super::filter::{RequestedFilter, checked_filter};
use super::{ModelSet, ServiceError, Violations};
use crate::article::Limits;
use crate::index::{Deadline, ListQuery, SimilarityIndex};

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
    /// When the list may be given up.
    pub deadline: Deadline,
}

/// The first page of what is asked.
///
/// # Errors
/// [`ServiceError::Invalid`] names the field that is wrong, [`ServiceError::InvalidFields`] all
/// that are.
pub fn checked_list(
    index: &dyn SimilarityIndex,
    models: &ModelSet,
    request: ListRequest,
) -> Result<ListQuery, ServiceError> {
    let ListRequest { filter, page_size, deadline } = request;
    let count = match usize::try_from(page_size) {
        Ok(0) => Ok(DEFAULT_PAGE_SIZE),
        Ok(size) => Ok(size.min(MAX_PAGE_SIZE)),
        Err(_) => {
            let description = format!("must not be negative, but is {page_size}");
            Err(invalid("page_size", "NEGATIVE_PAGE_SIZE", description))
        }
    };
    let filter = checked_filter(filter, index, models);
    let mut violations = Violations::default();
    violations.note(&count);
    violations.note(&filter);
    violations.finish()?;
    let (count, filter) = (count?, filter?);
    Ok(ListQuery { after: None, filter, count, bytes: Limits::PAGE_BYTES, deadline })
}
