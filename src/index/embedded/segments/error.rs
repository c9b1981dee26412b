//! What a failure of tantivy is to the archive.

use tantivy::TantivyError;

use crate::index::IndexError;

/// What a failure of tantivy is to the archive. Its errors keep no kind once they have passed a
/// thread of it: the text has to do.
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

pub(super) fn reading(error: impl std::fmt::Display) -> IndexError {
    IndexError::Storage { action: "cannot read the index", reason: error.to_string() }
}
