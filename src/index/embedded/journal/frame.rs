//! Frames: articles and deletions in a journal.
//!
//! ```text
//! [magic: 4 bytes][kind u8][0 u8][size of the id u16][size of the record u32]
//! [start of the group u32][the first 8 bytes of SHA-256 over the journal's number, the frame's
//! offset, everything above, and the id]
//! [id][record]
//! ```
//!
//! All numbers are little-endian. The record has its own checksum, so that the id of a damaged one
//! is still known; a deletion has no record. The checksum of the head covers the position, so that
//! a copy of a frame elsewhere is not a frame.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::index::record::{self, Kind};
use crate::index::{ArticleId, RecordError};

/// No text contains these bytes: the first and the last are not valid UTF-8.
const MAGIC: [u8; 4] = [0xfa, b'S', b'L', 0xfb];
const FIELDS_BYTES: usize = 16;
const SUM_BYTES: usize = 8;
const HEAD_BYTES: usize = FIELDS_BYTES + SUM_BYTES;

/// The position of a frame: its journal, its offset, and its size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::index::embedded) struct Extent {
    pub(in crate::index::embedded) journal: u64,
    pub(in crate::index::embedded) offset: u32,
    pub(in crate::index::embedded) size: u32,
}

/// The head of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::index::embedded) struct Head {
    pub(in crate::index::embedded) kind: Kind,
    pub(in crate::index::embedded) id: ArticleId,
    /// The offset of the group that the frame was synced with; everything before it was synced
    /// earlier.
    pub(super) group_start: u64,
    record_bytes: usize,
}

impl Head {
    fn size(&self) -> usize {
        HEAD_BYTES + self.id.as_str().len() + self.record_bytes
    }
}

fn sum(journal: u64, offset: u64, fields: &[u8], id: &[u8]) -> [u8; SUM_BYTES] {
    let place = [journal.to_le_bytes(), offset.to_le_bytes()].concat();
    let digest = Sha256::new_with_prefix(place).chain_update(fields).chain_update(id).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Appends the frame that belongs at `offset` of a journal.
pub(super) fn push(
    buffer: &mut Vec<u8>,
    journal: u64,
    offset: u64,
    group_start: u64,
    (kind, id, record): (Kind, &ArticleId, &[u8]),
) {
    let id = id.as_str().as_bytes();
    let start = buffer.len();
    buffer.extend(MAGIC);
    buffer.extend([kind as u8, 0]);
    // An id is short; callers keep journals and records below 4 GiB.
    buffer.extend((id.len() as u16).to_le_bytes());
    buffer.extend((record.len() as u32).to_le_bytes());
    buffer.extend((group_start as u32).to_le_bytes());
    let sum = sum(journal, offset, &buffer[start..], id);
    buffer.extend(sum);
    buffer.extend(id);
    buffer.extend(record);
}

/// The head at the start of these bytes, which are at `offset` of a journal; None if there is none.
fn head(bytes: &[u8], journal: u64, offset: u64) -> Option<Head> {
    let fields = bytes.get(..FIELDS_BYTES).filter(|fields| fields.starts_with(&MAGIC))?;
    let kind = Kind::of_byte(fields[4])?;
    let id_bytes = usize::from(u16::from_le_bytes([fields[6], fields[7]]));
    let record_bytes = u32::from_le_bytes(*fields[8..].first_chunk()?) as usize;
    let group_start = u64::from(u32::from_le_bytes(*fields[12..].first_chunk()?));
    let found: [u8; SUM_BYTES] = *bytes.get(FIELDS_BYTES..)?.first_chunk()?;
    let id = bytes.get(HEAD_BYTES..HEAD_BYTES + id_bytes)?;
    if sum(journal, offset, fields, id) != found {
        return None;
    }
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    Some(Head { kind, id, group_start, record_bytes })
}

/// The record in the frame of an article.
///
/// # Errors
/// [`RecordError`] if the bytes are not the frame of this article.
pub(in crate::index::embedded) fn record_at<'a>(
    bytes: &'a [u8],
    extent: Extent,
    id: &str,
) -> Result<&'a [u8], RecordError> {
    let head =
        head(bytes, extent.journal, u64::from(extent.offset)).ok_or(RecordError::Checksum)?;
    if head.id.as_str() != id || head.kind != Kind::Article || head.size() != bytes.len() {
        return Err(RecordError::Checksum);
    }
    Ok(&bytes[bytes.len() - head.record_bytes..])
}

/// A section of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::index::embedded) struct Section<'a> {
    pub(in crate::index::embedded) range: Range<u64>,
    pub(in crate::index::embedded) content: Content<'a>,
}

/// The content of a section.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::index::embedded) enum Content<'a> {
    /// An article whose record matches its checksum.
    Article(Head, &'a [u8]),
    /// A deletion.
    Deletion(Head),
    /// A frame whose record is damaged or truncated.
    BadRecord(Head),
    /// Bytes that are not a frame.
    Unreadable,
}

/// The sections of a journal, in order and without gaps.
pub(in crate::index::embedded) struct Frames<'a> {
    bytes: &'a [u8],
    journal: u64,
    at: usize,
}

impl<'a> Frames<'a> {
    /// The sections in the bytes of a journal, from `at` on.
    pub(in crate::index::embedded) fn new(bytes: &'a [u8], journal: u64, at: u64) -> Self {
        Self { bytes, journal, at: at as usize }
    }

    /// The offset of the next frame from `after` on, or the end of the journal.
    fn resume(&self, after: usize) -> usize {
        let is_frame = |at: &usize| head(&self.bytes[*at..], self.journal, *at as u64).is_some();
        memchr::memmem::find_iter(&self.bytes[after..], &MAGIC)
            .map(|at| after + at)
            .find(is_frame)
            .unwrap_or(self.bytes.len())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Section<'a>;

    fn next(&mut self) -> Option<Section<'a>> {
        let start = self.at;
        let remaining = self.bytes.get(start..).filter(|remaining| !remaining.is_empty())?;
        let found =
            |end: usize, content| Some(Section { range: start as u64..end as u64, content });
        let Some(head) = head(remaining, self.journal, start as u64) else {
            self.at = self.resume(start + 1);
            return found(self.at, Content::Unreadable);
        };
        let Some(frame) = remaining.get(..head.size()) else {
            // Truncated, or overlapping another frame: it ends where the next one begins.
            self.at = self.resume(start + 1);
            return found(self.at, Content::BadRecord(head));
        };
        self.at = start + frame.len();
        let record = &frame[frame.len() - head.record_bytes..];
        match head.kind {
            Kind::Deletion if record.is_empty() => found(self.at, Content::Deletion(head)),
            Kind::Article if record::open(Kind::Article, record).is_ok() => {
                found(self.at, Content::Article(head, record))
            }
            Kind::Article | Kind::Deletion => found(self.at, Content::BadRecord(head)),
        }
    }
}
