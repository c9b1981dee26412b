//! Where a record begins in its input.

use std::fmt;

/// Where a record begins in its input, displayed as `3` or `3:17`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line, from 1 on; 0 if the input is a single text.
    pub line: u64,
    /// The column in characters, from 1 on, where a record before it begins on the same line;
    /// otherwise 0, as the line alone names the record.
    pub column: u64,
}

impl From<u64> for Location {
    /// The first record on a line.
    fn from(line: u64) -> Self {
        Self { line, column: 0 }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            0 => write!(f, "{}", self.line),
            column => write!(f, "{}:{column}", self.line),
        }
    }
}
