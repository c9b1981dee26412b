//! The postings of a segment, by term. They are made from the segment's vectors.
//!
//! They are stored in pages of 65,536 articles, so that an article's number within its page fits
//! into two bytes:
//!
//! ```text
//! a page     [postings: 3 bytes each, number u16 and count u8, by term, then number]
//!            [terms, ascending: lower bits u32, index of the first posting u32; one more at
//!            the end]
//!            [buckets, by the term's upper bits: index of the first term u32; one more at the end]
//! the heads  for each page [its offset u64, postings u32, terms u32, bits of a bucket u32]
//! ```
//!
//! All numbers are little-endian. Terms are hashes, and so spread evenly over the buckets: about
//! one per bucket.

use std::io::{self, Write};
use std::ops::Range;

use tantivy::directory::OwnedBytes;

use super::checksummed::Output;
use super::fetch::fetch;
use super::vectors::{PackedVector, term_at};
use crate::index::TermKey;

/// The number of articles in a page.
pub(super) const PAGE_ARTICLES: usize = 1 << 16;
const POSTING_BYTES: usize = 3;
/// How much of a span is prefetched: the rest is read sequentially, which processors anticipate.
const FETCHED_BYTES: usize = 256;
const TERM_BYTES: usize = 8;
const BUCKET_BYTES: usize = 4;
/// The size of a page's head.
pub(super) const PAGE_HEAD_BYTES: usize = 20;
/// The number of bits in a term.
const TERM_BITS: u32 = 40;
/// With fewer bits of a term in its bucket, the others would not fit into four bytes.
const MIN_BUCKET_BITS: u32 = 8;
/// The terms of a page are sorted in parts, by so many of their uppermost bits, which limits the
/// memory of sorting.
const PART_BITS: u32 = 4;

/// The postings of a segment.
#[derive(Debug)]
pub(super) struct Postings {
    bytes: OwnedBytes,
    pages: Vec<Page>,
}

/// The offsets of a page's parts.
#[derive(Debug, Clone, Copy)]
struct Page {
    postings: usize,
    terms: usize,
    buckets: usize,
    bucket_bits: u32,
}

/// The postings of a term in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    /// The number of postings.
    pub(super) count: usize,
}

impl Postings {
    /// Parses the postings in these bytes, given the range of the page heads; None if they are
    /// malformed.
    pub(super) fn parse(bytes: OwnedBytes, heads: Range<usize>) -> Option<Self> {
        let mut pages = Vec::with_capacity(heads.len() / PAGE_HEAD_BYTES);
        for head in heads.clone().step_by(PAGE_HEAD_BYTES) {
            let start = number(&bytes, head) as usize | (number(&bytes, head + 4) as usize) << 32;
            let [postings, terms, bucket_bits] = [8, 12, 16].map(|at| number(&bytes, head + at));
            let is_in_range = (MIN_BUCKET_BITS..=TERM_BITS - PART_BITS).contains(&bucket_bits);
            let terms_start =
                start.checked_add(postings as usize * POSTING_BYTES).filter(|_| is_in_range)?;
            let buckets = terms_start.checked_add((terms as usize + 1) * TERM_BYTES)?;
            let page_end = buckets.checked_add(((1 << bucket_bits) + 1) * BUCKET_BYTES)?;
            if page_end > heads.start {
                return None;
            }
            pages.push(Page { postings: start, terms: terms_start, buckets, bucket_bits });
        }
        Some(Self { bytes, pages })
    }

    /// The number of pages.
    pub(super) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// The postings of a term in a page; None if there are none.
    #[inline]
    pub(super) fn find(&self, page: usize, term: TermKey) -> Option<Span> {
        let page = &self.pages[page];
        let low_bits = TERM_BITS - page.bucket_bits;
        let bucket = page.buckets + (term.bits() >> low_bits) as usize * BUCKET_BYTES;
        let low = (term.bits() & ((1 << low_bits) - 1)) as u32;
        for place in number(&self.bytes, bucket)..number(&self.bytes, bucket + BUCKET_BYTES) {
            let at = page.terms + place as usize * TERM_BYTES;
            if number(&self.bytes, at) == low {
                let (first, next) = (
                    number(&self.bytes, at + 4) as usize,
                    number(&self.bytes, at + TERM_BYTES + 4) as usize,
                );
                return Some(Span {
                    start: page.postings + first * POSTING_BYTES,
                    count: next.saturating_sub(first),
                });
            }
        }
        None
    }

    /// Fetches the beginning of a span.
    #[inline]
    pub(super) fn fetch(&self, span: Span) {
        fetch(
            &self.bytes[span.start..span.start + (span.count * POSTING_BYTES).min(FETCHED_BYTES)],
        );
    }

    /// The postings of a span: article numbers within the page, and counts.
    #[inline]
    pub(super) fn read(&self, span: Span) -> impl Iterator<Item = (u16, u8)> {
        let bytes = &self.bytes[span.start..span.start + span.count * POSTING_BYTES];
        let (postings, _) = bytes.as_chunks::<POSTING_BYTES>();
        postings.iter().map(|[low, high, count]| (u16::from_le_bytes([*low, *high]), *count))
    }
}

#[inline]
fn number(bytes: &[u8], at: usize) -> u32 {
    // The slice is four bytes long.
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}

/// Writes the postings of these vectors, and the heads of their pages; returns the number of pages.
pub(super) fn write(vectors: &[PackedVector<'_>], out: &mut Output<impl Write>) -> io::Result<u32> {
    let mut heads = Vec::new();
    for page in vectors.chunks(PAGE_ARTICLES) {
        heads.push(write_page(page, out)?);
    }
    out.push(&heads.concat())?;
    Ok(heads.len() as u32)
}

fn write_page(
    vectors: &[PackedVector<'_>],
    out: &mut Output<impl Write>,
) -> io::Result<[u8; PAGE_HEAD_BYTES]> {
    const PART_LOW_BITS: u32 = TERM_BITS - PART_BITS;
    let page_start = out.position as u64;
    let mut cursors = vec![0_usize; vectors.len()];
    // Each term, with the index of its first posting.
    let mut terms: Vec<(u64, u32)> = Vec::new();
    let mut written = 0_u32;
    // A term's lower bits, the article's number and the count: 36 + 16 + 8 bits.
    let mut keys: Vec<u64> = Vec::new();
    let mut postings = Vec::new();
    for part in 0..1_u64 << PART_BITS {
        keys.clear();
        for ((number, cursor), vector) in (0_u64..).zip(&mut cursors).zip(vectors) {
            while let Some(term) = term_at(&vector.bytes, *cursor)
                && term.key().bits() >> PART_LOW_BITS == part
            {
                let low = term.key().bits() & ((1 << PART_LOW_BITS) - 1);
                keys.push(low << 24 | number << 8 | u64::from(term.count()));
                *cursor += 1;
            }
        }
        keys.sort_unstable();
        postings.clear();
        for key in &keys {
            let term = part << PART_LOW_BITS | key >> 24;
            if terms.last().is_none_or(|(last, _)| *last != term) {
                terms.push((term, written));
            }
            postings.extend([(key >> 8) as u8, (key >> 16) as u8, *key as u8]);
            written += 1;
        }
        out.push(&postings)?;
    }
    let bucket_bits = (terms.len() as u64).max(1).ilog2().max(MIN_BUCKET_BITS);
    let low_bits = TERM_BITS - bucket_bits;
    let buckets = (1_usize << bucket_bits) + 1;
    let mut table = Vec::with_capacity((terms.len() + 1) * TERM_BYTES + buckets * BUCKET_BYTES);
    for (term, first) in terms.iter().copied().chain([(0, written)]) {
        table.extend(((term & ((1 << low_bits) - 1)) as u32).to_le_bytes());
        table.extend(first.to_le_bytes());
    }
    let mut next = 0_u32;
    for bucket in 0..buckets as u64 {
        while terms.get(next as usize).is_some_and(|(term, _)| term >> low_bits < bucket) {
            next += 1;
        }
        table.extend(next.to_le_bytes());
    }
    out.push(&table)?;
    let mut head = [0; PAGE_HEAD_BYTES];
    head[..8].copy_from_slice(&page_start.to_le_bytes());
    for (at, number) in [(8, written), (12, terms.len() as u32), (16, bucket_bits)] {
        head[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::embedded::segments::derived::Derived;
    use crate::index::embedded::segments::derived::tests::{vectors, written};

    #[test]
    fn every_term_has_the_postings_of_its_articles() {
        for (count, terms) in [(0, 1), (3, 2), (1_000, 700), (70_000, 3_000)] {
            let vectors = vectors(count, terms);
            let derived =
                Derived::parse_checked(OwnedBytes::new(written(&vectors))).expect("it is sound");
            let postings = &derived.postings;
            let mut expected = std::collections::BTreeMap::<u64, Vec<(usize, u8)>>::new();
            for (article, term) in vectors
                .iter()
                .enumerate()
                .flat_map(|(article, vector)| vector.terms.iter().map(move |e| (article, e)))
            {
                expected.entry(term.key().bits()).or_default().push((article, term.count()));
            }
            assert_eq!(postings.page_count(), vectors.len().div_ceil(PAGE_ARTICLES));
            for (term, articles) in expected {
                let mut found = Vec::new();
                for page in 0..postings.page_count() {
                    let span = postings.find(page, TermKey::of_bits(term));
                    let numbers = span.into_iter().flat_map(|span| postings.read(span));
                    found.extend(numbers.map(|(number, count)| {
                        (page * PAGE_ARTICLES + usize::from(number), count)
                    }));
                }
                assert_eq!(found, articles);
            }
            for page in 0..postings.page_count() {
                assert_eq!(postings.find(page, TermKey::of_bits(0x12_3456_7890)), None);
            }
        }
    }
}
