//! A vector made ready to be compared with many others.

use super::background::Background;
use super::term_key::TermKey;
use super::vector::{Entry, Vector, cosine, weight};

impl Vector {
    /// The similarity of two articles, in [0, 1]: the cosine of the angle between their vectors.
    pub fn similarity(&self, other: &Self) -> f64 {
        QueryVector::new(self).similarity(&other.entries, other.squared_length)
    }
}

/// A term of the article that others are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueryTerm {
    pub(super) term: TermKey,
    pub(super) weight: u32,
    pub(super) idf: u16,
}

/// A vector made ready to be compared with many others.
#[derive(Debug)]
pub(super) struct QueryVector {
    /// Open addressing by the term's lowest bits; a weight of 0 marks a free place.
    table: Vec<QueryTerm>,
    mask: u64,
    /// A bit for each of the terms' lowest 15 bits: nearly all terms of another article that are
    /// not here are told by it.
    present: Box<[u64; 512]>,
    squared_length: u64,
    by_worth: Vec<QueryTerm>,
}

impl QueryVector {
    pub(super) fn new(vector: &Vector) -> Self {
        let background = Background::get();
        let term = |entry: &Entry| {
            let idf = background.idf(entry.term());
            QueryTerm { term: entry.term(), weight: weight(entry.count(), idf), idf }
        };
        let mut by_worth: Vec<QueryTerm> = vector.entries.iter().map(term).collect();
        let size = (2 * by_worth.len()).next_power_of_two().max(2);
        let mask = size as u64 - 1;
        let free = QueryTerm { term: TermKey::of_bits(0), weight: 0, idf: 0 };
        let mut table = vec![free; size];
        let mut present = Box::new([0_u64; 512]);
        for term in &by_worth {
            present[(term.term.bits() >> 6 & 511) as usize] |= 1 << (term.term.bits() & 63);
            let mut place = term.term.bits() & mask;
            while table[place as usize].weight != 0 {
                place = (place + 1) & mask;
            }
            table[place as usize] = *term;
        }
        // By weight * idf^0.5: the weight is sure, and the rarer term has the heavier counterparts
        // and the fewer postings.
        let worth = |term: &QueryTerm| u64::from(term.weight).pow(2) * u64::from(term.idf);
        by_worth.sort_unstable_by(|a, b| worth(b).cmp(&worth(a)).then(a.term.cmp(&b.term)));
        Self { table, mask, present, squared_length: vector.squared_length, by_worth }
    }

    /// The terms, those first that tell most for the postings they cost.
    pub(super) fn by_worth(&self) -> &[QueryTerm] {
        &self.by_worth
    }

    pub(super) fn squared_length(&self) -> u64 {
        self.squared_length
    }

    /// Whether the term may be here: false is sure.
    #[inline]
    pub(super) fn may_have(&self, term: TermKey) -> bool {
        self.present[(term.bits() >> 6 & 511) as usize] >> (term.bits() & 63) & 1 == 1
    }

    #[inline]
    fn find(&self, term: TermKey) -> Option<&QueryTerm> {
        let mut place = term.bits() & self.mask;
        loop {
            let here = &self.table[place as usize];
            if here.weight == 0 {
                return None;
            }
            if here.term == term {
                return Some(here);
            }
            place = (place + 1) & self.mask;
        }
    }

    /// What a term of another article adds to the inner product.
    #[inline]
    pub(super) fn product(&self, entry: Entry) -> u64 {
        self.find(entry.term())
            .map_or(0, |term| u64::from(term.weight) * u64::from(weight(entry.count(), term.idf)))
    }

    /// The inner product with the vector of these entries.
    pub(super) fn inner_product(&self, entries: impl Iterator<Item = Entry>) -> u64 {
        // Those that may be here are set aside first: to go two ways by turns is what a processor
        // is slow at.
        let mut common = [Entry(0); 64];
        let (mut count, mut product) = (0, 0);
        for entry in entries {
            common[count] = entry;
            count += usize::from(self.may_have(entry.term()));
            if count == common.len() {
                product += common.iter().map(|entry| self.product(*entry)).sum::<u64>();
                count = 0;
            }
        }
        product + common[..count].iter().map(|entry| self.product(*entry)).sum::<u64>()
    }

    /// The similarity of an article with these entries.
    pub(super) fn similarity(&self, entries: &[Entry], squared_length: u64) -> f64 {
        cosine(self.inner_product(entries.iter().copied()), self.squared_length, squared_length)
    }
}
