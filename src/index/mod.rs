//! The archive of articles, and the search for similar ones.
//!
//! [`SimilarityIndex`] is what the floors above see. Its backends rank alike: [`MemoryIndex`]
//! compares with every article and is the reference; [`EmbeddedArchive`] lies on disk and finds
//! candidates by an inverted index first.
//!
//! ```
//! use std::sync::mpsc;
//! use slugline::article::ArticleText;
//! use slugline::index::{ArchivedArticle, MemoryIndex, SimilarQuery, SimilarSource, SimilarityIndex, Write};
//!
//! let index = MemoryIndex::default();
//! let article = |id: &str, title: &str| {
//!     let text = ArticleText { title, body: "" };
//!     Write::put(ArchivedArticle::new(id.parse().expect("an id"), text))
//! };
//! let (sender, outcomes) = mpsc::channel();
//! let done = move |outcome| sender.send(outcome).expect("a receiver");
//! index.write(vec![article("a", "Volcano erupts"), article("b", "Bank merger fails")], Box::new(done)).expect("room");
//! outcomes.recv().expect("an answer").expect("the articles are stored");
//!
//! let draft = SimilarSource::Text { title: "An eruption of the volcano".to_owned(), body: String::new() };
//! let page = index.find_similar(&SimilarQuery::new(draft)).expect("a page");
//! assert_eq!(page.hits[0].article.id.as_str(), "a");
//! ```

mod article;
mod background;
mod collapse;
mod embedded;
mod memory;
mod query;
mod record;
mod vector;
mod wording;
mod write;

pub use article::{ArchivedArticle, ArticleId, ArticleIdError, PublishTime, Reliance, StoredTopic};
pub use background::Background;
pub use embedded::{
    ArchiveOptions, ArchiveReport, EmbeddedArchive, OpenArchiveError, RepairReport,
};
pub use memory::MemoryIndex;
pub use query::{
    Deadline, Filter, ListQuery, MAX_NEAR_DUPLICATE_IDS, MAX_RESULTS, MatchedTerm,
    NEAR_DUPLICATE_SIMILARITY, PageKey, SimilarHit, SimilarPage, SimilarQuery, SimilarSource,
};
pub use record::RecordError;
pub use vector::{Analyzer, TermKey, Vector};
pub use wording::Wording;
pub use write::{Change, NoRoom, Precondition, Write, WriteDone, WriteOutcome};

use std::fmt;

/// A page of the articles in the order of their ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArticlePage {
    /// The articles that can be read.
    pub articles: Vec<ArchivedArticle>,
    /// Those between them that cannot, because the archive is damaged where they lie.
    pub unreadable: Vec<ArticleId>,
    /// The id that the next page comes after; None for an empty page.
    pub last: Option<ArticleId>,
    /// Whether there are more.
    pub is_more: bool,
    /// Whether the archive has lost articles that it has no ids of: they are on no page.
    pub is_incomplete: bool,
}

/// Why the archive could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The article that others were to be compared with is not there.
    #[error("there is no article {id} in the archive")]
    UnknownSource {
        /// What was asked for.
        id: ArticleId,
    },
    /// The disk is full.
    #[error("the disk of the archive is full: {reason}")]
    Full {
        /// What the system said.
        reason: String,
    },
    /// The archive cannot be written, now or until the server is started again.
    #[error("the archive can only be read: {reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// Part of the archive was found damaged when it was opened: what is left is not written to.
    #[error("the archive is damaged: {reason}")]
    Damaged {
        /// What is.
        reason: String,
    },
    /// An article is not what was stored.
    #[error("the article {id} is corrupt: {source}")]
    Corrupt {
        /// Which one.
        id: String,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Reading or writing failed.
    #[error("{action}: {reason}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The deadline passed: nobody waits for the answer.
    #[error("the deadline passed")]
    Late,
    /// The archive is being closed.
    #[error("the archive is closed")]
    Closed,
}

/// How the archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It can be read and written.
    Ready,
    /// It can be read; why it cannot be written.
    ReadOnly(String),
    /// Part of it is damaged: the rest can be read; what is damaged.
    Damaged(String),
}

impl Condition {
    /// # Errors
    /// Why nothing is written.
    pub(crate) fn check_writable(&self) -> Result<(), IndexError> {
        match self {
            Self::Ready => Ok(()),
            Self::ReadOnly(reason) => Err(IndexError::ReadOnly { reason: reason.clone() }),
            Self::Damaged(reason) => Err(IndexError::Damaged { reason: reason.clone() }),
        }
    }
}

/// How much there is in the archive, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// How it is.
    pub condition: Condition,
    /// Why the last write failed; None if it did not.
    pub last_failure: Option<String>,
    /// How many articles there are, those that cannot be read among them.
    pub article_count: u64,
    /// How many places of the archive cannot be read: articles, or stretches whose articles are not
    /// known by name.
    pub unreadable_count: u64,
    /// How much they take where they are stored, in bytes.
    pub size_bytes: u64,
}

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
    /// The similarity of two articles is [`Vector::similarity`], in every backend, whatever else is
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
