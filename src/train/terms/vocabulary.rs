//! The words and pairs of a corpus that occur in enough documents, in the order of their texts.

use std::io;
use std::sync::{Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashMap};
use rayon::prelude::*;

use crate::text::ArticleForm;
use crate::train::documents::{Block, Documents};

/// Stands for a word that was left out.
const NONE: u32 = u32::MAX;
/// How many maps the pairs are counted in, so that threads rarely wait for each other.
const SHARDS: usize = 64;
/// How many pairs of documents are counted in one pass: of a larger corpus several passes count a
/// part of the pairs each, so that their number does not decide how much memory it takes.
const PAIRS_PER_PASS: usize = 16 << 20;

/// A word or a pair of neighbouring words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Term {
    /// The places of the word, or of the first one, and of the second one, if there is one, among
    /// [`Vocabulary::words`].
    pub(crate) first: u32,
    pub(crate) second: Option<u32>,
    pub(crate) document_frequency: u32,
    /// Inverse document frequency.
    pub(crate) idf: f32,
    /// The chi-square statistic of the term and the topics; 0 where nobody asked for it.
    pub(crate) statistic: f64,
    pub(crate) status: Status,
}

impl Term {
    pub(crate) fn is_word(&self) -> bool {
        self.second.is_none()
    }
}

/// Whether a term is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// No.
    Dropped,
    /// Not by the model, but perhaps by one that does not see the documents of one fold.
    Candidate,
    /// By the model.
    Selected,
}

/// In how many documents a term must occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeastFrequencies {
    pub(crate) words: u32,
    /// No less than for words.
    pub(crate) pairs: u32,
}

/// Terms by number: their numbers are in the order of their texts.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) terms: Vec<Term>,
    /// The numbers in the dictionary of the words that occur often enough, in the order of their
    /// texts.
    pub(crate) words: Vec<u32>,
    /// By number in the dictionary: the place among `words`, or [`NONE`].
    places: Vec<u32>,
    /// By place among `words`: the number of the term.
    word_terms: Vec<u32>,
    pair_terms: Counts,
}

/// A number for each pair, whose key is that of [`key`].
type Counts = HashMap<u64, u32, DefaultHashBuilder>;

/// Two places among the words as one number. As numbers they have the order of the texts: of the
/// terms that begin with the same word, the word alone comes first.
fn key(first: u32, second: Option<u32>) -> u64 {
    u64::from(first) << 32 | second.map_or(0, |second| u64::from(second) + 1)
}

impl Vocabulary {
    /// The terms that occur in at least so many documents.
    pub(crate) fn of(documents: &Documents, least: LeastFrequencies) -> io::Result<Self> {
        let dictionary = &documents.dictionary;
        let mut words: Vec<u32> = (0..dictionary.len() as u32)
            .filter(|&word| dictionary.document_frequency(word) >= least.words)
            .filter(|&word| !is_constant_form(documents, word))
            .collect();
        words.par_sort_unstable_by(|&a, &b| dictionary.text(a).cmp(dictionary.text(b)));
        let mut places = vec![NONE; dictionary.len()];
        words.iter().zip(0..).for_each(|(&word, place)| places[word as usize] = place);
        let pairs = frequent_pairs(documents, &places, least.pairs)?;

        let of_words = (0..).zip(&words).map(|(place, &word)| {
            let frequency = dictionary.document_frequency(word);
            (key(place, None), frequency)
        });
        let mut keys: Vec<(u64, u32)> = of_words.chain(pairs).collect();
        keys.par_sort_unstable();
        let idf = idf_of(documents.len());
        let terms: Vec<Term> = keys
            .iter()
            .map(|&(key, document_frequency)| Term {
                first: (key >> 32) as u32,
                second: (key as u32).checked_sub(1),
                document_frequency,
                idf: idf(document_frequency),
                statistic: 0.0,
                status: Status::Selected,
            })
            .collect();
        let mut word_terms = Vec::with_capacity(words.len());
        let pair_count = keys.len() - words.len();
        let mut pair_terms = Counts::with_capacity_and_hasher(pair_count, Default::default());
        for (term, &(key, _)) in (0..).zip(&keys) {
            if key as u32 == 0 {
                word_terms.push(term);
            } else {
                pair_terms.insert(key, term);
            }
        }
        Ok(Self { terms, words, places, word_terms, pair_terms })
    }

    /// The numbers of the terms of a document with their counts, ascending, appended to `out`.
    pub(crate) fn append_row(&self, block: &Block, document: usize, out: &mut Vec<[u32; 2]>) {
        let start = out.len();
        out.reserve(block.words.get(document).len() + block.pairs.get(document).len());
        let words = block.words.get(document);
        let place = |word: u32| Some(self.places[word as usize]).filter(|&place| place != NONE);
        out.extend(
            words
                .iter()
                .filter_map(|&(word, count)| Some([self.word_terms[place(word)? as usize], count])),
        );
        out.extend(block.pairs.get(document).iter().filter_map(|&(first, second, count)| {
            let [first, second] = [first, second].map(|at| place(words[at as usize].0));
            let term = self.pair_terms.get(&key(first?, Some(second?)))?;
            Some([*term, count])
        }));
        out[start..].sort_unstable_by_key(|&[term, _]| term);
    }

    /// Appends the text of a term.
    pub(crate) fn append_text(&self, documents: &Documents, term: &Term, out: &mut String) {
        let text = |place: u32| documents.dictionary.text(self.words[place as usize]);
        out.push_str(text(term.first));
        if let Some(second) = term.second {
            out.push(' ');
            out.push_str(text(second));
        }
    }

    /// Whether a term is a word that counts when it comes to how much of a text is known.
    pub(crate) fn is_counted_word(&self, documents: &Documents, term: &Term) -> bool {
        term.is_word() && !documents.dictionary.is_number(self.words[term.first as usize])
    }
}

/// Whether a word is the form of all articles, which then says nothing.
fn is_constant_form(documents: &Documents, word: u32) -> bool {
    let dictionary = &documents.dictionary;
    ArticleForm::is_form(dictionary.text(word).as_bytes())
        && dictionary.document_frequency(word) as usize == documents.len()
}

/// The pairs of words that have a place, and occur together in at least so many documents; by their
/// keys, with their document frequencies.
fn frequent_pairs(
    documents: &Documents,
    places: &[u32],
    least: u32,
) -> io::Result<Vec<(u64, u32)>> {
    let passes = documents.pair_count.div_ceil(PAIRS_PER_PASS).max(1);
    let mut frequent = Vec::new();
    for pass in 0..passes {
        let shards: Vec<Mutex<Counts>> = (0..SHARDS).map(|_| Mutex::default()).collect();
        (0..documents.block_count()).into_par_iter().try_for_each(|number| {
            let block = documents.block(number)?;
            for (shard, keys) in shards.iter().zip(sharded_keys(&block, places, pass, passes)) {
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

/// The keys of the pairs of a block's documents that are counted in a pass, by shard.
fn sharded_keys(block: &Block, places: &[u32], pass: usize, passes: usize) -> Vec<Vec<u64>> {
    let about = block.pairs.value_count() / SHARDS / passes * 3 / 2;
    let mut shards: Vec<Vec<u64>> = (0..SHARDS).map(|_| Vec::with_capacity(about)).collect();
    for (words, pairs) in block.words.iter().zip(block.pairs.iter()) {
        for &(first, second, _) in pairs {
            let [first, second] =
                [first, second].map(|place| places[words[place as usize].0 as usize]);
            if first == NONE || second == NONE {
                continue;
            }
            // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
            let key = key(first, Some(second));
            let hash = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
            if hash / SHARDS % passes == pass {
                shards[hash % SHARDS].push(key);
            }
        }
    }
    shards
}

/// Inverse document frequency by document frequency, smoothed as scikit-learn does: `ln((1 +
/// documents) / (1 + frequency)) + 1`.
fn idf_of(document_count: usize) -> impl Fn(u32) -> f32 {
    let documents = 1.0 + document_count as f64;
    let of =
        move |frequency: u32| (libm::log(documents / (1.0 + f64::from(frequency))) + 1.0) as f32;
    // Most terms are rare.
    let common: Vec<f32> = (0..1_024).map(of).collect();
    move |frequency| common.get(frequency as usize).copied().unwrap_or_else(|| of(frequency))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Document;
    use crate::text::TextOptions;
    use crate::train::dictionary::TextCounter;

    fn documents(texts: &[&str]) -> Documents {
        let mut documents = Documents::default();
        let mut counter = TextCounter::default();
        for (ordinal, text) in (1..).zip(texts) {
            let counted = counter.count(&Document::of_text(text), TextOptions::default());
            documents.push(ordinal, counted.expect("no topics")).expect("memory");
        }
        documents
    }

    fn texts(documents: &Documents, vocabulary: &Vocabulary) -> Vec<(String, u32)> {
        let text = |term: &Term| {
            let mut text = String::new();
            vocabulary.append_text(documents, term, &mut text);
            (text, term.document_frequency)
        };
        vocabulary.terms.iter().map(text).collect()
    }

    #[test]
    fn terms_in_enough_documents_are_numbered_by_their_texts() {
        let documents = documents(&["late goal, late win", "a late goal", "an own goal"]);
        let least = |words, pairs| {
            let least = LeastFrequencies { words, pairs };
            texts(&documents, &Vocabulary::of(&documents, least).expect("memory"))
        };
        let own = |terms: &[(&str, u32)]| -> Vec<(String, u32)> {
            terms.iter().map(|&(text, frequency)| (text.to_owned(), frequency)).collect()
        };
        assert_eq!(least(2, 2), own(&[("goal", 3), ("late", 2), ("late goal", 2)]));
        assert_eq!(least(3, 3), own(&[("goal", 3)]));
        assert_eq!(least(1, 2).len(), 7);
        let all = least(1, 1);
        assert!(all.is_sorted() && all.contains(&("goal late".to_owned(), 1)), "{all:?}");
    }

    #[test]
    fn a_row_has_the_terms_of_its_document_with_their_counts() {
        let documents = documents(&["late goal, late win", "a late goal", "an own goal"]);
        let least = LeastFrequencies { words: 2, pairs: 2 };
        let vocabulary = Vocabulary::of(&documents, least).expect("memory");
        let block = documents.block(0).expect("memory");
        let row = |document| {
            let mut row = Vec::new();
            vocabulary.append_row(&block, document, &mut row);
            row
        };
        assert_eq!(row(0), [[0, 1], [1, 2], [2, 1]]);
        assert_eq!(row(2), [[0, 1]]);
    }

    #[test]
    fn the_idf_is_that_of_scikit_learn() {
        // TfidfTransformer: ln((1 + 99) / (1 + 9)) + 1, and of a frequency beyond the table.
        assert!((idf_of(99)(9) - 3.302_585).abs() < 1e-6);
        assert!((idf_of(99_999)(4_999) - 3.995_732).abs() < 1e-6);
    }
}
