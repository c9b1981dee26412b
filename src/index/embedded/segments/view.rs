//! An opened segment.

use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, InvertedIndexReader, Opstamp, SegmentReader, TERMINATED, TantivyError};

use super::derived::Derived;
use super::error::reading;
use super::extents::Extents;
use super::fields::{
    Fields, PROBABILITIES, TOPICS, assigned_tag, label_tag, language_tag, source_tag, topic_key,
    topic_tag,
};
use super::ids::Ids;
use crate::index::embedded::journal::Extent;
use crate::index::{Deadline, Filter, IndexError, PublishTime};

/// How many tags of a filter are read between two checks of the deadline.
const TAGS_PER_CHECK: usize = 8;
/// The same for articles whose topics are read.
const ARTICLES_PER_CHECK: usize = 4_096;

/// An opened segment, with everything that searches need of it in memory.
pub(super) struct SegmentView {
    /// Its id, and the deletions it includes.
    pub(super) key: (String, Option<Opstamp>),
    pub(super) reader: SegmentReader,
    pub(super) id_terms: Arc<InvertedIndexReader>,
    pub(super) derived: Arc<Derived>,
    pub(super) tags: Arc<InvertedIndexReader>,
    published: Column<i64>,
    /// As [`TOPICS`] and [`PROBABILITIES`] say.
    topics: Column<u64>,
    probabilities: Column<f64>,
    extents: Extents,
    /// The size of its articles in the journals, in bytes, without deleted ones.
    pub(super) live_bytes: u64,
    /// The first journal that holds one of them; None if there are none.
    pub(super) oldest_journal: Option<u64>,
    pub(super) ids: Ids,
    /// The inverse length of each vector; 0 for a deleted article, which is therefore never found.
    pub(super) inverse_lengths: Vec<f32>,
}

impl std::fmt::Debug for SegmentView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentView").field("key", &self.key).finish_non_exhaustive()
    }
}

impl SegmentView {
    /// Opens a segment with its derived data.
    pub(super) fn open(
        reader: SegmentReader,
        key: (String, Option<Opstamp>),
        fields: Fields,
        derived: Arc<Derived>,
    ) -> Result<Self, TantivyError> {
        let id_terms = reader.inverted_index(fields.id)?;
        let inverse_length = |document: u32| match derived.squared_length(document) {
            squared @ 1.. if !reader.is_deleted(document) => 1.0 / (squared as f32).sqrt(),
            _ => 0.0,
        };
        let extents = Extents::of(&reader)?;
        let live = || reader.doc_ids_alive().filter_map(|document| extents.at(document));
        Ok(Self {
            key,
            live_bytes: live().map(|extent| u64::from(extent.size)).sum(),
            oldest_journal: live().map(|extent| extent.journal).min(),
            tags: reader.inverted_index(fields.tags)?,
            published: reader.fast_fields().i64("published")?,
            topics: reader.fast_fields().u64(TOPICS)?,
            probabilities: reader.fast_fields().f64(PROBABILITIES)?,
            extents,
            ids: Ids::read(&id_terms, reader.max_doc())?,
            inverse_lengths: (0..reader.max_doc()).map(inverse_length).collect(),
            id_terms,
            derived,
            reader,
        })
    }

    /// The position of an article in the journals; None if the columns have none.
    pub(super) fn extent(&self, document: u32) -> Option<Extent> {
        self.extents.at(document)
    }

    /// The publish time of an article, if it has one.
    #[inline]
    pub(super) fn publish_time(&self, document: u32) -> Option<PublishTime> {
        self.published.first(document).map(PublishTime)
    }

    pub(super) fn find(&self, id: &str) -> std::io::Result<Option<u32>> {
        match self.id_terms.terms().get(id)? {
            Some(info) => self.first_alive(&info),
            None => Ok(None),
        }
    }

    /// The article in an id's postings that is not deleted.
    pub(super) fn first_alive(
        &self,
        info: &tantivy::postings::TermInfo,
    ) -> std::io::Result<Option<u32>> {
        let mut postings =
            self.id_terms.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            if !self.reader.is_deleted(postings.doc()) {
                return Ok(Some(postings.doc()));
            }
            postings.advance();
        }
        Ok(None)
    }

    /// Determines which articles pass the filter.
    ///
    /// # Errors
    /// [`IndexError::Late`] when the deadline passes; [`IndexError::Storage`].
    pub(super) fn allowed(
        &self,
        filter: &Filter,
        deadline: Deadline,
    ) -> Result<Vec<bool>, IndexError> {
        let mut allowed = vec![true; self.reader.max_doc() as usize];
        let by_probability = filter.min_topic_probability > 0.0;
        let topics = filter
            .topics
            .iter()
            .filter(|_| !by_probability)
            .map(|topic| assigned_tag(topic))
            .collect();
        let sources = filter.sources.iter().map(|source| source_tag(source)).collect();
        let languages = filter
            .language_codes
            .iter()
            .map(|code| language_tag(&code.to_ascii_lowercase()))
            .collect();
        let labels = filter.labels.iter().map(|(key, value)| vec![label_tag(key, value)]);
        let any_of: Vec<Vec<String>> = [topics, sources, languages]
            .into_iter()
            .filter(|tags: &Vec<_>| !tags.is_empty())
            .collect();
        for tags in any_of.into_iter().chain(labels) {
            let mut marked = vec![false; allowed.len()];
            for tags in tags.chunks(TAGS_PER_CHECK) {
                deadline.check()?;
                for tag in tags {
                    self.mark(tag, &mut marked).map_err(reading)?;
                }
            }
            allowed.iter_mut().zip(marked).for_each(|(allowed, marked)| *allowed &= marked);
        }
        if by_probability && !filter.topics.is_empty() {
            let mut marked = vec![false; allowed.len()];
            for topic in &filter.topics {
                self.mark_topic(topic, filter, &mut marked, deadline)?;
            }
            allowed.iter_mut().zip(marked).for_each(|(allowed, marked)| *allowed &= marked);
        }
        if filter.published_from.is_some() || filter.published_until.is_some() {
            for (document, allowed) in (0..).zip(allowed.iter_mut()) {
                *allowed = *allowed && filter.accepts_time(self.publish_time(document));
            }
        }
        Ok(allowed)
    }

    /// Marks the articles that have a topic, or one below it, with at least this probability.
    fn mark_topic(
        &self,
        topic: &str,
        filter: &Filter,
        marked: &mut [bool],
        deadline: Deadline,
    ) -> Result<(), IndexError> {
        let (key, least) = (topic_key(topic), filter.min_topic_probability);
        let info = self.tags.terms().get(topic_tag(topic)).map_err(reading)?;
        let Some(info) = info else { return Ok(()) };
        let postings = self.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic);
        let mut postings = postings.map_err(reading)?;
        for number in 0_usize.. {
            if number.is_multiple_of(ARTICLES_PER_CHECK) {
                deadline.check()?;
            }
            let document = postings.doc();
            if document == TERMINATED {
                break;
            }
            let probabilities = self.probabilities.values_for_doc(document);
            let mut topics = self.topics.values_for_doc(document).zip(probabilities);
            marked[document as usize] |=
                topics.any(|(topic, probability)| topic == key && probability >= least);
            postings.advance();
        }
        Ok(())
    }

    /// Marks the articles that have a tag.
    fn mark(&self, tag: &str, marked: &mut [bool]) -> std::io::Result<()> {
        let Some(info) = self.tags.terms().get(tag)? else { return Ok(()) };
        mark_postings(
            self.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?,
            marked,
        );
        Ok(())
    }

    /// Whether an article that is not deleted and satisfies `is_shown` has a tag.
    pub(super) fn has_one(
        &self,
        tag: &str,
        is_shown: impl Fn(u32) -> bool,
    ) -> std::io::Result<bool> {
        let Some(info) = self.tags.terms().get(tag)? else { return Ok(false) };
        let mut postings =
            self.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            if !self.reader.is_deleted(postings.doc()) && is_shown(postings.doc()) {
                return Ok(true);
            }
            postings.advance();
        }
        Ok(false)
    }
}

fn mark_postings(mut postings: impl DocSet, marked: &mut [bool]) {
    while postings.doc() != TERMINATED {
        marked[postings.doc() as usize] = true;
        postings.advance();
    }
}
