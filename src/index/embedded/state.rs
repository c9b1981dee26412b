//! The state of an archive at one moment.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::recent::{Recent, RecentArticle, RecentVersion};
use super::segments::{Place, Segments, Superseded};
use super::snapshot::Snapshot;
use crate::index::{ArticleId, Condition, IndexError};

/// What is in the archive. Only the writer's thread changes it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) segments: Arc<Segments>,
    /// The articles of the segments that frozen or recent changes supersede.
    superseded: Arc<Superseded>,
    /// The changes that are being folded, or could not be.
    pub(super) frozen: Option<Arc<Recent>>,
    pub(super) recent: Recent,
    /// Articles whose latest frame in the journals is damaged.
    lost: BTreeSet<ArticleId>,
    /// Damaged stretches of the journals whose articles cannot be identified.
    pub(super) unidentified_losses: u64,
    /// Stretches of the journals that cannot be read.
    pub(super) unreadable_count: u64,
    pub(super) condition: Condition,
    pub(super) last_failure: Option<String>,
    pub(super) article_count: u64,
}

impl State {
    /// The state of an archive without articles.
    pub(super) fn new(condition: Condition) -> Self {
        Self {
            segments: Arc::default(),
            superseded: Arc::default(),
            frozen: None,
            recent: Recent::default(),
            lost: BTreeSet::new(),
            unidentified_losses: 0,
            unreadable_count: 0,
            condition,
            last_failure: None,
            article_count: 0,
        }
    }
}

/// Where an article is.
#[derive(Debug, Clone)]
pub(super) enum Location {
    Nowhere,
    Memory(Arc<RecentArticle>),
    Segment(Place),
    /// In a damaged part of a journal.
    Lost,
}

impl State {
    /// The latest change of an article that the segments do not have yet.
    fn latest(&self, id: &ArticleId) -> Option<&RecentVersion> {
        self.recent.get(id).or_else(|| self.frozen.as_ref()?.get(id))
    }

    /// Locates an article.
    pub(super) fn find(&self, id: &ArticleId) -> Result<Location, IndexError> {
        if self.lost.contains(id) {
            return Ok(Location::Lost);
        }
        match self.latest(id) {
            Some(RecentVersion::Article(article)) => Ok(Location::Memory(Arc::clone(article))),
            Some(RecentVersion::Tombstone) => Ok(Location::Nowhere),
            None => Ok(self.segments.find(id)?.map_or(Location::Nowhere, Location::Segment)),
        }
    }

    /// Applies a change that the journal has. `superseded` is the article's place in the segments.
    pub(super) fn apply(&mut self, change: JournaledChange, superseded: Option<Place>) {
        if let Some(place) = superseded {
            Arc::make_mut(&mut self.superseded).insert(place);
        }
        match change {
            JournaledChange::Put(article) => self.recent.put(article),
            JournaledChange::Delete(id) => self.recent.delete(&id),
        }
    }

    /// Applies a change that was read back from a journal.
    pub(super) fn replay(&mut self, change: JournaledChange) -> Result<(), IndexError> {
        let superseded = match self.latest(change.id()) {
            Some(_) => None,
            None => self.segments.find(change.id())?,
        };
        self.lost.remove(change.id());
        self.apply(change, superseded);
        Ok(())
    }

    /// Records that the latest frame of an article cannot be read: earlier ones no longer count.
    pub(super) fn lose(&mut self, id: &ArticleId) -> Result<(), IndexError> {
        self.replay(JournaledChange::Delete(id.clone()))?;
        self.lost.insert(id.clone());
        Ok(())
    }

    /// Replaces the segments and determines which of their articles are superseded. An error leaves
    /// the state unchanged.
    pub(super) fn replace_segments(
        &mut self,
        segments: Segments,
        frozen: Frozen,
    ) -> Result<(), IndexError> {
        let unfolded = self.frozen.iter().filter(|_| frozen == Frozen::Unfolded);
        let unfolded = unfolded.flat_map(|frozen| frozen.versions());
        let mut superseded = Superseded::new();
        for (id, _) in self.recent.versions().chain(unfolded) {
            superseded.extend(segments.find(id)?);
        }
        if frozen == Frozen::Folded {
            self.frozen = None;
        }
        self.segments = Arc::new(segments);
        self.superseded = Arc::new(superseded);
        Ok(())
    }

    /// Counts the articles. The writer does this once, at the start, and maintains the count.
    pub(super) fn count_articles(&self) -> u64 {
        let is_article = |version: &RecentVersion| matches!(version, RecentVersion::Article(_));
        let recent = self.recent.versions().filter(|(_, version)| is_article(version)).count();
        self.segments.article_count() - self.superseded.len() as u64
            + recent as u64
            + self.lost.len() as u64
    }

    /// Whether an article in memory satisfies a predicate.
    pub(super) fn any_in_memory(&self, predicate: impl Fn(&RecentArticle) -> bool) -> bool {
        let holds = |version: &RecentVersion| match version {
            RecentVersion::Article(article) => predicate(article),
            RecentVersion::Tombstone => false,
        };
        let mut frozen = self.frozen.iter().flat_map(|frozen| frozen.versions());
        self.recent.versions().any(|(_, version)| holds(version))
            || frozen.any(|(id, version)| holds(version) && self.recent.get(id).is_none())
    }

    /// The articles in memory and the lost ones whose ids follow `after`, unordered: at most
    /// `count` each of the recent, the frozen and the lost ones.
    pub(super) fn in_memory_after(
        &self,
        after: Option<&ArticleId>,
        count: usize,
    ) -> Vec<(ArticleId, Location)> {
        let located = |(id, version): (&ArticleId, &RecentVersion)| match version {
            RecentVersion::Article(article) => {
                Some((id.clone(), Location::Memory(Arc::clone(article))))
            }
            RecentVersion::Tombstone => None,
        };
        let recent = self.recent.versions_after(after).filter_map(located).take(count);
        let frozen = self.frozen.iter().flat_map(|frozen| {
            frozen
                .versions_after(after)
                .filter(|(id, _)| self.recent.get(id).is_none())
                .filter_map(located)
                .take(count)
        });
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lost = self.lost.range::<ArticleId, _>((start, Bound::Unbounded)).take(count);
        recent.chain(frozen).chain(lost.map(|id| (id.clone(), Location::Lost))).collect()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { segments: Arc::clone(&self.segments), superseded: Arc::clone(&self.superseded) }
    }
}

/// Whether new segments include the frozen changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frozen {
    Folded,
    Unfolded,
}

/// A change that the journal has.
#[derive(Debug)]
pub(super) enum JournaledChange {
    Put(Arc<RecentArticle>),
    Delete(ArticleId),
}

/// A change, and the place in the segments of the article that it supersedes.
pub(super) type Superseding = (JournaledChange, Option<Place>);

impl JournaledChange {
    fn id(&self) -> &ArticleId {
        match self {
            Self::Put(article) => &article.article.id,
            Self::Delete(id) => id,
        }
    }
}
