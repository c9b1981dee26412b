//! The documents of one worker as counts, by its own ids: what the file that learning goes on from is put together from.

use std::borrow::Cow;
use std::io;

use super::super::chunks::Chunks;
use super::super::intern::{CountedPair, CountedTerms, CountedWord};
use super::write::{put, put_count, put_with_flag};

/// How much of a worker's documents stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 32 << 20;
/// The lengths of a document's two parts take so many bytes.
const LENGTHS: usize = 8;
/// What is gathered before it is put away, in bytes.
const CHUNK_BYTES: usize = 1 << 16;

/// Writes documents: in memory while they are few, in a temporary file when they are many.
#[derive(Debug)]
pub(in super::super) struct BagWriter {
    /// One stream; no document is parted between chunks.
    chunks: Chunks<u8>,
    buffer: Vec<u8>,
    /// How many words there were.
    word_count: u32,
}

impl Default for BagWriter {
    fn default() -> Self {
        Self { chunks: Chunks::new(1, IN_MEMORY_BYTES), buffer: Vec::new(), word_count: 0 }
    }
}

impl BagWriter {
    /// Appends the next document: the lengths of two parts, then its words by their ids, then its pairs by the words' places. Both are
    /// as they stand in the file, if there is no other worker. Ids ascend as words first come; `text_of` has their texts.
    pub(in super::super) fn push<'a>(&mut self, terms: &CountedTerms, text_of: impl Fn(u32) -> &'a str) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; LENGTHS]);
        put(&mut self.buffer, terms.words.len() as u64);
        for &CountedWord { id, count, .. } in &terms.words {
            put_with_flag(&mut self.buffer, id, count);
            if id == self.word_count {
                self.word_count += 1;
                put_text(&mut self.buffer, text_of(id));
            }
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
        let (words, pairs) = ((middle - start - LENGTHS) as u32, (self.buffer.len() - middle) as u32);
        self.buffer[start..start + 4].copy_from_slice(&words.to_le_bytes());
        self.buffer[start + 4..start + 8].copy_from_slice(&pairs.to_le_bytes());
        if self.buffer.len() >= CHUNK_BYTES {
            self.chunks.append(0, &self.buffer);
            self.buffer.clear();
        }
    }

    /// Ends the adding.
    ///
    /// # Errors
    /// If the temporary file could not be made or written: then, or before.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.chunks.append(0, &self.buffer);
        self.buffer = Vec::new();
        self.chunks.finish()
    }

    /// The documents, from the first one on.
    pub(super) fn bags(&self) -> Bags<'_, impl Iterator<Item = io::Result<Cow<'_, [u8]>>>> {
        Bags { chunks: self.chunks.of(0), chunk: Cow::Borrowed(&[]), at: 0 }
    }
}

/// Appends a text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what a [`BagWriter`] wrote.
pub(super) struct Bags<'a, I> {
    chunks: I,
    chunk: Cow<'a, [u8]>,
    /// Where the next document begins in the chunk.
    at: usize,
}

impl<'a, I: Iterator<Item = io::Result<Cow<'a, [u8]>>>> Bags<'a, I> {
    /// The next document: its words and its pairs, both as the file has them but for the words' numbers.
    pub(super) fn next(&mut self) -> io::Result<(&[u8], &[u8])> {
        if self.at == self.chunk.len() {
            self.chunk = self.chunks.next().ok_or(io::ErrorKind::UnexpectedEof)??;
            self.at = 0;
        }
        let truncated = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (lengths, rest) = self.chunk[self.at..].split_at_checked(LENGTHS).ok_or_else(truncated)?;
        let length = |part: usize| u32::from_le_bytes(std::array::from_fn(|byte| lengths[4 * part + byte])) as usize;
        let (words, rest) = rest.split_at_checked(length(0)).ok_or_else(truncated)?;
        let (pairs, _) = rest.split_at_checked(length(1)).ok_or_else(truncated)?;
        self.at += LENGTHS + words.len() + pairs.len();
        Ok((words, pairs))
    }
}

/// The words of a document: ids with counts.
#[derive(Debug)]
pub(super) struct Words<'a> {
    len: u64,
    bytes: &'a [u8],
    /// How many words there were before; counted on.
    word_count: &'a mut u32,
}

impl<'a> Words<'a> {
    /// The words in those bytes of a [`BagWriter`]'s.
    pub(super) fn new(bytes: &'a [u8], word_count: &'a mut u32) -> Self {
        let mut words = Self { len: 0, bytes, word_count };
        words.len = words.number().unwrap_or_default();
        words
    }

    /// How many they were.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
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
        let id = (value >> 1) as u32;
        if id == *self.word_count {
            *self.word_count += 1;
            let length = self.number()? as usize;
            self.bytes = self.bytes.get(length..)?;
        }
        let count = if value & 1 == 0 { 1 } else { self.number()? as u32 };
        Some((id, count))
    }
}
