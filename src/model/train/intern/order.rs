//! Counts the words and pairs of a document by sorting its words.

use super::{CountedPair, CountedWord};
use crate::text::{TermHash, Word, Words};

/// Stands for the place of what is no word of the document.
const NONE: u32 = u32::MAX;

/// The words of a document as they come, and how they are ordered by their hashes. To be used again: its memory is kept.
#[derive(Debug, Default)]
pub(super) struct TokenOrder {
    /// In the order of the text; behind title and body one that is none.
    tokens: Vec<TermHash>,
    /// How many of them belong to the title.
    title_len: usize,
    /// In the order of the hashes, of equal ones that of the text: the first bits of a token's hash, and its place in the last bits.
    keys: Vec<u64>,
    buckets: Buckets,
    /// The last bits of a key.
    place_mask: u64,
    /// By token: the place of its word among those of the document.
    words: Vec<u32>,
    /// By word of the document: the first token that is it.
    pub(super) first_tokens: Vec<usize>,
}

impl TokenOrder {
    /// Takes in the words of a document.
    pub(super) fn sort(&mut self, title: Words<'_>, body: Words<'_>) {
        let len = title.len() + body.len() + 2;
        self.place_mask = (len as u64).next_power_of_two() - 1;
        self.title_len = title.len();
        self.tokens.clear();
        self.keys.clear();
        for words in [title, body] {
            for word in words.iter() {
                let place = self.tokens.len() as u64;
                // An overlong word is none.
                let hash = if let Word::Term { hash, .. } = word {
                    self.keys.push(hash.0 & !self.place_mask | place);
                    hash
                } else {
                    TermHash(0)
                };
                self.tokens.push(hash);
            }
            self.tokens.push(TermHash(0));
        }
        // Keys are quicker to sort than words. Of two words the first bits are hardly ever the same.
        self.buckets.sort(&mut self.keys);
        let Self { keys, tokens, place_mask, .. } = self;
        let token = |key: u64| tokens[(key & *place_mask) as usize];
        if keys.windows(2).any(|keys| (keys[0] ^ keys[1]) <= *place_mask && token(keys[0]) != token(keys[1])) {
            keys.sort_unstable_by_key(|&key| (token(key), key));
        }
    }

    /// Sets `counted` to the words, each once, in the order of their hashes; their ids are left to be found.
    pub(super) fn count_words(&mut self, title_weight: u32, counted: &mut Vec<CountedWord>) {
        let Self { tokens, title_len, keys, place_mask, words, first_tokens, .. } = self;
        words.clear();
        words.resize(tokens.len(), NONE);
        first_tokens.resize(keys.len(), 0);
        counted.clear();
        counted.resize(keys.len(), CountedWord { hash: TermHash(0), id: 0, count: 0 });
        let Some(first) = keys.first() else { return };
        let mut last = tokens[(first & *place_mask) as usize];
        let mut word = 0;
        for &key in &*keys {
            let at = (key & *place_mask) as usize;
            let hash = tokens[at];
            // Whether a word comes again is hard to guess: there is no branch on it.
            word += usize::from(hash != last);
            last = hash;
            let counted = &mut counted[word];
            first_tokens[word] = if counted.count == 0 { at } else { first_tokens[word] };
            *counted = CountedWord { hash, id: 0, count: counted.count + if at < *title_len { title_weight } else { 1 } };
            words[at] = word as u32;
        }
        counted.truncate(word + 1);
        first_tokens.truncate(word + 1);
    }

    /// Sets `counted` to the pairs, each once, in the order of their words' places among those of the document. After
    /// [`Self::count_words`].
    pub(super) fn count_pairs(&mut self, title_weight: u32, counted: &mut Vec<CountedPair>) {
        counted.clear();
        let (mut group, mut group_start) = (NONE, 0);
        for &key in &self.keys {
            let at = (key & self.place_mask) as usize;
            let (first, second) = (self.words[at], self.words[at + 1]);
            if first != group {
                put_in_order(counted, group_start);
                (group, group_start) = (first, counted.len());
            }
            if second != NONE {
                let count = if at < self.title_len { title_weight } else { 1 };
                counted.push(CountedPair { first, second, count });
            }
        }
        put_in_order(counted, group_start);
    }
}

/// Puts the pairs from `start` on, which have the first word in common, in order, and counts equal ones as one.
#[inline]
fn put_in_order(pairs: &mut Vec<CountedPair>, start: usize) {
    if pairs.len() < start + 2 {
        return;
    }
    let group = &mut pairs[start..];
    group.sort_unstable_by_key(|pair| pair.second);
    let mut last = 0;
    for next in 1..group.len() {
        if group[next].second == group[last].second {
            group[last].count += group[next].count;
        } else {
            last += 1;
            group[last] = group[next];
        }
    }
    pairs.truncate(start + last + 1);
}

/// Sorts numbers that are spread evenly: each goes to a bucket by its first bits, where it is nearly always alone.
#[derive(Debug, Default)]
struct Buckets {
    /// By bucket: where its next number goes.
    next: Vec<u32>,
    sorted: Vec<u64>,
}

impl Buckets {
    /// Up to so many numbers cannot take long, however they are spread.
    const MAX: usize = 512;

    fn sort(&mut self, numbers: &mut Vec<u64>) {
        if numbers.len() > Self::MAX || numbers.len() < 2 {
            numbers.sort_unstable();
            return;
        }
        let bits = numbers.len().next_power_of_two().ilog2();
        let bucket = |number: u64| (number >> (u64::BITS - bits)) as usize;
        self.next.clear();
        self.next.resize((1 << bits) + 1, 0);
        for &number in &*numbers {
            self.next[bucket(number) + 1] += 1;
        }
        let mut sum = 0;
        for next in &mut self.next {
            sum += *next;
            *next = sum;
        }
        self.sorted.resize(numbers.len(), 0);
        for &number in &*numbers {
            let next = &mut self.next[bucket(number)];
            self.sorted[*next as usize] = number;
            *next += 1;
        }
        // What is left is in the order of the buckets: an insertion sort moves numbers of the same one alone.
        for at in 1..self.sorted.len() {
            let number = self.sorted[at];
            let mut place = at;
            while place > 0 && self.sorted[place - 1] > number {
                self.sorted[place] = self.sorted[place - 1];
                place -= 1;
            }
            self.sorted[place] = number;
        }
        std::mem::swap(numbers, &mut self.sorted);
    }
}
