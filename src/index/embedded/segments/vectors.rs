//! The vectors of a segment's articles as bytes: six per term, of which 40 bits are the term,
//! ascending, the others its count, little-endian.

use std::borrow::Cow;

use crate::index::meaning::Meaning;
use crate::index::vector::{CountedTerm, Vector};

/// The size of a counted term.
pub(super) const COUNTED_TERM_BYTES: usize = 6;

/// A vector as bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PackedVector<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) squared_length: u64,
    pub(super) meaning: Meaning,
}

impl PackedVector<'_> {
    /// The same vector, without a copy.
    pub(super) fn borrowed(&self) -> PackedVector<'_> {
        let Self { bytes, squared_length, meaning } = self;
        PackedVector {
            bytes: Cow::Borrowed(bytes),
            squared_length: *squared_length,
            meaning: *meaning,
        }
    }
}

impl From<&Vector> for PackedVector<'_> {
    fn from(vector: &Vector) -> Self {
        let mut bytes = Vec::with_capacity(vector.terms.len() * COUNTED_TERM_BYTES);
        for term in &vector.terms {
            bytes.extend_from_slice(&term.0.to_le_bytes()[..COUNTED_TERM_BYTES]);
        }
        let Vector { squared_length, meaning, .. } = *vector;
        Self { bytes: bytes.into(), squared_length, meaning }
    }
}

/// The terms of a vector.
#[inline]
pub(super) fn terms(bytes: &[u8]) -> impl Iterator<Item = CountedTerm> {
    let (terms, _) = bytes.as_chunks::<COUNTED_TERM_BYTES>();
    terms.iter().map(|bytes| counted_term(*bytes))
}

/// The term at an index; None after the end.
#[inline]
pub(super) fn term_at(bytes: &[u8], index: usize) -> Option<CountedTerm> {
    let (terms, _) = bytes.as_chunks::<COUNTED_TERM_BYTES>();
    terms.get(index).map(|bytes| counted_term(*bytes))
}

#[inline]
fn counted_term([a, b, c, d, e, f]: [u8; COUNTED_TERM_BYTES]) -> CountedTerm {
    CountedTerm(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_vector_has_the_terms_of_its_vector() {
        let vector = Vector {
            terms: vec![CountedTerm(0), CountedTerm(0x1234_5678_9a01), CountedTerm((1 << 48) - 1)],
            squared_length: 7,
            meaning: Meaning::default(),
        };
        let packed = PackedVector::from(&vector);
        assert_eq!((packed.bytes.len(), packed.squared_length), (18, 7));
        assert_eq!(terms(&packed.bytes).collect::<Vec<_>>(), vector.terms);
        assert_eq!(
            [0, 2, 3].map(|place| term_at(&packed.bytes, place)),
            [Some(CountedTerm(0)), Some(CountedTerm((1 << 48) - 1)), None]
        );
    }
}
