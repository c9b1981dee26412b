//! The part of the state that a reader keeps while it works without the lock.

use std::sync::Arc;

use super::recent::RecentArticle;
use super::records::Records;
use super::segments::{Place, Segments, Superseded};
use crate::index::meaning::Meaning;
use crate::index::query_vector::QueryVector;
use crate::index::vector::Vector;
use crate::index::{ArchivedArticle, IndexError, PublishTime};

/// The segments at one moment, and which of their articles are superseded.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) segments: Arc<Segments>,
    pub(super) superseded: Arc<Superseded>,
}

/// Where an article of a snapshot is.
#[derive(Debug)]
pub(super) enum Handle {
    Memory(Arc<RecentArticle>),
    Segment(Place),
}

impl Snapshot {
    pub(super) fn id<'a>(&'a self, handle: &'a Handle) -> &'a str {
        match handle {
            Handle::Memory(article) => article.article.id.as_str(),
            Handle::Segment(place) => self.segments.id(*place),
        }
    }

    pub(super) fn meaning(&self, handle: &Handle) -> Meaning {
        match handle {
            Handle::Memory(article) => article.vector.meaning,
            Handle::Segment(place) => self.segments.meaning(*place),
        }
    }

    /// The cosine of the term vectors of an article and of a query.
    pub(super) fn cosine(&self, handle: &Handle, query: &QueryVector) -> f64 {
        match handle {
            Handle::Memory(article) => query.cosine(&article.vector),
            Handle::Segment(place) => self.segments.cosine(*place, query),
        }
    }

    pub(super) fn publish_time(&self, handle: &Handle) -> Option<PublishTime> {
        match handle {
            Handle::Memory(article) => article.article.publish_time,
            Handle::Segment(place) => self.segments.publish_time(*place),
        }
    }

    pub(super) fn vector(&self, handle: &Handle) -> Vector {
        match handle {
            Handle::Memory(article) => Vector::clone(&article.vector),
            Handle::Segment(place) => self.segments.vector(*place),
        }
    }

    /// The article, read from its journal unless it is in memory.
    pub(super) fn article(
        &self,
        handle: &Handle,
        records: &Records,
    ) -> Result<ArchivedArticle, IndexError> {
        match handle {
            Handle::Memory(article) => Ok(ArchivedArticle::clone(&article.article)),
            Handle::Segment(place) => self.segments.article(*place, records),
        }
    }
}
