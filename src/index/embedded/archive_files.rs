//! The files of an archive that is written to.

use super::journals::Journals;
use super::segments::Store;

/// What the writer's thread writes to.
pub(super) struct ArchiveFiles {
    pub(super) journals: Journals,
    /// None while a background job has it.
    pub(super) store: Option<Store>,
}
