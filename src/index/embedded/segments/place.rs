//! Where an article is among the segments.

use std::collections::HashSet;

/// Where an article is: the place of its segment, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::index::embedded) struct Place {
    pub(in crate::index::embedded) segment: u32,
    pub(in crate::index::embedded) document: u32,
}

/// Articles that have been replaced or deleted since the segments were written.
pub(in crate::index::embedded) type Superseded = HashSet<Place>;
