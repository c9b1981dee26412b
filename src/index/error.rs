//! Errors of the archive.

use std::io;

use super::article::ArticleId;
use super::record::RecordError;

/// Why the archive could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The article to compare with does not exist.
    #[error("article {id} not found in the archive")]
    UnknownSource {
        /// The id asked for.
        id: ArticleId,
    },
    /// The disk is full.
    #[error("the disk of the archive is full: {reason}")]
    Full {
        /// The error of the system.
        reason: String,
    },
    /// The archive cannot be written, for now or until the server is restarted.
    #[error("the archive is read-only: {reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// Part of the archive was found damaged when it was opened; the rest is not written to.
    #[error("the archive is damaged: {reason}")]
    Damaged {
        /// The damage.
        reason: String,
    },
    /// An article is not what was stored.
    #[error("article {id} is corrupt: {source}")]
    Corrupt {
        /// Its id.
        id: String,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Reading or writing failed.
    #[error("{action}: {reason}")]
    Storage {
        /// What was attempted.
        action: &'static str,
        /// The error of the system.
        reason: String,
    },
    /// The deadline passed.
    #[error("the deadline has passed")]
    Late,
    /// The archive is being closed.
    #[error("the archive is closed")]
    Closed,
}

impl IndexError {
    /// The meaning of a system error for the archive. `action` is what was attempted.
    pub(super) fn from_io(action: &'static str, error: &io::Error) -> Self {
        let reason = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { reason },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { reason }
            }
            _ => Self::Storage { action, reason },
        }
    }
}
