//! Scans a journal for losses, as opposed to an end that was never acknowledged.
//!
//! Unreadable bytes are a loss if they are known to have been acknowledged: by the file that says
//! how far that is, by the header of the next journal, or by a later group of writes, which only
//! begins once everything before it is synced. Other unreadable bytes belong to a group that a
//! crash interrupted.

use std::ops::Range;

use super::frame::{Content, Frames, Head};
use super::header::{HEADER_BYTES, acknowledged_before};
use crate::index::ArticleId;

/// How much of a journal is known to have been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::index::embedded) enum AcknowledgedBytes {
    /// So many bytes, by the header of the next journal; later bytes do not count.
    Exactly(u64),
    /// At least so many bytes, by the file that says how far the last journal was acknowledged.
    AtLeast(u64),
    /// Unknown: all bytes count as acknowledged.
    Unknown,
}

/// A part of a journal that was acknowledged and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::index::embedded) struct Loss {
    /// The article, if its id can be read.
    pub(in crate::index::embedded) id: Option<ArticleId>,
    /// Which bytes.
    pub(in crate::index::embedded) range: Range<u64>,
    /// Whether the bytes are missing rather than changed.
    pub(in crate::index::embedded) is_missing: bool,
}

/// The result of a scan.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::index::embedded) struct Scan {
    /// How much of the previous journal was acknowledged, in bytes; None if the header is damaged.
    pub(in crate::index::embedded) acknowledged_before: Option<u64>,
    /// The losses, in order.
    pub(in crate::index::embedded) losses: Vec<Loss>,
    /// How much of it counts: the acknowledged bytes, and in the last journal everything before the
    /// first frame of an interrupted group.
    pub(in crate::index::embedded) end: u64,
    /// How many bytes belong to an interrupted group.
    pub(in crate::index::embedded) torn_bytes: u64,
}

/// Scans the bytes of journal `number`.
pub(in crate::index::embedded) fn scan(
    bytes: &[u8],
    number: u64,
    acknowledged_bytes: AcknowledgedBytes,
) -> Scan {
    let size = bytes.len() as u64;
    let (acknowledged, limit) = match acknowledged_bytes {
        AcknowledgedBytes::Exactly(bytes) => (bytes, bytes),
        AcknowledgedBytes::AtLeast(bytes) => (bytes, u64::MAX),
        AcknowledgedBytes::Unknown => (size, u64::MAX),
    };
    let mut losses = Vec::new();
    let mut suspects: Vec<Loss> = Vec::new();
    let mut end = HEADER_BYTES.min(size);
    for found in
        Frames::new(bytes, number, HEADER_BYTES).take_while(|found| found.range.start < limit)
    {
        match found.content {
            Content::Article(head, _) | Content::Deletion(head) => {
                losses.extend(acknowledged_of(&mut suspects, head.group_start));
                end = found.range.end;
            }
            Content::BadRecord(Head { id, .. }) => {
                suspects.push(Loss { id: Some(id), range: found.range, is_missing: false })
            }
            Content::Unreadable => {
                suspects.push(Loss { id: None, range: found.range, is_missing: false })
            }
        }
    }
    losses.extend(acknowledged_of(&mut suspects, acknowledged));
    // Sound frames after the first torn one belong to the same group, which was not acknowledged.
    let end = suspects.first().map_or(end, |torn| torn.range.start).max(acknowledged);
    if size < acknowledged {
        losses.push(Loss { id: None, range: size..acknowledged, is_missing: true });
    }
    Scan {
        acknowledged_before: acknowledged_before(bytes, number),
        losses,
        end,
        torn_bytes: size.saturating_sub(end),
    }
}

/// Removes the suspects that begin before `acknowledged`, and so are losses.
fn acknowledged_of(suspects: &mut Vec<Loss>, acknowledged: u64) -> impl Iterator<Item = Loss> {
    suspects.extract_if(.., move |suspect| suspect.range.start < acknowledged)
}
