//! The words and pairs that occur in enough documents, in the order of their texts.

use std::io;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::text::ArticleForm;
use crate::train::documents::{Documents, Row};

/// Stands for the term of a word that is not in the vocabulary.
const NONE: u32 = u32::MAX;
/// The number of maps that pairs are counted in, so that threads rarely wait for each other.
const SHARDS: usize = 64;
/// The most pairs, summed over all documents, that one pass counts. Larger corpora take several
/// passes over a part of the pairs each, which bounds the memory.
const PAIRS_PER_PASS: usize = 16 << 20;

/// A word or a pair of neighbouring words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Term {
    /// The dictionary's number of the word, or of the first one of a pair.
    first: u32,
    /// That of the second word of a pair.
    second: Option<u32>,
    pub(crate) document_frequency: u32,
    /// Inverse document frequency.
    pub(crate) idf: f32,
    /// The chi-square statistic against the topics; 0 until it is computed.
    pub(crate) statistic: f64,
    pub(crate) status: Status,
}

impl Term {
    pub(crate) fn is_word(&self) -> bool {
        self.second.is_none()
    }
}

/// Which models use a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// None.
    Dropped,
    /// Not the final one, but perhaps one trained without the documents of one fold.
    Candidate,
    /// The final one.
    Selected,
}

/// Minimum document frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeastFrequencies {
    pub(crate) words: u32,
    /// At least that of words.
    pub(crate) pairs: u32,
}

/// Terms, numbered in the order of their texts.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) terms: Vec<Term>,
    /// The term per word of the dictionary, or [`NONE`].
    words: Vec<u32>,
    /// The term per pair, by [`key`].
    pairs: HashMap<u64, u32>,
}

/// A pair of words, both as numbers of the dictionary or both as ranks.
fn key(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

impl Vocabulary {
    /// The terms with at least these document frequencies.
    pub(crate) fn of(documents: &Documents, least: LeastFrequencies) -> io::Result<Self> {
        let dictionary = &documents.dictionary;
        let is_form = |word: u32| ArticleForm::is_form(dictionary.text(word).as_bytes());
        // A single form says nothing.
        let has_forms = (0..dictionary.len() as u32).filter(|&word| is_form(word)).count() > 1;
        let is_frequent = |&word: &u32| {
            let frequency = dictionary.document_frequency(word);
            frequency >= least.words && (has_forms || !is_form(word))
        };
        let mut words: Vec<u32> = (0..dictionary.len() as u32).filter(is_frequent).collect();
        words.par_sort_unstable_by_key(|&word| dictionary.text(word));
        // Per word: its rank by text, from 1 on; 0 if it is rare. A word alone is keyed like a pair
        // with second rank 0, so it sorts before the pairs that begin with it.
        let mut ranks = vec![0; dictionary.len()];
        (1..).zip(&words).for_each(|(rank, &word)| ranks[word as usize] = rank);
        let mut keys = frequent_pairs(documents, &ranks, least.pairs)?;
        let frequencies = words.iter().map(|&word| dictionary.document_frequency(word));
        keys.extend((1..).zip(frequencies).map(|(rank, frequency)| (key(rank, 0), frequency)));
        keys.par_sort_unstable();

        let term = |(key, document_frequency): (u64, u32)| Term {
            first: words[(key >> 32) as usize - 1],
            second: (key as u32).checked_sub(1).map(|rank| words[rank as usize]),
            document_frequency,
            idf: idf(documents.len(), document_frequency),
            statistic: 0.0,
            status: Status::Selected,
        };
        let pairs = HashMap::with_capacity(keys.len() - words.len());
        let terms = keys.into_iter().map(term).collect();
        let mut vocabulary = Self { terms, words: vec![NONE; dictionary.len()], pairs };
        for (number, term) in (0..).zip(&vocabulary.terms) {
            match term.second {
                None => vocabulary.words[term.first as usize] = number,
                Some(second) => _ = vocabulary.pairs.insert(key(term.first, second), number),
            }
        }
        Ok(vocabulary)
    }

    /// Appends the terms of a document with their counts, ascending.
    pub(crate) fn append_row(&self, row: &Row<'_>, out: &mut Vec<[u32; 2]>) {
        let start = out.len();
        let word = |word: u32| Some(self.words[word as usize]).filter(|&term| term != NONE);
        out.extend(row.words.iter().filter_map(|&[number, count]| Some([word(number)?, count])));
        out.extend(row.pairs.iter().filter_map(|&[first, second, count]| {
            let [first, second] = [first, second].map(|place| row.words[place as usize][0]);
            // Cheaper than to look up a pair that cannot be there.
            word(first).and(word(second))?;
            Some([*self.pairs.get(&key(first, second))?, count])
        }));
        out[start..].sort_unstable_by_key(|&[term, _]| term);
    }

    /// Appends the text of a term.
    pub(crate) fn append_text(&self, documents: &Documents, term: &Term, out: &mut String) {
        out.push_str(documents.dictionary.text(term.first));
        if let Some(second) = term.second {
            out.push(' ');
            out.push_str(documents.dictionary.text(second));
        }
    }

    /// Whether a term is a word that counts towards the share of known words.
    pub(crate) fn is_counted_word(&self, documents: &Documents, term: &Term) -> bool {
        term.is_word() && !documents.dictionary.is_number(term.first)
    }
}

/// The pairs of ranked words in at least `least` documents, by the [`key`] of their ranks, with
/// their document frequencies; in arbitrary order.
fn frequent_pairs(documents: &Documents, ranks: &[u32], least: u32) -> io::Result<Vec<(u64, u32)>> {
    let passes = documents.pair_count.div_ceil(PAIRS_PER_PASS).max(1);
    let mut frequent = Vec::new();
    for pass in 0..passes {
        let shards: Vec<Mutex<HashMap<u64, u32>>> = (0..SHARDS).map(|_| Mutex::default()).collect();
        (0..documents.block_count()).into_par_iter().try_for_each(|number| {
            let mut keys = vec![Vec::new(); SHARDS];
            for row in Row::of(&documents.block(number)?) {
                for &[first, second, _] in &*row.pairs {
                    let [first, second] =
                        [first, second].map(|place| ranks[row.words[place as usize][0] as usize]);
                    let key = key(first, second);
                    // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
                    let hash = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
                    if first > 0 && second > 0 && hash / SHARDS % passes == pass {
                        keys[hash % SHARDS].push(key);
                    }
                }
            }
            for (shard, keys) in shards.iter().zip(keys) {
                let mut counts = shard.lock().unwrap_or_else(PoisonError::into_inner);
                keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
            }
            io::Result::Ok(())
        })?;
        for shard in shards {
            let counts = shard.into_inner().unwrap_or_else(PoisonError::into_inner);
            frequent.extend(counts.into_iter().filter(|(_, frequency)| *frequency >= least));
        }
    }
    Ok(frequent)
}

/// Inverse document frequency, smoothed as in scikit-learn: `ln((1 + documents) / (1 + frequency))
/// + 1`.
fn idf(document_count: usize, frequency: u32) -> f32 {
    let ratio = (1.0 + document_count as f64) / (1.0 + f64::from(frequency));
    (libm::log(ratio) + 1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = ["late goal, late win", "a late goal", "an own goal"];

    #[test]
    fn terms_in_enough_documents_are_numbered_by_their_texts() {
        let documents = Documents::of_texts(&TEXTS);
        let terms = |words, pairs| -> Vec<(String, u32)> {
            let least = LeastFrequencies { words, pairs };
            let vocabulary = Vocabulary::of(&documents, least).expect("memory");
            let text = |term: &Term| {
                let mut text = String::new();
                vocabulary.append_text(&documents, term, &mut text);
                (text, term.document_frequency)
            };
            vocabulary.terms.iter().map(text).collect()
        };
        let own = |terms: &[(&str, u32)]| -> Vec<(String, u32)> {
            terms.iter().map(|&(text, frequency)| (text.to_owned(), frequency)).collect()
        };
        assert_eq!(terms(2, 2), own(&[("goal", 3), ("late", 2), ("late goal", 2)]));
        assert_eq!(terms(3, 3), own(&[("goal", 3)]));
        assert_eq!(terms(1, 2).len(), 7);
        let all = terms(1, 1);
        assert!(all.is_sorted() && all.contains(&("goal late".to_owned(), 1)), "{all:?}");
    }

    #[test]
    fn a_row_has_the_terms_of_its_document_with_their_counts() {
        let documents = Documents::of_texts(&TEXTS);
        let least = LeastFrequencies { words: 2, pairs: 2 };
        let vocabulary = Vocabulary::of(&documents, least).expect("memory");
        let block = documents.block(0).expect("memory");
        let rows: Vec<Row<'_>> = Row::of(&block).collect();
        let row = |document: usize| {
            let mut row = Vec::new();
            vocabulary.append_row(&rows[document], &mut row);
            row
        };
        assert_eq!(row(0), [[0, 1], [1, 2], [2, 1]]);
        assert_eq!(row(2), [[0, 1]]);
    }

    #[test]
    fn the_idf_is_that_of_scikit_learn() {
        // TfidfTransformer: ln((1 + 99) / (1 + 9)) + 1.
        assert!((idf(99, 9) - 3.302_585).abs() < 1e-6);
        assert!((idf(99_999, 4_999) - 3.995_732).abs() < 1e-6);
    }
}
