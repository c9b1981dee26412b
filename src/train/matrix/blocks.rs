//! A sparse matrix in blocks of rows, which need not fit in memory.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use rayon::prelude::*;

use crate::train::spool::Spool;

/// Rows of columns with counts.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    /// Columns with counts, ascending within each row.
    blocks: Spool<[u32; 2]>,
    /// Per block: the row after its last one.
    block_ends: Vec<usize>,
    /// Per row: where it ends in its block.
    row_ends: Vec<u32>,
}

/// The rows of a block that is not stored yet.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Per row: where it ends among the entries.
    pub(super) ends: Vec<u32>,
    pub(super) entries: Vec<[u32; 2]>,
}

impl Matrix {
    /// A matrix whose blocks are made on all threads: call `n` of `make` makes the blocks that
    /// follow those of call `n - 1`. The results of at most one call per thread wait in memory.
    pub(super) fn of(
        calls: usize,
        make: impl Fn(usize) -> io::Result<Vec<Part>> + Sync,
    ) -> io::Result<Self> {
        let mut matrix = Self::default();
        let at_a_time = rayon::current_num_threads();
        for start in (0..calls).step_by(at_a_time) {
            let numbers = start..calls.min(start + at_a_time);
            let made: Vec<_> = numbers.into_par_iter().map(&make).collect::<io::Result<_>>()?;
            for part in made.into_iter().flatten() {
                matrix.row_ends.extend(part.ends);
                matrix.block_ends.push(matrix.row_ends.len());
                matrix.blocks.push(part.entries)?;
            }
        }
        Ok(matrix)
    }

    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The rows of a block.
    pub(crate) fn rows(&self, block: usize) -> Range<usize> {
        let start = block.checked_sub(1).map_or(0, |before| self.block_ends[before]);
        start..self.block_ends[block]
    }

    pub(crate) fn block(&self, number: usize) -> io::Result<Block<'_>> {
        let rows = self.rows(number);
        let ends = &self.row_ends[rows.clone()];
        Ok(Block { first: rows.start, ends, entries: self.blocks.read(number)? })
    }
}

/// Consecutive rows.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    first: usize,
    ends: &'a [u32],
    entries: Cow<'a, [[u32; 2]]>,
}

impl Block<'_> {
    /// The rows with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[[u32; 2]])> {
        let mut start = 0;
        (self.first..).zip(self.ends).map(move |(row, &end)| {
            let own = start..end as usize;
            start = own.end;
            (row, &self.entries[own])
        })
    }
}
