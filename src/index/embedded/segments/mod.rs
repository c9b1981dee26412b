//! The index: what articles are found by, in the segments of tantivy. Only the files of this folder
//! name it.
//!
//! All of it is derived from the journals, and made anew from them where it is damaged. tantivy
//! keeps the ids and tags of the articles and where they lie, merges segments, and makes commits
//! whole. Ranking is not its: vectors, and the postings that candidates are summed up from, lie in
//! a file of our own, which is made when a segment is first opened (ADR 12).

mod derived;
mod derived_files;
mod directory;
mod fields;
mod postings;
mod search;
mod store;
mod vectors;
mod view;

pub(super) use store::{Access, Store};

use std::collections::HashSet;
use std::sync::Arc;

use tantivy::TantivyError;

use self::fields::topic_tags;
use self::vectors::entries;
use self::view::SegmentView;
use super::super::vector::{QueryVector, Vector, cosine};
use super::super::{ArchivedArticle, ArticleId, IndexError, ListQuery, RecordError};
use super::journal::Extent;
use super::records::Records;

/// After so many ids the deadline is looked at again.
const IDS_AT_ONCE: usize = 1_024;

/// What a failure of tantivy is to the archive. Its errors keep no kind once they have passed a
/// thread of it: the text has to do.
fn failure(action: &'static str, error: &TantivyError) -> IndexError {
    let text = format!("{error:?}");
    let reason = error.to_string();
    if ["StorageFull", "No space left", "QuotaExceeded"].iter().any(|sign| text.contains(sign)) {
        IndexError::Full { reason }
    } else if text.contains("ReadOnlyFilesystem") || text.contains("PermissionDenied") {
        IndexError::ReadOnly { reason }
    } else {
        IndexError::Storage { action, reason }
    }
}

/// The segments at one moment.
#[derive(Debug, Default)]
pub(super) struct Segments {
    views: Vec<Arc<SegmentView>>,
    /// The first journal that is not in them.
    pub(super) journal: u64,
}

/// Where an article is: the place of its segment, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) document: u32,
}

/// Articles that have been replaced or deleted since the segments were written.
pub(super) type Hidden = HashSet<Place>;

impl Segments {
    /// How many articles there are.
    pub(super) fn article_count(&self) -> u64 {
        self.views.iter().map(|view| u64::from(view.reader.num_docs())).sum()
    }

    /// Where the article of an id is.
    pub(super) fn find(&self, id: &ArticleId) -> Result<Option<Place>, IndexError> {
        for (segment, view) in (0..).zip(&self.views) {
            if let Some(document) = view.find(id.as_str()).map_err(reading)? {
                return Ok(Some(Place { segment, document }));
            }
        }
        Ok(None)
    }

    /// The id of the article at a place.
    pub(super) fn id(&self, place: Place) -> &str {
        self.view(place).ids.at(place.document)
    }

    /// Where the journals have the article at a place.
    pub(super) fn extent(&self, place: Place) -> Option<Extent> {
        self.view(place).extent(place.document)
    }

    /// The article at a place, read from its journal.
    pub(super) fn article(
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

    /// How much the articles take in the journals, in bytes.
    pub(super) fn live_bytes(&self) -> u64 {
        self.views.iter().map(|view| view.live_bytes).sum()
    }

    /// The first journal that one of the articles lies in; None where there is no article.
    pub(super) fn oldest_journal(&self) -> Option<u64> {
        self.views.iter().filter_map(|view| view.oldest_journal).min()
    }

    /// How similar the article at a place is to a query.
    pub(super) fn similarity(&self, place: Place, query: &QueryVector) -> f64 {
        let view = self.view(place);
        let vector = view.derived.vector(place.document);
        fetch(vector);
        let product = query.inner_product(entries(vector));
        cosine(product, query.squared_length(), view.derived.squared_length(place.document))
    }

    /// The vector of the article at a place.
    pub(super) fn vector(&self, place: Place) -> Vector {
        let derived = &self.view(place).derived;
        Vector {
            entries: entries(derived.vector(place.document)).collect(),
            squared_length: derived.squared_length(place.document),
        }
    }

    /// The ids after the query's in order, at most `count` of those that pass its filter and are
    /// not hidden, and where each is.
    pub(super) fn ids_after(
        &self,
        query: &ListQuery,
        count: usize,
        hidden: &Hidden,
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
            let mut rest = count;
            let terms = view.id_terms.terms();
            let range = match &query.after {
                Some(id) => terms.range().gt(id.as_str()),
                None => terms.range(),
            };
            let mut stream = range.into_stream().map_err(reading)?;
            for number in 0_usize.. {
                if number % IDS_AT_ONCE == 0 {
                    query.deadline.check()?;
                }
                if rest == 0 || !stream.advance() {
                    break;
                }
                let document = view.first_alive(stream.value()).map_err(reading)?;
                if let Some(document) = document.filter(|document| is_allowed(*document))
                    && !hidden.contains(&Place { segment, document })
                {
                    found.push((
                        String::from_utf8_lossy(stream.key()).into_owned(),
                        Place { segment, document },
                    ));
                    rest -= 1;
                }
            }
        }
        found.sort();
        found.truncate(count);
        Ok(found)
    }

    /// Whether an article that is not hidden has a topic.
    pub(super) fn has_topic(&self, topic: &str, hidden: &Hidden) -> Result<bool, IndexError> {
        let tags = topic_tags(topic, 0.0);
        for (segment, view) in (0..).zip(&self.views) {
            let is_shown = |document| !hidden.contains(&Place { segment, document });
            if view.has_one(&tags, is_shown).map_err(reading)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn view(&self, place: Place) -> &SegmentView {
        &self.views[place.segment as usize]
    }
}

/// Reads a byte of each line of these: their misses wait together, where reading in order would
/// wait for one after the other.
#[inline(always)]
fn fetch(bytes: &[u8]) {
    const LINE_BYTES: usize = 64;
    std::hint::black_box(bytes.iter().step_by(LINE_BYTES).fold(0, |all, byte| all ^ byte));
}

fn reading(error: impl std::fmt::Display) -> IndexError {
    IndexError::Storage { action: "cannot read the index", reason: error.to_string() }
}
