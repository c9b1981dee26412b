//! What every backend of the archive does.

use std::fmt;

use super::article::{ArchivedArticle, ArticleId};
use super::error::IndexError;
use super::list::{ArticlePage, ListQuery};
use super::query::{SimilarPage, SimilarQuery};
use super::status::{Condition, IndexStatus};
use super::write::{NoRoom, Write, WriteDone};

/// An archive of articles that finds those which are like a given one.
///
/// Reads never wait for writes. Methods may wait for a disk or for another machine: call them off
/// the async workers. Nothing is assumed of where the articles are, or of how many processes share
/// them.
pub trait SimilarityIndex: Send + Sync + fmt::Debug {
    /// Carries out a batch of writes in their order, and calls `done` when that is over.
    ///
    /// A write whose precondition does not hold when it has its turn changes nothing, and its
    /// outcome says so; the others of the batch are carried out.
    ///
    /// Where `done` gets outcomes, every write of the batch is durable, and seen by every call that
    /// starts from then on. Where it gets an error, any part of the batch may be stored, none of it
    /// can be relied on, and doing it again does no harm. Of two batches from one thread the first
    /// one is carried out first. `done` may be called before `write` comes back, and on any thread,
    /// where it must not wait.
    ///
    /// # Errors
    /// [`NoRoom`], at once, while too much is waiting to be stored: the batch is given back.
    fn write(&self, batch: Vec<Write>, done: WriteDone) -> Result<(), NoRoom>;

    /// The article of an id; None if there is none.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] for an article that cannot be read as it was stored, and for one
    /// that is not there in an archive that lost articles it has no ids of;
    /// [`IndexError::Storage`].
    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError>;

    /// The articles that the query asks for in the order of their ids' bytes. Fewer than it allows
    /// only at the end of the archive, or where some cannot be read: those whose filter is not
    /// known for it are named, too.
    ///
    /// # Errors
    /// [`IndexError::Late`]; [`IndexError::Storage`].
    fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError>;

    /// The articles most similar to the query's source, which is not among them: by descending
    /// similarity, then ascending id.
    ///
    /// The similarity of two articles is [`Vector::similarity`](super::Vector::similarity), in every backend, whatever else is
    /// in the archive. Which articles are found may be an approximation where [`SimilarQuery`]
    /// looks at fewer than all: at least 99 of 100 of the first ten are those that comparing with
    /// every article finds.
    ///
    /// # Errors
    /// [`IndexError::UnknownSource`] for an id that is not in the archive; [`IndexError::Late`];
    /// otherwise as [`Self::get`] for the source.
    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError>;

    /// Whether an article of the archive has this topic, or one below it.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    fn has_topic(&self, topic: &str) -> Result<bool, IndexError>;

    /// How it is, at once.
    fn condition(&self) -> Condition;

    /// How much there is, and how it is. What it counts may be a moment old.
    fn status(&self) -> IndexStatus;
}
