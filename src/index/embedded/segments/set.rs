//! The set of segments at one moment.

use std::sync::Arc;

use super::error::reading;
use super::fetch::fetch;
use super::fields::topic_tag;
use super::place::{Place, Superseded};
use super::vectors::terms;
use super::view::SegmentView;
use crate::index::embedded::journal::Extent;
use crate::index::embedded::records::Records;
use crate::index::meaning::Meaning;
use crate::index::query_vector::QueryVector;
use crate::index::vector::{Vector, cosine};
use crate::index::{ArchivedArticle, ArticleId, IndexError, ListQuery, PublishTime, RecordError};

/// How many ids are listed between two checks of the deadline.
const IDS_PER_CHECK: usize = 1_024;

/// The segments at one moment.
#[derive(Debug, Default)]
pub(in crate::index::embedded) struct Segments {
    pub(super) views: Vec<Arc<SegmentView>>,
    /// The first journal that they do not include.
    pub(in crate::index::embedded) journal: u64,
}

impl Segments {
    /// The number of articles.
    pub(in crate::index::embedded) fn article_count(&self) -> u64 {
        self.views.iter().map(|view| u64::from(view.reader.num_docs())).sum()
    }

    /// Finds the place of an article.
    pub(in crate::index::embedded) fn find(
        &self,
        id: &ArticleId,
    ) -> Result<Option<Place>, IndexError> {
        for (segment, view) in (0..).zip(&self.views) {
            if let Some(document) = view.find(id.as_str()).map_err(reading)? {
                return Ok(Some(Place { segment, document }));
            }
        }
        Ok(None)
    }

    /// The id of the article at a place.
    pub(in crate::index::embedded) fn id(&self, place: Place) -> &str {
        self.view(place).ids.at(place.document)
    }

    /// The position of the article in the journals.
    pub(in crate::index::embedded) fn extent(&self, place: Place) -> Option<Extent> {
        self.view(place).extent(place.document)
    }

    /// Reads the article at a place from its journal.
    pub(in crate::index::embedded) fn article(
        &self,
        place: Place,
        records: &Records,
    ) -> Result<ArchivedArticle, IndexError> {
        let id = self.id(place);
        let Some(extent) = self.extent(place) else {
            return Err(IndexError::Corrupt { id: id.to_owned(), source: RecordError::Missing });
        };
        records.article(extent, id)
    }

    /// The size of the articles in the journals, in bytes.
    pub(in crate::index::embedded) fn live_bytes(&self) -> u64 {
        self.views.iter().map(|view| view.live_bytes).sum()
    }

    /// The first journal that holds one of the articles; None if there are none.
    pub(in crate::index::embedded) fn oldest_journal(&self) -> Option<u64> {
        self.views.iter().filter_map(|view| view.oldest_journal).min()
    }

    /// Fetches the meaning of the article at a place.
    pub(in crate::index::embedded) fn fetch_meaning(&self, place: Place) {
        self.view(place).derived.fetch_meaning(place.document);
    }

    /// The meaning of the article at a place.
    pub(in crate::index::embedded) fn meaning(&self, place: Place) -> Meaning {
        self.view(place).derived.meaning(place.document)
    }

    /// The cosine of the term vectors of the article at a place and of a query.
    pub(in crate::index::embedded) fn cosine(&self, place: Place, query: &QueryVector) -> f64 {
        let view = self.view(place);
        let vector = view.derived.vector(place.document);
        fetch(vector);
        let product = query.inner_product(terms(vector));
        cosine(product, query.squared_length(), view.derived.squared_length(place.document))
    }

    /// The publish time of the article at a place, if it has one.
    pub(in crate::index::embedded) fn publish_time(&self, place: Place) -> Option<PublishTime> {
        self.view(place).publish_time(place.document)
    }

    /// The vector of the article at a place.
    pub(in crate::index::embedded) fn vector(&self, place: Place) -> Vector {
        let derived = &self.view(place).derived;
        Vector {
            terms: terms(derived.vector(place.document)).collect(),
            squared_length: derived.squared_length(place.document),
            meaning: derived.meaning(place.document),
        }
    }

    /// The first `count` ids after the query's, in order, of articles that pass its filter and are
    /// not superseded; each with its place.
    pub(in crate::index::embedded) fn ids_after(
        &self,
        query: &ListQuery,
        count: usize,
        superseded: &Superseded,
    ) -> Result<Vec<(String, Place)>, IndexError> {
        let mut found = Vec::new();
        for (segment, view) in (0..).zip(&self.views) {
            let allowed = if query.filter.is_empty() {
                None
            } else {
                Some(view.allowed(&query.filter, query.deadline)?)
            };
            let is_allowed =
                |document: u32| allowed.as_ref().is_none_or(|allowed| allowed[document as usize]);
            if allowed.as_ref().is_some_and(|allowed| !allowed.contains(&true)) {
                continue;
            }
            let mut remaining = count;
            let terms = view.id_terms.terms();
            let range = match &query.after {
                Some(id) => terms.range().gt(id.as_str()),
                None => terms.range(),
            };
            let mut stream = range.into_stream().map_err(reading)?;
            for number in 0_usize.. {
                if number % IDS_PER_CHECK == 0 {
                    query.deadline.check()?;
                }
                if remaining == 0 || !stream.advance() {
                    break;
                }
                let document = view.first_alive(stream.value()).map_err(reading)?;
                if let Some(document) = document.filter(|document| is_allowed(*document))
                    && !superseded.contains(&Place { segment, document })
                {
                    found.push((
                        String::from_utf8_lossy(stream.key()).into_owned(),
                        Place { segment, document },
                    ));
                    remaining -= 1;
                }
            }
        }
        found.sort();
        found.truncate(count);
        Ok(found)
    }

    /// Whether an article that is not superseded has a topic.
    pub(in crate::index::embedded) fn has_topic(
        &self,
        topic: &str,
        superseded: &Superseded,
    ) -> Result<bool, IndexError> {
        let tag = topic_tag(topic);
        for (segment, view) in (0..).zip(&self.views) {
            let is_shown = |document| !superseded.contains(&Place { segment, document });
            if view.has_one(&tag, is_shown).map_err(reading)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn view(&self, place: Place) -> &SegmentView {
        &self.views[place.segment as usize]
    }
}
