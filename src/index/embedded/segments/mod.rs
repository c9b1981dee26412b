//! The folded part of the archive: articles in the segments of tantivy. Only the files of this folder name it.
//!
//! tantivy keeps the terms' postings (a term is a token, its count the token's frequency), the vectors and the articles, and
//! makes commits whole. Ranking is not its: candidates are summed up from the postings here, by the weights of the vectors.

mod fields;
mod store;
mod tokens;
mod view;

pub(super) use store::{Access, Store};

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use tantivy::schema::{IndexRecordOption, Value as _};
use tantivy::{DocSet as _, TERMINATED, TantivyDocument, TantivyError};

use self::fields::{Fields, topic_tag};
use self::view::SegmentView;
use super::super::query::Filter;
use super::super::record;
use super::super::vector::{Entry, QueryTerm, QueryVector, Vector, cosine};
use super::super::{ArchivedArticle, ArticleId, IndexError};

/// What a failure of tantivy is to the archive. Its errors keep no kind once they have passed a thread of it: the text has to
/// do.
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
    fields: Fields,
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

    /// The article at a place, read from disk.
    pub(super) fn article(&self, place: Place) -> Result<ArchivedArticle, IndexError> {
        let view = self.view(place);
        let document: TantivyDocument =
            view.store.get(place.document).map_err(|error| failure("cannot read an article", &error))?;
        let bytes = document.get_first(self.fields.record).and_then(|value| value.as_bytes()).unwrap_or_default();
        record::to_article(bytes).map_err(|source| IndexError::Corrupt { id: self.id(place).to_owned(), source })
    }

    /// How similar the article at a place is to a query.
    pub(super) fn similarity(&self, place: Place, query: &QueryVector) -> f64 {
        let view = self.view(place);
        ENTRIES.with_borrow_mut(|entries| {
            let rows = view.vector.index.value_row_ids(place.document);
            entries.resize(rows.len(), 0);
            view.vector.values.get_range(u64::from(rows.start), entries);
            let product = entries.iter().map(|entry| query.product(Entry(*entry))).sum();
            cosine(product, query.squared_length(), view.squared_length.first(place.document).unwrap_or(0))
        })
    }

    /// The vector of the article at a place.
    pub(super) fn vector(&self, place: Place) -> Vector {
        let view = self.view(place);
        let entries = view.vector.values_for_doc(place.document).map(Entry).collect();
        Vector { entries, squared_length: view.squared_length.first(place.document).unwrap_or(0) }
    }

    /// Every article, in no order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (0..)
            .zip(&self.views)
            .flat_map(|(segment, view)| view.reader.doc_ids_alive().map(move |document| Place { segment, document }))
    }

    /// The ids after `after` in order, at most `count` of those that are not hidden, and where each is.
    pub(super) fn ids_after(
        &self,
        after: Option<&ArticleId>,
        count: usize,
        hidden: &Hidden,
    ) -> Result<Vec<(String, Place)>, IndexError> {
        let mut found = Vec::new();
        for (segment, view) in (0..).zip(&self.views) {
            let mut rest = count;
            let terms = view.id_terms.terms();
            let range = match after {
                Some(id) => terms.range().gt(id.as_str()),
                None => terms.range(),
            };
            let mut stream = range.into_stream().map_err(reading)?;
            while rest > 0 && stream.advance() {
                let document = view.first_alive(stream.value()).map_err(reading)?;
                if let Some(document) = document
                    && !hidden.contains(&Place { segment, document })
                {
                    found.push((String::from_utf8_lossy(stream.key()).into_owned(), Place { segment, document }));
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
        let tag = topic_tag(topic);
        for (segment, view) in (0..).zip(&self.views) {
            let Some(info) = view.tags.terms().get(&tag).map_err(reading)? else { continue };
            let mut postings = view.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic).map_err(reading)?;
            while postings.doc() != TERMINATED {
                let document = postings.doc();
                if !view.reader.is_deleted(document) && !hidden.contains(&Place { segment, document }) {
                    return Ok(true);
                }
                postings.advance();
            }
        }
        Ok(false)
    }

    /// The articles whose parts of the cosine by `terms` are the largest, at most `count`, of those that pass the filter and
    /// are not hidden; with that part, less the factor that all share.
    pub(super) fn candidates(
        &self,
        terms: &[QueryTerm],
        filter: &Filter,
        hidden: &Hidden,
        count: usize,
    ) -> Result<Vec<(f32, Place)>, IndexError> {
        let mut best = Best::new(count);
        SUMS.with_borrow_mut(|sums| {
            for (segment, view) in (0..).zip(&self.views) {
                sums.clear();
                sums.resize(view.reader.max_doc() as usize, 0.0);
                view.sum(terms, sums).map_err(reading)?;
                let allowed = if filter.is_empty() { None } else { Some(view.allowed(filter).map_err(reading)?) };
                for (document, (sum, inverse_length)) in (0..).zip(sums.iter().zip(&view.inverse_lengths)) {
                    let part = sum * inverse_length;
                    if part > best.least
                        && allowed.as_ref().is_none_or(|allowed| allowed[document as usize])
                        && (hidden.is_empty() || !hidden.contains(&Place { segment, document }))
                    {
                        best.push(part, Place { segment, document });
                    }
                }
            }
            Ok(())
        })?;
        Ok(best.into_vec())
    }

    fn view(&self, place: Place) -> &SegmentView {
        &self.views[place.segment as usize]
    }
}

thread_local! {
    /// A sum for each article of a segment.
    static SUMS: RefCell<Vec<f32>> = RefCell::default();
    /// A vector as the column has it.
    static ENTRIES: RefCell<Vec<u64>> = RefCell::default();
}

fn reading(error: impl std::fmt::Display) -> IndexError {
    IndexError::Storage { action: "cannot read the index", reason: error.to_string() }
}

/// Keeps the largest of many.
struct Best {
    count: usize,
    /// What is not above it cannot be among them.
    least: f32,
    found: Vec<(f32, Place)>,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { count: count.max(1), least: 0.0, found: Vec::with_capacity(2 * count) }
    }

    fn push(&mut self, part: f32, place: Place) {
        self.found.push((part, place));
        if self.found.len() >= 2 * self.count {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.count {
            self.found.select_nth_unstable_by(self.count - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            self.found.truncate(self.count);
            self.least = self.found[self.count - 1].0;
        }
    }

    fn into_vec(mut self) -> Vec<(f32, Place)> {
        self.cut();
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_many_are_kept() {
        let mut best = Best::new(3);
        for number in [5_u32, 1, 9, 7, 3, 8, 2, 6, 4] {
            best.push(number as f32, Place { segment: 0, document: number });
        }
        let mut kept: Vec<u32> = best.into_vec().iter().map(|(_, place)| place.document).collect();
        kept.sort();
        assert_eq!(kept, [7, 8, 9]);
    }
}
