//! The ids of a segment's articles, by their numbers.

use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet as _, InvertedIndexReader, SegmentReader, TERMINATED, TantivyError};

use super::fields::Fields;

/// The ids of a segment's articles, by their numbers.
pub(super) struct Ids {
    text: String,
    spans: Vec<(u32, u32)>,
}

impl Ids {
    pub(super) fn of(reader: &SegmentReader, fields: Fields) -> Result<Self, TantivyError> {
        Ok(Self::read(&*reader.inverted_index(fields.id)?, reader.max_doc())?)
    }

    pub(super) fn read(terms: &InvertedIndexReader, count: u32) -> std::io::Result<Self> {
        let mut ids = Self { text: String::new(), spans: vec![(0, 0); count as usize] };
        let mut stream = terms.terms().stream()?;
        while stream.advance() {
            let start = ids.text.len() as u32;
            ids.text.push_str(&String::from_utf8_lossy(stream.key()));
            let span = (start, ids.text.len() as u32);
            let mut postings =
                terms.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
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
