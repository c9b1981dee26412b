//! A hash table from a term's hash to its number and its document frequency.

use crate::text::TermHash;

/// Stands for the number in a free slot.
const FREE: u32 = u32::MAX;
/// A table begins with 2 to the power of this many slots.
const FIRST_BITS: u32 = 12;

/// What a table knows of a term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) hash: TermHash,
    /// The number it was given when it first came.
    pub(super) term: u32,
    pub(super) document_frequency: u32,
}

/// Terms by their hashes, in linear probing from the place that the hash's first bits say.
///
/// So slots lie about in the order of the hashes: growing is one pass from front to back, and whoever looks terms up in that order (a
/// document's, or another table's) goes through the memory from front to back, too. A slot has all that counting a term needs: one
/// line of cache a term, where a `HashMap` to numbers and a list of frequencies by number were three.
#[derive(Debug)]
pub(super) struct TermTable {
    /// A power of two.
    slots: Vec<Slot>,
    len: usize,
    /// 64 less the power.
    shift: u32,
}

impl Default for TermTable {
    fn default() -> Self {
        Self { slots: free_slots(FIRST_BITS), len: 0, shift: u64::BITS - FIRST_BITS }
    }
}

fn free_slots(bits: u32) -> Vec<Slot> {
    vec![Slot { hash: TermHash(0), term: FREE, document_frequency: 0 }; 1 << bits]
}

impl TermTable {
    /// The term's slot; `number` gives it a number where it has none. A document frequency begins with 0.
    pub(super) fn entry(&mut self, hash: TermHash, number: impl FnOnce() -> u32) -> &mut Slot {
        // Three in four: probes stay within a line of cache or two.
        if self.len * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let place = self.place(hash);
        if self.slots[place].term == FREE {
            self.len += 1;
            self.slots[place] = Slot { hash, term: number(), document_frequency: 0 };
        }
        &mut self.slots[place]
    }

    pub(super) fn get(&self, hash: TermHash) -> Option<&Slot> {
        let slot = &self.slots[self.place(hash)];
        (slot.term != FREE).then_some(slot)
    }

    /// All terms, about in the order of their hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.term != FREE)
    }

    /// Where the term is, or would be.
    fn place(&self, hash: TermHash) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = (hash.0 >> self.shift) as usize & mask;
        loop {
            let slot = &self.slots[place];
            if slot.hash == hash || slot.term == FREE {
                // A free slot's hash may be the one looked for by chance; it is free all the same.
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.shift -= 1;
        let old = std::mem::replace(&mut self.slots, free_slots(u64::BITS - self.shift));
        for slot in old {
            if slot.term != FREE {
                let place = self.place(slot.hash);
                self.slots[place] = slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_keep_their_numbers_and_frequencies_while_the_table_grows() {
        let mut table = TermTable::default();
        // Half of the hashes want the same place, the last one of all; one is that of a free slot.
        let hashes: Vec<TermHash> = (0..20_000u64).map(|n| TermHash(if n % 2 == 0 { n << 50 } else { u64::MAX - n })).collect();
        let distinct: std::collections::BTreeSet<TermHash> = hashes.iter().copied().collect();
        let mut next = 0;
        for hash in hashes.iter().chain(&hashes) {
            let slot = table.entry(*hash, || {
                next += 1;
                next - 1
            });
            slot.document_frequency += 1;
        }
        assert_eq!(next as usize, distinct.len());
        assert_eq!(table.iter().map(|slot| slot.hash).collect::<std::collections::BTreeSet<_>>(), distinct);
        let occurrences = |hash: TermHash| hashes.iter().filter(|other| **other == hash).count() as u32;
        for &hash in hashes.iter().step_by(997) {
            assert_eq!(table.get(hash).map(|slot| slot.document_frequency), Some(2 * occurrences(hash)));
        }
        assert!(table.get(TermHash(12_345)).is_none());
    }
}
