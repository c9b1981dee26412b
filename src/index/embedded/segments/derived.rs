//! The data derived from a segment's articles for searches, as one file.
//!
//! ```text
//! the vectors   concatenated (`vectors`)
//! the articles  [index of the first term u32, squared length of the vector u64]; one more at the
//! end
//! the meanings  one byte per dimension
//! the pages     of postings, and their heads (`postings`)
//! the end       [offset of the articles u64][number of articles u32][number of pages u32]
//!               [the first 16 bytes of SHA-256 over everything before]
//! ```
//!
//! All numbers are little-endian.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};
use tantivy::directory::OwnedBytes;

use super::checksummed::Output;
use super::fetch::fetch;
use super::postings::{self, PAGE_HEAD_BYTES, Postings};
use super::vectors::{COUNTED_TERM_BYTES, PackedVector};
use crate::index::meaning::Meaning;
use crate::index::word_vectors::DIMENSIONS;

const ARTICLE_BYTES: usize = 12;
const END_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 16;

/// The vectors and postings of a segment.
#[derive(Debug)]
pub(super) struct Derived {
    bytes: OwnedBytes,
    articles: Vec<ArticleAt>,
    /// The offset of the meanings.
    meanings: usize,
    pub(super) postings: Postings,
}

/// The position of an article's vector, in terms, and its squared length.
#[derive(Debug, Clone, Copy)]
struct ArticleAt {
    start: u32,
    size: u32,
    squared_length: u64,
}

impl Derived {
    /// Parses these bytes without verifying their checksum; None if they are malformed.
    pub(super) fn parse(bytes: OwnedBytes) -> Option<Self> {
        let content_end = bytes.len().checked_sub(CHECKSUM_BYTES)?;
        let end = content_end.checked_sub(END_BYTES)?;
        let tail = &bytes[end..content_end];
        let table = usize::try_from(u64::from_le_bytes(tail[..8].try_into().ok()?)).ok()?;
        let article_count = u32::from_le_bytes(tail[8..12].try_into().ok()?) as usize;
        let page_count = u32::from_le_bytes(tail[12..].try_into().ok()?) as usize;
        let heads = end.checked_sub(page_count.checked_mul(PAGE_HEAD_BYTES)?)?;
        let table_end = table
            .checked_add((article_count + 1).checked_mul(ARTICLE_BYTES)?)
            .filter(|end| *end <= heads)?;
        let rows = bytes[table..table_end].chunks_exact(ARTICLE_BYTES).map(|row| {
            let (start, squared_length) = row.split_at(4);
            Some((
                u32::from_le_bytes(start.try_into().ok()?),
                u64::from_le_bytes(squared_length.try_into().ok()?),
            ))
        });
        let rows: Vec<(u32, u64)> = rows.collect::<Option<_>>()?;
        let (last, _) = rows.last()?;
        if (*last as usize).checked_mul(COUNTED_TERM_BYTES)? > table {
            return None;
        }
        let article = |rows: &[(u32, u64)]| {
            let (start, squared_length) = rows[0];
            Some(ArticleAt { start, size: rows[1].0.checked_sub(start)?, squared_length })
        };
        let articles = rows.windows(2).map(article).collect::<Option<_>>()?;
        if article_count.checked_mul(DIMENSIONS)? > heads - table_end {
            return None;
        }
        let postings = Postings::parse(bytes.clone(), heads..end)?;
        Some(Self { bytes, articles, meanings: table_end, postings })
    }

    /// As [`Self::parse`], if the bytes match their checksum.
    pub(super) fn parse_checked(bytes: OwnedBytes) -> Option<Self> {
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if Sha256::digest(content)[..CHECKSUM_BYTES] == *sum { Self::parse(bytes) } else { None }
    }

    /// The number of articles.
    pub(super) fn article_count(&self) -> u32 {
        self.articles.len() as u32
    }

    /// The bytes of an article's vector.
    #[inline]
    pub(super) fn vector(&self, article: u32) -> &[u8] {
        let ArticleAt { start, size, .. } = self.articles[article as usize];
        let start = start as usize * COUNTED_TERM_BYTES;
        &self.bytes[start..start + size as usize * COUNTED_TERM_BYTES]
    }

    #[inline]
    fn meaning_bytes(&self, article: u32) -> &[u8] {
        let start = self.meanings + article as usize * DIMENSIONS;
        &self.bytes[start..start + DIMENSIONS]
    }

    /// Fetches the meaning of an article.
    #[inline]
    pub(super) fn fetch_meaning(&self, article: u32) {
        fetch(self.meaning_bytes(article));
    }

    /// The meaning of an article.
    #[inline]
    pub(super) fn meaning(&self, article: u32) -> Meaning {
        let mut bytes = [0; DIMENSIONS];
        bytes.copy_from_slice(self.meaning_bytes(article));
        Meaning(bytes.map(u8::cast_signed))
    }

    /// The vector of an article, without a copy of its terms.
    pub(super) fn packed_vector(&self, article: u32) -> PackedVector<'_> {
        PackedVector {
            bytes: self.vector(article).into(),
            squared_length: self.squared_length(article),
            meaning: self.meaning(article),
        }
    }

    pub(super) fn squared_length(&self, article: u32) -> u64 {
        self.articles[article as usize].squared_length
    }
}

/// Writes the data derived from these vectors, which are in the order of the segment's articles.
pub(super) fn write(vectors: &[PackedVector<'_>], out: impl Write) -> io::Result<()> {
    let mut out = Output { out, sum: Sha256::new(), position: 0 };
    for vector in vectors {
        out.push(&vector.bytes)?;
    }
    let table = out.position;
    let mut start = 0;
    for vector in vectors {
        out.push(&term_number(start)?.to_le_bytes())?;
        out.push(&vector.squared_length.to_le_bytes())?;
        start += vector.bytes.len() / COUNTED_TERM_BYTES;
    }
    out.push(&term_number(start)?.to_le_bytes())?;
    out.push(&[0; 8])?;
    for vector in vectors {
        out.push(&vector.meaning.0.map(i8::cast_unsigned))?;
    }
    let page_count = postings::write(vectors, &mut out)?;
    out.push(&(table as u64).to_le_bytes())?;
    out.push(&(vectors.len() as u32).to_le_bytes())?;
    out.push(&page_count.to_le_bytes())?;
    let Output { mut out, sum, .. } = out;
    out.write_all(&sum.finalize()[..CHECKSUM_BYTES])?;
    out.flush()
}

fn term_number(number: usize) -> io::Result<u32> {
    u32::try_from(number)
        .map_err(|_| io::Error::other("a segment has more than 2^32 terms in its vectors"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::index::embedded::segments::vectors::terms;
    use crate::index::vector::{CountedTerm, Vector};

    /// Vectors of a few terms each, out of `distinct` ones.
    pub(in super::super) fn vectors(count: u64, distinct: u64) -> Vec<Vector> {
        let mixed = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let vector = |number: u64| {
            let mut terms: Vec<CountedTerm> = (0..number % 5)
                .map(|place| {
                    CountedTerm(
                        mixed(mixed(number + place) % distinct) >> 24 << 8
                            | (1 + (number + place) % 255),
                    )
                })
                .collect();
            terms.sort_unstable();
            terms.dedup_by_key(|term| term.key());
            let meaning =
                Meaning(std::array::from_fn(|dimension| (number * dimension as u64) as i8));
            Vector { terms, squared_length: number, meaning }
        };
        (0..count).map(vector).collect()
    }

    pub(in super::super) fn written(vectors: &[Vector]) -> Vec<u8> {
        let packed: Vec<PackedVector> = vectors.iter().map(PackedVector::from).collect();
        let mut bytes = Vec::new();
        write(&packed, &mut bytes).expect("memory is written to");
        bytes
    }

    #[test]
    fn every_article_has_its_vector() {
        for count in [0, 1, 70_000] {
            let vectors = vectors(count, 300);
            let derived =
                Derived::parse_checked(OwnedBytes::new(written(&vectors))).expect("it is sound");
            assert_eq!(u64::from(derived.article_count()), count);
            for (article, vector) in (0..).zip(&vectors) {
                assert!(
                    terms(derived.vector(article)).eq(vector.terms.iter().copied()),
                    "{article}"
                );
                assert_eq!(derived.squared_length(article), vector.squared_length);
                assert_eq!(derived.meaning(article), vector.meaning);
            }
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let whole = written(&vectors(300, 50));
        for place in (0..whole.len()).step_by(97) {
            let mut damaged = whole.clone();
            damaged[place] ^= 4;
            assert!(Derived::parse_checked(OwnedBytes::new(damaged)).is_none(), "byte {place}");
            assert!(
                Derived::parse_checked(OwnedBytes::new(whole[..place].to_vec())).is_none(),
                "{place} bytes"
            );
        }
    }
}
