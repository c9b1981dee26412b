//! A segment, opened.

use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::schema::IndexRecordOption;
use tantivy::store::StoreReader;
use tantivy::{DocSet as _, InvertedIndexReader, Opstamp, SegmentReader, TERMINATED, TantivyError};

use super::fields::{Fields, label_tag, language_tag, source_tag, topic_tag};
use super::tokens::push_token;
use crate::index::PublishTime;
use crate::index::query::Filter;
use crate::index::vector::{QueryTerm, weight};

/// Blocks of stored articles that are kept unpacked, a segment.
const STORE_CACHE_BLOCKS: usize = 16;

/// A segment, opened, with what every search needs of it in memory.
pub(super) struct SegmentView {
    /// Its id, and which deletions are in it.
    pub(super) key: (String, Option<Opstamp>),
    pub(super) reader: SegmentReader,
    pub(super) id_terms: Arc<InvertedIndexReader>,
    terms: Arc<InvertedIndexReader>,
    pub(super) tags: Arc<InvertedIndexReader>,
    published: Column<i64>,
    pub(super) vector: Column<u64>,
    pub(super) squared_length: Column<u64>,
    pub(super) store: StoreReader,
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
    pub(super) fn open(reader: SegmentReader, key: (String, Option<Opstamp>), fields: Fields) -> Result<Self, TantivyError> {
        let fast = reader.fast_fields();
        let id_terms = reader.inverted_index(fields.id)?;
        let squared_length = fast.u64("squared_length")?;
        let inverse_length = |document: u32| match squared_length.first(document) {
            Some(squared @ 1..) if !reader.is_deleted(document) => 1.0 / (squared as f32).sqrt(),
            _ => 0.0,
        };
        Ok(Self {
            key,
            terms: reader.inverted_index(fields.terms)?,
            tags: reader.inverted_index(fields.tags)?,
            published: fast.i64("published")?,
            vector: fast.u64("vector")?,
            store: reader.get_store_reader(STORE_CACHE_BLOCKS)?,
            ids: Ids::read(&id_terms, reader.max_doc())?,
            inverse_lengths: (0..reader.max_doc()).map(inverse_length).collect(),
            id_terms,
            squared_length,
            reader,
        })
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

    /// Adds to each article's sum the products of its weights and the query's.
    pub(super) fn sum(&self, terms: &[QueryTerm], sums: &mut [f32]) -> std::io::Result<()> {
        let mut token = String::new();
        let mut products = [0.0_f32; 256];
        for term in terms {
            token.clear();
            push_token(term.term, &mut token);
            let Some(info) = self.terms.terms().get(&token)? else { continue };
            let mut known = 0;
            let mut block = self.terms.read_block_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)?;
            while block.block_len() > 0 {
                for (document, count) in block.docs().iter().zip(block.freqs()) {
                    let count = (*count).min(255) as usize;
                    // Counts are small: their products are computed once a term.
                    while known <= count {
                        products[known] = (term.weight * weight(known as u8, term.idf)) as f32;
                        known += 1;
                    }
                    sums[*document as usize] += products[count];
                }
                block.advance();
            }
        }
        Ok(())
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
