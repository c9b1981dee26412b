//! Blocks of numbers that outlive a pass over the corpus: in memory while they are few, in a
//! temporary file when they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// How much of a spool stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 64 << 20;

/// Blocks by number, from 0 on. They are read by several threads at a time.
#[derive(Debug)]
pub(crate) struct Spool<T> {
    blocks: Vec<Block<T>>,
    /// What may still be kept in memory, in bytes.
    room: usize,
    file: Option<File>,
    /// How long the file is, in bytes.
    file_bytes: u64,
}

#[derive(Debug)]
enum Block<T> {
    Memory(Vec<T>),
    File { offset: u64, count: usize },
}

impl<T> Default for Spool<T> {
    fn default() -> Self {
        Self::with_room(IN_MEMORY_BYTES)
    }
}

impl<T> Spool<T> {
    fn with_room(room: usize) -> Self {
        Self { blocks: Vec::new(), room, file: None, file_bytes: 0 }
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }
}

impl<T: Clone + FromBytes + IntoBytes + Immutable> Spool<T> {
    /// Appends a block.
    pub(crate) fn push(&mut self, mut values: Vec<T>) -> io::Result<()> {
        let bytes = values.as_slice().as_bytes();
        if let Some(room) = self.room.checked_sub(bytes.len()) {
            self.room = room;
            values.shrink_to_fit();
            self.blocks.push(Block::Memory(values));
            return Ok(());
        }
        // From the first block without room on, all go to the file.
        self.room = 0;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all(bytes)?;
        self.blocks.push(Block::File { offset: self.file_bytes, count: values.len() });
        self.file_bytes += bytes.len() as u64;
        Ok(())
    }

    /// The block of a number.
    pub(crate) fn read(&self, number: usize) -> io::Result<Cow<'_, [T]>> {
        let (offset, count) = match &self.blocks[number] {
            Block::Memory(values) => return Ok(Cow::Borrowed(values)),
            Block::File { offset, count } => (*offset, *count),
        };
        let mut values = vec![T::new_zeroed(); count];
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(values.as_mut_slice().as_mut_bytes(), offset)?;
        Ok(Cow::Owned(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_back_from_memory_and_from_the_file() {
        let block = |number: u32| (0..number * 10).map(|value| [value, number]).collect::<Vec<_>>();
        for room in [0, 200, 1 << 20] {
            let mut spool = Spool::with_room(room);
            for number in 0..6 {
                spool.push(block(number)).expect("room on the disk");
            }
            for number in (0..6).rev() {
                let read = spool.read(number as usize).expect("a readable file");
                assert_eq!(*read, block(number), "block {number} with {room} bytes of room");
            }
            assert_eq!((spool.len(), spool.file.is_some()), (6, room < 1 << 20));
        }
    }
}
