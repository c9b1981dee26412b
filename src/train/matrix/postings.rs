//! Each term as the documents it occurs in.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use super::in_order::make_in_order;
use super::rows::Rows;
use crate::train::spool::Spool;
use crate::train::terms::Vocabulary;

/// About how many postings a block has, at most, and terms times topics: so much is counted
/// together.
const PER_BLOCK: usize = 1 << 16;
const CELLS_PER_BLOCK: usize = 1 << 19;
/// About how many postings are made together, at least, and into how many such parts all are
/// divided, at most: each part takes one pass over the rows.
const PER_PART: usize = 1 << 20;
const MAX_PARTS: usize = 16;

/// A range of terms, and their documents with counts, term by term.
type TermsWithPostings = (Range<usize>, Vec<[u32; 2]>);

/// Terms in their order, in blocks, as documents with the counts of the term.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    /// Documents with counts, ascending within each term.
    blocks: Spool<[u32; 2]>,
    /// By block: its terms.
    ranges: Vec<Range<usize>>,
    /// By term: where its postings end among all.
    ends: Vec<usize>,
    terms_per_block: usize,
}

impl Postings {
    /// Turns rows into postings.
    pub(crate) fn of(rows: &Rows, vocabulary: &Vocabulary, topic_count: usize) -> io::Result<Self> {
        let ends: Vec<usize> = vocabulary
            .terms
            .iter()
            .scan(0, |end, term| {
                *end += term.document_frequency as usize;
                Some(*end)
            })
            .collect();
        let terms_per_block = (CELLS_PER_BLOCK / topic_count.max(1)).max(1);
        let postings = Self { ends, terms_per_block, ..Self::default() };
        let total = postings.ends.last().copied().unwrap_or(0);
        let per_part = PER_PART.max(total / MAX_PARTS);
        let parts = postings.divided(0..postings.ends.len(), per_part, usize::MAX);
        let Self { mut blocks, mut ranges, .. } = Self::default();
        make_in_order(
            parts.len(),
            |number| postings.part(rows, parts[number].clone()),
            |part| {
                for (range, block) in part {
                    blocks.push(block)?;
                    ranges.push(range);
                }
                Ok(())
            },
        )?;
        Ok(Self { blocks, ranges, ..postings })
    }

    /// Where the postings of a term start among all.
    fn start(&self, term: usize) -> usize {
        term.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Terms divided into ranges of about this many postings, and of no more terms than that.
    fn divided(&self, terms: Range<usize>, count: usize, most: usize) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut start = terms.start;
        while start < terms.end {
            let full = self.start(start) + count;
            let last = terms.end.min(start.saturating_add(most));
            let end = self.ends.partition_point(|&end| end <= full).clamp(start + 1, last);
            ranges.push(start..end);
            start = end;
        }
        ranges
    }

    /// The postings of a range of terms, in blocks.
    fn part(&self, rows: &Rows, terms: Range<usize>) -> io::Result<Vec<TermsWithPostings>> {
        let ranges = self.divided(terms.clone(), PER_BLOCK, self.terms_per_block);
        let mut blocks: Vec<Vec<[u32; 2]>> = Vec::with_capacity(ranges.len());
        // By term: its block, and where its next posting goes there.
        let mut next = Vec::with_capacity(terms.len());
        for range in &ranges {
            let base = self.start(range.start);
            next.extend(range.clone().map(|term| (blocks.len(), self.start(term) - base)));
            blocks.push(vec![[0; 2]; self.start(range.end) - base]);
        }
        for number in 0..rows.block_count() {
            for (document, row) in rows.block(number)?.iter() {
                let start = row.partition_point(|&[term, _]| (term as usize) < terms.start);
                for &[term, count] in &row[start..] {
                    if term as usize >= terms.end {
                        break;
                    }
                    let (block, place) = &mut next[term as usize - terms.start];
                    blocks[*block][*place] = [document as u32, count];
                    *place += 1;
                }
            }
        }
        Ok(ranges.into_iter().zip(blocks).collect())
    }

    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The terms of a block.
    pub(crate) fn terms(&self, number: usize) -> Range<usize> {
        self.ranges[number].clone()
    }

    /// The postings of the terms of a block.
    pub(crate) fn block(&self, number: usize) -> io::Result<PostingBlock<'_>> {
        let terms = self.terms(number);
        let base = self.start(terms.start);
        Ok(PostingBlock {
            base,
            ends: &self.ends[terms.clone()],
            terms,
            postings: self.blocks.read(number)?,
        })
    }
}

/// Some terms in a row.
#[derive(Debug)]
pub(crate) struct PostingBlock<'a> {
    terms: Range<usize>,
    /// Where the postings of the block start among all, and where those of each term end.
    base: usize,
    ends: &'a [usize],
    postings: Cow<'a, [[u32; 2]]>,
}

impl PostingBlock<'_> {
    /// The terms with the documents they occur in, and how often.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[[u32; 2]])> {
        let mut start = 0;
        self.terms.clone().zip(self.ends).map(move |(term, &end)| {
            let own = start..end - self.base;
            start = own.end;
            (term, &self.postings[own])
        })
    }
}
