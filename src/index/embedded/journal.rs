//! The journal: every change, appended and synced before it is acknowledged.
//!
//! A file is a row of frames, `[size of the record: u32][kind: u8][record]`, little-endian; a record carries its own checksum,
//! which the kind goes into. What a crash leaves half written at the end is cut off: none of it was acknowledged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::super::record::{self, Kind};
use super::super::{ArchivedArticle, ArticleId, RecordError};

const FRAME_HEAD_BYTES: usize = 5;

/// A change as the journal has it.
#[derive(Debug)]
pub(super) enum Change {
    Put { article: Box<ArchivedArticle>, record: Vec<u8> },
    Delete(ArticleId),
}

/// Appends a frame to what is about to be written.
pub(super) fn push_frame(buffer: &mut Vec<u8>, kind: Kind, record: &[u8]) {
    buffer.extend((record.len() as u32).to_le_bytes());
    buffer.push(kind as u8);
    buffer.extend(record);
}

/// The file of a journal.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("journal-{number:012}"))
}

/// The numbers of the journals in a directory, ascending.
pub(super) fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.strip_prefix("journal-")) {
            numbers.extend(number.parse::<u64>());
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What a journal holds.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) changes: Vec<Change>,
    /// How far it is good, in bytes.
    pub(super) good_bytes: u64,
    /// What is wrong with the rest; None if there is none.
    pub(super) rest: Option<Rest>,
}

/// What follows the good part of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) size_bytes: u64,
    pub(super) error: RecordError,
}

/// Reads a journal as far as it is good.
pub(super) fn read(path: &Path) -> io::Result<Replay> {
    let bytes = fs::read(path)?;
    let mut replay = Replay { changes: Vec::new(), good_bytes: 0, rest: None };
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match change(rest) {
            Ok((change, size)) => {
                replay.changes.push(change);
                replay.good_bytes += size as u64;
                rest = &rest[size..];
            }
            Err(error) => {
                replay.rest = Some(Rest { size_bytes: rest.len() as u64, error });
                break;
            }
        }
    }
    Ok(replay)
}

/// The first change of some frames, and the size of its frame.
fn change(bytes: &[u8]) -> Result<(Change, usize), RecordError> {
    let (head, rest) = bytes.split_first_chunk::<FRAME_HEAD_BYTES>().ok_or(RecordError::Checksum)?;
    let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let kind = Kind::of_byte(head[4]).ok_or(RecordError::Checksum)?;
    let bytes = rest.get(..size).ok_or(RecordError::Checksum)?;
    let change = match kind {
        Kind::Article => Change::Put { article: Box::new(record::to_article(bytes)?), record: bytes.to_vec() },
        Kind::Deletion => Change::Delete(record::to_deletion(bytes)?),
    };
    Ok((change, FRAME_HEAD_BYTES + size))
}

/// A journal that is written to.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) number: u64,
    file: File,
    size_bytes: u64,
    /// Whether what lies behind `size_bytes` could not be cut off.
    has_torn_end: bool,
}

impl Journal {
    /// Starts a new journal.
    pub(super) fn create(directory: &Path, number: u64) -> io::Result<Self> {
        let path = path(directory, number);
        // What lies there under this name was never acknowledged: it is the number that would have come next.
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
        sync_directory(directory)?;
        Ok(Self { number, file, size_bytes: 0, has_torn_end: false })
    }

    /// Goes on with a journal behind its good part; the rest of it is cut off.
    pub(super) fn resume(directory: &Path, number: u64, good_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path(directory, number))?;
        let mut journal = Self { number, file, size_bytes: good_bytes, has_torn_end: true };
        journal.cut_torn_end()?;
        Ok(journal)
    }

    /// Appends frames; when it comes back, they are on the disk. On an error none of them is in the journal.
    pub(super) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        self.cut_torn_end()?;
        let written = self.write(frames);
        if written.is_err() {
            self.has_torn_end = true;
            // If not now, then before the next frames: until then nothing else is acknowledged.
            let _ = self.cut_torn_end();
        }
        written
    }

    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.file.write_all(frames)?;
        self.file.sync_data()?;
        self.size_bytes += frames.len() as u64;
        Ok(())
    }

    fn cut_torn_end(&mut self) -> io::Result<()> {
        use std::io::Seek as _;
        if self.has_torn_end {
            self.file.set_len(self.size_bytes)?;
            self.file.seek(io::SeekFrom::Start(self.size_bytes))?;
            self.file.sync_data()?;
            self.has_torn_end = false;
        }
        Ok(())
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::ArticleText;

    fn frames(ids: &[&str]) -> Vec<u8> {
        let mut buffer = Vec::new();
        for id in ids {
            let article = ArchivedArticle::new(id.parse().expect("an id"), ArticleText { title: "Title", body: "" });
            push_frame(&mut buffer, Kind::Article, &record::of_article(&article));
        }
        buffer
    }

    fn ids(replay: &Replay) -> Vec<String> {
        let id = |change: &Change| match change {
            Change::Put { article, .. } => article.id.to_string(),
            Change::Delete(id) => format!("-{id}"),
        };
        replay.changes.iter().map(id).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_frames() {
        let directory = tempfile::tempdir().expect("a directory");
        let whole = frames(&["a", "b", "c"]);
        let frame = whole.len() / 3;
        let path = path(directory.path(), 1);
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).expect("a file");
            let replay = read(&path).expect("a journal");
            assert_eq!(ids(&replay), ["a", "b", "c"][..length / frame], "{length} bytes");
            assert_eq!(replay.rest.is_some(), length % frame > 0, "{length} bytes");
        }
    }

    #[test]
    fn frames_follow_the_good_part() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut bytes = frames(&["a"]);
        let good = bytes.len() as u64;
        bytes.extend(&frames(&["b"])[..20]);
        fs::write(path(directory.path(), 7), bytes).expect("a file");
        let mut journal = Journal::resume(directory.path(), 7, good).expect("a journal");
        journal.append(&frames(&["c"])).expect("room");
        let mut deletion = Vec::new();
        push_frame(&mut deletion, Kind::Deletion, &record::of_deletion(&"a".parse().expect("an id")));
        journal.append(&deletion).expect("room");
        let replay = read(&path(directory.path(), 7)).expect("a journal");
        assert_eq!((ids(&replay), replay.rest), (vec!["a".to_owned(), "c".to_owned(), "-a".to_owned()], None));
        assert_eq!(list(directory.path()).expect("a listing"), [7]);
    }
}
