//! How to read a corpus.

use super::{End, FieldNames, Format};

/// What to do about a bad line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// End the run.
    #[default]
    Fail,
    /// Skip and count it.
    Skip,
}

/// How to read a corpus.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The format; None decides by the file's name, or else by its first bytes.
    pub format: Option<Format>,
    /// Whether prose is an article rather than a file of an unknown format.
    pub takes_text: bool,
    /// The delimiter of CSV; None decides by the file's name, or else by the header.
    pub delimiter: Option<u8>,
    /// Which field is what.
    pub names: FieldNames,
    /// Called once per kind of data that an input has and that is not used.
    pub warn: Option<fn(&str)>,
    /// What to do about a bad line.
    pub on_error: OnError,
    /// Worker threads, clamped to between 1 and [`Options::MAX_THREADS`].
    pub threads: usize,
    /// Where the inputs that were read before ended, if any.
    pub after: Option<End>,
}

impl Options {
    /// The most threads: more than a machine has use for, and few enough to start.
    pub const MAX_THREADS: usize = 256;

    /// The number of workers.
    pub fn workers(&self) -> usize {
        self.threads.clamp(1, Self::MAX_THREADS)
    }
}
