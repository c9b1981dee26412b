//! How an archive is opened.

use super::recent::Recent;

/// How an archive is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// How many changes are folded into the index at once.
    pub fold_changes: usize,
    /// How much memory changes may take before they are folded, in bytes.
    pub fold_bytes: usize,
    /// The journals are compacted when more than this of them is superseded, in bytes, and more
    /// than is not.
    pub compact_bytes: u64,
    /// Half of the journals are compacted when there are more than this and they are small: each
    /// start leaves one behind.
    pub small_journals: u64,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            fold_changes: 4_096,
            fold_bytes: 32 << 20,
            compact_bytes: 64 << 20,
            small_journals: 1_024,
        }
    }
}

impl ArchiveOptions {
    /// Whether these changes are to be folded before more are added.
    pub(super) fn is_full(&self, recent: &Recent) -> bool {
        recent.len() >= self.fold_changes || recent.size_bytes() >= self.fold_bytes
    }
}
