//! A journal that is appended to.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::frame::{self, Extent};
use super::header::{HEADER_BYTES, header};
use super::naming::{name, path};
use crate::index::ArticleId;
use crate::index::embedded::files;
use crate::index::record::Kind;

/// A journal that is appended to.
#[derive(Debug)]
pub(in crate::index::embedded) struct Journal {
    pub(in crate::index::embedded) number: u64,
    file: File,
    /// How much of it was acknowledged, including its header.
    size_bytes: u64,
    pub(super) acknowledged_before: u64,
    /// Whether bytes after `size_bytes` could not be truncated, or may partly be on the disk.
    pub(super) is_spent: bool,
}

/// Writes that are synced together, as frames.
#[derive(Debug)]
pub(in crate::index::embedded) struct Group {
    journal: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Group {
    /// Adds a frame and returns its position.
    pub(in crate::index::embedded) fn push(
        &mut self,
        kind: Kind,
        id: &ArticleId,
        record: &[u8],
    ) -> Extent {
        let offset = self.start + self.bytes.len() as u64;
        let before = self.bytes.len();
        frame::push(&mut self.bytes, self.journal, offset, self.start, (kind, id, record));
        // A journal ends long before 4 GiB: its size limits it, and a group is no larger than a few
        // messages.
        Extent {
            journal: self.journal,
            offset: offset as u32,
            size: (self.bytes.len() - before) as u32,
        }
    }
}

impl Journal {
    /// Creates a journal; `acknowledged_before` is how much of its predecessor was acknowledged, in
    /// bytes.
    pub(in crate::index::embedded) fn create(
        directory: &Path,
        number: u64,
        acknowledged_before: u64,
    ) -> io::Result<Self> {
        let file = files::replace(directory, &name(number), &header(number, acknowledged_before))?;
        Ok(Self { number, file, size_bytes: HEADER_BYTES, acknowledged_before, is_spent: false })
    }

    /// The journal for the next writes: this one, unless a failed write left its end uncertain.
    pub(in crate::index::embedded) fn usable(
        self,
        directory: &Path,
    ) -> Result<Self, (Self, io::Error)> {
        if !self.is_spent {
            return Ok(self);
        }
        let next = if self.size_bytes == HEADER_BYTES {
            // Nothing in it was acknowledged, so that a new one can replace it.
            Self::create(directory, self.number, self.acknowledged_before)
        } else {
            Self::create(directory, self.number + 1, self.size_bytes)
        };
        next.map_err(|error| (self, error))
    }

    /// How much of it was acknowledged, in bytes.
    pub(in crate::index::embedded) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Whether it is still where the next start looks for it.
    pub(in crate::index::embedded) fn is_at(&self, directory: &Path) -> io::Result<bool> {
        files::is_at(&self.file, &path(directory, self.number))
    }

    /// An empty group, to be appended next.
    pub(in crate::index::embedded) fn group(&self) -> Group {
        Group { journal: self.number, start: self.size_bytes, bytes: Vec::new() }
    }

    /// Appends a group durably.
    pub(in crate::index::embedded) fn append(&mut self, group: &Group) -> io::Result<()> {
        debug_assert_eq!((group.journal, group.start), (self.number, self.size_bytes));
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the journal was removed while it was open",
            ));
        }
        if let Err(error) = self.file.write_all(&group.bytes) {
            // Nothing was synced. If the file can be truncated, further groups may follow: a
            // smaller one may fit.
            self.is_spent = self.cut().is_err();
            return Err(error);
        }
        self.file.sync_data().inspect_err(|_| self.is_spent = true)?;
        self.size_bytes += group.bytes.len() as u64;
        Ok(())
    }

    /// Takes back the last group, which was not acknowledged.
    pub(in crate::index::embedded) fn take_back(&mut self, group: &Group) {
        debug_assert_eq!(
            (group.journal, group.start + group.bytes.len() as u64),
            (self.number, self.size_bytes)
        );
        self.size_bytes = group.start;
        // The file is ours, wherever it is now. If this fails, the next journal says how much of it
        // counts.
        self.is_spent = self.cut().and_then(|()| self.file.sync_data()).is_err();
    }

    /// Truncates the file after the acknowledged bytes.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.size_bytes)?;
        self.file.seek(io::SeekFrom::Start(self.size_bytes)).map(drop)
    }
}
