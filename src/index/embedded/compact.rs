//! Gives back the space of what is superseded: what still counts of the oldest journals is written to the current one, as if it
//! had just been put again.
//!
//! Only the oldest journal is ever emptied: nothing before it can need its deletions. So each round moves no more than it gives
//! back over a whole turn of the journals, and a journal goes once no article of the index lies in it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::journal::{self, Content, Extent, Frames, Group};
use super::recent::RecentArticle;
use super::segments::Place;
use super::state::{Applied, Found, State};
use crate::index::record::{Kind, to_article};
use crate::index::{ArticleId, IndexError};

/// So much is moved before writes get a turn, in bytes.
const MOVED_AT_ONCE: usize = 1 << 20;

/// How far the journals have been emptied.
#[derive(Debug)]
pub(super) struct Compaction {
    journal: u64,
    bytes: Vec<u8>,
    at: u64,
    /// The first journal that is not to be emptied.
    end: u64,
    /// How much is to be given back, in bytes, and how much will be by what is emptied so far.
    goal: u64,
    freed: u64,
}

/// An article on its way: its new place, and the one in the segments that it leaves.
pub(super) type Move = (Applied, Option<Place>);

impl Compaction {
    /// Begins with the oldest journal; those from `end` on stay. `goal` is how much is to be given back, in bytes.
    pub(super) fn start(directory: &Path, oldest: u64, end: u64, goal: u64) -> io::Result<Self> {
        let bytes = fs::read(journal::path(directory, oldest))?;
        Ok(Self { journal: oldest, at: journal::HEADER_BYTES, bytes, end, goal, freed: 0 })
    }

    /// Puts the next articles that still count into a group, and says where they go; None at the end.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] for one that counts and cannot be read; [`IndexError::Storage`].
    pub(super) fn step(&mut self, directory: &Path, state: &State, group: &mut Group) -> Result<Option<Vec<Move>>, IndexError> {
        let mut moves = Vec::new();
        loop {
            let mut frames = Frames::new(&self.bytes, self.journal, self.at);
            while group.size_bytes() < MOVED_AT_ONCE {
                let Some(found) = frames.next() else { break };
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
                        moves.push((Applied::Put(Arc::new(RecentArticle { article, vector, extent })), Some(place)));
                    }
                    Content::BadRecord(head) if current(state, &head.id, extent)?.is_some() => {
                        let source = crate::index::RecordError::Checksum;
                        return Err(IndexError::Corrupt { id: head.id.to_string(), source });
                    }
                    Content::Deletion(_) | Content::BadRecord(_) | Content::Unreadable => self.freed += u64::from(size),
                }
            }
            if !moves.is_empty() {
                return Ok(Some(moves));
            }
            if self.journal + 1 >= self.end || self.freed >= self.goal {
                return Ok(None);
            }
            self.journal += 1;
            self.at = journal::HEADER_BYTES;
            self.bytes = fs::read(journal::path(directory, self.journal))
                .map_err(|error| super::writer::failure("cannot read a journal", &error))?;
        }
    }
}

/// Where the segments have an article, if that is the one that lies there.
fn current(state: &State, id: &ArticleId, extent: Extent) -> Result<Option<Place>, IndexError> {
    Ok(match state.find(id)? {
        Found::Segment(place) if state.segments.extent(place) == Some(extent) => Some(place),
        Found::Segment(_) | Found::Memory(_) | Found::Nowhere | Found::Lost => None,
    })
}
