//! Word vectors of frequent English stems, which are embedded in the binary.
//!
//! They are GloVe's, made smaller (docs/ranking.md). Like the background, they are fixed, so that
//! the similarity of two articles does not change as the archive grows (ADR 18).

use std::sync::LazyLock;

use super::term_key::TermKey;

/// The size of a word vector.
pub const DIMENSIONS: usize = 48;

/// A word vector, in a unit common to all of them.
pub type WordVector = [i8; DIMENSIONS];

/// `[magic: 8][terms: u32][fingerprint: u32 ...][word vector: 48 bytes ...]`, little-endian, by
/// ascending fingerprint. Made by `tools/build-word-vectors`.
const FILE: &[u8] = include_bytes!("word_vectors.bin");
const MAGIC: &[u8; 8] = b"SLWORDV1";

static WORD_VECTORS: LazyLock<WordVectors> =
    // The file is part of the binary, and every test of the ranking reads it.
    LazyLock::new(|| {
        WordVectors::parse(FILE).expect("the embedded word vectors are well-formed")
    });

/// The word vectors of many terms.
#[derive(Debug)]
pub struct WordVectors {
    /// By the fingerprint's upper 16 bits: where its terms begin.
    starts: Vec<u16>,
    fingerprints: Vec<u32>,
    vectors: Vec<WordVector>,
}

impl WordVectors {
    /// The embedded word vectors.
    pub(super) fn get() -> &'static Self {
        &WORD_VECTORS
    }

    /// The word vector of a term, if it is known.
    #[inline]
    pub(super) fn find(&self, term: TermKey) -> Option<&WordVector> {
        let fingerprint = term.fingerprint();
        let bucket = (fingerprint >> 16) as usize;
        let (start, end) = (usize::from(self.starts[bucket]), usize::from(self.starts[bucket + 1]));
        let place = self.fingerprints[start..end].iter().position(|found| *found == fingerprint)?;
        Some(&self.vectors[start + place])
    }

    /// All word vectors, with a term of the same fingerprint for each.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (TermKey, &WordVector)> {
        let terms =
            self.fingerprints.iter().map(|fingerprint| TermKey::of_bits((*fingerprint).into()));
        terms.zip(&self.vectors)
    }

    /// Encodes word vectors, the most important first: of two terms that share a fingerprint, the
    /// first one counts. At most 65,535 are encoded.
    pub fn encode(vectors: impl IntoIterator<Item = (TermKey, WordVector)>) -> Vec<u8> {
        let keyed = vectors.into_iter().take(usize::from(u16::MAX));
        let mut vectors: Vec<(u32, WordVector)> =
            keyed.map(|(term, vector)| (term.fingerprint(), vector)).collect();
        // The sort keeps the order of equal fingerprints.
        vectors.sort_by_key(|(fingerprint, _)| *fingerprint);
        vectors.dedup_by_key(|(fingerprint, _)| *fingerprint);
        let mut file = MAGIC.to_vec();
        file.extend((vectors.len() as u32).to_le_bytes());
        vectors.iter().for_each(|(fingerprint, _)| file.extend(fingerprint.to_le_bytes()));
        vectors.iter().for_each(|(_, vector)| file.extend(vector.map(i8::cast_unsigned)));
        file
    }

    fn parse(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(MAGIC)?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::from(u16::try_from(u32::from_le_bytes(*count)).ok()?);
        let (fingerprints, vectors) = rest.split_at_checked(count * 4)?;
        if vectors.len() != count * DIMENSIONS {
            return None;
        }
        let (fingerprints, _) = fingerprints.as_chunks::<4>();
        let fingerprints: Vec<u32> =
            fingerprints.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        if !fingerprints.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let (vectors, _) = vectors.as_chunks::<DIMENSIONS>();
        let vectors = vectors.iter().map(|bytes| bytes.map(u8::cast_signed)).collect();
        let starts = (0..=1_u64 << 16)
            .map(|bucket| {
                fingerprints.partition_point(|found| u64::from(*found) < bucket << 16) as u16
            })
            .collect();
        Some(Self { starts, fingerprints, vectors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(stem: &str) -> TermKey {
        TermKey::of_stem(stem)
    }

    #[test]
    fn word_vectors_are_read_as_they_were_written() {
        let (one, two) = ([1; DIMENSIONS], [-128; DIMENSIONS]);
        let file = WordVectors::encode([(key("b"), one), (key("a"), two), (key("b"), two)]);
        let vectors = WordVectors::parse(&file).expect("word vectors");
        let found = ["a", "b", "c"].map(|stem| vectors.find(key(stem)));
        assert_eq!(found, [Some(&two), Some(&one), None]);
    }

    #[test]
    fn malformed_word_vectors_are_refused() {
        let file = WordVectors::encode([(key("a"), [1; DIMENSIONS]), (key("b"), [2; DIMENSIONS])]);
        for length in 0..file.len() {
            assert!(WordVectors::parse(&file[..length]).is_none(), "{length} bytes");
        }
        let mut swapped = file.clone();
        let (one, two) = swapped[12..20].split_at_mut(4);
        one.swap_with_slice(two);
        assert!(WordVectors::parse(&swapped).is_none());
    }

    #[test]
    fn words_of_one_field_are_closer_than_others() {
        let product = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|stem| WordVectors::get().find(key(stem)));
            let products = one.expect("frequent").iter().zip(other.expect("frequent"));
            products.map(|(one, other)| i32::from(*one) * i32::from(*other)).sum::<i32>()
        };
        assert!(product("doctor", "hospit") > 4 * product("doctor", "tax").max(1));
        assert!(product("footbal", "basketbal") > 4 * product("footbal", "senat").max(1));
    }
}
