//! Streams of numbers, written side by side: in memory while they are few, in a temporary file when they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// How many numbers of a stream are gathered before they are put away.
const CHUNK: usize = 1 << 12;
/// The most numbers of a record.
const MAX_RECORD: usize = 3;

/// What streams are made of.
pub(super) trait Number: Copy + Default {
    /// As they lie in the temporary file.
    fn to_bytes(numbers: &[Self]) -> Cow<'_, [u8]>;
    fn from_bytes(bytes: Vec<u8>) -> Vec<Self>;
}

impl Number for u8 {
    fn to_bytes(numbers: &[Self]) -> Cow<'_, [u8]> {
        Cow::Borrowed(numbers)
    }

    fn from_bytes(bytes: Vec<u8>) -> Vec<Self> {
        bytes
    }
}

impl Number for u64 {
    fn to_bytes(numbers: &[Self]) -> Cow<'_, [u8]> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn from_bytes(bytes: Vec<u8>) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|number| Self::from_le_bytes(*number)).collect()
    }
}

impl Number for u32 {
    fn to_bytes(numbers: &[Self]) -> Cow<'_, [u8]> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn from_bytes(bytes: Vec<u8>) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|number| Self::from_le_bytes(*number)).collect()
    }
}

/// Streams of numbers. A stream is read back as the chunks that it was put away in, from any number of threads.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    streams: Vec<Stream<T>>,
    /// How many numbers may still stay in memory.
    room: usize,
    /// What does not; made when it is needed.
    file: Option<File>,
    file_bytes: u64,
    /// The first error; it is reported by [`Self::finish`].
    failed: Option<io::Error>,
}

#[derive(Debug, Default)]
struct Stream<T> {
    open: Vec<T>,
    chunks: Vec<Chunk<T>>,
}

#[derive(Debug)]
enum Chunk<T> {
    Memory(Vec<T>),
    /// So many numbers from this byte of the file on.
    File {
        start: u64,
        len: usize,
    },
}

impl<T: Number> Chunks<T> {
    /// So many empty streams, which together keep about so many bytes in memory.
    pub(super) fn new(stream_count: usize, in_memory_bytes: usize) -> Self {
        Self {
            streams: std::iter::repeat_with(Stream::default).take(stream_count).collect(),
            room: in_memory_bytes / size_of::<T>(),
            file: None,
            file_bytes: 0,
            failed: None,
        }
    }

    /// Appends to a stream a record of so many numbers, the first ones of `record`. No record is parted between chunks.
    #[inline]
    pub(super) fn push<const N: usize>(&mut self, stream: usize, record: [T; N], len: usize) {
        const { assert!(N <= MAX_RECORD) };
        if self.streams[stream].open.len() + MAX_RECORD > self.streams[stream].open.capacity() {
            self.put_open_away(stream);
        }
        let open = &mut self.streams[stream].open;
        // All of the record, which is one move, and then back to its end.
        let end = open.len() + len;
        open.extend_from_slice(&record);
        open.truncate(end);
    }

    #[cold]
    fn put_open_away(&mut self, stream: usize) {
        let full = std::mem::replace(&mut self.streams[stream].open, Vec::with_capacity(CHUNK));
        self.put_away(stream, full);
    }

    /// Appends a chunk to a stream.
    pub(super) fn put_away(&mut self, stream: usize, chunk: Vec<T>) {
        if chunk.is_empty() {
            return;
        }
        let chunk = if let Some(room) = self.room.checked_sub(chunk.len()) {
            self.room = room;
            Chunk::Memory(chunk)
        } else {
            let place = Chunk::File { start: self.file_bytes, len: chunk.len() };
            if self.failed.is_none() {
                self.failed = self.write(&chunk).err();
            }
            place
        };
        self.streams[stream].chunks.push(chunk);
    }

    fn write(&mut self, chunk: &[T]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let bytes = T::to_bytes(chunk);
        file.write_all_at(&bytes, self.file_bytes)?;
        self.file_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Puts away what is still gathered.
    ///
    /// # Errors
    /// If the temporary file could not be made or written: then, or before.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for stream in 0..self.streams.len() {
            let open = std::mem::take(&mut self.streams[stream].open);
            self.put_away(stream, open);
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// The chunks of a stream in their order; what was not put away is not among them.
    pub(super) fn of(&self, stream: usize) -> impl Iterator<Item = io::Result<Cow<'_, [T]>>> {
        self.streams[stream].chunks.iter().map(|chunk| match chunk {
            Chunk::Memory(numbers) => Ok(Cow::Borrowed(&numbers[..])),
            &Chunk::File { start, len } => self.read(start, len).map(Cow::Owned),
        })
    }

    /// The chunks of the first stream, to keep.
    pub(super) fn into_first(mut self) -> impl Iterator<Item = io::Result<Vec<T>>> {
        let chunks = self.streams.first_mut().map(|stream| std::mem::take(&mut stream.chunks)).unwrap_or_default();
        chunks.into_iter().map(move |chunk| match chunk {
            Chunk::Memory(numbers) => Ok(numbers),
            Chunk::File { start, len } => self.read(start, len),
        })
    }

    /// How many numbers the chunks of a stream have.
    pub(super) fn len_of(&self, stream: usize) -> usize {
        let len = |chunk: &Chunk<T>| match chunk {
            Chunk::Memory(numbers) => numbers.len(),
            Chunk::File { len, .. } => *len,
        };
        self.streams[stream].chunks.iter().map(len).sum()
    }

    fn read(&self, start: u64, len: usize) -> io::Result<Vec<T>> {
        let file = self.file.as_ref().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no temporary file"))?;
        let mut bytes = vec![0; len * size_of::<T>()];
        file.read_exact_at(&mut bytes, start)?;
        Ok(T::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_come_back_whole_from_memory_and_from_a_file() {
        for in_memory_bytes in [0, 100_000, 1 << 30] {
            let mut chunks = Chunks::new(4, in_memory_bytes);
            // A record is a length and so many numbers of its own.
            for number in 0..30_000u32 {
                let record = [number % 3, number, number + 1];
                chunks.push(number as usize % 4, record, 1 + number as usize % 3);
            }
            chunks.finish().expect("a temporary file");
            chunks.put_away(1, vec![0; 10_000]);
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
