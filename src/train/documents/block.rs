//! Some documents in a row, as they are kept and stored.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use crate::corpus::Ordinal;
use crate::train::lists::Lists;

/// zstd's level; higher ones make numbers hardly smaller (3 by 0.6 %, in more than twice the time).
const LEVEL: i32 = 1;
/// How many bytes say how long a value is.
const LENGTH_BYTES: usize = 4;

/// Documents as counted rows.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::train) struct Block {
    pub(in crate::train) ordinals: Vec<Ordinal>,
    /// By document: the fingerprints of [`crate::train::dictionary::CountedDocument`], title and
    /// body.
    pub(in crate::train) fingerprints: Vec<(u64, u64)>,
    /// By document: the numbers of its topics.
    pub(in crate::train) topics: Lists<u32>,
    /// By document: the numbers of its words, by ascending hash, each with its count.
    pub(in crate::train) words: Lists<(u32, u32)>,
    /// By document: its pairs, as the places of both words among its words, with their counts.
    pub(in crate::train) pairs: Lists<(u32, u32, u32)>,
}

impl Block {
    /// How many documents there are.
    pub(in crate::train) fn len(&self) -> usize {
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
    pub(in crate::train) fn entry_count(&self) -> usize {
        self.words.value_count() + self.pairs.value_count()
    }
}

/// Makes frames.
pub(super) struct Packer(Compressor<'static>);

impl Packer {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self(compressor))
    }

    /// A value as one frame of zstd: its length in postcard as four bytes, little-endian, and the
    /// value in postcard.
    pub(super) fn pack(&mut self, value: &impl Serialize) -> io::Result<Vec<u8>> {
        let content = postcard::to_extend(value, vec![0; LENGTH_BYTES]);
        let mut content: Vec<u8> = content.map_err(io::Error::other)?;
        let length = u32::try_from(content.len() - LENGTH_BYTES).map_err(io::Error::other)?;
        content[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        self.0.compress(&content)
    }
}

/// The value of a frame that a [`Packer`] made.
pub(super) fn unpack<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    let size = Decompressor::upper_bound(frame).ok_or(io::ErrorKind::InvalidData)?;
    let content = zstd::bulk::decompress(frame, size)?;
    decode(content.get(LENGTH_BYTES..).ok_or(io::ErrorKind::UnexpectedEof)?)
}

/// Reads the next value of decompressed frames, and takes no memory on their word.
pub(super) fn read<T: DeserializeOwned>(source: &mut impl Read) -> io::Result<T> {
    let mut length = [0; LENGTH_BYTES];
    source.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    let mut content = Vec::new();
    if source.take(length.into()).read_to_end(&mut content)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    decode(&content)
}

fn decode<T: DeserializeOwned>(content: &[u8]) -> io::Result<T> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let (value, rest) = postcard::take_from_bytes(content).map_err(invalid)?;
    if !rest.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is too long"));
    }
    Ok(value)
}
