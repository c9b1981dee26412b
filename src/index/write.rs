//! Writes to the archive.

use std::fmt;
use std::ops::Deref;

use super::{ArchivedArticle, ArticleId, IndexError};

/// A change of the archive, with a precondition.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The change.
    pub change: Change,
    /// The condition under which it is made.
    pub precondition: Precondition,
}

/// What a [`Write`] changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Stores an article, replacing the one with the same id.
    Put(Box<ArchivedArticle>),
    /// Removes the article with this id.
    Delete(ArticleId),
}

/// The condition under which a [`Write`] takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// There is none.
    #[default]
    None,
    /// The article does not exist.
    Absent,
    /// The article exists with this [`ArchivedArticle::etag`].
    Unchanged(String),
}

/// The kind of a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Put,
    Delete,
}

impl Change {
    pub(super) fn kind(&self) -> ChangeKind {
        match self {
            Self::Put(_) => ChangeKind::Put,
            Self::Delete(_) => ChangeKind::Delete,
        }
    }

    /// The id of the article.
    pub fn id(&self) -> &ArticleId {
        match self {
            Self::Put(article) => &article.id,
            Self::Delete(id) => id,
        }
    }
}

impl Write {
    /// Stores an article unconditionally.
    pub fn put(article: ArchivedArticle) -> Self {
        Self { change: Change::Put(Box::new(article)), precondition: Precondition::None }
    }

    /// Removes an article unconditionally.
    pub fn delete(id: ArticleId) -> Self {
        Self { change: Change::Delete(id), precondition: Precondition::None }
    }

    /// The same write with a precondition.
    #[must_use]
    pub fn only_if(self, precondition: Precondition) -> Self {
        Self { precondition, ..self }
    }
}

impl Precondition {
    /// The outcome of a change. `article` reads the existing article, and is only called if the
    /// condition depends on it; None stands for one that cannot be read.
    ///
    /// # Errors
    /// Those of `article`.
    pub(super) fn outcome<A: Deref<Target = ArchivedArticle>>(
        &self,
        kind: ChangeKind,
        exists: bool,
        article: impl FnOnce() -> Result<Option<A>, IndexError>,
    ) -> Result<WriteOutcome, IndexError> {
        use ChangeKind::{Delete, Put};
        Ok(match (self, kind, exists) {
            (_, Delete, false) => WriteOutcome::Absent,
            (Self::Absent, _, true) => WriteOutcome::Exists,
            (Self::Unchanged(_), Put, false) => WriteOutcome::Changed,
            (Self::Unchanged(etag), _, true)
                if article()?.is_none_or(|article| article.etag() != *etag) =>
            {
                WriteOutcome::Changed
            }
            (_, Put, true) => WriteOutcome::Replaced,
            (_, Put, false) => WriteOutcome::Created,
            (_, Delete, true) => WriteOutcome::Deleted,
        })
    }
}

/// What a [`Write`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The article did not exist, and was stored.
    Created,
    /// The article was replaced.
    Replaced,
    /// The article was removed.
    Deleted,
    /// There was no article to remove.
    Absent,
    /// Nothing: the article exists, against [`Precondition::Absent`].
    Exists,
    /// Nothing: the article does not exist or has another etag, against
    /// [`Precondition::Unchanged`].
    Changed,
}

impl WriteOutcome {
    /// Whether the archive changed.
    pub fn is_change(self) -> bool {
        match self {
            Self::Created | Self::Replaced | Self::Deleted => true,
            Self::Absent | Self::Exists | Self::Changed => false,
        }
    }
}

/// Receives the outcomes of a batch of writes, in order, or the error because of which none can be
/// relied on.
pub type WriteDone = Box<dyn FnOnce(Result<Vec<WriteOutcome>, IndexError>) + Send>;

/// A batch of writes that was refused because too much is waiting to be stored.
pub struct NoRoom {
    /// The writes.
    pub writes: Vec<Write>,
    /// The callback, which was not called.
    pub done: WriteDone,
}

impl fmt::Debug for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoRoom").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}
