//! The search index over the articles, in segments of tantivy. Only this folder refers to tantivy.
//!
//! All of it is derived from the journals, and rebuilt from them when it is damaged. tantivy stores
//! the ids, tags, times, topics and positions of articles, merges segments, and commits atomically.
//! It does not rank: vectors and postings are in a file of our own, which is made when a segment is
//! first opened (ADR 12).

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

/// The name of the index directory in the archive's directory.
pub(super) const DIRECTORY: &str = "index";

pub(super) use candidates::Selection;
pub(super) use place::{Place, Superseded};
pub(super) use set::Segments;
pub(super) use store::Store;
