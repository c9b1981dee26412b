//! The journals: every change of the archive in order, and every article of it.
//!
//! ```text
//! [magic: 8 bytes][number u64][bytes of the journal before that were acknowledged u64]
//! [the first 16 bytes of SHA-256 over the above]
//! frames (`frame`)
//! ```
//!
//! All numbers are little-endian. A group of writes is appended and synced as a whole before it is
//! acknowledged. Nothing that was acknowledged is ever cut off or written over: an end that was
//! never acknowledged stays, and what follows goes into the next journal, whose head says how much
//! of this one counts. A journal is removed once all of it that is not superseded has been written
//! to a later one (`compact`).

mod frame;
mod scan;

pub(super) use frame::{Content, Extent, Frames, record_at};
pub(super) use scan::{Assured, Loss, scan};

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::files;
use crate::index::ArticleId;
use crate::index::record::Kind;

const MAGIC: [u8; 8] = *b"SLUGJNL4";
const SUM_BYTES: usize = 16;
/// Where the frames of a journal begin.
pub(super) const HEADER_BYTES: u64 = 40;
const PREFIX: &str = "journal-";

fn name(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

/// The file of a journal.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(name(number))
}

/// The numbers of the journals in a directory, ascending.
pub(super) fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) {
            numbers.extend(number.parse::<u64>());
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn header(number: u64, acknowledged_before: u64) -> Vec<u8> {
    let mut header = [MAGIC, number.to_le_bytes(), acknowledged_before.to_le_bytes()].concat();
    let sum = Sha256::digest(&header);
    header.extend_from_slice(&sum[..SUM_BYTES]);
    header
}

/// How many bytes of the journal before were acknowledged, by the header of journal `number`; None
/// if it is damaged.
pub(super) fn acknowledged_before(bytes: &[u8], number: u64) -> Option<u64> {
    let found = bytes.get(..HEADER_BYTES as usize)?;
    let before = u64::from_le_bytes(*found[16..].first_chunk()?);
    (found == header(number, before)).then_some(before)
}

/// A journal that is written to.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) number: u64,
    file: File,
    /// How much of it was acknowledged, its header included.
    size_bytes: u64,
    acknowledged_before: u64,
    /// Whether what lies behind `size_bytes` could not be cut off, or may be on the disk in part.
    is_spent: bool,
}

/// Writes that are synced together, as frames.
#[derive(Debug)]
pub(super) struct Group {
    journal: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Group {
    /// Adds a frame, and says where it will lie.
    pub(super) fn push(&mut self, kind: Kind, id: &ArticleId, record: &[u8]) -> Extent {
        let offset = self.start + self.bytes.len() as u64;
        let before = self.bytes.len();
        frame::push(&mut self.bytes, self.journal, offset, self.start, (kind, id, record));
        // A journal ends long before 4 GiB: it is frozen by its size, and a group is no larger than
        // a few messages.
        Extent {
            journal: self.journal,
            offset: offset as u32,
            size: (self.bytes.len() - before) as u32,
        }
    }
}

impl Journal {
    /// Starts a journal, of whose predecessor so much was acknowledged.
    pub(super) fn create(
        directory: &Path,
        number: u64,
        acknowledged_before: u64,
    ) -> io::Result<Self> {
        let file = files::replace(directory, &name(number), &header(number, acknowledged_before))?;
        Ok(Self { number, file, size_bytes: HEADER_BYTES, acknowledged_before, is_spent: false })
    }

    /// The journal that what comes next goes into: this one, unless writing to it failed so that
    /// nobody knows what is on the disk.
    pub(super) fn usable(self, directory: &Path) -> Result<Self, (Self, io::Error)> {
        if !self.is_spent {
            return Ok(self);
        }
        let next = if self.size_bytes == HEADER_BYTES {
            // Nothing of it was acknowledged: a new one takes its place.
            Self::create(directory, self.number, self.acknowledged_before)
        } else {
            Self::create(directory, self.number + 1, self.size_bytes)
        };
        next.map_err(|error| (self, error))
    }

    /// How much of it was acknowledged, in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Whether it still is where a start looks for it.
    pub(super) fn is_at(&self, directory: &Path) -> io::Result<bool> {
        files::is_at(&self.file, &path(directory, self.number))
    }

    /// A group that is to be appended next.
    pub(super) fn group(&self) -> Group {
        Group { journal: self.number, start: self.size_bytes, bytes: Vec::new() }
    }

    /// Appends a group; when it comes back, it is on the disk.
    pub(super) fn append(&mut self, group: &Group) -> io::Result<()> {
        debug_assert_eq!((group.journal, group.start), (self.number, self.size_bytes));
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the journal was removed while it was open",
            ));
        }
        if let Err(error) = self.file.write_all(&group.bytes) {
            // Nothing was synced. If it can be cut off again, others may follow: there may be room
            // for a smaller group.
            self.is_spent = self.cut().is_err();
            return Err(error);
        }
        self.file.sync_data().inspect_err(|_| self.is_spent = true)?;
        self.size_bytes += group.bytes.len() as u64;
        Ok(())
    }

    /// Takes back the group that was appended last, which nobody was told is stored.
    pub(super) fn refuse(&mut self, group: &Group) {
        debug_assert_eq!(
            (group.journal, group.start + group.bytes.len() as u64),
            (self.number, self.size_bytes)
        );
        self.size_bytes = group.start;
        // It is of our own file, wherever that lies now. Where that fails, the next journal says
        // what of it counts.
        self.is_spent = self.cut().and_then(|()| self.file.sync_data()).is_err();
    }

    /// Cuts off what lies behind what was acknowledged.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.size_bytes)?;
        self.file.seek(io::SeekFrom::Start(self.size_bytes)).map(drop)
    }
}

#[cfg(test)]
mod tests;
