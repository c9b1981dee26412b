//! When a call is given up.

use std::time::Instant;

use super::error::IndexError;

/// When nobody waits for an answer any more; None for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadline(pub Option<Instant>);

impl Deadline {
    /// # Errors
    /// [`IndexError::Late`] once it has passed.
    pub(super) fn check(self) -> Result<(), IndexError> {
        match self.0 {
            Some(at) if at <= Instant::now() => Err(IndexError::Late),
            _ => Ok(()),
        }
    }
}
