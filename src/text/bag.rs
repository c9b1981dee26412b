//! Counts the known terms of an article: its bag.

use super::vocabulary::Lookups;
use super::words::WordScanner;
use super::{TermHash, TermId, TermOccurrence, TextOptions, Vocabulary, scan_terms};
use crate::article::ArticleText;

/// How often one term occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermCount {
    /// The term.
    pub term: TermId,
    /// Its occurrences, those in the title multiplied by the title's weight.
    pub count: u32,
}

/// The known terms of one article.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bag {
    /// Each term once, in the order of its first occurrence.
    pub terms: Vec<TermCount>,
    /// Words of the article, repeated ones each time, whatever the title's weight.
    pub token_count: u32,
    /// Those of them that the vocabulary has.
    pub known_token_count: u32,
}

/// Counts bags without an allocation an article; keep one a thread and a vocabulary.
#[derive(Debug, Default)]
pub struct BagCounter {
    scanner: WordScanner,
    /// The terms of the article in the order of the text; those of the title come first.
    hashes: Vec<TermHash>,
    lookups: Lookups,
    /// The occurrences of known terms, in the order of the text: each with the times it counts.
    found: Vec<(TermId, u32)>,
    places: Places,
    bag: Bag,
}

impl BagCounter {
    /// The bag of an article. Its memory is the counter's: it is good until the next call.
    ///
    /// The steps follow each other over the whole article, and not term by term: no look-up then waits for the one before it.
    pub fn count(&mut self, article: ArticleText<'_>, options: TextOptions, vocabulary: &Vocabulary) -> &Bag {
        let Self { scanner, hashes, lookups, found, places, bag } = self;
        hashes.clear();
        bag.terms.clear();
        bag.token_count = 0;
        bag.known_token_count = 0;
        let title_weight = u32::from(options.title_weight.get());
        let mut title_end = 0;
        scan_terms(scanner, article, options, |term, times| {
            match term {
                TermOccurrence::Word { hash, .. } => {
                    hashes.push(hash);
                    bag.token_count += 1;
                }
                TermOccurrence::Pair { hash } => hashes.push(hash),
                TermOccurrence::Overlong => bag.token_count += 1,
            }
            if times == title_weight {
                title_end = hashes.len();
            }
        });
        found.clear();
        vocabulary.find_each(hashes, lookups, |place, term| {
            bag.known_token_count += u32::from(!term.is_pair);
            found.push((term.id, if place < title_end { title_weight } else { 1 }));
        });
        places.count(found, &mut bag.terms);
        bag
    }
}

/// Says which place of a bag a term has: a small hash table, which stays in the nearest cache however large the vocabulary is.
#[derive(Debug, Default)]
struct Places {
    /// Places plus one, 0 where there is none; a power of 2 of them, a quarter or less in use.
    slots: Vec<u32>,
}

impl Places {
    /// Sets `terms` to the terms of `found` with the times they count together, in the order of their first occurrence.
    fn count(&mut self, found: &[(TermId, u32)], terms: &mut Vec<TermCount>) {
        let slot_count = (4 * found.len()).next_power_of_two();
        self.slots.clear();
        self.slots.resize(slot_count, 0);
        // One more than there can be: an entry is read before it is known to be a new one.
        terms.resize(found.len() + 1, TermCount { term: 0, count: 0 });
        let mut term_count = 0;
        for &(term, times) in found {
            let mut slot = term as usize & (slot_count - 1);
            let (is_new, at) = loop {
                match self.slots[slot] as usize {
                    0 => break (true, term_count),
                    place if terms[place - 1].term == term => break (false, place - 1),
                    _ => slot = (slot + 1) & (slot_count - 1),
                }
            };
            let entry = &mut terms[at];
            *entry = TermCount { term, count: times + if is_new { 0 } else { entry.count } };
            self.slots[slot] = at as u32 + 1;
            term_count += usize::from(is_new);
        }
        terms.truncate(term_count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU8;

    #[test]
    fn words_and_pairs_are_counted_in_the_order_of_the_text() {
        let vocabulary = Vocabulary::new(["a", "b", "a b", "b c"]).expect("distinct terms");
        let mut counter = BagCounter::default();
        let article = ArticleText { title: "b A", body: "b c, a b" };
        let options = TextOptions { title_weight: NonZeroU8::new(2).expect("not zero"), ..TextOptions::default() };
        for _ in 0..2 {
            let bag = counter.count(article, options, &vocabulary);
            let counts: Vec<_> = bag.terms.iter().map(|entry| (vocabulary.term(entry.term), entry.count)).collect();
            // "a" of the title and "b" of the body make no pair.
            assert_eq!(counts, [("b", 4), ("a", 3), ("b c", 1), ("a b", 1)]);
            assert_eq!((bag.token_count, bag.known_token_count), (6, 5));
        }
    }
}
