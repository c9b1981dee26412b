//! What an archive says of itself: whether it can be written, and how much it holds.

use super::error::IndexError;

/// How the archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It can be read and written.
    Ready,
    /// It can be read; why it cannot be written.
    ReadOnly(String),
    /// Part of it is damaged: the rest can be read; what is damaged.
    Damaged(String),
}

impl Condition {
    /// # Errors
    /// Why nothing is written.
    pub(crate) fn check_writable(&self) -> Result<(), IndexError> {
        match self {
            Self::Ready => Ok(()),
            Self::ReadOnly(reason) => Err(IndexError::ReadOnly { reason: reason.clone() }),
            Self::Damaged(reason) => Err(IndexError::Damaged { reason: reason.clone() }),
        }
    }
}

/// How much there is in the archive, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// How it is.
    pub condition: Condition,
    /// Why the last write failed; None if it did not.
    pub last_failure: Option<String>,
    /// How many articles there are, those that cannot be read among them.
    pub article_count: u64,
    /// How many places of the archive cannot be read: articles, or stretches whose articles are not
    /// known by name.
    pub unreadable_count: u64,
    /// How much they take where they are stored, in bytes.
    pub size_bytes: u64,
}
