//! Streams of numbers, written side by side: in memory while they are few, in a temporary file when
//! they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zerocopy::IntoBytes as _;

use super::large::{Large, Number};

/// How many numbers a stream takes memory for at a time.
const SLOT: usize = 1 << 12;
/// How many bytes all of them together ask the system for at a time: a few large pages.
const EXTENT_BYTES: usize = 4 << 20;
/// The most numbers of a record.
const MAX_RECORD: usize = 3;

/// Streams of numbers. A stream is read back as the chunks that it was put away in, from any number
/// of threads.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    streams: Vec<Stream>,
    extents: Vec<Large<T>>,
    /// How many numbers of the last extent have a place.
    used: usize,
    /// How many numbers may still stay in memory.
    room: usize,
    /// What does not.
    file: Spill,
}

/// A temporary file, made when it is needed.
#[derive(Debug, Default)]
struct Spill {
    file: Option<File>,
    len: u64,
    /// The first error; it is reported by [`Chunks::finish`].
    failed: Option<io::Error>,
}

#[derive(Debug, Clone, Default)]
struct Stream {
    chunks: Vec<Chunk>,
    /// The slot that is written to: in which extent it is, where it begins, where the next number
    /// goes, and where it ends. None yet where all are 0.
    extent: usize,
    start: usize,
    next: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy)]
enum Chunk {
    /// So many numbers from this one of an extent on.
    Memory { extent: usize, start: usize, len: usize },
    /// So many numbers from this byte of the file on.
    File { start: u64, len: usize },
}

impl Chunk {
    fn len(self) -> usize {
        match self {
            Self::Memory { len, .. } | Self::File { len, .. } => len,
        }
    }
}

impl<T: Number> Chunks<T> {
    /// So many empty streams, which together keep about so many bytes in memory.
    pub(super) fn new(stream_count: usize, in_memory_bytes: usize) -> Self {
        let room = in_memory_bytes / size_of::<T>();
        Self {
            streams: vec![Stream::default(); stream_count],
            extents: Vec::new(),
            used: 0,
            room,
            file: Spill::default(),
        }
    }

    /// Appends to a stream a record of so many numbers, the first ones of `record`. No record is
    /// parted between chunks.
    #[inline(always)]
    pub(super) fn push<const K: usize>(&mut self, stream: usize, record: [T; K], len: usize) {
        const { assert!(K <= MAX_RECORD) };
        if self.streams[stream].next + MAX_RECORD > self.streams[stream].end {
            self.put_slot_away(stream);
        }
        let Stream { extent, next, .. } = &mut self.streams[stream];
        // All of the record, which is one move; the next one goes where this one ends.
        self.extents[*extent][*next..*next + K].copy_from_slice(&record);
        *next += len;
    }

    /// Puts away what is in a stream's slot, and gives it another one. Its first one it gets in any
    /// case: from there it is written to the file when there is no other.
    #[cold]
    fn put_slot_away(&mut self, stream: usize) {
        let Stream { extent, start, next, end, .. } = self.streams[stream];
        if end > 0 && self.room < SLOT {
            let full = self.extents[extent][start..next].as_bytes();
            let chunk = Chunk::File { start: self.file.append(full), len: next - start };
            self.streams[stream].chunks.push(chunk);
            self.streams[stream].next = start;
            return;
        }
        let new = self.take(SLOT);
        let stream = &mut self.streams[stream];
        if next > start {
            stream.chunks.push(Chunk::Memory { extent, start, len: next - start });
        }
        (stream.extent, stream.start) = new;
        (stream.next, stream.end) = (stream.start, stream.start + SLOT);
    }

    /// A place in memory for so many numbers: an extent and where in it.
    fn take(&mut self, len: usize) -> (usize, usize) {
        if self.extents.last().is_none_or(|last| self.used + len > last.len()) {
            self.extents.push(Large::zeros(len.max(EXTENT_BYTES / size_of::<T>())));
            self.used = 0;
        }
        let start = self.used;
        self.used += len;
        self.room = self.room.saturating_sub(len);
        (self.extents.len() - 1, start)
    }

    /// Appends a chunk to a stream.
    pub(super) fn append(&mut self, stream: usize, numbers: &[T]) {
        let len = numbers.len();
        if len == 0 {
            return;
        }
        let chunk = if len <= self.room {
            let (extent, start) = self.take(len);
            self.extents[extent][start..start + len].copy_from_slice(numbers);
            Chunk::Memory { extent, start, len }
        } else {
            Chunk::File { start: self.file.append(numbers.as_bytes()), len }
        };
        self.streams[stream].chunks.push(chunk);
    }

    /// Puts away what is still gathered.
    ///
    /// # Errors
    /// If the temporary file could not be made or written: then, or before.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for stream in &mut self.streams {
            if stream.next > stream.start {
                let len = stream.next - stream.start;
                stream.chunks.push(Chunk::Memory {
                    extent: stream.extent,
                    start: stream.start,
                    len,
                });
                stream.start = stream.next;
            }
        }
        self.file.failed.take().map_or(Ok(()), Err)
    }

    /// The chunks of a stream in their order; what was not put away is not among them.
    pub(super) fn of(&self, stream: usize) -> impl Iterator<Item = io::Result<Cow<'_, [T]>>> {
        self.streams[stream].chunks.iter().map(|chunk| match *chunk {
            Chunk::Memory { extent, start, len } => {
                Ok(Cow::Borrowed(&self.extents[extent][start..start + len]))
            }
            Chunk::File { start, len } => self.read(start, len).map(Cow::Owned),
        })
    }

    /// How many numbers the chunks of a stream have.
    pub(super) fn len_of(&self, stream: usize) -> usize {
        self.streams[stream].chunks.iter().map(|chunk| chunk.len()).sum()
    }

    fn read(&self, start: u64, len: usize) -> io::Result<Vec<T>> {
        let file = self
            .file
            .file
            .as_ref()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no temporary file"))?;
        let mut numbers = vec![T::new_zeroed(); len];
        file.read_exact_at(numbers.as_mut_bytes(), start)?;
        Ok(numbers)
    }
}

impl Spill {
    /// Writes to its end; returns where that was.
    fn append(&mut self, bytes: &[u8]) -> u64 {
        let start = self.len;
        if self.failed.is_none() {
            self.failed = self.try_to_append(bytes).err();
        }
        start
    }

    fn try_to_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all_at(bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_come_back_whole_from_memory_and_from_a_file() {
        for in_memory_bytes in [0, 100_000, 1 << 24] {
            let mut chunks = Chunks::<u32>::new(4, in_memory_bytes);
            // A record is a length and so many numbers of its own.
            for number in 0..600_000u32 {
                let record = [number % 3, number, number + 1];
                chunks.push(number as usize % 4, record, 1 + number as usize % 3);
            }
            chunks.finish().expect("a temporary file");
            chunks.append(1, &[0; 10_000]);
            assert_eq!(chunks.extents.len() > 1, in_memory_bytes == 1 << 24);
            assert_eq!(chunks.file.file.is_some(), in_memory_bytes < 1 << 24);
            for stream in 0..4usize {
                let mut next = stream as u32;
                let mut read = Vec::new();
                for chunk in chunks.of(stream) {
                    read.push(chunk.expect("readable").into_owned());
                }
                if stream == 1 {
                    assert_eq!(read.pop(), Some(vec![0; 10_000]));
                }
                for chunk in &read {
                    let mut rest = &chunk[..];
                    while let [length, numbers @ ..] = rest {
                        let (numbers, after) = numbers.split_at(*length as usize);
                        assert_eq!(*length, next % 3);
                        assert!(
                            numbers
                                .iter()
                                .zip(next..)
                                .all(|(number, expected)| *number == expected)
                        );
                        (rest, next) = (after, next + 4);
                    }
                }
                assert!(next >= 600_000, "{stream} ends at {next}");
            }
        }
    }
}
