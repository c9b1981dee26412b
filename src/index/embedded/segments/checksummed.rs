//! A writer that adds up the checksum of what it writes.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// What is written, with its checksum so far.
pub(super) struct Output<W> {
    pub(super) out: W,
    pub(super) sum: Sha256,
    /// How much was written, in bytes.
    pub(super) position: usize,
}

impl<W: Write> Output<W> {
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.position += bytes.len();
        self.out.write_all(bytes)
    }
}
