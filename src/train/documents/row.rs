//! A document as a row of counts, and its serialised form.

use std::io;

use serde::{Deserialize, Serialize};

use crate::corpus::Ordinal;

/// A document as a row of counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) ordinal: Ordinal,
    /// Of title and body, as in [`crate::train::dictionary::CountedDocument`].
    pub(crate) fingerprints: (u64, u64),
    /// The numbers of its topics.
    pub(crate) topics: Vec<u32>,
    /// The numbers of its words with their counts, by ascending hash of the word.
    pub(crate) words: Vec<(u32, u32)>,
    /// Its pairs, as the indices of both words in `words`, with their counts; ascending.
    pub(crate) pairs: Vec<(u32, u32, u32)>,
}

impl Row {
    /// Appends the row in postcard.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend(postcard::to_allocvec(self).map_err(io::Error::other)?);
        Ok(())
    }

    /// The rows that [`Self::encode`] appended.
    pub(super) fn decode(mut bytes: &[u8]) -> impl Iterator<Item = io::Result<Self>> {
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let decoded = postcard::take_from_bytes(std::mem::take(&mut bytes));
            let row = decoded.map(|(row, others)| {
                bytes = others;
                row
            });
            Some(row.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
        })
    }
}
