//! A document as a row of counts, and its two stored forms: numbers in memory, postcard in a file.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};

use super::header::invalid;

/// A document as a row of counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row<'a> {
    /// Of title and body, as in [`crate::train::dictionary::CountedDocument`].
    pub(crate) fingerprints: (u64, u64),
    /// The numbers of its topics.
    pub(crate) topics: Cow<'a, [u32]>,
    /// The numbers of its words with their counts, by ascending hash of the word.
    pub(crate) words: Cow<'a, [[u32; 2]]>,
    /// Its pairs, as the indices of both words in `words`, with their counts; ascending.
    pub(crate) pairs: Cow<'a, [[u32; 3]]>,
}

impl<'a> Row<'a> {
    /// Appends the row as numbers.
    pub(super) fn append_to(&self, numbers: &mut Vec<u32>) {
        let (title, body) = self.fingerprints;
        numbers.extend([title, body].map(|n| [n as u32, (n >> 32) as u32]).as_flattened());
        let lengths = [self.topics.len(), self.words.len(), self.pairs.len()];
        numbers.extend(lengths.map(|length| length as u32));
        numbers.extend_from_slice(&self.topics);
        numbers.extend_from_slice(self.words.as_flattened());
        numbers.extend_from_slice(self.pairs.as_flattened());
    }

    /// The rows that [`Self::append_to`] appended.
    pub(crate) fn of(mut numbers: &'a [u32]) -> impl Iterator<Item = Self> {
        let mut take = move |count: usize| numbers.split_off(..count);
        std::iter::from_fn(move || {
            let head = take(7)?;
            let long = |at: usize| u64::from(head[at + 1]) << 32 | u64::from(head[at]);
            let [topics, words, pairs] = [head[4], head[5], head[6]].map(|length| length as usize);
            Some(Row {
                fingerprints: (long(0), long(2)),
                topics: take(topics)?.into(),
                words: take(2 * words)?.as_chunks().0.into(),
                pairs: take(3 * pairs)?.as_chunks().0.into(),
            })
        })
    }

    /// The rows in postcard, as a list.
    pub(super) fn encode(rows: &[Self]) -> io::Result<Vec<u8>> {
        postcard::to_allocvec(rows).map_err(io::Error::other)
    }

    /// Decodes what [`Self::encode`] encoded: row by row, as a forged list could take many times
    /// its bytes in memory.
    pub(super) fn decode(
        bytes: &[u8],
        mut take: impl FnMut(Row<'static>) -> io::Result<()>,
    ) -> io::Result<()> {
        let malformed = |error: postcard::Error| invalid(error.to_string());
        let (count, mut bytes) = postcard::take_from_bytes::<u64>(bytes).map_err(malformed)?;
        if count == 0 {
            return Err(invalid("a block without documents"));
        }
        for _ in 0..count {
            let (row, others) = postcard::take_from_bytes(bytes).map_err(malformed)?;
            bytes = others;
            take(row)?;
        }
        if bytes.is_empty() { Ok(()) } else { Err(invalid("trailing bytes in a value")) }
    }
}
