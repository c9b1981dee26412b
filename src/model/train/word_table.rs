//! A hash table from a word's hash to its number.

use prefetch_index::prefetch_index;

use crate::text::TermHash;

/// A table begins with 2 to the power of this many slots.
const FIRST_BITS: u32 = 12;

/// Words by their hashes, numbered from 0 on as they come, in linear probing from the place that
/// the hash's first bits say.
///
/// A slot is one number, so that as many as can be lie in the near caches. Above are the bits of
/// the hash that do not choose the place (46 of them in a table of 100,000 words); in the bits
/// below, as many as number the slots, are the word's number and 1, or 0 where the slot is free.
/// (Cleary, "Compact hash tables using bidirectional linear probing", 1984, who keeps the place,
/// too. Here two words whose hashes differ in nothing but the place, and by less than a probe is
/// long, are taken for one: hardly likelier than that their hashes are the same.)
#[derive(Debug)]
pub(super) struct WordTable {
    /// A power of two.
    slots: Vec<u64>,
    /// By number.
    hashes: Vec<TermHash>,
    /// The power.
    bits: u32,
}

impl Default for WordTable {
    fn default() -> Self {
        Self { slots: vec![0; 1 << FIRST_BITS], hashes: Vec::new(), bits: FIRST_BITS }
    }
}

impl WordTable {
    /// The word's number; where it is new it is given one, which `on_new` is told.
    #[inline]
    pub(super) fn number(&mut self, hash: TermHash, on_new: impl FnOnce(u32)) -> u32 {
        let place = self.place(hash);
        let slot = self.slots[place];
        if slot == 0 {
            let number = self.insert(hash, place);
            on_new(number);
            return number;
        }
        self.number_in(slot)
    }

    #[cold]
    fn insert(&mut self, hash: TermHash, place: usize) -> u32 {
        let number = self.hashes.len() as u32;
        self.slots[place] = self.slot(hash, number);
        self.hashes.push(hash);
        // Half: most probes end where they begin.
        if self.hashes.len() * 2 >= self.slots.len() {
            self.grow();
        }
        number
    }

    /// Has the place of a word brought near, before it is looked up.
    #[inline]
    pub(super) fn prefetch(&self, hash: TermHash) {
        prefetch_index(&self.slots, (hash.0 >> (u64::BITS - self.bits)) as usize);
    }

    pub(super) fn get(&self, hash: TermHash) -> Option<u32> {
        let slot = self.slots[self.place(hash)];
        (slot != 0).then(|| self.number_in(slot))
    }

    /// The hash of the word of a number.
    pub(super) fn hash(&self, number: u32) -> TermHash {
        self.hashes[number as usize]
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Less than half of the slots' number: with 1 added it fits into the bits that number the
    /// slots.
    #[inline]
    fn slot(&self, hash: TermHash, number: u32) -> u64 {
        hash.0 << self.bits | (u64::from(number) + 1)
    }

    #[inline]
    fn number_in(&self, slot: u64) -> u32 {
        ((slot & (self.slots.len() as u64 - 1)) - 1) as u32
    }

    /// Where the word is, or would be.
    #[inline]
    fn place(&self, hash: TermHash) -> usize {
        let mask = self.slots.len() - 1;
        let rest = hash.0 << self.bits;
        let mut place = (hash.0 >> (u64::BITS - self.bits)) as usize & mask;
        loop {
            let slot = self.slots[place];
            if (slot ^ rest) >> self.bits == 0 || slot == 0 {
                // A free slot may look like the one looked for; it is free all the same.
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.bits += 1;
        self.slots = vec![0; 1 << self.bits];
        for (number, &hash) in (0..).zip(&self.hashes) {
            let mask = self.slots.len() - 1;
            let mut place = (hash.0 >> (u64::BITS - self.bits)) as usize & mask;
            // All are different: any free slot will do.
            while self.slots[place] != 0 {
                place = (place + 1) & mask;
            }
            self.slots[place] = self.slot(hash, number);
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
        let hashes: Vec<TermHash> = (0..20_000u64)
            .map(|n| TermHash(if n % 2 == 0 { n << 20 } else { u64::MAX - n }))
            .collect();
        let mut expected = std::collections::BTreeMap::new();
        for hash in hashes.iter().chain(&hashes) {
            let next = expected.len() as u32;
            let number = *expected.entry(*hash).or_insert(next);
            let mut is_new = false;
            assert_eq!(table.number(*hash, |new| is_new = new == next), number);
            assert_eq!(is_new, number == next);
        }
        for (hash, number) in expected {
            assert_eq!(table.get(hash), Some(number));
            assert_eq!(table.hash(number), hash);
        }
        assert!(table.get(TermHash(12_345)).is_none());
    }
}
