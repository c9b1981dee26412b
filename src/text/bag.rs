//! Counts the known terms of an article: its bag.

use super::words::WordScanner;
use super::{TermId, TermOccurrence, TextOptions, Vocabulary, scan_terms};
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
    /// By term: its place in the bag's list plus one, 0 while it has none.
    places: Vec<u32>,
    bag: Bag,
}

impl BagCounter {
    /// The bag of an article. Its memory is the counter's: it is good until the next call.
    pub fn count(&mut self, article: ArticleText<'_>, options: TextOptions, vocabulary: &Vocabulary) -> &Bag {
        let Self { scanner, places, bag } = self;
        bag.terms.clear();
        bag.token_count = 0;
        bag.known_token_count = 0;
        places.resize(vocabulary.len(), 0);
        scan_terms(scanner, article, options, |term, times| {
            let (hash, is_word) = match term {
                TermOccurrence::Word { hash, .. } => (hash, true),
                TermOccurrence::Pair { hash } => (hash, false),
                TermOccurrence::Overlong => {
                    bag.token_count += 1;
                    return;
                }
            };
            bag.token_count += u32::from(is_word);
            let Some(id) = vocabulary.find(hash) else { return };
            bag.known_token_count += u32::from(is_word);
            let place = &mut places[id as usize];
            if *place == 0 {
                bag.terms.push(TermCount { term: id, count: 0 });
                *place = bag.terms.len() as u32;
            }
            bag.terms[*place as usize - 1].count += times;
        });
        for entry in &bag.terms {
            places[entry.term as usize] = 0;
        }
        bag
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
