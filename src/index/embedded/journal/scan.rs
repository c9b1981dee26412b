//! Looks through a journal for what it lost: damage, as against an end that nobody was told is
//! stored.
//!
//! What does not read as it was written is damage where it is known to have been acknowledged: by
//! the file that says how far that is, by the header of the next journal, or by a later group of
//! writes behind it, which is only begun once all before it is synced. Anything else is what a
//! crash left of a group that was being written.

use std::ops::Range;

use super::frame::{Content, Frames, Head};
use super::header::{HEADER_BYTES, acknowledged_before};
use crate::index::ArticleId;

/// How much of a journal is known to have been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::index::embedded) enum AcknowledgedBytes {
    /// So many bytes, by the header of the next journal: nothing behind them counts.
    Exactly(u64),
    /// So many bytes at least, by the file that says how far the last journal was acknowledged.
    AtLeast(u64),
    /// What says so is lost: all that is there counts as acknowledged.
    Unknown,
}

/// A part of a journal that was acknowledged and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::index::embedded) struct Loss {
    /// The article it is of, where that can be read.
    pub(in crate::index::embedded) id: Option<ArticleId>,
    /// Which bytes.
    pub(in crate::index::embedded) range: Range<u64>,
    /// Whether they are not there, rather than changed.
    pub(in crate::index::embedded) is_missing: bool,
}

/// What a journal is found to be.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::index::embedded) struct Scan {
    /// How many bytes of the journal before were acknowledged; None if the header is damaged.
    pub(in crate::index::embedded) acknowledged_before: Option<u64>,
    /// What was acknowledged and cannot be read, in order.
    pub(in crate::index::embedded) losses: Vec<Loss>,
    /// How far it counts: up to what was acknowledged, and in the last journal up to the first
    /// frame of a group that was cut off.
    pub(in crate::index::embedded) end: u64,
    /// How many bytes were left by a group that was never acknowledged.
    pub(in crate::index::embedded) torn_bytes: u64,
}

/// Looks through the bytes of journal `number`.
pub(in crate::index::embedded) fn scan(
    bytes: &[u8],
    number: u64,
    acknowledged_bytes: AcknowledgedBytes,
) -> Scan {
    let size = bytes.len() as u64;
    let (known, limit) = match acknowledged_bytes {
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
    losses.extend(acknowledged_of(&mut suspects, known));
    // What is good behind the first torn frame is of the same group: nobody was told of it either.
    let end = suspects.first().map_or(end, |torn| torn.range.start).max(known);
    if size < known {
        losses.push(Loss { id: None, range: size..known, is_missing: true });
    }
    Scan {
        acknowledged_before: acknowledged_before(bytes, number),
        losses,
        end,
        torn_bytes: size.saturating_sub(end),
    }
}

/// Those that begin before `acknowledged`: they were.
fn acknowledged_of(suspects: &mut Vec<Loss>, acknowledged: u64) -> impl Iterator<Item = Loss> {
    suspects.extract_if(.., move |suspect| suspect.range.start < acknowledged)
}
