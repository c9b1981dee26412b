//! Each document as its terms.

use std::borrow::Cow;
use std::io;

use super::in_order::make_in_order;
use crate::train::documents::Documents;
use crate::train::spool::Spool;
use crate::train::terms::Vocabulary;

/// Documents in their order, in blocks, as terms with their counts.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Terms with their counts, ascending within each document.
    blocks: Spool<[u32; 2]>,
    /// By block: its first document.
    starts: Vec<usize>,
    /// By document: where its terms end in its block.
    ends: Vec<u32>,
}

impl Rows {
    /// The documents as terms of a vocabulary.
    pub(crate) fn of(documents: &Documents, vocabulary: &Vocabulary) -> io::Result<Self> {
        let mut rows = Self { blocks: Spool::default(), starts: Vec::new(), ends: Vec::new() };
        make_in_order(
            documents.block_count(),
            |number| {
                let block = documents.block(number)?;
                let mut entries = Vec::with_capacity(block.entry_count());
                let mut ends = Vec::with_capacity(block.len());
                for document in 0..block.len() {
                    vocabulary.append_row(&block, document, &mut entries);
                    ends.push(entries.len() as u32);
                }
                Ok((entries, ends))
            },
            |(entries, ends)| {
                rows.starts.push(rows.ends.len());
                rows.ends.extend(ends);
                rows.blocks.push(entries)
            },
        )?;
        Ok(rows)
    }

    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The number of the document behind a block.
    pub(crate) fn end(&self, number: usize) -> usize {
        self.starts.get(number + 1).copied().unwrap_or(self.ends.len())
    }

    /// The documents of a block.
    pub(crate) fn block(&self, number: usize) -> io::Result<RowBlock<'_>> {
        let (first, end) = (self.starts[number], self.end(number));
        Ok(RowBlock { first, ends: &self.ends[first..end], entries: self.blocks.read(number)? })
    }
}

/// Some documents in a row.
#[derive(Debug)]
pub(crate) struct RowBlock<'a> {
    /// The first document.
    first: usize,
    ends: &'a [u32],
    entries: Cow<'a, [[u32; 2]]>,
}

impl RowBlock<'_> {
    /// The documents with their terms and the terms' counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[[u32; 2]])> {
        let mut start = 0;
        (self.first..).zip(self.ends).map(move |(document, &end)| {
            let own = start..end as usize;
            start = own.end;
            (document, &self.entries[own])
        })
    }
}
