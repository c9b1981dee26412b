//! Pages of results.

use std::cmp::Ordering;

use super::article::{ArchivedArticle, ArticleId};
use super::candidate::{Candidate, Group};
use super::collapse::collapse;
use super::error::IndexError;
use super::query::{MAX_RESULTS, PageKey, SimilarQuery};
use super::vector::Vector;

/// A page without bodies reads texts up to this multiple of [`SimilarQuery::page_bytes`].
const READ_PER_PAGE: usize = 16;

/// The results of a page before they are read.
pub(super) struct Ranked<H> {
    groups: Vec<Group<H>>,
    /// How many results rank before the page.
    before: u32,
    next: Option<PageKey>,
}

/// The results of the query's page, from candidates that pass its filter.
pub(super) fn page<H>(
    mut candidates: Vec<Candidate<H>>,
    query: &SimilarQuery,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<Ranked<H>, IndexError> {
    candidates.retain(|candidate| {
        candidate.similarity > 0.0 && candidate.similarity >= query.min_similarity
    });
    candidates.sort_by(|a, b| a.order(b.score, &b.id));
    // What was cut off are further results, save for those that nobody sees.
    let is_cut = candidates.len() > query.depth() && query.depth() < MAX_RESULTS;
    candidates.truncate(query.depth());
    let groups = if query.collapse_near_duplicates {
        collapse(candidates, query.deadline, read_one)?
    } else {
        candidates.into_iter().map(|leader| Group { leader, near_duplicates: Vec::new() }).collect()
    };
    let (count, mut groups) = (groups.len(), groups);
    if let Some(after) = &query.after {
        groups.retain(|group| group.leader.order(after.score, &after.id) == Ordering::Greater);
    }
    let before = (count - groups.len()) as u32;
    let is_more = groups.len() > query.page_size || is_cut && !query.collapse_near_duplicates;
    groups.truncate(query.page_size);
    let key = |group: &Group<H>| PageKey {
        score: group.leader.score,
        id: group.leader.id.clone(),
        shown: before + groups.len() as u32,
    };
    let next = if is_more { groups.last().map(key) } else { None };
    Ok(Ranked { groups, before, next })
}

/// Reads the results of a page until it is full, in bytes; the key of the next page changes
/// accordingly.
pub(super) fn read<H>(
    Ranked { groups, before, mut next }: Ranked<H>,
    query: &SimilarQuery,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<ReadPage<H>, IndexError> {
    let (mut found, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
    let (mut bytes, mut read_bytes) = (0, 0);
    for (shown, group) in (before..).zip(groups) {
        query.deadline.check()?;
        let is_full = bytes >= query.page_bytes || read_bytes / READ_PER_PAGE >= query.page_bytes;
        if let (true, Some((score, id))) = (is_full, last.take()) {
            next = Some(PageKey { score, id, shown });
            break;
        }
        last = Some((group.leader.score, group.leader.id.clone()));
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
            // One damaged article does not affect the others.
            Err(IndexError::Corrupt { .. }) => unreadable.push(group.leader.id),
            Err(error) => return Err(error),
        }
    }
    Ok(ReadPage { found, next, unreadable })
}

/// The articles of a page.
#[derive(Debug)]
pub(super) struct ReadPage<H> {
    pub(super) found: Vec<FoundHit<H>>,
    /// The key of the next page.
    pub(super) next: Option<PageKey>,
    /// Results that cannot be read because the archive is damaged.
    pub(super) unreadable: Vec<ArticleId>,
}

/// A result without its matched terms.
#[derive(Debug)]
pub(super) struct FoundHit<H> {
    pub(super) group: Group<H>,
    pub(super) article: ArchivedArticle,
    pub(super) etag: String,
    pub(super) vector: Vector,
}
