//! Counts the words and pairs of a document by sorting its words.

use super::{CountedPair, CountedWord};
use crate::text::{TermHash, Word, Words};

/// Stands for the place of what is no word of the document.
const NONE: u32 = u32::MAX;

/// The words of a document as they come, and how they are ordered by their hashes. To be used
/// again: its memory is kept.
#[derive(Debug, Default)]
pub(super) struct TokenOrder {
    /// In the order of the text; behind title and body one that is none.
    tokens: Vec<TermHash>,
    /// How many of them belong to the title.
    title_len: usize,
    /// In the order of the hashes, of equal ones that of the text: the first bits of a token's
    /// hash, and its place in the last bits.
    keys: Vec<u64>,
    buckets: Buckets,
    /// The last bits of a key.
    place_mask: u64,
    /// By token: the place of its word among those of the document.
    words: Vec<u32>,
    /// By word of the document: where its keys end.
    ends: Vec<usize>,
    /// And the first token that is it.
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
        self.put_keys_in_order();
    }

    fn put_keys_in_order(&mut self) {
        // Keys are quicker to sort than words. Of two words the first bits are hardly ever the
        // same.
        self.buckets.sort(&mut self.keys);
        let Self { keys, tokens, place_mask, .. } = self;
        let token = |key: u64| tokens[(key & *place_mask) as usize];
        if keys
            .windows(2)
            .any(|keys| (keys[0] ^ keys[1]) <= *place_mask && token(keys[0]) != token(keys[1]))
        {
            keys.sort_unstable_by_key(|&key| (token(key), key));
        }
    }

    /// Sets `counted` to the words, each once, in the order of their hashes; their ids are left to
    /// be found.
    pub(super) fn count_words(&mut self, title_weight: u32, counted: &mut Vec<CountedWord>) {
        let Self { tokens, title_len, keys, place_mask, words, ends, first_tokens, .. } = self;
        words.clear();
        words.resize(tokens.len(), NONE);
        ends.resize(keys.len(), 0);
        first_tokens.clear();
        counted.clear();
        let Some(first) = keys.first() else { return };
        let mut last = tokens[(first & *place_mask) as usize];
        let mut word = 0;
        for (&key, end) in keys.iter().zip(1..) {
            let at = (key & *place_mask) as usize;
            let hash = tokens[at];
            // Whether a word comes again is hard to guess: there is no branch on it.
            word += usize::from(hash != last);
            last = hash;
            ends[word] = end;
            words[at] = word as u32;
        }
        ends.truncate(word + 1);
        let mut start = 0;
        for &end in &*ends {
            let own = &keys[std::mem::replace(&mut start, end)..end];
            let first = (own[0] & *place_mask) as usize;
            let mut count = own.len() as u32;
            if title_weight > 1 {
                let in_title = |key: &&u64| ((**key & *place_mask) as usize) < *title_len;
                count += own.iter().filter(in_title).count() as u32 * (title_weight - 1);
            }
            counted.push(CountedWord { hash: tokens[first], id: 0, count });
            first_tokens.push(first);
        }
    }

    /// Sets `counted` to the pairs, each once, in the order of their words' places among those of
    /// the document. After [`Self::count_words`].
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

/// Puts the pairs from `start` on, which have the first word in common, in order, and counts equal
/// ones as one.
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

/// Sorts numbers that are spread evenly: each goes to a bucket by its first bits, where it is
/// nearly always alone.
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
        // What is left is in the order of the buckets: an insertion sort moves numbers of the same
        // one alone.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU8;

    use proptest::prelude::*;

    use super::*;
    use crate::article::ArticleText;
    use crate::text::{TermOccurrence, TextOptions, WordScanner, scan_terms};

    /// Counts by the hashes of the terms.
    type Counts = BTreeMap<TermHash, u32>;

    fn counted(order: &mut TokenOrder, title_weight: u32) -> Counts {
        let (mut words, mut pairs) = (Vec::new(), Vec::new());
        order.count_words(title_weight, &mut words);
        order.count_pairs(title_weight, &mut pairs);
        assert!(words.is_sorted_by_key(|word| word.hash) && pairs.is_sorted());
        assert!(
            words
                .iter()
                .zip(&order.first_tokens)
                .all(|(word, &first)| order.tokens[first] == word.hash)
        );
        assert_eq!(order.first_tokens.len(), words.len());
        let hash = |place: u32| words[place as usize].hash;
        let pairs =
            pairs.iter().map(|pair| (hash(pair.first).followed_by(hash(pair.second)), pair.count));
        let mut counts = Counts::new();
        for (hash, count) in words.iter().map(|word| (word.hash, word.count)).chain(pairs) {
            assert!(counts.insert(hash, count).is_none(), "a term twice");
        }
        counts
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_terms_are_those_of_the_text(
            title in "([a-e]{1,2}|x{65}| |, ){0,12}",
            body in "([a-e]{1,2}|x{65}| |, |[a-z]{3} ){0,700}",
            weight in 1u8..4,
        ) {
            let title_weight = NonZeroU8::new(weight).expect("not 0");
            let options = TextOptions { title_weight, ..TextOptions::default() };
            let mut expected = Counts::new();
            let text = ArticleText { title: &title, body: &body };
            scan_terms(&mut WordScanner::default(), text, options, |term, times| match term {
                TermOccurrence::Word { hash, .. } | TermOccurrence::Pair { hash } => *expected.entry(hash).or_default() += times,
                TermOccurrence::Overlong => {}
            });
            let (mut first, mut second) = (WordScanner::default(), WordScanner::default());
            let mut order = TokenOrder::default();
            // What was counted before is of no effect.
            order.sort(first.scan("other words, and other words", options.numbers), second.scan("words", options.numbers));
            counted(&mut order, 7);
            order.sort(first.scan(&title, options.numbers), second.scan(&body, options.numbers));
            prop_assert_eq!(counted(&mut order, weight.into()), expected);
        }

        #[test]
        fn numbers_are_put_in_order(mut numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0..9u64], 0..600)) {
            let mut expected = numbers.clone();
            expected.sort_unstable();
            Buckets::default().sort(&mut numbers);
            prop_assert_eq!(numbers, expected);
        }
    }

    #[test]
    fn words_with_the_same_first_bits_are_told_apart() {
        // The last bits of a key are the token's place: of these words nothing else is different.
        let words = [TermHash(u64::MAX), TermHash(u64::MAX - 1), TermHash(u64::MAX - 2)];
        let mut order = TokenOrder { place_mask: 15, ..TokenOrder::default() };
        order.tokens = [0, 2, 1, 0, 2, 0, 1].map(|word| words[word]).to_vec();
        order.keys =
            order.tokens.iter().zip(0..).map(|(hash, place)| hash.0 & !15 | place).collect();
        order.tokens.push(TermHash(0));
        order.put_keys_in_order();
        let counts = counted(&mut order, 1);
        assert_eq!(words.map(|word| counts[&word]), [3, 2, 2]);
        assert_eq!(counts[&words[0].followed_by(words[2])], 2);
    }
}
