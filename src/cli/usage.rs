//! A wrong use of the command line that clap cannot detect.

/// What is wrong, in words. Ends the command with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);
