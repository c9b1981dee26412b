//! A writer that computes the checksum of its output.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// An output with the checksum so far.
pub(super) struct Output<W> {
    pub(super) out: W,
    pub(super) sum: Sha256,
    /// How much has been written, in bytes.
    pub(super) position: usize,
}

impl<W: Write> Output<W> {
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.position += bytes.len();
        self.out.write_all(bytes)
    }
}
