//! Builds a partition: groups its postings by term, and drops the terms in too few documents.

use std::io;

use prefetch_index::prefetch_index;

use super::words::Words;
use super::{COUNTED, LeastFrequencies, NONE, Posting, Rank, Term};
use crate::model::train::counts::padded;
use crate::model::train::postings::PostingStreams;
use crate::model::train::select::TopicSizes;
use crate::model::train::topics::DocumentTopics;

/// How many slots a table of pairs begins with.
const FIRST_SLOTS: usize = 1 << 13;

/// Builds partitions.
pub(super) struct Builder<'a, F> {
    /// Worker by worker.
    pub(super) streams: &'a [PostingStreams],
    /// Worker by worker: the number of its first document.
    pub(super) bases: Vec<u32>,
    pub(super) words: &'a Words,
    pub(super) least: LeastFrequencies,
    pub(super) topics: &'a DocumentTopics,
    pub(super) topic_count: usize,
    /// How many documents each topic has, where statistics are asked for.
    pub(super) sizes: Option<&'a TopicSizes>,
    pub(super) logs: F,
}

/// Memory for building, to be used again.
#[derive(Default)]
pub(super) struct Scratch {
    /// Postings of words with the words' places in the partition, as they come.
    words: Vec<(u32, Posting)>,
    /// Postings of pairs, as they come, and which of the pairs come again.
    pairs: Vec<(Pair, Posting)>,
    repeated: Repeated,
    groups: Groups,
    /// Of those that come again the postings, with the numbers of their groups.
    grouped: Vec<(u32, Posting)>,
    sorting: Sorting,
    /// The partition's postings: document after document, with a count where it is not 1.
    pub(super) postings: Vec<u32>,
}

impl<F: Fn(u32) -> f32> Builder<'_, F> {
    /// The terms of a partition, and in [`Scratch::postings`] those of its terms.
    pub(super) fn build(&self, number: usize, scratch: &mut Scratch) -> io::Result<Vec<Term>> {
        let Scratch { words, pairs, repeated, groups, grouped, sorting, postings } = scratch;
        words.clear();
        for ((streams, base), places) in
            self.streams.iter().zip(&self.bases).zip(&self.words.places)
        {
            let ahead = |id| prefetch_index(places, id as usize);
            streams.for_each_word(number, ahead, |id, document, count| {
                let place = places[id as usize];
                if place != NONE {
                    words.push((place, Posting { document: base + document, count }));
                }
            })?;
        }

        let pair_count = self.streams.iter().map(|streams| streams.pair_count(number)).sum();
        pairs.clear();
        pairs.reserve(pair_count);
        repeated.clear_for(pair_count);
        for ((streams, base), ranks) in self.streams.iter().zip(&self.bases).zip(&self.words.ranks)
        {
            let ahead = |id| prefetch_index(ranks, id as usize);
            streams.for_each_pair(number, ahead, |[first, second], document, count| {
                let pair = Pair { first: ranks[first as usize], second: ranks[second as usize] };
                // Whatever document has a pair has its words: a pair is no more frequent.
                if (pair.first != NONE) & (pair.second != NONE) {
                    repeated.add(pair);
                    pairs.push((pair, Posting { document: base + document, count }));
                }
            })?;
        }
        groups.clear();
        grouped.clear();
        let keeps_all = self.least.pairs <= 1;
        // Most pairs are in one document alone. Which ones is hard to guess: there is no branch on
        // it.
        let mut kept = 0;
        for place in 0..pairs.len() {
            let pair = pairs[place];
            pairs[kept] = pair;
            kept += usize::from(keeps_all | repeated.may_contain(pair.0));
        }
        pairs.truncate(kept);
        grouped.extend(pairs.iter().map(|&(pair, posting)| (groups.count(pair), posting)));

        let of_words = self.words.of_partition[number]
            .iter()
            .map(|&(rank, frequency)| (rank, NONE, frequency));
        let of_pairs = groups.groups.iter().map(|&(pair, count)| (pair.first, pair.second, count));
        let kept_words = of_words.clone().filter(|&(.., frequency)| frequency >= self.least.words);
        let kept_pairs = of_pairs.clone().filter(|&(.., frequency)| frequency >= self.least.pairs);
        let mut terms = Vec::with_capacity(kept_words.count() + kept_pairs.count());
        postings.clear();
        self.put(of_words, self.least.words, words, sorting, &mut terms, postings);
        self.put(of_pairs, self.least.pairs, grouped, sorting, &mut terms, postings);
        Ok(terms)
    }

    /// Appends those of the groups (first word, second word, document frequency) in at least so
    /// many documents, with their postings from `found`, where they stand with the numbers of their
    /// groups.
    #[inline(always)]
    fn put(
        &self,
        groups: impl Iterator<Item = (u32, u32, u32)> + Clone,
        least: u32,
        found: &[(u32, Posting)],
        Sorting { next, postings, presence }: &mut Sorting,
        terms: &mut Vec<Term>,
        out: &mut Vec<u32>,
    ) {
        next.clear();
        let mut total = 0;
        next.extend(groups.clone().map(|(.., frequency)| {
            if frequency < least {
                return NONE;
            }
            total += frequency;
            total - frequency
        }));
        postings.clear();
        postings.resize(total as usize, Posting { document: 0, count: 0 });
        for &(group, posting) in found {
            let next = &mut next[group as usize];
            if *next != NONE {
                postings[*next as usize] = posting;
                *next += 1;
            }
        }
        let mut rest = &postings[..];
        for (first, second, document_frequency) in groups {
            if document_frequency < least {
                continue;
            }
            let (own, after) = rest.split_at(document_frequency as usize);
            rest = after;
            for &Posting { document, count } in own {
                if count == 1 {
                    out.push(document);
                } else {
                    out.extend_from_slice(&[document | COUNTED, count]);
                }
            }
            let statistic = self.sizes.map_or(0.0, |sizes| {
                if sizes.counts_observed_only(document_frequency) {
                    presence.clear();
                    own.iter().for_each(|posting| {
                        self.topics.for_each_of(posting.document, |topic| presence.push(topic))
                    });
                    if let Some(statistic) = sizes.chi_square_of_few(presence) {
                        return statistic;
                    }
                }
                presence.clear();
                presence.resize(padded(self.topic_count), 0);
                for posting in own {
                    self.topics
                        .for_each_of(posting.document, |topic| presence[topic as usize] += 1);
                }
                sizes.chi_square(presence)
            });
            let idf = (self.logs)(document_frequency);
            terms.push(Term {
                first,
                second,
                document_frequency,
                end: out.len() as u32,
                statistic,
                idf,
                rank: Rank::Selected,
            });
        }
    }
}

/// Memory for bringing postings into the order of their groups.
#[derive(Default)]
struct Sorting {
    /// By group: where its next posting goes; [`NONE`] where it is pruned.
    next: Vec<u32>,
    /// Postings group by group.
    postings: Vec<Posting>,
    /// Of a group, by topic: in how many documents it is; or the topics of its few documents.
    presence: Vec<u32>,
}

/// A pair of words, by their ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    first: u32,
    second: u32,
}

impl Pair {
    /// Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4): the first bits are the best
    /// ones.
    #[inline(always)]
    fn hash(self) -> u64 {
        (u64::from(self.first) << 32 | u64::from(self.second)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Which pairs came more than once: all of those, and some others whose hashes share their place.
/// (A Bloom filter of one hash; Bloom, 1970.)
#[derive(Default)]
struct Repeated {
    /// A power of two of them. Of each two bits the first says that a pair came, the second that
    /// one came again.
    bits: Vec<u64>,
}

impl Repeated {
    /// Empties the filter, for so many pairs: four to eight places each.
    fn clear_for(&mut self, count: usize) {
        self.bits.clear();
        self.bits.resize((count / 8 + 1).next_power_of_two(), 0);
    }

    /// The bits that a pair is in, and the first of its two.
    #[inline(always)]
    fn place(&self, pair: Pair) -> (usize, u64) {
        let hash = pair.hash() >> 24;
        ((hash >> 6) as usize & (self.bits.len() - 1), 1 << (hash & 62))
    }

    #[inline(always)]
    fn add(&mut self, pair: Pair) {
        let (place, bit) = self.place(pair);
        let bits = &mut self.bits[place];
        *bits |= (*bits & bit) << 1 | bit;
    }

    #[inline(always)]
    fn may_contain(&self, pair: Pair) -> bool {
        let (place, bit) = self.place(pair);
        self.bits[place] & bit << 1 != 0
    }
}

/// Pairs of words, numbered as they first come and counted.
#[derive(Default)]
struct Groups {
    groups: Vec<(Pair, u32)>,
    /// A power of two of them: 0 where free, else a group's number and 1.
    slots: Vec<u32>,
}

impl Groups {
    /// Empties the table.
    fn clear(&mut self) {
        self.groups.clear();
        self.slots.clear();
        self.slots.resize(FIRST_SLOTS, 0);
    }

    /// Counts a pair, and returns its number.
    #[inline(always)]
    fn count(&mut self, pair: Pair) -> u32 {
        let place = self.place(pair);
        if self.slots[place] == 0 {
            return self.insert(pair, place);
        }
        let number = self.slots[place] - 1;
        self.groups[number as usize].1 += 1;
        number
    }

    fn insert(&mut self, pair: Pair, place: usize) -> u32 {
        self.groups.push((pair, 1));
        self.slots[place] = self.groups.len() as u32;
        if self.groups.len() * 2 > self.slots.len() {
            self.grow();
        }
        self.groups.len() as u32 - 1
    }

    #[cold]
    fn grow(&mut self) {
        let slot_count = 2 * self.slots.len();
        self.slots.clear();
        self.slots.resize(slot_count, 0);
        for number in 0..self.groups.len() {
            let place = self.place(self.groups[number].0);
            self.slots[place] = number as u32 + 1;
        }
    }

    /// Where the pair is, or would be.
    #[inline(always)]
    fn place(&self, pair: Pair) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = (pair.hash() >> 32) as usize & mask;
        loop {
            match self.slots[place] {
                0 => return place,
                number if self.groups[number as usize - 1].0 == pair => return place,
                _ => place = (place + 1) & mask,
            }
        }
    }
}
