//! The page of a query: which candidates are on it, and their articles.

use std::cmp::Ordering;

use super::article::{ArchivedArticle, ArticleId};
use super::candidate::{Candidate, Group};
use super::collapse::collapse;
use super::error::IndexError;
use super::query::{PageKey, SimilarQuery};
use super::vector::Vector;

/// A page without bodies is made of texts of at most so many times [`SimilarQuery::page_bytes`].
const READ_PER_PAGE: usize = 16;

/// The results of the query's page, out of candidates that pass its filter; and where the next page
/// goes on.
pub(super) fn page<H>(
    mut candidates: Vec<Candidate<H>>,
    query: &SimilarQuery,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<(Vec<Group<H>>, Option<PageKey>), IndexError> {
    candidates.retain(|candidate| {
        candidate.similarity > 0.0 && candidate.similarity >= query.min_similarity
    });
    candidates.sort_by(|a, b| a.order(b.similarity, &b.id));
    candidates.truncate(query.depth());
    let groups = if query.collapse_near_duplicates {
        collapse(candidates, query.deadline, read_one)?
    } else {
        candidates.into_iter().map(|leader| Group { leader, near_duplicates: Vec::new() }).collect()
    };
    let (mut shown, mut rest) = (0, groups);
    if let Some(after) = &query.after {
        rest.retain(|group| group.leader.order(after.similarity, &after.id) == Ordering::Greater);
        shown = after.shown;
    }
    let is_more = rest.len() > query.page_size;
    rest.truncate(query.page_size);
    let key = |group: &Group<H>| PageKey {
        similarity: group.leader.similarity,
        id: group.leader.id.clone(),
        shown: shown + rest.len() as u32,
    };
    let next = if is_more { rest.last().map(key) } else { None };
    Ok((rest, next))
}

/// Reads the results of a page one after the other, until it has the text that it may have; with
/// where the next page goes on then.
pub(super) fn read<H>(
    (groups, mut next): (Vec<Group<H>>, Option<PageKey>),
    query: &SimilarQuery,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<Read<H>, IndexError> {
    let before = query.after.as_ref().map_or(0, |key| key.shown);
    let (mut found, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
    let (mut bytes, mut read_bytes) = (0, 0);
    for (shown, group) in (before..).zip(groups) {
        query.deadline.check()?;
        let is_full = bytes >= query.page_bytes || read_bytes / READ_PER_PAGE >= query.page_bytes;
        if let (true, Some((similarity, id))) = (is_full, last.take()) {
            next = Some(PageKey { similarity, id, shown });
            break;
        }
        last = Some((group.leader.similarity, group.leader.id.clone()));
        match read_one(&group.leader.handle) {
            Ok((mut article, vector)) => {
                let etag = article.etag();
                read_bytes += article.text().size_bytes();
                if !query.with_bodies {
                    article.body = String::new();
                }
                bytes += article.text().size_bytes();
                found.push(FoundHit { group, article, etag, vector });
            }
            // One damaged article does not take the others with it.
            Err(IndexError::Corrupt { .. }) => unreadable.push(group.leader.id),
            Err(error) => return Err(error),
        }
    }
    Ok(Read { found, next, unreadable })
}

/// The results of a page, read.
#[derive(Debug)]
pub(super) struct Read<H> {
    pub(super) found: Vec<FoundHit<H>>,
    /// Where the next page goes on.
    pub(super) next: Option<PageKey>,
    /// Results that cannot be read, because the archive is damaged where they lie.
    pub(super) unreadable: Vec<ArticleId>,
}

/// A result whose matched terms are yet to be named.
#[derive(Debug)]
pub(super) struct FoundHit<H> {
    pub(super) group: Group<H>,
    pub(super) article: ArchivedArticle,
    pub(super) etag: String,
    pub(super) vector: Vector,
}
