//! Why a corpus, or a line of it, cannot be read.

use std::io;

use super::{Location, Ordinal};

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file could not be opened, read or decompressed.
    #[error("cannot read {input}{}", after(*line))]
    Read {
        /// The file's path, or "standard input".
        input: String,
        /// The last line read whole; 0 if none.
        line: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The fields or columns that are required cannot be found.
    #[error("{input}:{line}: {reason}")]
    Header {
        /// The file's path, or "standard input".
        input: String,
        /// The line of a CSV file's header; 1 for others.
        line: u64,
        /// What is missing.
        reason: String,
    },
    /// A line is not a document, and bad lines are not skipped.
    #[error(transparent)]
    BadLine(#[from] BadLine),
}

/// A line that is not a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{input}:{location}: {reason}")]
pub struct BadLine {
    pub(super) ordinal: Ordinal,
    /// The file, or "standard input".
    pub input: String,
    /// Where it begins.
    pub location: Location,
    /// What is wrong with it.
    pub reason: String,
}

fn after(line: u64) -> String {
    if line == 0 { String::new() } else { format!(" (after line {line})") }
}
