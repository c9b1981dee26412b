//! The vector of a query, prepared for comparison with many others.

use super::background::Background;
use super::meaning::{Meaning, QueryMeaning, similarity};
use super::term_key::TermKey;
use super::vector::{CountedTerm, Vector, cosine, weight};

impl Vector {
    /// The similarity of two articles, in [0, 1].
    pub fn similarity(&self, other: &Self) -> f64 {
        QueryVector::new(self).similarity(other)
    }

    /// The cosine of the term vectors of two articles, in [0, 1].
    pub fn cosine(&self, other: &Self) -> f64 {
        QueryVector::new(self).cosine(other)
    }
}

/// A term of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WeightedTerm {
    pub(super) key: TermKey,
    pub(super) weight: u32,
    pub(super) idf: u16,
}

/// A vector that is prepared for comparison with many others.
#[derive(Debug)]
pub(super) struct QueryVector {
    /// A hash table with open addressing by the term's lowest bits; a weight of 0 marks a free
    /// slot.
    table: Vec<WeightedTerm>,
    mask: u64,
    /// A bitmap of the terms' lowest 15 bits, which rejects nearly all terms that the query does
    /// not have.
    present: Box<[u64; 512]>,
    squared_length: u64,
    meaning: QueryMeaning,
    by_priority: Vec<WeightedTerm>,
}

impl QueryVector {
    pub(super) fn new(vector: &Vector) -> Self {
        let background = Background::get();
        let weighted = |term: &CountedTerm| {
            let idf = background.idf(term.key());
            WeightedTerm { key: term.key(), weight: weight(term.count(), idf), idf }
        };
        let mut by_priority: Vec<WeightedTerm> = vector.terms.iter().map(weighted).collect();
        let size = (2 * by_priority.len()).next_power_of_two().max(2);
        let mask = size as u64 - 1;
        let free = WeightedTerm { key: TermKey::of_bits(0), weight: 0, idf: 0 };
        let mut table = vec![free; size];
        let mut present = Box::new([0_u64; 512]);
        for term in &by_priority {
            present[(term.key.bits() >> 6 & 511) as usize] |= 1 << (term.key.bits() & 63);
            let mut place = term.key.bits() & mask;
            while table[place as usize].weight != 0 {
                place = (place + 1) & mask;
            }
            table[place as usize] = *term;
        }
        // By weight * idf^0.5: a high weight certainly contributes, and a rare term has higher
        // weights in other articles and fewer postings.
        let worth = |term: &WeightedTerm| u64::from(term.weight).pow(2) * u64::from(term.idf);
        by_priority.sort_unstable_by(|a, b| worth(b).cmp(&worth(a)).then(a.key.cmp(&b.key)));
        let (squared_length, meaning) = (vector.squared_length, vector.meaning.into());
        Self { table, mask, present, squared_length, meaning, by_priority }
    }

    /// The terms by descending contribution per posting read.
    pub(super) fn by_priority(&self) -> &[WeightedTerm] {
        &self.by_priority
    }

    pub(super) fn squared_length(&self) -> u64 {
        self.squared_length
    }

    /// Whether the query may have the term; false is certain.
    #[inline]
    pub(super) fn may_have(&self, term: TermKey) -> bool {
        self.present[(term.bits() >> 6 & 511) as usize] >> (term.bits() & 63) & 1 == 1
    }

    #[inline]
    fn find(&self, term: TermKey) -> Option<&WeightedTerm> {
        let mut place = term.bits() & self.mask;
        loop {
            let here = &self.table[place as usize];
            if here.weight == 0 {
                return None;
            }
            if here.key == term {
                return Some(here);
            }
            place = (place + 1) & self.mask;
        }
    }

    /// The contribution of another article's term to the inner product.
    #[inline]
    pub(super) fn product(&self, term: CountedTerm) -> u64 {
        let found = self.find(term.key());
        found.map_or(0, |own| u64::from(own.weight) * u64::from(weight(term.count(), own.idf)))
    }

    /// The inner product with a vector of these terms.
    pub(super) fn inner_product(&self, terms: impl Iterator<Item = CountedTerm>) -> u64 {
        // Terms that may be common are collected first, which avoids branches that are hard to
        // predict.
        let mut common = [CountedTerm(0); 64];
        let (mut count, mut product) = (0, 0);
        for term in terms {
            common[count] = term;
            count += usize::from(self.may_have(term.key()));
            if count == common.len() {
                product += common.iter().map(|term| self.product(*term)).sum::<u64>();
                count = 0;
            }
        }
        product + common[..count].iter().map(|term| self.product(*term)).sum::<u64>()
    }

    /// The cosine with the term vector of an article.
    pub(super) fn cosine(&self, other: &Vector) -> f64 {
        let product = self.inner_product(other.terms.iter().copied());
        cosine(product, self.squared_length, other.squared_length)
    }

    /// The cosine of the meanings; None if one of the two has none.
    pub(super) fn meaning_cosine(&self, other: &Meaning) -> Option<f64> {
        self.meaning.cosine(other)
    }

    /// The similarity of an article.
    pub(super) fn similarity(&self, other: &Vector) -> f64 {
        similarity(self.cosine(other), self.meaning_cosine(&other.meaning))
    }
}
