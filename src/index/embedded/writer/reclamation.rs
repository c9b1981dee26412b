//! Reclaims the space of superseded articles.
//!
//! Journals without live articles are removed, and the others compacted when it is worth while.

use std::sync::{Arc, Weak};

use super::site::Site;
use crate::index::embedded::compact::Compaction;
use crate::index::embedded::options::ArchiveOptions;
use crate::index::embedded::segments::Segments;
use crate::index::{Condition, IndexError};

/// Journals are small if they are below this size on average, in bytes; a full one has about ten
/// times as much.
const SMALL_JOURNAL_BYTES: u64 = 1 << 20;

/// The state of the reclamation.
#[derive(Default)]
pub(super) struct Reclamation {
    compaction: Option<Compaction>,
    /// The segments that searches may still use.
    replaced: Vec<Weak<Segments>>,
    is_closing: bool,
}

impl Reclamation {
    /// Notes that segments were replaced, which searches may still use.
    pub(super) fn note_replaced(&mut self, segments: Weak<Segments>) {
        self.replaced.retain(|replaced| replaced.strong_count() > 0);
        self.replaced.push(segments);
    }

    /// Starts no further compaction.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    /// Ends the compaction.
    pub(super) fn cancel(&mut self) {
        self.compaction = None;
    }

    pub(super) fn is_compacting(&self) -> bool {
        self.compaction.is_some()
    }

    /// Releases the journals that hold no live article, and starts a compaction if it is due.
    pub(super) fn start(&mut self, site: &mut Site) {
        let segments = Arc::clone(&site.shared.read().segments);
        let Some(files) = &mut site.files else { return };
        let oldest = segments
            .oldest_journal()
            .map_or(segments.journal, |oldest| oldest.min(segments.journal));
        if let Err(error) = files.journals.release_before(oldest, &self.replaced) {
            tracing::warn!(%error, "cannot release superseded journals");
        }
        files.journals.remove_released(&site.shared.records);
        let (first, end) = (files.journals.first(), segments.journal);
        let size = files.journals.size_before(end);
        let plan = compaction_plan(site.options, (first, end), size, segments.live_bytes());
        if let (None, Some((end, goal)), false) = (&self.compaction, plan, self.is_closing) {
            match Compaction::start(&site.directory, first, end, goal) {
                Ok(compaction) => self.compaction = Some(compaction),
                Err(error) => tracing::warn!(%error, "cannot compact the journals"),
            }
        }
    }

    /// Takes a step of the compaction, if one is in progress and there is room; returns whether
    /// more steps follow.
    pub(super) fn compact(&mut self, site: &mut Site) -> bool {
        if self.is_closing || site.shared.read().condition != Condition::Ready {
            self.compaction = None;
        }
        let Some(compaction) = &mut self.compaction else { return false };
        if site.is_full() {
            return false;
        }
        match site.check().and_then(|()| compaction_step(compaction, site)) {
            Ok(is_more) => {
                if !is_more {
                    self.compaction = None;
                }
                is_more
            }
            Err(error) => {
                self.compaction = None;
                site.shared.note_failure(Some(&error));
                if let IndexError::Corrupt { .. } | IndexError::Damaged { .. } = &error {
                    // A journal that was not read completely is not removed, and a damaged archive
                    // is not written to.
                    site.shared.stop_writes(Condition::Damaged(error.to_string()));
                }
                false
            }
        }
    }
}

/// Up to which journal to compact, and how many bytes to free; None if it is not worth while.
/// `first` and `end` delimit the journals, which take `size` bytes.
fn compaction_plan(
    options: ArchiveOptions,
    (first, end): (u64, u64),
    size: u64,
    live_bytes: u64,
) -> Option<(u64, u64)> {
    let superseded = size.saturating_sub(live_bytes);
    let count = end.saturating_sub(first);
    if superseded > options.compact_bytes && superseded > size / 2 {
        Some((end, superseded))
    } else if count > options.small_journals.max(1) && size < count * SMALL_JOURNAL_BYTES {
        Some((first + count / 2, u64::MAX))
    } else {
        None
    }
}

/// Relocates some live articles; false at the end.
fn compaction_step(compaction: &mut Compaction, site: &mut Site) -> Result<bool, IndexError> {
    let Some(files) = &mut site.files else { return Ok(false) };
    let failed = |error| IndexError::from_io("cannot write the journal", &error);
    let mut group = files.journals.group().map_err(failed)?;
    let first = files.journals.first();
    let step = compaction.step(&site.directory, first, &site.shared.read(), &mut group)?;
    let Some(changes) = step else { return Ok(false) };
    if !changes.is_empty() {
        files.journals.append(&group).map_err(failed)?;
        files.journals.acknowledge();
        site.shared.apply(changes);
    }
    Ok(true)
}
