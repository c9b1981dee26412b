//! The status of an archive.

use super::error::IndexError;

/// Whether the archive can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It can be read and written.
    Ready,
    /// It can only be read, for this reason.
    ReadOnly(String),
    /// Part of it is damaged, as described, and the rest can only be read.
    Damaged(String),
}

impl Condition {
    /// Checks that the archive can be written.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub(super) fn check_writable(&self) -> Result<(), IndexError> {
        match self {
            Self::Ready => Ok(()),
            Self::ReadOnly(reason) => Err(IndexError::ReadOnly { reason: reason.clone() }),
            Self::Damaged(reason) => Err(IndexError::Damaged { reason: reason.clone() }),
        }
    }
}

/// The condition and the size of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// Whether it can be written.
    pub condition: Condition,
    /// Why the last write failed; None if it succeeded.
    pub last_failure: Option<String>,
    /// The number of articles, including those that cannot be read.
    pub article_count: u64,
    /// How many parts of the archive cannot be read: articles, or stretches whose articles are
    /// unknown.
    pub unreadable_count: u64,
    /// The size on disk or in memory, in bytes.
    pub size_bytes: u64,
}
