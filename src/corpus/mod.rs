//! Reads labelled documents from files, whatever their format and compression, without holding the corpus in memory.
//!
//! ```text
//! files -> decompressed bytes -> blocks of whole records -> documents, parsed by the workers that use them
//! ```
//!
//! Blocks are cut at the same places whatever the number of workers, and every document has a fixed [`Ordinal`]: what is
//! made of a corpus need not depend on how many threads made it.

mod block;
mod document;
mod input;
mod process;
mod queue;

pub use block::Format;
pub use document::Document;
pub use input::{Input, Phase, Progress};
pub use process::{BadLine, End, OnError, Options, Ordinal, Summary, for_each_document};

use std::io;

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file could not be opened, read or decompressed.
    #[error("cannot read {input} (after line {line})")]
    Read {
        /// The file's path, or "standard input".
        input: String,
        /// The last line read whole; 0 if none.
        line: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// A CSV file's first line does not name the columns that are needed.
    #[error("{input}:1: {reason}")]
    Header {
        /// The file's path, or "standard input".
        input: String,
        /// What is missing.
        reason: String,
    },
    /// A line is no document, and bad lines are not to be skipped.
    #[error(transparent)]
    BadLine(#[from] BadLine),
}
