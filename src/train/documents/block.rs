//! Some documents in a row, as they are kept and stored.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::corpus::Ordinal;
use crate::train::lists::Lists;

/// zstd's level; higher ones make numbers hardly smaller (3 by 0.6 %, in more than twice the time).
const LEVEL: i32 = 1;

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

    /// How many words and pairs the documents have.
    pub(super) fn entry_count(&self) -> usize {
        self.words.value_count() + self.pairs.value_count()
    }
}

/// A value as one frame of zstd: its length in postcard as four bytes, little-endian, and the value
/// in postcard.
pub(super) fn pack(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let content = postcard::to_extend(value, vec![0; 4]).map_err(io::Error::other)?;
    let mut content: Vec<u8> = content;
    let length = u32::try_from(content.len() - 4).map_err(io::Error::other)?;
    content[..4].copy_from_slice(&length.to_le_bytes());
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut content.as_slice(), &mut encoder)?;
    encoder.finish()
}

/// The value of a frame that [`pack`] made.
pub(super) fn unpack<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    read(&mut zstd::Decoder::new(frame)?)
}

/// Reads the next value of decompressed frames, and takes no memory on their word.
pub(super) fn read<T: DeserializeOwned>(source: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    source.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    let mut content = Vec::new();
    if source.take(length.into()).read_to_end(&mut content)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let (value, rest) = postcard::take_from_bytes(&content).map_err(invalid)?;
    if !rest.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is too long"));
    }
    Ok(value)
}
