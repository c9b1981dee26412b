//! Why the archive could not do what it was asked.

use std::io;

use super::article::ArticleId;
use super::record::RecordError;

/// Why the archive could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The article that others were to be compared with is not there.
    #[error("there is no article {id} in the archive")]
    UnknownSource {
        /// What was asked for.
        id: ArticleId,
    },
    /// The disk is full.
    #[error("the disk of the archive is full: {reason}")]
    Full {
        /// What the system said.
        reason: String,
    },
    /// The archive cannot be written, now or until the server is started again.
    #[error("the archive can only be read: {reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// Part of the archive was found damaged when it was opened: what is left is not written to.
    #[error("the archive is damaged: {reason}")]
    Damaged {
        /// What is.
        reason: String,
    },
    /// An article is not what was stored.
    #[error("the article {id} is corrupt: {source}")]
    Corrupt {
        /// Which one.
        id: String,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Reading or writing failed.
    #[error("{action}: {reason}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The deadline passed: nobody waits for the answer.
    #[error("the deadline passed")]
    Late,
    /// The archive is being closed.
    #[error("the archive is closed")]
    Closed,
}

impl IndexError {
    /// What an error of the system means to the archive. `action` is what was tried.
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
