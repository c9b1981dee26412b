//! Streams of numbers, written side by side: in memory while they are few, in a temporary file when they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zerocopy::IntoBytes as _;

use super::large::{Large, Number};

/// How many numbers a stream takes memory for at a time.
const SLOT: usize = 1 << 12;
/// The most numbers of a record.
const MAX_RECORD: usize = 3;

/// Streams of numbers. A stream is read back as the chunks that it was put away in, from any number of threads.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    streams: Vec<Stream>,
    memory: Large<T>,
    /// How many numbers of the memory have a place.
    used: usize,
    /// What finds none.
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

#[derive(Debug)]
struct Stream {
    chunks: Vec<Chunk>,
    /// The slot that is written to: where it begins, where the next number goes, and where it ends.
    start: usize,
    next: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy)]
enum Chunk {
    /// So many numbers from this one of the memory on.
    Memory { start: usize, len: usize },
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
        // Each stream has a slot of its own, from which it is written to the file when there is no other.
        let slot =
            |stream: usize| Stream { chunks: Vec::new(), start: stream * SLOT, next: stream * SLOT, end: (stream + 1) * SLOT };
        let used = stream_count * SLOT;
        let memory = Large::zeros(used + in_memory_bytes / size_of::<T>());
        Self { streams: (0..stream_count).map(slot).collect(), memory, used, file: Spill::default() }
    }

    /// Appends to a stream a record of so many numbers, the first ones of `record`. No record is parted between chunks.
    #[inline(always)]
    pub(super) fn push<const K: usize>(&mut self, stream: usize, record: [T; K], len: usize) {
        const { assert!(K <= MAX_RECORD) };
        if self.streams[stream].next + MAX_RECORD > self.streams[stream].end {
            self.put_slot_away(stream);
        }
        let next = &mut self.streams[stream].next;
        // All of the record, which is one move; the next one goes where this one ends.
        self.memory[*next..*next + K].copy_from_slice(&record);
        *next += len;
    }

    /// Puts away what is in a stream's slot, and gives it another one if there is one.
    #[cold]
    fn put_slot_away(&mut self, stream: usize) {
        let Stream { start, next, .. } = self.streams[stream];
        let new = self.place_for(SLOT);
        let chunk = match new {
            Some(_) => Chunk::Memory { start, len: next - start },
            None => Chunk::File { start: self.file.append(self.memory[start..next].as_bytes()), len: next - start },
        };
        let stream = &mut self.streams[stream];
        stream.chunks.push(chunk);
        stream.start = new.unwrap_or(start);
        (stream.next, stream.end) = (stream.start, stream.start + SLOT);
    }

    /// A place in memory for so many numbers, if there is any.
    fn place_for(&mut self, len: usize) -> Option<usize> {
        let place = self.used;
        (place + len <= self.memory.len()).then(|| {
            self.used += len;
            place
        })
    }

    /// Appends a chunk to a stream.
    pub(super) fn append(&mut self, stream: usize, numbers: &[T]) {
        if numbers.is_empty() {
            return;
        }
        let chunk = match self.place_for(numbers.len()) {
            Some(start) => {
                self.memory[start..][..numbers.len()].copy_from_slice(numbers);
                Chunk::Memory { start, len: numbers.len() }
            }
            None => Chunk::File { start: self.file.append(numbers.as_bytes()), len: numbers.len() },
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
                stream.chunks.push(Chunk::Memory { start: stream.start, len: stream.next - stream.start });
                stream.start = stream.next;
            }
        }
        self.file.failed.take().map_or(Ok(()), Err)
    }

    /// The chunks of a stream in their order; what was not put away is not among them.
    pub(super) fn of(&self, stream: usize) -> impl Iterator<Item = io::Result<Cow<'_, [T]>>> {
        self.streams[stream].chunks.iter().map(|chunk| match *chunk {
            Chunk::Memory { start, len } => Ok(Cow::Borrowed(&self.memory[start..start + len])),
            Chunk::File { start, len } => self.read(start, len).map(Cow::Owned),
        })
    }

    /// How many numbers the chunks of a stream have.
    pub(super) fn len_of(&self, stream: usize) -> usize {
        self.streams[stream].chunks.iter().map(|chunk| chunk.len()).sum()
    }

    fn read(&self, start: u64, len: usize) -> io::Result<Vec<T>> {
        let file = self.file.file.as_ref().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no temporary file"))?;
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
            for number in 0..30_000u32 {
                let record = [number % 3, number, number + 1];
                chunks.push(number as usize % 4, record, 1 + number as usize % 3);
            }
            chunks.finish().expect("a temporary file");
            chunks.append(1, &[0; 10_000]);
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
                        assert!(numbers.iter().zip(next..).all(|(number, expected)| *number == expected));
                        (rest, next) = (after, next + 4);
                    }
                }
                assert!(next >= 30_000, "{stream} ends at {next}");
            }
        }
    }
}
