//! The index: what articles are found by, in the segments of tantivy. Only the files of this folder
//! name it.
//!
//! All of it is derived from the journals, and made anew from them where it is damaged. tantivy
//! keeps the ids and tags of the articles and where they lie, merges segments, and makes commits
//! whole. Ranking is not its: vectors, and the postings that candidates are summed up from, lie in
//! a file of our own, which is made when a segment is first opened (ADR 13).

mod candidates;
mod checksummed;
mod derived;
mod derived_files;
mod directory;
mod error;
mod extents;
mod fetch;
mod fields;
mod ids;
mod place;
mod postings;
mod reused_vectors;
mod set;
mod store;
mod vectors;
mod view;

/// The directory of the index in that of the archive.
pub(super) const DIRECTORY: &str = "index";

pub(super) use place::{Place, Superseded};
pub(super) use set::Segments;
pub(super) use store::Store;
