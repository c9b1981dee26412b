//! Reads labelled documents from files of any format and compression, without holding the corpus in
//! memory.
//!
//! ```text
//! files -> decompressed bytes -> blocks of whole records -> documents, parsed by the workers
//! ```
//!
//! Blocks are cut at the same places for any number of workers, and every document has a fixed
//! [`Ordinal`], so that results need not depend on the number of threads.

mod block;
mod columns;
mod csv_records;
mod document;
mod error;
mod extra;
mod fasttext;
mod format;
mod header;
mod input;
mod json;
mod json_topics;
mod json_value;
mod labels;
mod location;
mod names;
mod options;
mod place;
mod process;
mod progress;
mod queue;
mod quotes;
mod record;
mod survey;
mod table;
mod values;

pub use document::Document;
pub use error::{BadLine, CorpusError};
pub use extra::{Extra, WrittenTime};
pub use format::Format;
pub use input::Input;
pub use location::Location;
pub use names::{FieldNames, listed, quoted};
pub use options::{OnError, Options};
pub use place::{End, Ordinal};
pub use process::{Summary, for_each_document, map_documents_in_order};
pub use progress::{Phase, Progress};
