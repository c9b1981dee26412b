//! Gives back the space of what is superseded: what still counts of the oldest journals is written
//! to the current one, as if it had just been put again.
//!
//! Only the oldest journal is ever emptied: nothing before it can need its deletions. So each round
//! moves no more than it gives back over a whole turn of the journals, and a journal goes once no
//! article of the index lies in it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::journal::{self, Content, Extent, Frames, Group};
use super::recent::RecentArticle;
use super::segments::Place;
use super::state::{Applied, Found, State};
use super::survey::acknowledged;
use crate::index::record::{Kind, to_article};
use crate::index::{ArticleId, IndexError, RecordError};

/// So much is looked at before writes get a turn, in bytes.
const LOOKED_AT_ONCE: u64 = 1 << 20;

/// How far the journals have been emptied.
#[derive(Debug)]
pub(super) struct Compaction {
    journal: u64,
    bytes: Vec<u8>,
    at: u64,
    /// How far the journal counts, in bytes.
    counted: u64,
    /// The first journal that is not to be emptied.
    end: u64,
    /// How much is to be given back, in bytes, and how much will be by what is emptied so far.
    goal: u64,
    freed: u64,
}

/// An article on its way: its new place, and the one in the segments that it leaves.
pub(super) type Move = (Applied, Option<Place>);

impl Compaction {
    /// Begins with the oldest journal; those from `end` on stay. `goal` is how much is to be given
    /// back, in bytes.
    pub(super) fn start(directory: &Path, oldest: u64, end: u64, goal: u64) -> io::Result<Self> {
        let mut compaction =
            Self { journal: oldest, bytes: Vec::new(), at: 0, counted: 0, end, goal, freed: 0 };
        compaction.open(directory, oldest)?;
        Ok(compaction)
    }

    fn open(&mut self, directory: &Path, journal: u64) -> io::Result<()> {
        self.bytes = fs::read(journal::path(directory, journal))?;
        // What lies behind was never acknowledged.
        self.counted = acknowledged(directory, journal).unwrap_or(self.bytes.len() as u64);
        (self.journal, self.at) = (journal, journal::HEADER_BYTES);
        Ok(())
    }

    /// Puts the next articles that still count into a group, and says where they go; none where
    /// there were none among those that were looked at, None at the end. `first` is the first
    /// journal that is still there.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] for an article that counts and cannot be read,
    /// [`IndexError::Damaged`] for a stretch that cannot; [`IndexError::Storage`].
    pub(super) fn step(
        &mut self,
        directory: &Path,
        first: u64,
        state: &State,
        group: &mut Group,
    ) -> Result<Option<Vec<Move>>, IndexError> {
        if self.at >= self.counted {
            let next = first.max(self.journal + 1);
            if next >= self.end || self.freed >= self.goal {
                return Ok(None);
            }
            self.open(directory, next)
                .map_err(|error| super::writer::failure("cannot read a journal", &error))?;
        }
        let mut moves = Vec::new();
        let until = self.counted.min(self.at + LOOKED_AT_ONCE);
        for found in Frames::new(&self.bytes, self.journal, self.at)
            .take_while(|found| found.range.start < until)
        {
            self.at = found.range.end;
            let size = (found.range.end - found.range.start) as u32;
            let extent = Extent { journal: self.journal, offset: found.range.start as u32, size };
            match found.content {
                Content::Article(head, record) => {
                    let Some(place) = current(state, &head.id, extent)? else {
                        self.freed += u64::from(size);
                        continue;
                    };
                    let corrupt = |source| IndexError::Corrupt { id: head.id.to_string(), source };
                    let article = Arc::new(to_article(record).map_err(corrupt)?);
                    let vector = Arc::new(state.segments.vector(place));
                    let extent = group.push(Kind::Article, &head.id, record);
                    moves.push((
                        Applied::Put(Arc::new(RecentArticle { article, vector, extent })),
                        Some(place),
                    ));
                }
                Content::BadRecord(head) if current(state, &head.id, extent)?.is_some() => {
                    return Err(IndexError::Corrupt {
                        id: head.id.to_string(),
                        source: RecordError::Checksum,
                    });
                }
                Content::BadRecord(_) | Content::Unreadable => {
                    let reason = format!(
                        "journal {}: {size} bytes at {} cannot be read",
                        self.journal, extent.offset
                    );
                    return Err(IndexError::Damaged { reason });
                }
                Content::Deletion(_) => self.freed += u64::from(size),
            }
        }
        // A journal that is shorter than it should be has nothing more to give.
        if moves.is_empty() && self.at < until {
            let reason = format!(
                "journal {}: {} bytes at {} are missing",
                self.journal,
                self.counted - self.at,
                self.at
            );
            return Err(IndexError::Damaged { reason });
        }
        Ok(Some(moves))
    }
}

/// Where the segments have an article, if that is the one that lies there.
fn current(state: &State, id: &ArticleId, extent: Extent) -> Result<Option<Place>, IndexError> {
    Ok(match state.find(id)? {
        Found::Segment(place) if state.segments.extent(place) == Some(extent) => Some(place),
        Found::Segment(_) | Found::Memory(_) | Found::Nowhere | Found::Lost => None,
    })
}
