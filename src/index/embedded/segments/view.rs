//! A segment, opened.

use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::schema::{Field, IndexRecordOption, Value as _};
use tantivy::store::StoreReader;
use tantivy::{DocSet as _, InvertedIndexReader, Opstamp, SegmentReader, TERMINATED, TantivyDocument, TantivyError};

use super::derived::Derived;
use super::fields::{Fields, STAMP, label_tag, language_tag, source_tag, topic_tag};
use crate::index::PublishTime;
use crate::index::query::Filter;

/// Blocks of stored articles that are kept unpacked, a segment.
pub(super) const STORE_CACHE_BLOCKS: usize = 16;

/// A segment, opened, with what every search needs of it in memory.
pub(super) struct SegmentView {
    /// Its id, and which deletions are in it.
    pub(super) key: (String, Option<Opstamp>),
    pub(super) reader: SegmentReader,
    pub(super) id_terms: Arc<InvertedIndexReader>,
    pub(super) derived: Arc<Derived>,
    pub(super) tags: Arc<InvertedIndexReader>,
    published: Column<i64>,
    stamps: Column<u64>,
    store: StoreReader,
    record: Field,
    pub(super) ids: Ids,
    /// 1 / length of each vector; 0 for a deleted article, which so is never found.
    pub(super) inverse_lengths: Vec<f32>,
}

impl std::fmt::Debug for SegmentView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentView").field("key", &self.key).finish_non_exhaustive()
    }
}

impl SegmentView {
    /// Opens it; `derived` is what was derived from its articles.
    pub(super) fn open(
        reader: SegmentReader,
        key: (String, Option<Opstamp>),
        fields: Fields,
        derived: Arc<Derived>,
    ) -> Result<Self, TantivyError> {
        let fast = reader.fast_fields();
        let id_terms = reader.inverted_index(fields.id)?;
        let inverse_length = |document: u32| match derived.squared_length(document) {
            squared @ 1.. if !reader.is_deleted(document) => 1.0 / (squared as f32).sqrt(),
            _ => 0.0,
        };
        Ok(Self {
            key,
            tags: reader.inverted_index(fields.tags)?,
            published: fast.i64("published")?,
            stamps: fast.u64(STAMP)?,
            record: fields.record,
            store: reader.get_store_reader(STORE_CACHE_BLOCKS)?,
            ids: Ids::read(&id_terms, reader.max_doc())?,
            inverse_lengths: (0..reader.max_doc()).map(inverse_length).collect(),
            id_terms,
            derived,
            reader,
        })
    }

    /// The stamp of an article's record; None where its column has none.
    pub(super) fn stamp(&self, document: u32) -> Option<u64> {
        self.stamps.first(document)
    }

    /// The article as it is stored, read from disk.
    pub(super) fn record(&self, document: u32) -> Result<Vec<u8>, TantivyError> {
        record(&self.store, self.record, document)
    }

    pub(super) fn find(&self, id: &str) -> std::io::Result<Option<u32>> {
        match self.id_terms.terms().get(id)? {
            Some(info) => self.first_alive(&info),
            None => Ok(None),
        }
    }

    /// The article of an id's postings that is not deleted.
    pub(super) fn first_alive(&self, info: &tantivy::postings::TermInfo) -> std::io::Result<Option<u32>> {
        let mut postings = self.id_terms.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            if !self.reader.is_deleted(postings.doc()) {
                return Ok(Some(postings.doc()));
            }
            postings.advance();
        }
        Ok(None)
    }

    /// Which articles pass the filter.
    pub(super) fn allowed(&self, filter: &Filter) -> std::io::Result<Vec<bool>> {
        let mut allowed = vec![true; self.reader.max_doc() as usize];
        let topics = filter.topics.iter().map(|topic| topic_tag(topic)).collect();
        let sources = filter.sources.iter().map(|source| source_tag(source)).collect();
        let languages = filter.language_codes.iter().map(|code| language_tag(&code.to_ascii_lowercase())).collect();
        let labels = filter.labels.iter().map(|(key, value)| vec![label_tag(key, value)]);
        let any_of: Vec<Vec<String>> =
            [topics, sources, languages].into_iter().filter(|tags: &Vec<_>| !tags.is_empty()).collect();
        for tags in any_of.into_iter().chain(labels) {
            let mut has_one = vec![false; allowed.len()];
            for tag in tags {
                let Some(info) = self.tags.terms().get(&tag)? else { continue };
                let mut postings = self.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
                while postings.doc() != TERMINATED {
                    has_one[postings.doc() as usize] = true;
                    postings.advance();
                }
            }
            allowed.iter_mut().zip(has_one).for_each(|(allowed, has_one)| *allowed &= has_one);
        }
        if filter.published_from.is_some() || filter.published_until.is_some() {
            for (document, allowed) in (0..).zip(allowed.iter_mut()) {
                *allowed = *allowed && filter.accepts_time(self.published.first(document).map(PublishTime));
            }
        }
        Ok(allowed)
    }
}

/// The article as it is stored, read from disk.
pub(super) fn record(store: &StoreReader, field: Field, document: u32) -> Result<Vec<u8>, TantivyError> {
    let stored = store.get_document_bytes(document)?;
    if let Some(record) = only_value(&stored) {
        return Ok(record.to_vec());
    }
    let document: TantivyDocument = store.get(document)?;
    Ok(document.get_first(field).and_then(|value| value.as_bytes()).unwrap_or_default().to_vec())
}

/// The bytes of the one value that a stored document has, by tantivy's format: `[count of values: VInt = 1][field: u32][type: u8]
/// [length: VInt][bytes]`. None if it is not that: tantivy itself then reads it, byte by byte, which takes as long as a third of a
/// search. The bytes carry their own checksum.
fn only_value(stored: &[u8]) -> Option<&[u8]> {
    const LAST_BYTE: u8 = 0x80;
    let (head, rest) = stored.split_first_chunk::<6>()?;
    let size_end = 1 + rest.iter().take(10).position(|byte| byte & LAST_BYTE != 0)?;
    let (size, value) = rest.split_at(size_end);
    let size = size.iter().rev().fold(0_u64, |size, byte| size << 7 | u64::from(byte & !LAST_BYTE));
    (head[0] == 1 | LAST_BYTE && size == value.len() as u64).then_some(value)
}

/// The ids of a segment's articles, by their numbers.
pub(super) struct Ids {
    text: String,
    spans: Vec<(u32, u32)>,
}

impl Ids {
    fn read(terms: &InvertedIndexReader, count: u32) -> std::io::Result<Self> {
        let mut ids = Self { text: String::new(), spans: vec![(0, 0); count as usize] };
        let mut stream = terms.terms().stream()?;
        while stream.advance() {
            let start = ids.text.len() as u32;
            ids.text.push_str(&String::from_utf8_lossy(stream.key()));
            let span = (start, ids.text.len() as u32);
            let mut postings = terms.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
            while postings.doc() != TERMINATED {
                ids.spans[postings.doc() as usize] = span;
                postings.advance();
            }
        }
        Ok(ids)
    }

    pub(super) fn at(&self, document: u32) -> &str {
        let (start, end) = self.spans[document as usize];
        &self.text[start as usize..end as usize]
    }
}
