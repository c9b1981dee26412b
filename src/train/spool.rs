//! Blocks of numbers for several passes over the corpus: the first ones in memory, the others in a
//! temporary file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The bytes of a spool that stay in memory.
const IN_MEMORY_BYTES: usize = 64 << 20;

/// Numbered blocks, from 0 on. Threads can read them concurrently.
#[derive(Debug, Default)]
pub(crate) struct Spool<T> {
    /// The first blocks.
    memory: Vec<Vec<T>>,
    memory_bytes: usize,
    /// The blocks after those in memory.
    file: Option<File>,
    /// Per block in the file: where it ends, in bytes.
    ends: Vec<u64>,
}

impl<T: Clone + FromBytes + IntoBytes + Immutable> Spool<T> {
    /// The number of blocks.
    pub(crate) fn len(&self) -> usize {
        self.memory.len() + self.ends.len()
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, mut values: Vec<T>) -> io::Result<()> {
        let bytes = values.as_slice().as_bytes();
        if self.file.is_none() && self.memory_bytes + bytes.len() <= IN_MEMORY_BYTES {
            self.memory_bytes += bytes.len();
            values.shrink_to_fit();
            self.memory.push(values);
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all(bytes)?;
        self.ends.push(self.ends.last().unwrap_or(&0) + bytes.len() as u64);
        Ok(())
    }

    /// The block with this number.
    pub(crate) fn read(&self, number: usize) -> io::Result<Cow<'_, [T]>> {
        let Some(number) = number.checked_sub(self.memory.len()) else {
            return Ok(Cow::Borrowed(&self.memory[number]));
        };
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut values =
            vec![T::new_zeroed(); (self.ends[number] - start) as usize / size_of::<T>()];
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(values.as_mut_slice().as_mut_bytes(), start)?;
        Ok(Cow::Owned(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_back_from_memory_and_from_the_file() {
        let block = |number: u32| (0..number * 10).map(|value| [value, number]).collect::<Vec<_>>();
        for room in [0, 300, 1 << 20] {
            let mut spool =
                Spool { memory_bytes: IN_MEMORY_BYTES - room, ..Spool::<[u32; 2]>::default() };
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
