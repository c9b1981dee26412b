//! The state behind a lock, shared by the writer's thread with the readers.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::recent::RecentArticle;
use super::records::Records;
use super::snapshot::{Handle, Snapshot};
use super::state::{Location, State, Superseding};
use crate::index::vector::Vector;
use crate::index::{ArchivedArticle, ArticleId, Condition, IndexError, IndexStatus, RecordError};

/// How many changes are applied before readers get the lock.
const APPLIED_PER_LOCK: usize = 16;

/// The state behind its lock, and the records it refers to.
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

    /// Locates an article; None if it is certain that there is none.
    fn find(&self, id: &ArticleId) -> Result<Option<(Handle, Snapshot)>, IndexError> {
        let state = self.read();
        let corrupt = |source| IndexError::Corrupt { id: id.to_string(), source };
        let handle = match state.find(id)? {
            Location::Memory(article) => Handle::Memory(article),
            Location::Segment(place) => Handle::Segment(place),
            Location::Lost => return Err(corrupt(RecordError::Lost)),
            Location::Nowhere if state.unidentified_losses > 0 => {
                return Err(corrupt(RecordError::MayBeLost));
            }
            Location::Nowhere => return Ok(None),
        };
        Ok(Some((handle, state.snapshot())))
    }

    /// Reads an article, from the disk without the lock.
    pub(super) fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        let found = self.find(id)?;
        found.map(|(handle, snapshot)| snapshot.article(&handle, &self.records)).transpose()
    }

    /// Reads an article with its vector, from the disk without the lock.
    pub(super) fn get_with_vector(
        &self,
        id: &ArticleId,
    ) -> Result<Option<(ArchivedArticle, Vector)>, IndexError> {
        let Some((handle, snapshot)) = self.find(id)? else { return Ok(None) };
        Ok(Some((snapshot.article(&handle, &self.records)?, snapshot.vector(&handle))))
    }

    /// Reads an article that was located, from the disk without the lock; None for a lost one.
    pub(super) fn located_article(
        &self,
        location: Location,
    ) -> Result<Option<Arc<ArchivedArticle>>, IndexError> {
        match location {
            Location::Nowhere | Location::Lost => Ok(None),
            Location::Memory(article) => Ok(Some(Arc::clone(&article.article))),
            Location::Segment(place) => {
                let snapshot = self.read().snapshot();
                let article = snapshot.article(&Handle::Segment(place), &self.records)?;
                Ok(Some(Arc::new(article)))
            }
        }
    }

    /// Applies changes that the journal has.
    pub(super) fn apply(&self, changes: Vec<Superseding>) {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let mut state = self.write();
            for (change, superseded) in changes.by_ref().take(APPLIED_PER_LOCK) {
                state.apply(change, superseded);
            }
        }
    }

    /// Accepts no more writes until the next start.
    pub(super) fn stop_writes(&self, condition: Condition) {
        let mut state = self.write();
        if state.condition == Condition::Ready {
            tracing::error!(?condition, "the archive accepts no more writes");
            state.condition = condition;
        }
    }

    /// Sets or clears the last failure of a write.
    pub(super) fn note_failure(&self, error: Option<&IndexError>) {
        let failure = error.map(ToString::to_string);
        if self.read().last_failure == failure {
            return;
        }
        if let Some(failure) = &failure {
            tracing::error!(%failure, "the archive cannot be written");
        }
        self.write().last_failure = failure;
    }

    pub(super) fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        let (is_in_memory, snapshot) = {
            let state = self.read();
            let has_topic = |article: &RecentArticle| article.article.has_topic(topic);
            (state.any_in_memory(has_topic), state.snapshot())
        };
        Ok(is_in_memory || snapshot.segments.has_topic(topic, &snapshot.superseded)?)
    }

    /// The status; `size_bytes` is called without the lock.
    pub(super) fn status(&self, size_bytes: impl FnOnce() -> u64) -> IndexStatus {
        let mut status = {
            let state = self.read();
            IndexStatus {
                condition: state.condition.clone(),
                last_failure: state.last_failure.clone(),
                article_count: state.article_count,
                unreadable_count: state.unreadable_count,
                size_bytes: 0,
            }
        };
        status.size_bytes = size_bytes();
        status
    }
}
