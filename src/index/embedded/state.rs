//! What searches see: the segments, what is frozen and what is recent, at one moment.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::super::filter::Filter;
use super::super::query_vector::{QueryTerm, QueryVector};
use super::super::vector::Vector;
use super::super::{
    ArchivedArticle, ArticleId, ArticlePage, Condition, Deadline, IndexError, IndexStatus,
    ListQuery, RecordError, SimilarQuery,
};
use super::recent::{Recent, RecentArticle, RecentEntry};
use super::records::Records;
use super::segments::{Hidden, Place, Segments};

/// After so many articles in memory a filter looks at the deadline again.
const FILTERED_AT_ONCE: usize = 256;
/// Candidates come from as many of the source's terms as have about so many postings:
/// docs/ranking.md has what was measured.
const ENOUGH_POSTINGS: usize = 150_000;

/// Only the writer's thread changes it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) segments: Arc<Segments>,
    /// Where the segments have what is frozen or recent: these are superseded.
    pub(super) hidden: Arc<Hidden>,
    /// What is being folded, or could not be.
    pub(super) frozen: Option<Arc<Recent>>,
    pub(super) recent: Recent,
    /// Articles that the journals have lost, and that nothing came after.
    pub(super) lost: BTreeSet<ArticleId>,
    /// How many places the journals have lost whose articles are not known by name.
    pub(super) nameless_losses: u64,
    /// How many places of the journals cannot be read.
    pub(super) unreadable_count: u64,
    pub(super) condition: Condition,
    pub(super) last_failure: Option<String>,
    pub(super) article_count: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            segments: Arc::default(),
            hidden: Arc::default(),
            frozen: None,
            recent: Recent::default(),
            lost: BTreeSet::new(),
            nameless_losses: 0,
            unreadable_count: 0,
            condition: Condition::Ready,
            last_failure: None,
            article_count: 0,
        }
    }
}

/// Where an article is.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Nowhere,
    Memory(Arc<RecentArticle>),
    Segment(Place),
    /// It was there, and the journal is damaged where it lies.
    Lost,
}

impl State {
    /// What became of an id since the segments were written.
    fn newest(&self, id: &ArticleId) -> Option<&RecentEntry> {
        self.recent.get(id).or_else(|| self.frozen.as_ref()?.get(id))
    }

    /// Where the article of an id is.
    pub(super) fn find(&self, id: &ArticleId) -> Result<Found, IndexError> {
        if self.lost.contains(id) {
            return Ok(Found::Lost);
        }
        match self.newest(id) {
            Some(RecentEntry::Article(article)) => Ok(Found::Memory(Arc::clone(article))),
            Some(RecentEntry::Deleted) => Ok(Found::Nowhere),
            None => Ok(self.segments.find(id)?.map_or(Found::Nowhere, Found::Segment)),
        }
    }

    /// Makes a change that the journal has. `superseded` is where the segments have the id.
    pub(super) fn apply(&mut self, change: Applied, superseded: Option<Place>) {
        if let Some(place) = superseded {
            Arc::make_mut(&mut self.hidden).insert(place);
        }
        match change {
            Applied::Put(article) => self.recent.put(article),
            Applied::Delete(id) => self.recent.delete(&id),
        }
    }

    /// Makes a change that was read from a journal.
    pub(super) fn replay(&mut self, change: Applied) -> Result<(), IndexError> {
        let superseded = match self.newest(change.id()) {
            Some(_) => None,
            None => self.segments.find(change.id())?,
        };
        self.lost.remove(change.id());
        self.apply(change, superseded);
        Ok(())
    }

    /// Notes that what became of an id cannot be read: nothing that it was before counts.
    pub(super) fn lose(&mut self, id: &ArticleId) -> Result<(), IndexError> {
        self.replay(Applied::Delete(id.clone()))?;
        self.lost.insert(id.clone());
        Ok(())
    }

    /// Takes new segments, and finds in them what is superseded. On an error all is as it was.
    pub(super) fn take_segments(
        &mut self,
        segments: Segments,
        is_folded: bool,
    ) -> Result<(), IndexError> {
        let frozen = self.frozen.iter().filter(|_| !is_folded).flat_map(|frozen| frozen.entries());
        let mut hidden = Hidden::new();
        for (id, _) in self.recent.entries().chain(frozen) {
            hidden.extend(segments.find(id)?);
        }
        if is_folded {
            self.frozen = None;
        }
        self.segments = Arc::new(segments);
        self.hidden = Arc::new(hidden);
        Ok(())
    }

    /// Counts them: for the start, then the writer keeps count.
    pub(super) fn count_articles(&self) -> u64 {
        let is_article = |entry: &RecentEntry| matches!(entry, RecentEntry::Article(_));
        let recent = self.recent.entries().filter(|(_, entry)| is_article(entry)).count() as u64;
        self.segments.article_count() - self.hidden.len() as u64 + recent + self.lost.len() as u64
    }

    /// Whether an article in memory is such a one.
    fn any_in_memory(&self, is_such: impl Fn(&RecentArticle) -> bool) -> bool {
        let is_such = |entry: &RecentEntry| matches!(entry, RecentEntry::Article(article) if is_such(article));
        let mut frozen = self.frozen.iter().flat_map(|frozen| frozen.entries());
        self.recent.entries().any(|(_, entry)| is_such(entry))
            || frozen.any(|(id, entry)| is_such(entry) && self.recent.get(id).is_none())
    }

    /// The ids in memory after an id with their articles, in no order, at most `count` of each
    /// layer. What is lost has none.
    fn in_memory_after(&self, after: Option<&ArticleId>, count: usize) -> Vec<(ArticleId, Found)> {
        let article = |(id, entry): (&ArticleId, &RecentEntry)| match entry {
            RecentEntry::Article(article) => Some((id.clone(), Found::Memory(Arc::clone(article)))),
            RecentEntry::Deleted => None,
        };
        let recent = self.recent.entries_after(after).filter_map(article).take(count);
        let frozen = self.frozen.iter().flat_map(|frozen| {
            frozen
                .entries_after(after)
                .filter(|(id, _)| self.recent.get(id).is_none())
                .filter_map(article)
                .take(count)
        });
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lost = self.lost.range::<ArticleId, _>((start, Bound::Unbounded)).take(count);
        recent.chain(frozen).chain(lost.map(|id| (id.clone(), Found::Lost))).collect()
    }
}

/// A change that the journal has.
#[derive(Debug)]
pub(super) enum Applied {
    Put(Arc<RecentArticle>),
    Delete(ArticleId),
}

impl Applied {
    pub(super) fn id(&self) -> &ArticleId {
        match self {
            Self::Put(article) => &article.article.id,
            Self::Delete(id) => id,
        }
    }
}

/// The part of the state that stays as it is while it is looked at.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) segments: Arc<Segments>,
    hidden: Arc<Hidden>,
}

/// Where an article that may be a result is.
#[derive(Debug)]
pub(super) enum Handle {
    Memory(Arc<RecentArticle>),
    Segment(Place),
}

impl Snapshot {
    pub(super) fn id<'a>(&'a self, handle: &'a Handle) -> &'a str {
        match handle {
            Handle::Memory(article) => article.article.id.as_str(),
            Handle::Segment(place) => self.segments.id(*place),
        }
    }

    pub(super) fn similarity(&self, handle: &Handle, query: &QueryVector) -> f64 {
        match handle {
            Handle::Memory(article) => {
                query.similarity(&article.vector.entries, article.vector.squared_length)
            }
            Handle::Segment(place) => self.segments.similarity(*place, query),
        }
    }

    pub(super) fn vector(&self, handle: &Handle) -> Vector {
        match handle {
            Handle::Memory(article) => Vector::clone(&article.vector),
            Handle::Segment(place) => self.segments.vector(*place),
        }
    }
}

/// The `count` candidates of the largest parts, the largest first.
fn largest(mut candidates: Vec<(f32, Handle)>, count: usize) -> Vec<(f32, Handle)> {
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0));
        candidates.truncate(count);
    }
    candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    candidates
}

/// The state, shared between the writer's thread and those that read.
#[derive(Debug)]
pub(super) struct Shared {
    state: RwLock<State>,
    pub(super) records: Arc<Records>,
}

impl Shared {
    pub(super) fn new(state: State, records: Arc<Records>) -> Self {
        Self { state: RwLock::new(state), records }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the article of an id is; None if it is nowhere, for sure.
    fn find(&self, id: &ArticleId) -> Result<Option<(Handle, Snapshot)>, IndexError> {
        let state = self.read();
        let corrupt = |source| IndexError::Corrupt { id: id.to_string(), source };
        let handle = match state.find(id)? {
            Found::Memory(article) => Handle::Memory(article),
            Found::Segment(place) => Handle::Segment(place),
            Found::Lost => return Err(corrupt(RecordError::Lost)),
            Found::Nowhere if state.nameless_losses > 0 => {
                return Err(corrupt(RecordError::MayBeLost));
            }
            Found::Nowhere => return Ok(None),
        };
        Ok(Some((handle, state.snapshot())))
    }

    /// The article of an id. The disk is read without the lock.
    pub(super) fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        let found = self.find(id)?;
        found.map(|(handle, snapshot)| self.article(&snapshot, &handle)).transpose()
    }

    /// The article of an id with its vector. The disk is read without the lock.
    pub(super) fn source(
        &self,
        id: &ArticleId,
    ) -> Result<Option<(ArchivedArticle, Vector)>, IndexError> {
        let found = self.find(id)?;
        found
            .map(|(handle, snapshot)| {
                Ok((self.article(&snapshot, &handle)?, snapshot.vector(&handle)))
            })
            .transpose()
    }

    /// The article that was found; None for one that is lost. The disk is read without the lock.
    pub(super) fn found_article(
        &self,
        found: Found,
    ) -> Result<Option<Arc<ArchivedArticle>>, IndexError> {
        match found {
            Found::Nowhere | Found::Lost => Ok(None),
            Found::Memory(article) => Ok(Some(Arc::clone(&article.article))),
            Found::Segment(place) => {
                let snapshot = self.read().snapshot();
                Ok(Some(Arc::new(self.article(&snapshot, &Handle::Segment(place))?)))
            }
        }
    }

    /// An article of a snapshot, read from the disk where it is there.
    pub(super) fn article(
        &self,
        snapshot: &Snapshot,
        handle: &Handle,
    ) -> Result<ArchivedArticle, IndexError> {
        match handle {
            Handle::Memory(article) => Ok(ArchivedArticle::clone(&article.article)),
            Handle::Segment(place) => snapshot.segments.article(*place, &self.records),
        }
    }

    pub(super) fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError> {
        query.deadline.check()?;
        let ListQuery { after, filter, count, bytes, deadline } = query;
        // One more says whether there are more.
        let most = count.saturating_add(1);
        let (mut found, snapshot, is_incomplete) = {
            let state = self.read();
            // A filter is looked at without the lock: it may be long.
            let most = if filter.is_empty() { most } else { usize::MAX };
            (
                state.in_memory_after(after.as_ref(), most),
                state.snapshot(),
                state.nameless_losses > 0,
            )
        };
        if !filter.is_empty() {
            found = listed(found, filter, *deadline)?;
        }
        for (id, place) in snapshot.segments.ids_after(query, most, &snapshot.hidden)? {
            // What is no id was never one of an article.
            found.extend(ArticleId::try_from(id).map(|id| (id, Found::Segment(place))));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut page = ArticlePage { is_incomplete, ..ArticlePage::default() };
        let mut size = 0;
        for (id, found) in found {
            if page.articles.len() + page.unreadable.len() >= *count || size >= *bytes {
                page.is_more = true;
                break;
            }
            deadline.check()?;
            let handle = match found {
                Found::Memory(article) => Some(Handle::Memory(article)),
                Found::Segment(place) => Some(Handle::Segment(place)),
                Found::Lost | Found::Nowhere => None,
            };
            match handle.map(|handle| self.article(&snapshot, &handle)) {
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

    /// The articles that may be results: `count` of all layers together, and what stays as it is
    /// for looking at them. `terms` are those of the source, the ones to look at first in front.
    pub(super) fn candidates(
        &self,
        terms: &[QueryTerm],
        query: &SimilarQuery,
        count: usize,
    ) -> Result<(Vec<(f32, Handle)>, Snapshot), IndexError> {
        let found = self.candidates_by(terms, ENOUGH_POSTINGS, query, count)?;
        if found.0.len() >= count {
            return Ok(found);
        }
        // In a small archive, or behind a narrow filter, all is found that has a term in common.
        self.candidates_by(terms, usize::MAX, query, count)
    }

    fn candidates_by(
        &self,
        terms: &[QueryTerm],
        postings: usize,
        query: &SimilarQuery,
        count: usize,
    ) -> Result<(Vec<(f32, Handle)>, Snapshot), IndexError> {
        let SimilarQuery { filter, deadline, .. } = query;
        // The plan is made without the lock: should the segments be others by then, it is made
        // again.
        let mut segments = Arc::clone(&self.read().segments);
        let (plan, recent, snapshot) = loop {
            let plan = segments.plan(terms, postings);
            let state = self.read();
            if !Arc::ptr_eq(&segments, &state.segments) {
                segments = Arc::clone(&state.segments);
                continue;
            }
            // A filter is looked at without the lock: it may be long.
            let candidates = |recent: &Recent| {
                if filter.is_empty() {
                    recent.best(plan.terms, count)
                } else {
                    recent.all(plan.terms)
                }
            };
            let mut recent = candidates(&state.recent);
            if let Some(frozen) = &state.frozen {
                let frozen = candidates(frozen).into_iter();
                recent.extend(
                    frozen.filter(|(_, article)| state.recent.get(&article.article.id).is_none()),
                );
            }
            break (plan, recent, state.snapshot());
        };
        let recent = accepted(recent, filter, *deadline)?;
        let folded =
            snapshot.segments.candidates(&plan, filter, &snapshot.hidden, count, *deadline)?;
        let recent = recent.into_iter().map(|(part, article)| (part, Handle::Memory(article)));
        let folded = folded.into_iter().map(|(part, place)| (part, Handle::Segment(place)));
        Ok((largest(recent.chain(folded).collect(), count), snapshot))
    }

    pub(super) fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        let (is_in_memory, snapshot) = {
            let state = self.read();
            let has_topic = |article: &RecentArticle| article.article.has_topic(topic);
            (state.any_in_memory(has_topic), state.snapshot())
        };
        Ok(is_in_memory || snapshot.segments.has_topic(topic, &snapshot.hidden)?)
    }

    pub(super) fn status(&self, size_bytes: impl FnOnce() -> u64) -> IndexStatus {
        let (condition, last_failure, article_count, unreadable_count) = {
            let state = self.read();
            (
                state.condition.clone(),
                state.last_failure.clone(),
                state.article_count,
                state.unreadable_count,
            )
        };
        IndexStatus {
            condition,
            last_failure,
            article_count,
            unreadable_count,
            size_bytes: size_bytes(),
        }
    }
}

/// The articles in memory that pass a filter, and what is lost, which may have passed.
fn listed(
    found: Vec<(ArticleId, Found)>,
    filter: &Filter,
    deadline: Deadline,
) -> Result<Vec<(ArticleId, Found)>, IndexError> {
    let mut listed = Vec::new();
    for (number, (id, found)) in found.into_iter().enumerate() {
        if number % FILTERED_AT_ONCE == 0 {
            deadline.check()?;
        }
        match &found {
            Found::Memory(article) if !filter.accepts(&article.article) => {}
            _ => listed.push((id, found)),
        }
    }
    Ok(listed)
}

/// The articles that pass a filter.
fn accepted(
    mut articles: Vec<(f32, Arc<RecentArticle>)>,
    filter: &Filter,
    deadline: Deadline,
) -> Result<Vec<(f32, Arc<RecentArticle>)>, IndexError> {
    if filter.is_empty() {
        return Ok(articles);
    }
    let mut accepted = Vec::new();
    while !articles.is_empty() {
        deadline.check()?;
        let rest = articles.split_off(articles.len().saturating_sub(FILTERED_AT_ONCE));
        accepted.extend(rest.into_iter().filter(|(_, article)| filter.accepts(&article.article)));
    }
    Ok(accepted)
}

impl State {
    fn snapshot(&self) -> Snapshot {
        Snapshot { segments: Arc::clone(&self.segments), hidden: Arc::clone(&self.hidden) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_candidates_come_first() {
        let handle = |document| Handle::Segment(Place { segment: 0, document });
        let candidates = [(0.2, 0), (0.9, 1), (0.5, 2), (0.7, 3)]
            .map(|(part, document)| (part, handle(document)));
        let parts: Vec<f32> = largest(candidates.into(), 3).iter().map(|(part, _)| *part).collect();
        assert_eq!(parts, [0.9, 0.7, 0.5]);
    }
}
