//! The place of an article in the segments.

use std::collections::HashSet;

/// The place of an article: the index of its segment, and its document number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::index::embedded) struct Place {
    pub(in crate::index::embedded) segment: u32,
    pub(in crate::index::embedded) document: u32,
}

/// The places of articles that have been replaced or deleted since the segments were written.
pub(in crate::index::embedded) type Superseded = HashSet<Place>;
