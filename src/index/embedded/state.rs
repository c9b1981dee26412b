//! What searches see: the segments, what is frozen and what is recent, at one moment.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::super::query::Filter;
use super::super::vector::{QueryTerm, QueryVector, Vector};
use super::super::{ArchivedArticle, ArticleId, Condition, IndexError, IndexStatus};
use super::journal::Change;
use super::recent::{Recent, RecentArticle, RecentEntry};
use super::segments::{Hidden, Place, Segments};

/// Candidates come from as many of the source's terms as have about so many postings: docs/ranking.md has what was measured.
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
}

impl State {
    /// What became of an id since the segments were written.
    fn newest(&self, id: &ArticleId) -> Option<&RecentEntry> {
        self.recent.get(id).or_else(|| self.frozen.as_ref()?.get(id))
    }

    /// Where the article of an id is.
    pub(super) fn find(&self, id: &ArticleId) -> Result<Found, IndexError> {
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
    pub(super) fn replay(&mut self, change: Change) -> Result<(), IndexError> {
        let change = match change {
            Change::Put { article, record } => {
                let vector = super::of_text(article.text());
                Applied::Put(Arc::new(RecentArticle { article: *article, vector, record }))
            }
            Change::Delete(id) => Applied::Delete(id),
        };
        let superseded = match self.find(change.id())? {
            Found::Segment(place) => Some(place),
            Found::Nowhere | Found::Memory(_) => None,
        };
        self.apply(change, superseded);
        Ok(())
    }

    /// Takes new segments, and finds in them what is superseded. On an error all is as it was.
    pub(super) fn take_segments(&mut self, segments: Segments, is_folded: bool) -> Result<(), IndexError> {
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
        self.segments.article_count() - self.hidden.len() as u64 + recent
    }

    /// The articles in memory after an id, in no order, at most `count` of each layer.
    fn in_memory_after(&self, after: Option<&ArticleId>, count: usize) -> Vec<Arc<RecentArticle>> {
        let article = |(_, entry): (&ArticleId, &RecentEntry)| match entry {
            RecentEntry::Article(article) => Some(Arc::clone(article)),
            RecentEntry::Deleted => None,
        };
        let recent = self.recent.entries_after(after).filter_map(article).take(count);
        let frozen = self.frozen.iter().flat_map(|frozen| {
            frozen.entries_after(after).filter(|(id, _)| self.recent.get(id).is_none()).filter_map(article).take(count)
        });
        recent.chain(frozen).collect()
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
            Handle::Memory(article) => query.similarity(&article.vector.entries, article.vector.squared_length),
            Handle::Segment(place) => self.segments.similarity(*place, query),
        }
    }

    pub(super) fn vector(&self, handle: &Handle) -> Vector {
        match handle {
            Handle::Memory(article) => article.vector.clone(),
            Handle::Segment(place) => self.segments.vector(*place),
        }
    }

    /// Reads it from disk, where it is there.
    pub(super) fn article(&self, handle: &Handle) -> Result<ArchivedArticle, IndexError> {
        match handle {
            Handle::Memory(article) => Ok(article.article.clone()),
            Handle::Segment(place) => self.segments.article(*place),
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
pub(super) struct Shared(RwLock<State>);

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self(RwLock::new(state))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The article of an id. The disk is read without the lock.
    pub(super) fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        let (found, segments) = {
            let state = self.read();
            (state.find(id)?, Arc::clone(&state.segments))
        };
        match found {
            Found::Nowhere => Ok(None),
            Found::Memory(article) => Ok(Some(article.article.clone())),
            Found::Segment(place) => segments.article(place).map(Some),
        }
    }

    /// The article of an id with its vector. The disk is read without the lock.
    pub(super) fn source(&self, id: &ArticleId) -> Result<Option<(ArchivedArticle, Vector)>, IndexError> {
        let (found, segments) = {
            let state = self.read();
            (state.find(id)?, Arc::clone(&state.segments))
        };
        match found {
            Found::Nowhere => Ok(None),
            Found::Memory(article) => Ok(Some((article.article.clone(), article.vector.clone()))),
            Found::Segment(place) => Ok(Some((segments.article(place)?, segments.vector(place)))),
        }
    }

    pub(super) fn list(
        &self,
        after: Option<&ArticleId>,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<ArchivedArticle>, IndexError> {
        let (in_memory, snapshot) = {
            let state = self.read();
            (state.in_memory_after(after, count), state.snapshot())
        };
        let mut found: Vec<(String, Found)> = in_memory
            .into_iter()
            .map(|article| (article.article.id.as_str().to_owned(), Found::Memory(article)))
            .chain(
                snapshot
                    .segments
                    .ids_after(after, count, &snapshot.hidden)?
                    .into_iter()
                    .map(|(id, place)| (id, Found::Segment(place))),
            )
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut page = Vec::new();
        let mut size = 0;
        for (_, found) in found.into_iter().take(count) {
            if size >= bytes {
                break;
            }
            let article = match found {
                Found::Nowhere => continue,
                Found::Memory(article) => article.article.clone(),
                Found::Segment(place) => snapshot.segments.article(place)?,
            };
            size += article.text().size_bytes();
            page.push(article);
        }
        Ok(page)
    }

    /// The ids after an id in order, at most `count`.
    pub(super) fn ids_after(&self, after: Option<&ArticleId>, count: usize) -> Result<Vec<ArticleId>, IndexError> {
        let (in_memory, snapshot) = {
            let state = self.read();
            (state.in_memory_after(after, count), state.snapshot())
        };
        let folded = snapshot.segments.ids_after(after, count, &snapshot.hidden)?;
        let folded = folded.into_iter().filter_map(|(id, _)| ArticleId::try_from(id).ok());
        let mut ids: Vec<ArticleId> = in_memory.iter().map(|article| article.article.id.clone()).chain(folded).collect();
        ids.sort();
        ids.truncate(count);
        Ok(ids)
    }

    /// The articles that may be results: `count` of all layers together, and what stays as it is for looking at them. `terms` are
    /// those of the source, the ones to look at first in front.
    pub(super) fn candidates(
        &self,
        terms: &[QueryTerm],
        filter: &Filter,
        count: usize,
    ) -> Result<(Vec<(f32, Handle)>, Snapshot), IndexError> {
        let found = self.candidates_by(terms, ENOUGH_POSTINGS, filter, count)?;
        if found.0.len() >= count {
            return Ok(found);
        }
        // In a small archive, or behind a narrow filter, all is found that has a term in common.
        self.candidates_by(terms, usize::MAX, filter, count)
    }

    fn candidates_by(
        &self,
        terms: &[QueryTerm],
        postings: usize,
        filter: &Filter,
        count: usize,
    ) -> Result<(Vec<(f32, Handle)>, Snapshot), IndexError> {
        // The plan is made without the lock: should the segments be others by then, it is made again.
        let mut segments = Arc::clone(&self.read().segments);
        let (plan, recent, snapshot) = loop {
            let plan = segments.plan(terms, postings);
            let state = self.read();
            if !Arc::ptr_eq(&segments, &state.segments) {
                segments = Arc::clone(&state.segments);
                continue;
            }
            let mut recent = state.recent.candidates(plan.terms, filter, count);
            if let Some(frozen) = &state.frozen {
                let frozen = frozen.candidates(plan.terms, filter, count).into_iter();
                recent.extend(frozen.filter(|(_, article)| state.recent.get(&article.article.id).is_none()));
            }
            break (plan, recent, state.snapshot());
        };
        let folded = snapshot.segments.candidates(&plan, filter, &snapshot.hidden, count)?;
        let recent = recent.into_iter().map(|(part, article)| (part, Handle::Memory(article)));
        let folded = folded.into_iter().map(|(part, place)| (part, Handle::Segment(place)));
        Ok((largest(recent.chain(folded).collect(), count), snapshot))
    }

    pub(super) fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        let (is_in_memory, snapshot) = {
            let state = self.read();
            let articles = state.in_memory_after(None, usize::MAX);
            let has_topic = |article: &Arc<RecentArticle>| article.article.topics.iter().any(|known| known.name == topic);
            (articles.iter().any(has_topic), state.snapshot())
        };
        Ok(is_in_memory || snapshot.segments.has_topic(topic, &snapshot.hidden)?)
    }

    pub(super) fn status(&self, size_bytes: impl FnOnce() -> u64) -> IndexStatus {
        let (condition, last_failure, article_count) = {
            let state = self.read();
            (state.condition.clone(), state.last_failure.clone(), state.article_count)
        };
        IndexStatus { condition, last_failure, article_count, size_bytes: size_bytes() }
    }
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
        let candidates = [(0.2, 0), (0.9, 1), (0.5, 2), (0.7, 3)].map(|(part, document)| (part, handle(document)));
        let parts: Vec<f32> = largest(candidates.into(), 3).iter().map(|(part, _)| *part).collect();
        assert_eq!(parts, [0.9, 0.7, 0.5]);
    }
}
