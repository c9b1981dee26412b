//! Transposes counts per document into counts per term: posting lists.

use std::io;
use std::ops::Range;

use super::blocks::{Matrix, Part};
use crate::train::terms::Vocabulary;

/// About the most postings of a block.
const PER_BLOCK: usize = 1 << 16;
/// The most terms times topics of a block, which is what counting a block takes in memory.
pub(super) const COUNTS_PER_BLOCK: usize = 1 << 19;
/// About the fewest postings that are made together, and the most such parts: each part takes one
/// pass over the rows.
const PER_PART: usize = 1 << 20;
const MAX_PARTS: usize = 16;

/// A row per term, a column per document.
pub(crate) fn transpose(
    rows: &Matrix,
    vocabulary: &Vocabulary,
    topic_count: usize,
) -> io::Result<Matrix> {
    // Per term: where its postings start among all; then where all end.
    let mut starts = vec![0];
    starts.extend(vocabulary.terms.iter().scan(0, |end, term| {
        *end += term.document_frequency as usize;
        Some(*end)
    }));
    let terms_per_block = (COUNTS_PER_BLOCK / topic_count.max(1)).max(1);
    let per_part = PER_PART.max(starts[starts.len() - 1] / MAX_PARTS);
    let parts = divided(&starts, 0..vocabulary.terms.len(), per_part, usize::MAX);
    Matrix::of(parts.len(), |number| {
        let postings = postings(rows, &starts, parts[number].clone())?;
        let base = starts[parts[number].start];
        let blocks = divided(&starts, parts[number].clone(), PER_BLOCK, terms_per_block);
        let block = |terms: Range<usize>| {
            let start = starts[terms.start];
            Part {
                ends: terms.clone().map(|term| (starts[term + 1] - start) as u32).collect(),
                entries: postings[start - base..starts[terms.end] - base].to_vec(),
            }
        };
        Ok(blocks.into_iter().map(block).collect())
    })
}

/// Divides terms into ranges of about `count` postings and at most `most` terms.
fn divided(starts: &[usize], terms: Range<usize>, count: usize, most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = terms.start;
    while start < terms.end {
        let full = starts[start] + count;
        let last = terms.end.min(start.saturating_add(most));
        let end = (starts.partition_point(|&end| end <= full) - 1).clamp(start + 1, last);
        ranges.push(start..end);
        start = end;
    }
    ranges
}

/// The postings of a range of terms, term by term: documents with counts.
fn postings(rows: &Matrix, starts: &[usize], terms: Range<usize>) -> io::Result<Vec<[u32; 2]>> {
    let base = starts[terms.start];
    let mut postings = vec![[0; 2]; starts[terms.end] - base];
    // Per term: where its next posting goes.
    let mut next: Vec<usize> = starts[terms.clone()].iter().map(|start| start - base).collect();
    for number in 0..rows.block_count() {
        for (document, row) in rows.block(number)?.iter() {
            let start = row.partition_point(|&[term, _]| (term as usize) < terms.start);
            let own = row[start..].iter().take_while(|[term, _]| (*term as usize) < terms.end);
            for &[term, count] in own {
                let place = &mut next[term as usize - terms.start];
                postings[*place] = [document as u32, count];
                *place += 1;
            }
        }
    }
    Ok(postings)
}
