//! The documents of one worker as counts, by its own ids: what the file that learning goes on from
//! is put together from.

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
    form: Form,
    /// One stream; no document is parted between chunks.
    chunks: Chunks<u8>,
    buffer: Vec<u8>,
    /// How many words there were.
    word_count: u32,
}

/// How the words of a document are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As in the file: the worker is the only one, and its ids are the file's numbers.
    Final,
    /// Four bytes a number, to be read and numbered anew: how many words they are, then by word its
    /// id, and in the last bit whether a count other than 1 follows.
    Draft,
}

impl BagWriter {
    /// For one of so many workers.
    pub(in super::super) fn new(worker_count: usize) -> Self {
        let form = if worker_count > 1 { Form::Draft } else { Form::Final };
        Self { form, chunks: Chunks::new(1, IN_MEMORY_BYTES), buffer: Vec::new(), word_count: 0 }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Appends the next document: the lengths of two parts, then its words by their ids, which are
    /// below 2^31, then its pairs by the words' places, as they stand in the file. Ids ascend as
    /// words first come; `text_of` has their texts.
    pub(in super::super) fn push<'a>(
        &mut self,
        terms: &CountedTerms,
        text_of: impl Fn(u32) -> &'a str,
    ) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; LENGTHS]);
        match self.form {
            Form::Final => self.put_final(&terms.words, text_of),
            Form::Draft => self.put_draft(&terms.words),
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
        let (words, pairs) =
            ((middle - start - LENGTHS) as u32, (self.buffer.len() - middle) as u32);
        self.buffer[start..start + 4].copy_from_slice(&words.to_le_bytes());
        self.buffer[start + 4..start + 8].copy_from_slice(&pairs.to_le_bytes());
        if self.buffer.len() >= CHUNK_BYTES {
            self.chunks.append(0, &self.buffer);
            self.buffer.clear();
        }
    }

    fn put_final<'a>(&mut self, words: &[CountedWord], text_of: impl Fn(u32) -> &'a str) {
        put(&mut self.buffer, words.len() as u64);
        for &CountedWord { id, count, .. } in words {
            put_with_flag(&mut self.buffer, id, count);
            if id == self.word_count {
                self.word_count += 1;
                put_text(&mut self.buffer, text_of(id));
            }
            put_count(&mut self.buffer, count);
        }
    }

    fn put_draft(&mut self, words: &[CountedWord]) {
        self.buffer.extend_from_slice(&(words.len() as u32).to_le_bytes());
        for &CountedWord { id, count, .. } in words {
            self.buffer.extend_from_slice(&(id << 1 | u32::from(count != 1)).to_le_bytes());
            if count != 1 {
                self.buffer.extend_from_slice(&count.to_le_bytes());
            }
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
    /// The next document: its words in the writer's form, and its pairs.
    pub(super) fn next(&mut self) -> io::Result<(&[u8], &[u8])> {
        if self.at == self.chunk.len() {
            self.chunk = self.chunks.next().ok_or(io::ErrorKind::UnexpectedEof)??;
            self.at = 0;
        }
        let truncated = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (lengths, rest) =
            self.chunk[self.at..].split_at_checked(LENGTHS).ok_or_else(truncated)?;
        let length = |part: usize| {
            u32::from_le_bytes(std::array::from_fn(|byte| lengths[4 * part + byte])) as usize
        };
        let (words, rest) = rest.split_at_checked(length(0)).ok_or_else(truncated)?;
        let (pairs, _) = rest.split_at_checked(length(1)).ok_or_else(truncated)?;
        self.at += LENGTHS + words.len() + pairs.len();
        Ok((words, pairs))
    }
}

/// The words of a document in [`Form::Draft`]: how many they are, and their ids with counts.
pub(super) fn draft_words(bytes: &[u8]) -> (u32, impl Iterator<Item = (u32, u32)>) {
    let mut numbers = bytes.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes));
    let len = numbers.next().unwrap_or_default();
    let words = std::iter::from_fn(move || {
        let record = numbers.next()?;
        let count = if record & 1 == 0 { 1 } else { numbers.next()? };
        Some((record >> 1, count))
    });
    (len, words)
}
