//! A hash table from a word's hash to its number.

use crate::text::TermHash;

/// Stands for the number in a free slot.
const FREE: u32 = u32::MAX;
/// A table begins with 2 to the power of this many slots.
const FIRST_BITS: u32 = 12;

/// A word's number.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: TermHash,
    number: u32,
}

/// Words by their hashes, in linear probing from the place that the hash's first bits say.
///
/// So slots lie about in the order of the hashes: growing is one pass from front to back.
#[derive(Debug)]
pub(super) struct WordTable {
    /// A power of two.
    slots: Vec<Slot>,
    len: usize,
    /// 64 less the power.
    shift: u32,
}

impl Default for WordTable {
    fn default() -> Self {
        Self { slots: free_slots(FIRST_BITS), len: 0, shift: u64::BITS - FIRST_BITS }
    }
}

fn free_slots(bits: u32) -> Vec<Slot> {
    vec![Slot { hash: TermHash(0), number: FREE }; 1 << bits]
}

impl WordTable {
    /// The word's number; `new` gives it one where it has none.
    #[inline]
    pub(super) fn number(&mut self, hash: TermHash, new: impl FnOnce() -> u32) -> u32 {
        let place = self.place(hash);
        let number = self.slots[place].number;
        if number == FREE { self.insert(hash, place, new()) } else { number }
    }

    #[cold]
    fn insert(&mut self, hash: TermHash, place: usize, number: u32) -> u32 {
        self.slots[place] = Slot { hash, number };
        self.len += 1;
        // Half: most probes end where they begin.
        if self.len * 2 >= self.slots.len() {
            self.grow();
        }
        number
    }

    pub(super) fn get(&self, hash: TermHash) -> Option<u32> {
        let slot = &self.slots[self.place(hash)];
        (slot.number != FREE).then_some(slot.number)
    }

    /// Where the word is, or would be.
    #[inline]
    fn place(&self, hash: TermHash) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = (hash.0 >> self.shift) as usize & mask;
        loop {
            let slot = &self.slots[place];
            if slot.hash == hash || slot.number == FREE {
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
            if slot.number != FREE {
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
    fn words_keep_their_numbers_while_the_table_grows() {
        let mut table = WordTable::default();
        // Half of the hashes want the same place, the last one of all; one is that of a free slot.
        let hashes: Vec<TermHash> = (0..20_000u64).map(|n| TermHash(if n % 2 == 0 { n << 50 } else { u64::MAX - n })).collect();
        let mut expected = std::collections::BTreeMap::new();
        for hash in hashes.iter().chain(&hashes) {
            let next = expected.len() as u32;
            let number = *expected.entry(*hash).or_insert(next);
            assert_eq!(table.number(*hash, || next), number);
        }
        for (hash, number) in expected {
            assert_eq!(table.get(hash), Some(number));
        }
        assert!(table.get(TermHash(12_345)).is_none());
    }
}
