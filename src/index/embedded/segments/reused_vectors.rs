//! Vectors that are reused when segments are replaced.

use std::collections::HashMap;

use super::vectors::PackedVector;
use super::view::SegmentView;
use crate::index::embedded::journal::Extent;
use crate::index::embedded::recent::{Recent, RecentVersion};

/// Vectors by the position of their articles in the journals.
#[derive(Default)]
pub(super) struct ReusedVectors<'a>(pub(super) HashMap<Extent, PackedVector<'a>>);

impl<'a> ReusedVectors<'a> {
    pub(super) fn add_recent(&mut self, recent: &Recent) {
        let articles = recent.versions().filter_map(|(_, version)| match version {
            RecentVersion::Article(article) => Some(article),
            RecentVersion::Tombstone => None,
        });
        self.0
            .extend(articles.map(|article| (article.extent, PackedVector::from(&*article.vector))));
    }

    pub(super) fn add_segment(&mut self, view: &'a SegmentView) {
        let vectors = view.reader.doc_ids_alive().filter_map(|document| {
            Some((view.extent(document)?, view.derived.packed_vector(document)))
        });
        self.0.extend(vectors);
    }
}
