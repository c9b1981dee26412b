//! The inverted corpus turned back: each document as the terms it has.

use std::io;

use crate::model::train::counts::{Counts, weight};
use crate::model::train::cross_validate::Bench;
use crate::model::train::folds::FOLDS;
use crate::model::train::inverted::Rank;

/// A term of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    /// A place among the terms.
    pub(super) term: u32,
    pub(super) x: f32,
}

/// Documents as sparse rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rows {
    entries: Vec<Entry>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Rows {
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = Entry>) {
        self.entries.extend(row);
        self.ends.push(self.entries.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn row(&self, place: usize) -> &[Entry] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[start..self.ends[place]]
    }
}

/// Every document of a corpus with the terms of its pool, both in an order that no thread decides.
#[derive(Debug)]
pub(super) struct Vectors {
    /// By document, in the corpus's own numbers: its terms in the order of their texts, not yet
    /// scaled by its length.
    rows: Rows,
    /// By term.
    terms: Vec<Kept>,
}

/// What is known of a term.
#[derive(Debug, Clone, Copy)]
struct Kept {
    key: (u32, u32),
    is_selected: bool,
    /// A bit a fold whose documents have the term, and without which it would not have been
    /// selected.
    barred: u8,
}

/// What one thread reads of the postings: its terms, each with where its documents end.
#[derive(Default)]
struct Read {
    terms: Vec<(Kept, usize)>,
    documents: Vec<(u32, f32)>,
}

impl Vectors {
    pub(super) fn of(bench: &Bench<'_>) -> io::Result<Self> {
        let Bench { corpus, folds, counts, .. } = *bench;
        let parts = corpus.for_each(Read::default, |read, partition| {
            for ((term, postings), &known) in partition.pool().zip(counts.known(partition.number)) {
                let mut present = 0u8;
                for posting in postings {
                    let fold = folds.of(posting.document);
                    present |= u8::from(fold < FOLDS) << fold;
                    read.documents.push((posting.document, weight(term, posting) as f32));
                }
                let kept = Kept {
                    key: term.key(),
                    is_selected: term.rank == Rank::Selected,
                    barred: present & !known,
                };
                read.terms.push((kept, read.documents.len()));
            }
        })?;
        let mut order: Vec<(Kept, &[(u32, f32)])> = Vec::new();
        for read in &parts {
            let mut start = 0;
            for &(kept, end) in &read.terms {
                order.push((kept, &read.documents[start..end]));
                start = end;
            }
        }
        order.sort_unstable_by_key(|(kept, _)| kept.key);
        let mut ends = vec![0; corpus.document_count()];
        order
            .iter()
            .flat_map(|(_, documents)| *documents)
            .for_each(|&(document, _)| ends[document as usize] += 1);
        let mut total = 0;
        for end in &mut ends {
            let length = *end;
            // Where the row starts; filling it moves that to where it ends.
            *end = total;
            total += length;
        }
        let mut entries = vec![Entry { term: 0, x: 0.0 }; total];
        for (&(_, documents), term) in order.iter().zip(0..) {
            for &(document, x) in documents {
                let next = &mut ends[document as usize];
                entries[*next] = Entry { term, x };
                *next += 1;
            }
        }
        Ok(Self {
            rows: Rows { entries, ends },
            terms: order.into_iter().map(|(kept, _)| kept).collect(),
        })
    }

    pub(super) fn term_count(&self) -> usize {
        self.terms.len()
    }

    /// The places of the terms that the model has, in the order of their texts.
    pub(super) fn selected(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.terms.len()).filter(|&term| self.terms[term].is_selected)
    }

    /// What a document is to a model: its selected terms, scaled.
    pub(super) fn whole(&self, document: u32, scale: f32) -> impl Iterator<Item = Entry> + use<'_> {
        self.scaled(document, scale, |kept| kept.is_selected)
    }

    /// What it is to a model of the other folds: the terms that this model may have.
    pub(super) fn without(
        &self,
        fold: usize,
        document: u32,
        scale: f32,
    ) -> impl Iterator<Item = Entry> + use<'_> {
        self.scaled(document, scale, move |kept| !Counts::is_known(kept.barred, fold))
    }

    fn scaled(
        &self,
        document: u32,
        scale: f32,
        is_taken: impl Fn(Kept) -> bool,
    ) -> impl Iterator<Item = Entry> {
        let row = self
            .rows
            .row(document as usize)
            .iter()
            .filter(move |entry| is_taken(self.terms[entry.term as usize]));
        row.map(move |entry| Entry { x: entry.x * scale, ..*entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_was_pushed() {
        let entry = |term| Entry { term, x: 0.5 };
        let mut rows = Rows::default();
        rows.push([entry(3), entry(4)]);
        rows.push([]);
        rows.push([entry(5)]);
        assert_eq!(rows.len(), 3);
        assert_eq!(
            [0, 1, 2].map(|place| rows.row(place).to_vec()),
            [vec![entry(3), entry(4)], vec![], vec![entry(5)]]
        );
    }
}
