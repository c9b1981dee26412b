//! The postings that a worker hands out to the partitions, packed: a number each, as a rule.

use std::io;

use super::chunks::Chunks;
use crate::text::TermHash;

/// Into how many parts the terms are dealt, by their hashes: one is worked on in memory that the
/// nearer caches hold.
pub(super) const PARTITIONS: usize = 64;
/// How much of a worker's postings of words, and of those of pairs, stays in memory, in bytes.
const IN_MEMORY_BYTES: [usize; 2] = [32 << 20, 64 << 20];

/// The partition of a term.
pub(super) const fn partition(hash: TermHash) -> usize {
    (hash.0 >> (u64::BITS - PARTITIONS.ilog2())) as usize
}

/// A posting of a word begins with its id in so many bits (23), then how many documents lie between
/// it and the one before in its stream (8), then whether a count other than 1 follows (1).
const WORD_ID_BITS: u32 = 23;
const WORD_STEP_BITS: u32 = u32::BITS - WORD_ID_BITS - 1;
/// One of a pair with both ids (24 each), the step (15) and whether a count follows (1).
const PAIR_ID_BITS: u32 = 24;
const PAIR_STEP_BITS: u32 = u64::BITS - 2 * PAIR_ID_BITS - 1;

/// In place of an id: the step is one from the document that follows, and the posting is the one
/// behind that.
const FAR: [u32; 2] = [(1 << WORD_ID_BITS) - 1, (1 << PAIR_ID_BITS) - 1];
/// In place of an id: the id follows, both of them for a pair, before the count.
const WIDE: [u32; 2] = [FAR[0] - 1, FAR[1] - 1];

/// So many numbers before a posting its ids are told.
const AHEAD: usize = 16;

/// A worker's postings, by partition: of its words and of its pairs, by its own ids.
#[derive(Debug)]
pub(super) struct PostingStreams {
    words: Chunks<u32>,
    pairs: Chunks<u64>,
    /// By partition: the document of the last posting.
    last_of_words: [u32; PARTITIONS],
    last_of_pairs: [u32; PARTITIONS],
}

impl Default for PostingStreams {
    fn default() -> Self {
        Self {
            words: Chunks::new(PARTITIONS, IN_MEMORY_BYTES[0]),
            pairs: Chunks::new(PARTITIONS, IN_MEMORY_BYTES[1]),
            last_of_words: [0; PARTITIONS],
            last_of_pairs: [0; PARTITIONS],
        }
    }
}

impl PostingStreams {
    /// Adds that a document has a word so many times. Documents ascend.
    #[inline]
    pub(super) fn push_word(&mut self, hash: TermHash, id: u32, document: u32, count: u32) {
        let partition = partition(hash);
        let step = document - std::mem::replace(&mut self.last_of_words[partition], document);
        if (id >= WIDE[0]) | (step >> WORD_STEP_BITS != 0) {
            self.push_long_word(partition, id, document, count);
            return;
        }
        let is_counted = count != 1;
        let record = id << (WORD_STEP_BITS + 1) | step << 1 | u32::from(is_counted);
        self.words.push(partition, [record, count], 1 + usize::from(is_counted));
    }

    #[cold]
    fn push_long_word(&mut self, partition: usize, id: u32, document: u32, count: u32) {
        let record = |id: u32| id << (WORD_STEP_BITS + 1) | u32::from(count != 1);
        self.words.push(partition, [record(FAR[0]), document], 2);
        let after = usize::from(count != 1);
        if id < WIDE[0] {
            self.words.push(partition, [record(id), count], 1 + after);
        } else {
            self.words.push(partition, [record(WIDE[0]), id, count], 2 + after);
        }
    }

    /// Adds that a document has a pair of words so many times.
    #[inline]
    pub(super) fn push_pair(
        &mut self,
        hash: TermHash,
        [first, second]: [u32; 2],
        document: u32,
        count: u32,
    ) {
        let partition = partition(hash);
        let step = document - std::mem::replace(&mut self.last_of_pairs[partition], document);
        if (first >= WIDE[1]) | (second >= WIDE[1]) | (step >> PAIR_STEP_BITS != 0) {
            self.push_long_pair(partition, [first, second], document, count);
            return;
        }
        let is_counted = count != 1;
        let record = pair_record(first, second) | u64::from(step) << 1 | u64::from(is_counted);
        self.pairs.push(partition, [record, count.into()], 1 + usize::from(is_counted));
    }

    #[cold]
    fn push_long_pair(
        &mut self,
        partition: usize,
        [first, second]: [u32; 2],
        document: u32,
        count: u32,
    ) {
        let is_counted = count != 1;
        let record = |first: u32, second: u32| pair_record(first, second) | u64::from(is_counted);
        self.pairs.push(partition, [record(FAR[1], 0), document.into()], 2);
        let after = usize::from(is_counted);
        if first.max(second) < WIDE[1] {
            self.pairs.push(partition, [record(first, second), count.into()], 1 + after);
        } else {
            let ids = u64::from(first) << 32 | u64::from(second);
            self.pairs.push(partition, [record(WIDE[1], 0), ids, count.into()], 2 + after);
        }
    }

    /// Ends the adding.
    ///
    /// # Errors
    /// If a temporary file could not be made or written: then, or before.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.words.finish().and(self.pairs.finish())
    }

    /// Calls `each(id, document, count)` for each posting of a word of a partition, in the order in
    /// which they were added, and before that, as a rule, `ahead` with its id.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    #[inline(always)]
    pub(super) fn for_each_word(
        &self,
        partition: usize,
        ahead: impl Fn(u32),
        mut each: impl FnMut(u32, u32, u32),
    ) -> io::Result<()> {
        let mut document = 0;
        for chunk in self.words.of(partition) {
            let chunk = chunk?;
            let mut numbers = chunk.iter();
            while let Some(&record) = numbers.next() {
                if let Some(record) = numbers.as_slice().get(AHEAD) {
                    ahead(record >> (WORD_STEP_BITS + 1));
                }
                let mut id = record >> (WORD_STEP_BITS + 1);
                document += record >> 1 & ((1 << WORD_STEP_BITS) - 1);
                if id >= WIDE[0] {
                    let next = numbers.next().copied().unwrap_or_default();
                    if id == FAR[0] {
                        document = next;
                        continue;
                    }
                    id = next;
                }
                let count =
                    if record & 1 == 0 { 1 } else { numbers.next().copied().unwrap_or_default() };
                each(id, document, count);
            }
        }
        Ok(())
    }

    /// Calls `each(ids, document, count)` for each posting of a pair of a partition, in the order
    /// in which they were added, and before that, as a rule, `ahead` with each of its ids.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    #[inline(always)]
    pub(super) fn for_each_pair(
        &self,
        partition: usize,
        ahead: impl Fn(u32),
        mut each: impl FnMut([u32; 2], u32, u32),
    ) -> io::Result<()> {
        let mut document = 0;
        for chunk in self.pairs.of(partition) {
            let chunk = chunk?;
            let mut numbers = chunk.iter();
            while let Some(&record) = numbers.next() {
                if let Some(&record) = numbers.as_slice().get(AHEAD) {
                    ids_of_pair(record).into_iter().for_each(&ahead);
                }
                let [mut first, mut second] = ids_of_pair(record);
                document += record as u32 >> 1 & ((1 << PAIR_STEP_BITS) - 1);
                if first >= WIDE[1] {
                    let next = numbers.next().copied().unwrap_or_default();
                    if first == FAR[1] {
                        document = next as u32;
                        continue;
                    }
                    (first, second) = ((next >> 32) as u32, next as u32);
                }
                let count = if record & 1 == 0 {
                    1
                } else {
                    numbers.next().copied().unwrap_or_default() as u32
                };
                each([first, second], document, count);
            }
        }
        Ok(())
    }

    /// How many postings of pairs a partition has, or a few more.
    pub(super) fn pair_count(&self, partition: usize) -> usize {
        self.pairs.len_of(partition)
    }
}

const fn pair_record(first: u32, second: u32) -> u64 {
    ((first as u64) << PAIR_ID_BITS | second as u64) << (PAIR_STEP_BITS + 1)
}

/// The ids that [`pair_record`] was given.
const fn ids_of_pair(record: u64) -> [u32; 2] {
    [
        (record >> (PAIR_ID_BITS + PAIR_STEP_BITS + 1)) as u32,
        (record >> (PAIR_STEP_BITS + 1)) as u32 & ((1 << PAIR_ID_BITS) - 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postings_come_back_as_they_were_added() {
        // Ids and steps on both sides of what is packed, one after the other.
        let ids = [
            0,
            1,
            70_000,
            WIDE[0] - 1,
            WIDE[0],
            FAR[0],
            FAR[0] + 1,
            WIDE[1] - 1,
            WIDE[1],
            FAR[1],
            u32::MAX,
        ];
        let steps = [0, 1, 255, 256, 3, (1 << PAIR_STEP_BITS) - 1, 1 << PAIR_STEP_BITS, 1 << 20];
        let counts = [1, 2, 1, u32::MAX, 7];
        let mut streams = PostingStreams::default();
        let (mut words, mut pairs) = (Vec::new(), Vec::new());
        let mut document = 0;
        for n in 0..20_000 {
            document += steps[n % steps.len()] % (1 + n as u32 / 4);
            let (first, second, count) =
                (ids[n % ids.len()], ids[n / 3 % ids.len()], counts[n % counts.len()]);
            let hash = TermHash((n as u64 % 2) << 63);
            streams.push_word(hash, first, document, count);
            streams.push_pair(hash, [first, second], document, count);
            if partition(hash) == 0 {
                words.push((first, document, count));
                pairs.push(([first, second], document, count));
            }
        }
        streams.finish().expect("memory");
        let mut found = Vec::new();
        let ahead = |_| ();
        streams
            .for_each_word(0, ahead, |id, document, count| found.push((id, document, count)))
            .expect("memory");
        assert_eq!(found, words);
        let mut found = Vec::new();
        streams
            .for_each_pair(0, ahead, |ids, document, count| found.push((ids, document, count)))
            .expect("memory");
        assert_eq!(found, pairs);
        assert!(streams.pair_count(0) >= pairs.len());
    }
}
