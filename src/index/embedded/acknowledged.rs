//! How far the last journal was acknowledged, in a file of its own.
//!
//! It is written after a group of writes is synced and before anybody is told, and is not synced
//! itself: after a crash of the machine it may say too little, and never too much. So it tells a
//! write that was cut off from one that was damaged.
//!
//! The file has two places, written in turn: `[number u64][bytes u64][turn u64][the first 8 bytes
//! of SHA-256 over them]`, little-endian.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files;

/// The file's name.
pub(super) const FILE: &str = "acknowledged";
const FIELDS_BYTES: usize = 24;
const PLACE_BYTES: usize = 32;
/// The places lie in sectors of their own.
const PLACE_STRIDE: usize = 512;
const FILE_BYTES: usize = 2 * PLACE_STRIDE;

/// How far all was acknowledged: a journal, and how many of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) journal: u64,
    pub(super) bytes: u64,
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    turn: u64,
}

fn place(mark: Mark, turn: u64) -> [u8; PLACE_BYTES] {
    let mut place = [0; PLACE_BYTES];
    for (at, number) in [mark.journal, mark.bytes, turn].into_iter().enumerate() {
        place[8 * at..8 * at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let sum = Sha256::digest(&place[..FIELDS_BYTES]);
    place[FIELDS_BYTES..].copy_from_slice(&sum[..PLACE_BYTES - FIELDS_BYTES]);
    place
}

impl Acknowledged {
    /// Makes the file, durably, in place of what is there.
    pub(super) fn create(directory: &Path, mark: Mark) -> io::Result<Self> {
        let mut content = vec![0; FILE_BYTES];
        for turn in [0, 1] {
            content[turn * PLACE_STRIDE..turn * PLACE_STRIDE + PLACE_BYTES]
                .copy_from_slice(&place(mark, turn as u64));
        }
        Ok(Self { file: files::replace(directory, FILE, &content)?, turn: 2 })
    }

    /// Says how far all is acknowledged now.
    pub(super) fn advance(&mut self, mark: Mark) {
        let offset = (self.turn % 2) * PLACE_STRIDE as u64;
        if let Err(error) = self.file.write_all_at(&place(mark, self.turn), offset) {
            // What is acknowledged is on the disk. It is only told from damage less surely.
            tracing::warn!(%error, "cannot note how far the journal is acknowledged");
        }
        self.turn += 1;
    }
}

/// What the file of a directory says; None if it is not there, or neither of its places is sound.
pub(super) fn read(directory: &Path) -> io::Result<Option<Mark>> {
    let content = match fs::read(directory.join(FILE)) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mark = |start: usize| {
        let found: [u8; PLACE_BYTES] = *content.get(start..)?.first_chunk()?;
        let number =
            |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| found[8 * at + byte]));
        let (mark, turn) = (Mark { journal: number(0), bytes: number(1) }, number(2));
        (place(mark, turn) == found).then_some((turn, mark))
    };
    Ok([0, PLACE_STRIDE].into_iter().filter_map(mark).max().map(|(_, mark)| mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mark_counts_and_a_damaged_one_leaves_the_one_before() {
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
            let found = read(directory.path()).expect("readable").expect("one place is sound");
            assert!(found == marks[3] || found == marks[2], "byte {byte}: {found:?}");
        }
        fs::write(directory.path().join(FILE), &whole[..20]).expect("room");
        assert_eq!(read(directory.path()).expect("readable"), None);
    }
}
