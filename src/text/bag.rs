//! Counts the terms of an article that a vocabulary has: its bag.

use super::bucket::TermId;
use super::form::ArticleForm;
use super::hash::TermHash;
use super::options::TextOptions;
use super::scanner::WordScanner;
use super::vocabulary::{Lookups, Vocabulary};
use crate::article::ArticleText;

/// A term and its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermCount {
    /// The term.
    pub term: TermId,
    /// How often it occurs, occurrences in the title multiplied by the title's weight.
    pub count: u32,
}

/// The counts of an article's terms that the vocabulary has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bag {
    /// Each term once, in the order of its first occurrence.
    pub terms: Vec<TermCount>,
    /// The words of the article, with repetitions and regardless of the title's weight.
    /// [Numbers](super::is_number) are left out: the share of known words must not depend on the
    /// figures in a report.
    pub token_count: u32,
    /// How many of those words the vocabulary has.
    pub known_token_count: u32,
}

/// Counts bags without an allocation per article; keep one per thread and vocabulary.
#[derive(Debug, Default)]
pub struct BagCounter {
    scanner: WordScanner,
    /// The terms of the article in text order; those of the title come first.
    hashes: Vec<TermHash>,
    lookups: Lookups,
    slots: TermSlots,
    bag: Bag,
}

impl BagCounter {
    /// The bag of an article, which is valid until the next call.
    ///
    /// Each step runs over the whole article before the next one begins, so that look-ups do not
    /// wait for one another.
    pub fn count(
        &mut self,
        article: ArticleText<'_>,
        options: TextOptions,
        vocabulary: &Vocabulary,
    ) -> &Bag {
        let Self { scanner, hashes, lookups, slots, bag } = self;
        hashes.clear();
        bag.token_count = 0;
        let title_weight = u32::from(options.title_weight.get());
        let (mut title_end, mut word_counts) = (0, [0; 2]);
        for (field, word_count) in [article.title, article.body].into_iter().zip(&mut word_counts) {
            title_end = hashes.len();
            let words = scanner.scan(field, options.numbers);
            *word_count = words.len();
            bag.token_count += (words.len() - words.number_count()) as u32;
            for run in words.runs() {
                push_terms(run, options.pairs, vocabulary, hashes);
            }
        }
        let form = ArticleForm::of(word_counts[0], word_counts[1]);
        hashes.extend(form.map(ArticleForm::hash));
        let mut counts = slots.counts(hashes.len(), &mut bag.terms);
        let mut known_token_count = 0;
        vocabulary.find_each(hashes, lookups, |index, term| {
            known_token_count += u32::from(term.is_word);
            counts.add(term.id, if index < title_end { title_weight } else { 1 });
        });
        counts.finish();
        bag.known_token_count = known_token_count;
        bag
    }
}

/// Appends the terms of consecutive words, as [`super::scan_terms`] reports them: each word, then
/// the pair it makes with its predecessor. Prefetches what their look-ups will read.
fn push_terms(words: &[TermHash], pairs: bool, vocabulary: &Vocabulary, terms: &mut Vec<TermHash>) {
    words.iter().for_each(|&word| vocabulary.prefetch(word));
    if !pairs {
        return terms.extend_from_slice(words);
    }
    let Some((&first, rest)) = words.split_first() else { return };
    let start = terms.len() + 1;
    terms.resize(start + 2 * rest.len(), first);
    let (pairs, _) = terms[start..].as_chunks_mut();
    for (pair, (&before, &word)) in pairs.iter_mut().zip(words.iter().zip(rest)) {
        let hash = before.followed_by(word);
        vocabulary.prefetch(hash);
        *pair = [word, hash];
    }
}

/// Finds the place of a term in the bag. This small hash table stays in the nearest cache, however
/// large the vocabulary is.
#[derive(Debug, Default)]
struct TermSlots {
    /// By the low bits of a term: its place in the list, or 0 for a free slot. The number of slots
    /// is a power of 2, at most half of them in use.
    slots: Vec<u32>,
}

/// A growing list of distinct terms with their counts. The first element is a placeholder.
struct TermCounts<'a> {
    slots: &'a mut [u32],
    counts: &'a mut Vec<TermCount>,
    len: usize,
}

impl TermSlots {
    /// An empty list, stored in `counts`, for up to `count` distinct terms.
    fn counts<'a>(&'a mut self, count: usize, counts: &'a mut Vec<TermCount>) -> TermCounts<'a> {
        self.slots.clear();
        self.slots.resize((2 * count).next_power_of_two(), 0);
        // One element more than can be used, besides the placeholder: an element is read before it
        // is clear whether the term is new.
        counts.resize(count + 2, TermCount { term: 0, count: 0 });
        TermCounts { slots: &mut self.slots, counts, len: 1 }
    }
}

impl TermCounts<'_> {
    /// Adds to the count of a term.
    #[inline]
    fn add(&mut self, term: TermId, times: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = term as usize & mask;
        while (self.slots[slot] != 0) & (self.counts[self.slots[slot] as usize].term != term) {
            slot = (slot + 1) & mask;
        }
        // Whether a term is new is hard to predict, so there is no branch on it.
        let place = self.slots[slot] as usize;
        let is_new = place == 0;
        let place = if is_new { self.len } else { place };
        let before = if is_new { 0 } else { self.counts[place].count };
        self.counts[place] = TermCount { term, count: before + times };
        self.slots[slot] = place as u32;
        self.len += usize::from(is_new);
    }

    fn finish(self) {
        self.counts.truncate(self.len);
        self.counts.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{MAX_WORD_CHARACTERS, TermOccurrence, scan_terms};
    use proptest::prelude::*;
    use std::num::NonZeroU8;

    #[test]
    fn words_and_pairs_are_counted_in_the_order_of_the_text() {
        let vocabulary = Vocabulary::new(["a", "b", "a b", "b c"]).expect("distinct terms");
        let mut counter = BagCounter::default();
        let article = ArticleText { title: "b A", body: "b c, a b" };
        let options = TextOptions {
            title_weight: NonZeroU8::new(2).expect("not zero"),
            ..TextOptions::default()
        };
        for _ in 0..2 {
            let bag = counter.count(article, options, &vocabulary);
            let counts: Vec<_> =
                bag.terms.iter().map(|entry| (vocabulary.term(entry.term), entry.count)).collect();
            // "a" in the title and "b" in the body make no pair.
            assert_eq!(counts, [("b", 4), ("a", 3), ("b c", 1), ("a b", 1)]);
            assert_eq!((bag.token_count, bag.known_token_count), (6, 5));
        }
    }

    #[test]
    fn the_form_is_a_term_but_not_a_word() {
        let vocabulary = Vocabulary::new(["a", "<headline>", "<story>"]).expect("distinct terms");
        let mut counter = BagCounter::default();
        let mut of = |title, body| {
            let article = ArticleText { title, body };
            let bag = counter.count(article, TextOptions::default(), &vocabulary);
            let terms: Vec<_> = bag.terms.iter().map(|entry| vocabulary.term(entry.term)).collect();
            (terms.concat(), bag.token_count, bag.known_token_count)
        };
        assert_eq!(of("a", " !"), ("a<headline>".to_owned(), 1, 1));
        assert_eq!(of("", "b"), ("<story>".to_owned(), 1, 0));
        // Nobody can write it.
        assert_eq!(of("<story>", ""), ("<headline>".to_owned(), 1, 0));
        assert_eq!(of("", "?"), (String::new(), 0, 0));
    }

    #[test]
    fn numbers_are_terms_but_not_words() {
        let vocabulary =
            Vocabulary::new(["profit", "2013", "2013 profit", "q3"]).expect("distinct terms");
        let article = ArticleText { title: "2013 profit", body: "rose 12.5% to $3.2bn in Q3 2013" };
        let mut counter = BagCounter::default();
        let bag = counter.count(article, TextOptions::default(), &vocabulary);
        let terms: Vec<_> =
            bag.terms.iter().map(|entry| (vocabulary.term(entry.term), entry.count)).collect();
        assert_eq!(terms, [("2013", 2), ("profit", 1), ("2013 profit", 1), ("q3", 1)]);
        // The words are profit, rose, to, in and q3; profit and q3 are known.
        assert_eq!((bag.token_count, bag.known_token_count), (5, 2));
    }

    /// The bag, counted term by term.
    fn counted_one_by_one(
        article: ArticleText<'_>,
        options: TextOptions,
        vocabulary: &Vocabulary,
    ) -> Bag {
        let mut bag = Bag::default();
        scan_terms(&mut WordScanner::default(), article, options, |term, times| {
            bag.token_count += u32::from(match term {
                TermOccurrence::Word { text, .. } => !text.is_number(),
                TermOccurrence::Overlong => true,
                TermOccurrence::Pair { .. } | TermOccurrence::Form(_) => false,
            });
            let hash = match term {
                TermOccurrence::Word { hash, .. } | TermOccurrence::Pair { hash } => hash,
                TermOccurrence::Form(form) => form.hash(),
                TermOccurrence::Overlong => return,
            };
            let Some(found) = vocabulary.find(hash) else { return };
            bag.known_token_count += u32::from(found.is_word);
            match bag.terms.iter_mut().find(|entry| entry.term == found.id) {
                Some(entry) => entry.count += times,
                None => bag.terms.push(TermCount { term: found.id, count: times }),
            }
        });
        bag
    }

    proptest! {
        #[test]
        fn a_bag_counts_the_terms_that_are_scanned(
            title in "([abc1] ?|L ){0,6}",
            body in "([abc1] ?|L ){0,40}",
            pairs in any::<bool>(),
            weight in 1..=3u8,
        ) {
            let overlong = format!("{} ", "x".repeat(MAX_WORD_CHARACTERS + 1));
            let (title, body) = (title.replace("L ", &overlong), body.replace("L ", &overlong));
            let article = ArticleText { title: &title, body: &body };
            let title_weight = NonZeroU8::new(weight).expect("not zero");
            let options = TextOptions { pairs, title_weight, ..TextOptions::default() };
            let terms =
                ["a", "ab", "b", "b a", "a ab", "c c", "1", "1 a", "a1", "<headline>", "<story>"];
            let vocabulary = Vocabulary::new(terms).expect("distinct terms");
            let mut counter = BagCounter::default();
            counter.count(ArticleText { title: "c c", body: "of no effect" }, options, &vocabulary);
            let expected = counted_one_by_one(article, options, &vocabulary);
            prop_assert_eq!(counter.count(article, options, &vocabulary), &expected);
        }
    }
}
