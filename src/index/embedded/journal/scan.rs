//! Looks through a journal for what it lost: damage, as against an end that nobody was told is stored.
//!
//! What does not read as it was written is damage where it is known to have been acknowledged: by the file that says how far
//! that is, by the header of the next journal, or by a later group of writes behind it, which is only begun once all before it
//! is synced. Anything else is what a crash left of a group that was being written.

use std::ops::Range;

use super::frame::{Content, Frames, Head};
use super::{HEADER_BYTES, acknowledged_before};
use crate::index::ArticleId;

/// How much of a journal is known to have been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::index::embedded) enum Assured {
    /// So many bytes at least.
    Bytes(u64),
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
    /// How far it counts: the end of its last good frame, or of its last loss.
    pub(in crate::index::embedded) end: u64,
    /// How many bytes were left by a group that was never acknowledged.
    pub(in crate::index::embedded) torn_bytes: u64,
}

/// Looks through the bytes of journal `number`.
pub(in crate::index::embedded) fn scan(bytes: &[u8], number: u64, assured: Assured) -> Scan {
    let size = bytes.len() as u64;
    let mut scan = Scan {
        acknowledged_before: acknowledged_before(bytes, number),
        losses: Vec::new(),
        end: HEADER_BYTES.min(size),
        torn_bytes: 0,
    };
    let mut suspects: Vec<Loss> = Vec::new();
    for found in Frames::new(bytes, number, HEADER_BYTES) {
        match found.content {
            Content::Article(head, _) | Content::Deletion(head) => {
                settle(&mut suspects, &mut scan, head.group_start);
                scan.end = found.range.end;
            }
            Content::BadRecord(Head { id, .. }) => suspects.push(Loss { id: Some(id), range: found.range, is_missing: false }),
            Content::Unreadable => suspects.push(Loss { id: None, range: found.range, is_missing: false }),
        }
    }
    let known = match assured {
        Assured::Bytes(bytes) => bytes,
        Assured::Unknown => size,
    };
    settle(&mut suspects, &mut scan, known);
    scan.torn_bytes = suspects.iter().map(|suspect| suspect.range.end - suspect.range.start).sum();
    if size < known {
        scan.losses.push(Loss { id: None, range: size..known, is_missing: true });
        scan.end = known;
    }
    scan
}

/// What begins before `acknowledged` was acknowledged.
fn settle(suspects: &mut Vec<Loss>, scan: &mut Scan, acknowledged: u64) {
    for loss in suspects.extract_if(.., |suspect| suspect.range.start < acknowledged) {
        scan.end = scan.end.max(loss.range.end);
        scan.losses.push(loss);
    }
}
