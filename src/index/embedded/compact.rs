//! Compaction: relocates the live articles of the oldest journals to the current one.
//!
//! Only the oldest journal is ever emptied, so that nothing before it can need its deletions. A
//! round over all journals relocates no more than it frees, and a journal is removed once no
//! article of the index is in it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::journal::{self, Content, Extent, Frames, Group};
use super::recent::RecentArticle;
use super::segments::Place;
use super::state::{JournaledChange, Location, State, Superseding};
use super::survey::acknowledged_by_next;
use crate::index::record::{Kind, to_article};
use crate::index::{ArticleId, IndexError, RecordError};

/// How much is examined between two groups of writes, in bytes.
const STEP_BYTES: u64 = 1 << 20;

/// How far the journals have been compacted.
#[derive(Debug)]
pub(super) struct Compaction {
    journal: u64,
    bytes: Vec<u8>,
    position: u64,
    /// How much of the journal was acknowledged, in bytes.
    acknowledged: u64,
    /// The first journal that is not to be compacted.
    end: u64,
    /// How much is to be freed, and how much has been, in bytes.
    goal: u64,
    freed: u64,
}

impl Compaction {
    /// Begins with the oldest journal and stops before journal `end`, or once `goal` bytes have
    /// been freed.
    pub(super) fn start(directory: &Path, oldest: u64, end: u64, goal: u64) -> io::Result<Self> {
        let mut compaction = Self {
            journal: oldest,
            bytes: Vec::new(),
            position: 0,
            acknowledged: 0,
            end,
            goal,
            freed: 0,
        };
        compaction.open(directory, oldest)?;
        Ok(compaction)
    }

    fn open(&mut self, directory: &Path, journal: u64) -> io::Result<()> {
        self.bytes = fs::read(journal::path(directory, journal))?;
        let acknowledged = acknowledged_by_next(directory, journal);
        self.acknowledged = acknowledged.unwrap_or(self.bytes.len() as u64);
        (self.journal, self.position) = (journal, journal::HEADER_BYTES);
        Ok(())
    }

    /// Adds the next live articles to a group and returns their changes, or None at the end. A step
    /// that examines no live article returns none. `first` is the first journal that still exists.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] for a live article that cannot be read, [`IndexError::Damaged`] for
    /// a stretch that cannot; [`IndexError::Storage`].
    pub(super) fn step(
        &mut self,
        directory: &Path,
        first: u64,
        state: &State,
        group: &mut Group,
    ) -> Result<Option<Vec<Superseding>>, IndexError> {
        if self.position >= self.acknowledged {
            let next = first.max(self.journal + 1);
            if next >= self.end || self.freed >= self.goal {
                return Ok(None);
            }
            self.open(directory, next)
                .map_err(|error| IndexError::from_io("cannot read a journal", &error))?;
        }
        let mut relocated = Vec::new();
        let until = self.acknowledged.min(self.position + STEP_BYTES);
        let frames = Frames::new(&self.bytes, self.journal, self.position);
        for section in frames.take_while(|section| section.range.start < until) {
            self.position = section.range.end;
            let size = (section.range.end - section.range.start) as u32;
            let offset = section.range.start as u32;
            let extent = Extent { journal: self.journal, offset, size };
            match relocate(section.content, extent, state, group)? {
                Some(change) => relocated.push(change),
                None => self.freed += u64::from(size),
            }
        }
        if relocated.is_empty() && self.position < until {
            let reason = format!(
                "journal {}: {} bytes at {} are missing",
                self.journal,
                self.acknowledged - self.position,
                self.position
            );
            return Err(IndexError::Damaged { reason });
        }
        Ok(Some(relocated))
    }
}

/// Adds the live content at an extent to a group, and returns the change; None if it is superseded.
fn relocate(
    content: Content<'_>,
    extent: Extent,
    state: &State,
    group: &mut Group,
) -> Result<Option<Superseding>, IndexError> {
    match content {
        Content::Article(head, record) => {
            let Some(place) = live_place(state, &head.id, extent)? else { return Ok(None) };
            let corrupt = |source| IndexError::Corrupt { id: head.id.to_string(), source };
            let article = Arc::new(to_article(record).map_err(corrupt)?);
            let vector = Arc::new(state.segments.vector(place));
            let extent = group.push(Kind::Article, &head.id, record);
            let article = RecentArticle { article, vector, extent };
            Ok(Some((JournaledChange::Put(Arc::new(article)), Some(place))))
        }
        Content::BadRecord(head) if live_place(state, &head.id, extent)?.is_some() => {
            Err(IndexError::Corrupt { id: head.id.to_string(), source: RecordError::Checksum })
        }
        Content::BadRecord(_) | Content::Unreadable => {
            let Extent { journal, offset, size } = extent;
            let reason = format!("journal {journal}: {size} bytes at {offset} cannot be read");
            Err(IndexError::Damaged { reason })
        }
        Content::Deletion(_) => Ok(None),
    }
}

/// The place of an article in the segments, if its frame is at this extent.
fn live_place(state: &State, id: &ArticleId, extent: Extent) -> Result<Option<Place>, IndexError> {
    Ok(match state.find(id)? {
        Location::Segment(place) if state.segments.extent(place) == Some(extent) => Some(place),
        Location::Segment(_) | Location::Memory(_) | Location::Nowhere | Location::Lost => None,
    })
}
