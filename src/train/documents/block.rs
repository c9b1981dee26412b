//! Some documents in a row, as they are kept and stored.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zstd::bulk::Compressor;

use crate::corpus::Ordinal;
use crate::train::lists::Lists;

/// zstd's level; higher ones make numbers hardly smaller (3 by 0.6 %, in more than twice the time).
const LEVEL: i32 = 1;

/// Documents as counted rows.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Block {
    pub(crate) ordinals: Vec<Ordinal>,
    /// By document: the fingerprints of [`crate::train::dictionary::CountedDocument`], title and
    /// body.
    pub(crate) fingerprints: Vec<(u64, u64)>,
    /// By document: the numbers of its topics.
    pub(crate) topics: Lists<u32>,
    /// By document: the numbers of its words, by ascending hash, each with its count.
    pub(crate) words: Lists<(u32, u32)>,
    /// By document: its pairs, as the places of both words among its words, with their counts.
    pub(crate) pairs: Lists<(u32, u32, u32)>,
}

impl Block {
    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.ordinals.len()
    }

    /// Removes the documents; the memory is used again.
    pub(super) fn clear(&mut self) {
        self.ordinals.clear();
        self.fingerprints.clear();
        self.topics.clear();
        self.words.clear();
        self.pairs.clear();
    }

    /// How many words and pairs the documents have.
    pub(crate) fn entry_count(&self) -> usize {
        self.words.value_count() + self.pairs.value_count()
    }
}

/// A value in postcard.
pub(super) fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    postcard::to_allocvec(value).map_err(io::Error::other)
}

/// The value that [`encode`] was given.
pub(super) fn decode<T: DeserializeOwned>(content: &[u8]) -> io::Result<T> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let (value, rest) = postcard::take_from_bytes(content).map_err(invalid)?;
    if !rest.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "trailing bytes in a value"));
    }
    Ok(value)
}

/// Writes values as frames of zstd: the value's length in postcard as four bytes, little-endian,
/// and the value.
pub(super) struct FrameWriter<'a> {
    out: &'a mut dyn Write,
    compressor: Compressor<'static>,
}

impl<'a> FrameWriter<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self { out, compressor })
    }

    pub(super) fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.write_encoded(&encode(value)?)
    }

    /// As [`Self::write`], of what [`encode`] made.
    pub(super) fn write_encoded(&mut self, value: &[u8]) -> io::Result<()> {
        let length = u32::try_from(value.len()).map_err(io::Error::other)?;
        let content = [&length.to_le_bytes(), value].concat();
        self.out.write_all(&self.compressor.compress(&content)?)
    }
}

/// Reads the next value of decompressed frames, of at most so many bytes in postcard.
pub(super) fn read<T: DeserializeOwned>(source: &mut impl Read, most: u32) -> io::Result<T> {
    let mut length = [0; 4];
    source.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > most {
        let reason = format!("a value of {length} bytes where at most {most} are expected");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut content = Vec::new();
    if source.take(length.into()).read_to_end(&mut content)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    decode(&content)
}
