//! The archive on disk, for one process.
//!
//! ```text
//! DIR/archive.json       the format and the first journal; archive.json.copy holds the same
//! DIR/lock               held by the process that has the archive open
//! DIR/journal-NUMBER     the write-ahead log: every change in order, and every article
//! DIR/acknowledged       how far the last journal was acknowledged
//! DIR/index/             the search index: derived from the journals, rebuilt when damaged
//! ```
//!
//! One thread makes all changes ([`writer`]). It appends a group of writes to the journal with one
//! sync, adds them to the memory-resident part ([`recent`]) and acknowledges them. When that part
//! is full it is frozen, and a thread of its own folds it into the index, with a commit that names
//! the first journal not included. Articles stay in the journals. A search reads the index, the
//! frozen and the recent part as they were at one moment.

mod acknowledged;
mod archive;
mod archive_files;
mod candidates;
mod compact;
mod create;
mod discover;
mod error;
mod files;
mod findings;
mod journal;
mod journals;
mod list;
mod lock;
mod manifest;
mod open;
mod options;
mod queue;
mod recent;
mod records;
mod recovery;
mod search;
mod segments;
mod shared;
mod snapshot;
mod state;
mod survey;
mod top_k;
mod upkeep;
mod writer;

pub use archive::EmbeddedArchive;
pub use error::OpenArchiveError;
pub use options::ArchiveOptions;
pub use upkeep::{ArchiveReport, RepairReport};
