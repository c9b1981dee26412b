//! The contract of all backends of the archive.

use std::fmt;

use super::article::{ArchivedArticle, ArticleId};
use super::error::IndexError;
use super::list::{ArticlePage, ListQuery};
use super::query::{SimilarPage, SimilarQuery};
use super::status::{Condition, IndexStatus};
use super::write::{NoRoom, Write, WriteDone};

/// An archive of articles that finds those similar to a given one.
///
/// Reads never wait for writes. Methods may wait for a disk or for another machine: call them off
/// the async workers. The contract does not assume where articles are stored, or how many processes
/// share them.
pub trait SimilarityIndex: Send + Sync + fmt::Debug {
    /// Carries out a batch of writes in order, and then calls `done`.
    ///
    /// A write whose precondition does not hold when it is carried out changes nothing, and its
    /// outcome says so; the other writes of the batch are carried out.
    ///
    /// With outcomes, every write of the batch is durable, and visible to every call that starts
    /// afterwards. With an error, any part of the batch may have been stored, and it is safe to
    /// write it again. Batches from one thread are carried out in order. `done` may be called on
    /// any thread, and before `write` returns; it must not block.
    ///
    /// # Errors
    /// [`NoRoom`], immediately, while too much is waiting to be stored: it returns the batch.
    fn write(&self, batch: Vec<Write>, done: WriteDone) -> Result<(), NoRoom>;

    /// Reads an article; None if it does not exist.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] for an article that cannot be read as it was stored, and for one
    /// that is not found in an archive that lost articles whose ids are unknown;
    /// [`IndexError::Storage`].
    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError>;

    /// Lists articles by the bytes of their ids. A page that is not full is the last one, unless
    /// articles on it cannot be read; those are named, even if a filter might exclude them.
    ///
    /// # Errors
    /// [`IndexError::Late`]; [`IndexError::Storage`].
    fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError>;

    /// Finds the articles most similar to the query's source, without the source itself: by
    /// descending score, then ascending id. The score is the similarity, boosted by
    /// [`SimilarQuery::recency`].
    ///
    /// The similarity of two articles is [`super::Vector::similarity`], in every backend, whatever
    /// else the archive holds. Which articles are found may be approximate where [`SimilarQuery`]
    /// considers fewer than all: at least 99 % of the first ten are those that an exhaustive
    /// comparison finds.
    ///
    /// # Errors
    /// [`IndexError::UnknownSource`] for an id that is not in the archive; [`IndexError::Late`];
    /// otherwise as [`Self::get`] for the source.
    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError>;

    /// Whether any article has this topic, or one below it.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    fn has_topic(&self, topic: &str) -> Result<bool, IndexError>;

    /// The condition, without waiting.
    fn condition(&self) -> Condition;

    /// The status; its counts may be slightly out of date.
    fn status(&self) -> IndexStatus;
}
