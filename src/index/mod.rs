//! The archive of articles, with its search for similar ones.
//!
//! The upper floors use [`SimilarityIndex`]. Its backends rank alike: [`MemoryIndex`], the
//! reference, compares with every article; [`EmbeddedArchive`] stores articles on disk, and finds
//! candidates in an inverted index first.
//!
//! ```
//! use std::sync::mpsc;
//! use slugline::article::ArticleText;
//! use slugline::index::{
//!     ArchivedArticle, MemoryIndex, SimilarQuery, SimilarSource, SimilarityIndex, Write,
//! };
//!
//! let index = MemoryIndex::default();
//! let article = |id: &str, title: &str| {
//!     let text = ArticleText { title, body: "" };
//!     Write::put(ArchivedArticle::new(id.parse().expect("an id"), text))
//! };
//! let batch = vec![article("a", "Volcano erupts"), article("b", "Bank merger fails")];
//! let (sender, outcomes) = mpsc::channel();
//! let done = move |outcome| sender.send(outcome).expect("a receiver");
//! index.write(batch, Box::new(done)).expect("room");
//! outcomes.recv().expect("an answer").expect("the articles are stored");
//!
//! let title = "An eruption of the volcano".to_owned();
//! let draft = SimilarSource::Text { title, body: String::new() };
//! let page = index.find_similar(&SimilarQuery::new(draft)).expect("a page");
//! assert_eq!(page.hits[0].article.id.as_str(), "a");
//! ```

mod analyzer;
mod article;
mod background;
mod candidate;
mod collapse;
mod deadline;
mod embedded;
mod error;
mod filter;
mod list;
mod meaning;
mod memory;
mod page;
mod query;
mod query_vector;
mod recency;
mod record;
mod similarity_index;
mod source;
mod status;
mod term_key;
mod vector;
mod word_vectors;
mod wording;
mod write;

pub use analyzer::Analyzer;
pub use article::{ArchivedArticle, ArticleId, ArticleIdError, PublishTime, Reliance, StoredTopic};
pub use background::Background;
pub use deadline::Deadline;
pub use embedded::{
    ArchiveOptions, ArchiveReport, EmbeddedArchive, OpenArchiveError, RepairReport,
};
pub use error::IndexError;
pub use filter::Filter;
pub use list::{ArticlePage, ListQuery};
pub use memory::MemoryIndex;
pub use query::{
    MAX_NEAR_DUPLICATE_IDS, MAX_RESULTS, MatchedTerm, NEAR_DUPLICATE_COSINE, PageKey, SimilarHit,
    SimilarPage, SimilarQuery, SimilarSource,
};
pub use recency::{Recency, ReferenceTime};
pub use record::RecordError;
pub use similarity_index::SimilarityIndex;
pub use status::{Condition, IndexStatus};
pub use term_key::TermKey;
pub use vector::Vector;
pub use word_vectors::{DIMENSIONS, WordVector, WordVectors};
pub use wording::Wording;
pub use write::{Change, NoRoom, Precondition, Write, WriteDone, WriteOutcome};
