//! The file that says how far the last journal was acknowledged.
//!
//! It is written after a group of writes is synced and before the callers are told, and is not
//! synced itself: after a crash of the machine it may say too little, but never too much. So it
//! distinguishes an interrupted write from a damaged one.
//!
//! The file has two slots, written alternately: `[journal u64][bytes u64][sequence number u64][the
//! first 8 bytes of SHA-256 over them]`, little-endian.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files;

/// The name of the file.
pub(super) const FILE: &str = "acknowledged";
const FIELDS_BYTES: usize = 24;
const SLOT_BYTES: usize = 32;
/// Each slot has a sector of its own.
const SLOT_STRIDE: usize = 512;
const FILE_BYTES: usize = 2 * SLOT_STRIDE;

/// How far writes are acknowledged: a journal, and how many of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) journal: u64,
    pub(super) bytes: u64,
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    sequence: u64,
}

fn slot(mark: Mark, sequence: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    for (at, number) in [mark.journal, mark.bytes, sequence].into_iter().enumerate() {
        slot[8 * at..8 * at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let sum = Sha256::digest(&slot[..FIELDS_BYTES]);
    slot[FIELDS_BYTES..].copy_from_slice(&sum[..SLOT_BYTES - FIELDS_BYTES]);
    slot
}

impl Acknowledged {
    /// Creates the file durably, replacing the one that is there.
    pub(super) fn create(directory: &Path, mark: Mark) -> io::Result<Self> {
        let mut content = vec![0; FILE_BYTES];
        for sequence in [0, 1] {
            content[sequence * SLOT_STRIDE..sequence * SLOT_STRIDE + SLOT_BYTES]
                .copy_from_slice(&slot(mark, sequence as u64));
        }
        Ok(Self { file: files::replace(directory, FILE, &content)?, sequence: 2 })
    }

    /// Records that writes up to here are acknowledged.
    pub(super) fn advance(&mut self, mark: Mark) {
        let offset = (self.sequence % 2) * SLOT_STRIDE as u64;
        if let Err(error) = self.file.write_all_at(&slot(mark, self.sequence), offset) {
            // The acknowledged writes are on the disk. Only telling them from damage becomes less
            // certain.
            tracing::warn!(%error, "cannot record how far the journal is acknowledged");
        }
        self.sequence += 1;
    }
}

/// The mark in the file of a directory; None if it does not exist, or neither slot is sound.
pub(super) fn read(directory: &Path) -> io::Result<Option<Mark>> {
    let content = match fs::read(directory.join(FILE)) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mark = |start: usize| {
        let found: [u8; SLOT_BYTES] = *content.get(start..)?.first_chunk()?;
        let number =
            |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| found[8 * at + byte]));
        let (mark, sequence) = (Mark { journal: number(0), bytes: number(1) }, number(2));
        (slot(mark, sequence) == found).then_some((sequence, mark))
    };
    Ok([0, SLOT_STRIDE].into_iter().filter_map(mark).max().map(|(_, mark)| mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mark_counts_unless_it_is_damaged() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path()).expect("readable"), None);
        let marks =
            [(1, 40), (1, 90), (1, 120), (2, 40)].map(|(journal, bytes)| Mark { journal, bytes });
        let mut file = Acknowledged::create(directory.path(), marks[0]).expect("room");
        for mark in marks {
            file.advance(mark);
            assert_eq!(read(directory.path()).expect("readable"), Some(mark));
        }
        let whole = fs::read(directory.path().join(FILE)).expect("a file");
        for byte in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1;
            fs::write(directory.path().join(FILE), damaged).expect("room");
            let found = read(directory.path()).expect("readable").expect("one slot is sound");
            assert!(found == marks[3] || found == marks[2], "byte {byte}: {found:?}");
        }
        fs::write(directory.path().join(FILE), &whole[..20]).expect("room");
        assert_eq!(read(directory.path()).expect("readable"), None);
    }
}
