//! The documents as rows of counts, in corpus order; serialised, they are what training resumes
//! from.
//!
//! Documents rather than sums, because term weights, document lengths, the selected terms and the
//! cross-validated link depend on every document (ADR 7). The file is one zstd stream of values,
//! each preceded by its length: a stamp, [`Header`] as JSON, the topic names, the words, and blocks
//! of documents in postcard. Topics and words are numbered in order of first occurrence.

mod header;
mod read;
mod row;
mod store;
#[cfg(test)]
mod tests;

pub use header::{DocumentsError, Header};
pub(super) use read::Reader;
pub(super) use row::Row;
pub use store::Documents;
pub(super) use store::Topic;
