//! The documents of one worker as counts, by its own ids: what the file that learning goes on from is put together from.

use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use tempfile::SpooledTempFile;

use super::super::intern::{CountedPair, CountedTerms, CountedWord};
use super::write::{put, put_count, put_with_flag};

/// How much of a worker's documents stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 32 << 20;
/// What is gathered before it is written, in bytes.
const BUFFER_BYTES: usize = 1 << 17;

/// Writes documents: in memory while they are few, in a temporary file when they are many.
#[derive(Debug)]
pub(in super::super) struct BagWriter {
    file: SpooledTempFile,
    buffer: Vec<u8>,
    /// The first error; it is reported when the documents are read.
    failed: Option<io::Error>,
}

impl Default for BagWriter {
    fn default() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY_BYTES), buffer: Vec::new(), failed: None }
    }
}

impl BagWriter {
    /// Appends the next document: the lengths of two parts, then its words by their ids, then its pairs by the words' places.
    pub(in super::super) fn push(&mut self, terms: &CountedTerms) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 8]);
        for &CountedWord { id, count, .. } in &terms.words {
            put_with_flag(&mut self.buffer, id, count);
            put_count(&mut self.buffer, count);
        }
        let middle = self.buffer.len();
        put(&mut self.buffer, terms.pairs.len() as u64);
        let mut last = 0;
        for &CountedPair { first, second, count } in &terms.pairs {
            put_with_flag(&mut self.buffer, first - last, count);
            put(&mut self.buffer, second.into());
            put_count(&mut self.buffer, count);
            last = first;
        }
        let (words, pairs) = ((middle - start - 8) as u32, (self.buffer.len() - middle) as u32);
        self.buffer[start..start + 4].copy_from_slice(&words.to_le_bytes());
        self.buffer[start + 4..start + 8].copy_from_slice(&pairs.to_le_bytes());
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// The documents, from the first one on.
    pub(super) fn into_bags(mut self) -> io::Result<Bags> {
        self.flush();
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.file.seek(SeekFrom::Start(0))?;
        Ok(Bags { reader: BufReader::with_capacity(BUFFER_BYTES, self.file), words: Vec::new(), pairs: Vec::new() })
    }
}

/// Reads what a [`BagWriter`] wrote.
pub(super) struct Bags {
    reader: BufReader<SpooledTempFile>,
    words: Vec<u8>,
    pairs: Vec<u8>,
}

impl Bags {
    /// The next document: its words (ids and counts, in the order of their hashes), and its pairs as the file has them.
    pub(super) fn next(&mut self) -> io::Result<(Words<'_>, &[u8])> {
        let mut lengths = [[0; 4]; 2];
        self.reader.read_exact(lengths.as_flattened_mut())?;
        for (part, length) in [&mut self.words, &mut self.pairs].into_iter().zip(lengths) {
            part.resize(u32::from_le_bytes(length) as usize, 0);
            self.reader.read_exact(part)?;
        }
        Ok((Words(&self.words), &self.pairs))
    }
}

/// The words of a document: ids with counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }
}

impl Iterator for Words<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let value = self.number()?;
        let count = if value & 1 == 0 { 1 } else { self.number()? as u32 };
        Some(((value >> 1) as u32, count))
    }
}
