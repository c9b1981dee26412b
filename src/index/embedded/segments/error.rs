//! Maps errors of tantivy to those of the archive.

use tantivy::TantivyError;

use crate::index::IndexError;

/// The meaning of a tantivy error for the archive. Errors that crossed one of tantivy's threads
/// have lost their kind, so that the text has to do.
pub(super) fn failure(action: &'static str, error: &TantivyError) -> IndexError {
    let text = format!("{error:?}");
    let reason = error.to_string();
    if ["StorageFull", "No space left", "QuotaExceeded"].iter().any(|sign| text.contains(sign)) {
        IndexError::Full { reason }
    } else if text.contains("ReadOnlyFilesystem") || text.contains("PermissionDenied") {
        IndexError::ReadOnly { reason }
    } else {
        IndexError::Storage { action, reason }
    }
}

/// An error while the index is read.
pub(super) fn reading(error: impl std::fmt::Display) -> IndexError {
    IndexError::Storage { action: "cannot read the index", reason: error.to_string() }
}
