//! How to read a corpus.

use super::{End, FieldNames, Format};

/// What a bad line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Ends the run.
    #[default]
    Fail,
    /// Is left out, and counted.
    Skip,
}

/// How to read a corpus.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The format; None means by the file's name, else by its first bytes.
    pub format: Option<Format>,
    /// Whether prose is an article, and not a file of an unknown format.
    pub takes_text: bool,
    /// What parts the columns of CSV; None means by the file's name, else by the header.
    pub delimiter: Option<u8>,
    /// Which field is what.
    pub names: FieldNames,
    /// Is told of each kind of data that an input has and nobody takes, once.
    pub warn: Option<fn(&str)>,
    /// What a bad line does.
    pub on_error: OnError,
    /// How many threads work on documents; 0 counts as 1, and more than [`Options::MAX_THREADS`] as
    /// that.
    pub threads: usize,
    /// What the inputs follow, when other inputs were read before.
    pub after: Option<End>,
}

impl Options {
    /// The most threads: more than any machine has a use for, and no more than a system gives.
    pub const MAX_THREADS: usize = 256;

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.threads.clamp(1, Self::MAX_THREADS)
    }
}
