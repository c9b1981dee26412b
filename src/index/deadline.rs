//! The deadline of a call.

use std::time::Instant;

use super::error::IndexError;

/// When a call is given up; None for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadline(pub Option<Instant>);

impl Deadline {
    /// Checks that it has not passed.
    ///
    /// # Errors
    /// [`IndexError::Late`] once it has passed.
    pub(super) fn check(self) -> Result<(), IndexError> {
        match self.0 {
            Some(at) if at <= Instant::now() => Err(IndexError::Late),
            _ => Ok(()),
        }
    }
}
