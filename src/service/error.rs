//! Why a use case failed.

use super::violation::FieldViolation;
use crate::index::IndexError;

/// Why a use case failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A field of the request is wrong; asking again will not help.
    #[error("{}: {}", .0.field, .0.description)]
    Invalid(FieldViolation),
    /// Several fields of the request are wrong.
    #[error("{}: {}; and {} more", .0[0].field, .0[0].description, .0.len() - 1)]
    InvalidFields(Vec<FieldViolation>),
    /// The model does not exist.
    #[error("model {name:?} not found")]
    ModelNotFound {
        /// The name in the request.
        name: String,
    },
    /// The model exists, and could not be loaded.
    #[error("cannot load model {name}: {reason}")]
    ModelFailed {
        /// The model.
        name: String,
        /// Why.
        reason: String,
    },
    /// The article is not in the archive.
    #[error("article {id:?} not found")]
    ArticleNotFound {
        /// The id in the request.
        id: String,
    },
    /// The article is in the archive already.
    #[error("article {id:?} already exists")]
    ArticleExists {
        /// Its id.
        id: String,
    },
    /// The article is not the one whose etag the caller has.
    #[error("article {id:?} has changed since its etag was read, or was deleted")]
    ArticleChanged {
        /// Its id.
        id: String,
    },
    /// The article is not what was stored.
    #[error("article {id:?} is corrupt: {reason}")]
    ArticleCorrupt {
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive is still being opened.
    #[error("the archive is not open yet")]
    ArchiveNotOpen,
    /// The archive's disk is full.
    #[error("the disk of the archive is full: nothing was stored")]
    ArchiveFull {
        /// The error of the system.
        reason: String,
    },
    /// The archive cannot be written.
    #[error("the archive is read-only: {reason}")]
    ArchiveReadOnly {
        /// Why.
        reason: String,
    },
    /// Part of the archive is damaged, so that it is not written.
    #[error("the archive is damaged, and read-only: {reason}")]
    ArchiveDamaged {
        /// What is damaged.
        reason: String,
    },
    /// Too many writes wait to be stored.
    #[error("too many writes are waiting for the disk of the archive")]
    ArchiveBusy,
    /// The default model is still being loaded.
    #[error("no model is loaded yet")]
    NotReady,
    /// The server is about to stop.
    #[error("the server is shutting down")]
    Draining,
    /// Too many of these are in flight.
    #[error("too many {what} in flight (limit {limit})")]
    Busy {
        /// What is in flight, in the plural.
        what: &'static str,
        /// The limit on it.
        limit: usize,
    },
    /// The budget for calls in flight has no room.
    #[error("the memory budget for calls in flight is exhausted")]
    NoRoom,
    /// The caller's deadline passed, or the caller left.
    #[error("the deadline passed before the answer was ready")]
    DeadlineExceeded,
    /// A fault of the server: the text goes to the log, not to the caller.
    #[error("{0}")]
    Internal(String),
}

impl ServiceError {
    /// The error of one violation without values.
    pub(super) fn invalid(
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self::Invalid(FieldViolation::new(field, reason, description))
    }
}

impl From<FieldViolation> for ServiceError {
    fn from(violation: FieldViolation) -> Self {
        Self::Invalid(violation)
    }
}

impl From<IndexError> for ServiceError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::UnknownSource { id } => Self::ArticleNotFound { id: id.to_string() },
            IndexError::Full { reason } => Self::ArchiveFull { reason },
            IndexError::ReadOnly { reason } => Self::ArchiveReadOnly { reason },
            IndexError::Damaged { reason } => Self::ArchiveDamaged { reason },
            IndexError::Corrupt { id, source } => {
                Self::ArticleCorrupt { id, reason: source.to_string() }
            }
            IndexError::Storage { .. } => Self::Internal(error.to_string()),
            IndexError::Late => Self::DeadlineExceeded,
            IndexError::Closed => Self::Draining,
        }
    }
}
