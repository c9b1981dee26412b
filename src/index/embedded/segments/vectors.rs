//! The vectors of a segment's articles as bytes: six an entry, the term's 40 bits and the count,
//! little-endian, by ascending term.

use std::borrow::Cow;

use crate::index::vector::{Entry, Vector};

/// The bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 6;

/// A vector whose entries are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PackedVector<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) squared_length: u64,
}

impl PackedVector<'_> {
    /// The same, without a copy.
    pub(super) fn borrowed(&self) -> PackedVector<'_> {
        PackedVector { bytes: Cow::Borrowed(&self.bytes), squared_length: self.squared_length }
    }
}

impl From<&Vector> for PackedVector<'_> {
    fn from(vector: &Vector) -> Self {
        let mut bytes = Vec::with_capacity(vector.entries.len() * ENTRY_BYTES);
        for entry in &vector.entries {
            bytes.extend_from_slice(&entry.0.to_le_bytes()[..ENTRY_BYTES]);
        }
        Self { bytes: bytes.into(), squared_length: vector.squared_length }
    }
}

/// The entries of a vector.
#[inline]
pub(super) fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry> {
    let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
    entries.iter().map(|bytes| entry(*bytes))
}

/// The entry at a place of a vector; None behind its end.
#[inline]
pub(super) fn entry_at(bytes: &[u8], place: usize) -> Option<Entry> {
    let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
    entries.get(place).map(|bytes| entry(*bytes))
}

#[inline]
fn entry([a, b, c, d, e, f]: [u8; ENTRY_BYTES]) -> Entry {
    Entry(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_vector_has_the_entries_of_its_vector() {
        let vector = Vector {
            entries: vec![Entry(0), Entry(0x1234_5678_9a01), Entry((1 << 48) - 1)],
            squared_length: 7,
        };
        let packed = PackedVector::from(&vector);
        assert_eq!((packed.bytes.len(), packed.squared_length), (18, 7));
        assert_eq!(entries(&packed.bytes).collect::<Vec<_>>(), vector.entries);
        assert_eq!(
            [0, 2, 3].map(|place| entry_at(&packed.bytes, place)),
            [Some(Entry(0)), Some(Entry((1 << 48) - 1)), None]
        );
    }
}
