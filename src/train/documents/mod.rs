//! The corpus as counted rows, in its order; serialised, it is what training resumes from.
//!
//! Documents rather than sums, because the weights of terms, the lengths of documents, the selected
//! terms and the cross-validated link depend on every document (ADR 7). The file is a sequence of
//! zstd frames, each with one value in postcard: a stamp, [`Header`] as JSON, the names of the
//! topics, the words, and the blocks of documents. Topics and words are numbered in the order in
//! which they first occur.

mod block;
mod header;
mod read;
mod store;
#[cfg(test)]
mod tests;

pub(super) use block::Block;
pub use header::{DocumentsError, Header};
pub(super) use read::Reader;
pub use store::Documents;
pub(super) use store::Topic;
