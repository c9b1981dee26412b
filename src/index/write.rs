//! Changes of the archive, and the conditions that they are made on.

use std::fmt;
use std::ops::Deref;

use super::{ArchivedArticle, ArticleId, IndexError};

/// A change of the archive, and when it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// What is changed.
    pub change: Change,
    /// What must be so for it.
    pub precondition: Precondition,
}

/// What a [`Write`] changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Stores an article under its id, in place of the one that was there.
    Put(Box<ArchivedArticle>),
    /// Removes the article of this id.
    Delete(ArticleId),
}

/// What must be so when a [`Write`] has its turn; otherwise it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// There is no article of this id.
    Absent,
    /// There is one, and this is its [`ArchivedArticle::etag`].
    Unchanged(String),
}

/// Which kind of change a [`Change`] is.
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

    /// The id of the article that it is about.
    pub fn id(&self) -> &ArticleId {
        match self {
            Self::Put(article) => &article.id,
            Self::Delete(id) => id,
        }
    }
}

impl Write {
    /// Stores an article, whatever is there.
    pub fn put(article: ArchivedArticle) -> Self {
        Self { change: Change::Put(Box::new(article)), precondition: Precondition::None }
    }

    /// Removes an article, whatever it is.
    pub fn delete(id: ArticleId) -> Self {
        Self { change: Change::Delete(id), precondition: Precondition::None }
    }

    /// The same on a condition.
    #[must_use]
    pub fn only_if(self, precondition: Precondition) -> Self {
        Self { precondition, ..self }
    }
}

impl Precondition {
    /// What becomes of a change: `is_put` says which, `found` what is there. The article is only
    /// asked for where the condition is about it; None is one that cannot be read.
    ///
    /// # Errors
    /// That of `found`.
    pub(super) fn outcome<A: Deref<Target = ArchivedArticle>>(
        &self,
        kind: ChangeKind,
        exists: bool,
        found: impl FnOnce() -> Result<Option<A>, IndexError>,
    ) -> Result<WriteOutcome, IndexError> {
        use ChangeKind::{Delete, Put};
        Ok(match (self, kind, exists) {
            (_, Delete, false) => WriteOutcome::Absent,
            (Self::Absent, _, true) => WriteOutcome::Exists,
            (Self::Unchanged(_), Put, false) => WriteOutcome::Changed,
            (Self::Unchanged(etag), _, true)
                if found()?.is_none_or(|article| article.etag() != *etag) =>
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
    /// There was no article of this id, and now there is.
    Created,
    /// The article of this id was replaced.
    Replaced,
    /// The article is gone.
    Deleted,
    /// There was no article to delete.
    Absent,
    /// Nothing: there is an article, and [`Precondition::Absent`] was the condition.
    Exists,
    /// Nothing: the article is not the one of [`Precondition::Unchanged`], or there is none to
    /// replace.
    Changed,
}

impl WriteOutcome {
    /// Whether the archive is not what it was.
    pub fn is_change(self) -> bool {
        match self {
            Self::Created | Self::Replaced | Self::Deleted => true,
            Self::Absent | Self::Exists | Self::Changed => false,
        }
    }
}

/// Is told what became of a batch of writes: an outcome each, in their order, or why none can be
/// relied on to be stored.
pub type WriteDone = Box<dyn FnOnce(Result<Vec<WriteOutcome>, IndexError>) + Send>;

/// A batch of writes that is given back: too much is waiting to be stored already.
pub struct NoRoom {
    /// The writes.
    pub writes: Vec<Write>,
    /// Who is to be told of them; it was not called.
    pub done: WriteDone,
}

impl fmt::Debug for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoRoom").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}
