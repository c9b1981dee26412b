//! Reads labelled documents from files, whatever their format and compression, without holding the
//! corpus in memory.
//!
//! ```text
//! files -> decompressed bytes -> blocks of whole records -> documents, parsed by the workers that use them
//! ```
//!
//! Blocks are cut at the same places whatever the number of workers, and every document has a fixed
//! [`Ordinal`]: what is made of a corpus need not depend on how many threads made it.

mod block;
mod csv_records;
mod document;
mod extra;
mod fasttext;
mod format;
mod input;
mod json;
mod json_topics;
mod names;
mod process;
mod queue;
mod quotes;
mod survey;
mod table;
mod values;

pub use document::Document;
pub use extra::{Extra, WrittenTime};
pub use format::Format;
pub use input::{Input, Phase, Progress};
pub use names::{FieldNames, quoted};
pub use process::{
    BadLine, End, OnError, Options, Ordinal, Summary, for_each_document, map_documents_in_order,
};

use std::io;

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
    /// The names of fields or columns are not those that are needed.
    #[error("{input}:{line}: {reason}")]
    Header {
        /// The file's path, or "standard input".
        input: String,
        /// The line of a CSV file's header; 1 for others.
        line: u64,
        /// What is missing.
        reason: String,
    },
    /// A line is no document, and bad lines are not to be skipped.
    #[error(transparent)]
    BadLine(#[from] BadLine),
}

fn after(line: u64) -> String {
    if line == 0 { String::new() } else { format!(" (after line {line})") }
}
