//! Lists articles by id.

use super::records::Records;
use super::shared::Shared;
use super::snapshot::{Handle, Snapshot};
use super::state::Location;
use crate::index::{ArticleId, ArticlePage, Deadline, Filter, IndexError, ListQuery};

/// How many articles in memory a filter examines between two checks of the deadline.
const FILTERED_PER_CHECK: usize = 256;

/// A page of the articles in the order of their ids.
pub(super) fn list(shared: &Shared, query: &ListQuery) -> Result<ArticlePage, IndexError> {
    query.deadline.check()?;
    let ListQuery { after, filter, count, deadline, .. } = query;
    // One more tells whether there are more.
    let limit = count.saturating_add(1);
    let (mut found, snapshot, is_incomplete) = {
        let state = shared.read();
        // A filter may take long, and is applied without the lock.
        let limit = if filter.is_empty() { limit } else { usize::MAX };
        let in_memory = state.in_memory_after(after.as_ref(), limit);
        (in_memory, state.snapshot(), state.unidentified_losses > 0)
    };
    if !filter.is_empty() {
        found = accepted(found, filter, *deadline)?;
    }
    for (id, place) in snapshot.segments.ids_after(query, limit, &snapshot.superseded)? {
        // Whatever is not an id was never one of an article.
        found.extend(ArticleId::try_from(id).map(|id| (id, Location::Segment(place))));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let page = ArticlePage { is_incomplete, ..ArticlePage::default() };
    read_page(page, found, query, (&snapshot, &shared.records))
}

/// Reads the located articles, which are in order, until the page is full.
fn read_page(
    mut page: ArticlePage,
    found: Vec<(ArticleId, Location)>,
    query: &ListQuery,
    (snapshot, records): (&Snapshot, &Records),
) -> Result<ArticlePage, IndexError> {
    let mut size = 0;
    for (id, location) in found {
        let read = page.articles.len() + page.unreadable.len();
        if read >= query.count || size >= query.bytes {
            page.is_more = true;
            break;
        }
        query.deadline.check()?;
        let handle = match location {
            Location::Memory(article) => Some(Handle::Memory(article)),
            Location::Segment(place) => Some(Handle::Segment(place)),
            Location::Lost | Location::Nowhere => None,
        };
        match handle.map(|handle| snapshot.article(&handle, records)) {
            Some(Ok(article)) => {
                size += article.text().size_bytes();
                page.articles.push(article);
            }
            Some(Err(IndexError::Corrupt { .. })) | None => page.unreadable.push(id.clone()),
            Some(Err(error)) => return Err(error),
        }
        page.last = Some(id);
    }
    Ok(page)
}

/// The articles in memory that pass a filter, and the lost ones, which might have passed.
fn accepted(
    found: Vec<(ArticleId, Location)>,
    filter: &Filter,
    deadline: Deadline,
) -> Result<Vec<(ArticleId, Location)>, IndexError> {
    let mut accepted = Vec::new();
    for (number, (id, location)) in found.into_iter().enumerate() {
        if number % FILTERED_PER_CHECK == 0 {
            deadline.check()?;
        }
        match &location {
            Location::Memory(article) if !filter.accepts(&article.article) => {}
            _ => accepted.push((id, location)),
        }
    }
    Ok(accepted)
}
