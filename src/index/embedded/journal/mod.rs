//! The journals: every change of the archive in order, and every article of it.
//!
//! ```text
//! [magic: 8 bytes][number u64][bytes of the journal before that were acknowledged u64]
//! [the first 16 bytes of SHA-256 over the above]
//! frames (`frame`)
//! ```
//!
//! All numbers are little-endian. A group of writes is appended and synced as a whole before it is
//! acknowledged. Nothing that was acknowledged is ever cut off or written over: an end that was
//! never acknowledged stays, and what follows goes into the next journal, whose head says how much
//! of this one counts. A journal is removed once all of it that is not superseded has been written
//! to a later one (`compact`).

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
