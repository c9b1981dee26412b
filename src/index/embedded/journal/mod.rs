//! The journals: the write-ahead log of the archive, which also holds its articles.
//!
//! ```text
//! [magic: 8 bytes][number u64][acknowledged bytes of the previous journal u64]
//! [the first 16 bytes of SHA-256 over the above]
//! frames (`frame`)
//! ```
//!
//! All numbers are little-endian. A group of writes is appended and synced as a whole before it is
//! acknowledged. Acknowledged bytes are never truncated or overwritten. An end that was not
//! acknowledged stays, and later writes go to the next journal, whose header says how much of this
//! one counts. A journal is removed once all of its live articles have been copied to a later one
//! (`compact`).

mod append;
mod frame;
mod header;
mod naming;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use append::{Group, Journal};
pub(super) use frame::{Content, Extent, Frames, Section, record_at};
pub(super) use header::{HEADER_BYTES, acknowledged_before};
pub(super) use naming::{PREFIX, list, path};
pub(super) use scan::{AcknowledgedBytes, Loss, Scan, scan};
