//! Analysis: turns texts into vectors of term counts.

use std::cell::RefCell;

use super::background::Background;
use super::meaning::MeaningSum;
use super::term_key::TermKey;
use super::vector::{CountedTerm, MAX_COUNT, Vector, weight};
use super::word_vectors::WordVectors;
use crate::article::ArticleText;
use crate::text::{Numbers, Stemmer, TermHash, Word, WordScanner, WordText};

/// How many times a word of the title counts.
const TITLE_WEIGHT: u8 = 3;

/// Turns texts into vectors; keep one per thread, for its memory.
#[derive(Debug)]
pub struct Analyzer {
    scanner: WordScanner,
    stemmer: Stemmer,
    /// The terms of recent words, by the word's hash: stemming costs more than everything else.
    cache: Vec<(TermHash, CachedTerm)>,
    /// Each a [`CachedTerm`], with its number of occurrences in the lowest eight bits.
    occurrences: Vec<u64>,
}

/// How many recent words are remembered.
const CACHED_WORDS: usize = 1 << 14;

/// A term, with its inverse document frequency in the lowest 16 of 56 bits: looking that up for
/// each term of an article would wait for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CachedTerm(u64);

impl CachedTerm {
    fn of_stem(stem: &str) -> Self {
        let term = TermKey::of_stem(stem);
        Self(term.bits() << 16 | u64::from(Background::get().idf(term)))
    }

    /// The term of a word, remembered if the word was seen recently.
    #[inline(always)]
    fn of_word(
        cache: &mut [(TermHash, Self)],
        stemmer: &Stemmer,
        hash: TermHash,
        text: WordText<'_>,
    ) -> Self {
        let place = &mut cache[hash.0 as usize % CACHED_WORDS];
        if place.0 != hash {
            *place = (hash, Self::of_new_word(stemmer, text));
        }
        place.1
    }

    #[cold]
    fn of_new_word(stemmer: &Stemmer, text: WordText<'_>) -> Self {
        Self::of_stem(&stemmer.stem(&text.to_string()))
    }

    fn key(self) -> TermKey {
        TermKey::of_bits(self.0 >> 16)
    }

    fn idf(self) -> u16 {
        self.0 as u16
    }
}

impl Default for Analyzer {
    fn default() -> Self {
        let free = (TermHash(0), CachedTerm(0));
        Self {
            scanner: WordScanner::default(),
            stemmer: Stemmer::default(),
            cache: vec![free; CACHED_WORDS],
            occurrences: Vec::new(),
        }
    }
}

impl Analyzer {
    /// The vector of an article.
    pub fn vector(&mut self, text: ArticleText<'_>) -> Vector {
        self.scan(text, |_, _| {});
        let vector = self.counted();
        self.release();
        vector
    }

    /// The terms of an article, ascending, each once.
    pub fn terms(&mut self, text: ArticleText<'_>) -> Vec<TermKey> {
        self.vector(text).terms.iter().map(|term| term.key()).collect()
    }

    /// The first form in which an article uses each of these terms, which ascend; empty for those
    /// it does not have.
    pub(super) fn forms(&mut self, text: ArticleText<'_>, terms: &[TermKey]) -> Vec<String> {
        let mut forms = vec![String::new(); terms.len()];
        // One bit per possible value tells for most words that they were not asked for.
        let mut asked = [0_u64; 64];
        terms
            .iter()
            .for_each(|term| asked[(term.bits() >> 6 & 63) as usize] |= 1 << (term.bits() & 63));
        self.scan(text, |term, word| {
            if asked[(term.bits() >> 6 & 63) as usize] >> (term.bits() & 63) & 1 == 1
                && let Ok(place) = terms.binary_search(&term)
                && forms[place].is_empty()
            {
                forms[place] = word.to_string();
            }
        });
        self.release();
        forms
    }

    /// Calls `on_word` with the term and the inverse document frequency of each word of a text.
    pub(super) fn each_word(&mut self, text: &str, mut on_word: impl FnMut(TermKey, u16)) {
        let Self { scanner, stemmer, cache, .. } = self;
        for word in scanner.scan(text, Numbers::Verbatim).iter() {
            let Word::Term { hash, text } = word else { continue };
            let term = CachedTerm::of_word(cache, stemmer, hash, text);
            on_word(term.key(), term.idf());
        }
    }

    /// Calls `on_word` with each word and its term, and collects their occurrences.
    fn scan(&mut self, text: ArticleText<'_>, mut on_word: impl FnMut(TermKey, WordText<'_>)) {
        let Self { scanner, stemmer, cache, occurrences } = self;
        occurrences.clear();
        for (field, times) in [(text.title, TITLE_WEIGHT), (text.body, 1)] {
            for word in scanner.scan(field, Numbers::Verbatim).iter() {
                // Overlong words are not terms.
                let Word::Term { hash, text } = word else { continue };
                let term = CachedTerm::of_word(cache, stemmer, hash, text);
                occurrences.push(term.0 << 8 | u64::from(times));
                on_word(term.key(), text);
            }
        }
    }

    /// The vector of the terms whose occurrences were collected.
    fn counted(&mut self) -> Vector {
        let word_vectors = WordVectors::get();
        self.occurrences.sort_unstable();
        let mut terms = Vec::with_capacity(self.occurrences.len());
        let (mut squared_length, mut meaning) = (0, MeaningSum::default());
        for occurrences in self.occurrences.chunk_by(|a, b| a >> 8 == b >> 8) {
            let term = CachedTerm(occurrences[0] >> 8);
            let count =
                occurrences.iter().map(|occurrence| occurrence & 0xff).sum::<u64>().min(MAX_COUNT);
            terms.push(CountedTerm(term.key().bits() << 8 | count));
            let weight = weight(count as u8, term.idf());
            squared_length += u64::from(weight).pow(2);
            if let Some(vector) = word_vectors.find(term.key()) {
                meaning.add(vector, weight);
            }
        }
        // The vector is stored: it gives back the memory of repeated words.
        terms.shrink_to_fit();
        Vector { terms, squared_length, meaning: meaning.meaning() }
    }

    /// Gives back the memory of a large text.
    fn release(&mut self) {
        if self.occurrences.len() > MAX_RETAINED_WORDS {
            (self.scanner, self.occurrences) = Default::default();
        }
    }
}

/// The buffers of a text with more words than this are given back: they would add up over hundreds
/// of threads.
const MAX_RETAINED_WORDS: usize = 1 << 16;

thread_local! {
    /// Its memory is reused by all analyses on the thread.
    static ANALYZER: RefCell<Analyzer> = RefCell::default();
}

/// Runs `work` with the thread's own [`Analyzer`].
pub(super) fn with_analyzer<R>(work: impl FnOnce(&mut Analyzer) -> R) -> R {
    ANALYZER.with_borrow_mut(work)
}

/// The vector of an article, by the thread's own [`Analyzer`].
pub(super) fn of_text(text: ArticleText<'_>) -> Vector {
    ANALYZER.with_borrow_mut(|analyzer| analyzer.vector(text))
}

/// [`Analyzer::forms`], by the thread's own [`Analyzer`].
pub(super) fn forms(text: ArticleText<'_>, terms: &[TermKey]) -> Vec<String> {
    ANALYZER.with_borrow_mut(|analyzer| analyzer.forms(text, terms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::word_vectors::DIMENSIONS;
    use proptest::prelude::*;

    fn vector(title: &str, body: &str) -> Vector {
        Analyzer::default().vector(ArticleText { title, body })
    }

    #[test]
    fn forms_of_a_word_are_one_term_and_the_title_counts_more() {
        let vector = vector("Floods", "flooded flooding; the flood's end");
        let counts: Vec<u8> = ["flood", "the", "end"]
            .map(|stem| {
                let key = TermKey::of_stem(stem);
                vector.terms.iter().find(|term| term.key() == key).map_or(0, |term| term.count())
            })
            .to_vec();
        assert_eq!((counts, vector.terms.len()), (vec![6, 1, 1], 3));
    }

    #[test]
    fn the_memory_of_a_large_text_is_given_back() {
        let mut analyzer = Analyzer::default();
        analyzer.vector(ArticleText { title: "", body: &"flood ".repeat(MAX_RETAINED_WORDS) });
        assert!(analyzer.occurrences.capacity() >= MAX_RETAINED_WORDS);
        // Each normalises to four words: an Arabic ligature of a whole phrase.
        analyzer.vector(ArticleText { title: "", body: &"\u{fdfa}".repeat(MAX_RETAINED_WORDS) });
        assert_eq!(analyzer.occurrences.capacity(), 0);
    }

    #[test]
    fn the_similarity_is_the_cosine_by_hand() {
        // a: x once, y twice; b: x once, z once. All three are unknown to the background, so that
        // idf cancels out.
        let (a, b) = (vector("", "qzx qzy qzy"), vector("", "qzx qzz"));
        // 1 / (sqrt(1 + (1 + ln 2)^2) * sqrt(2))
        let expected = 0.359_594;
        assert!((a.similarity(&b) - expected).abs() < 1e-3, "{}", a.similarity(&b));
        assert_eq!(a.similarity(&b), b.similarity(&a));
    }

    #[test]
    fn an_article_is_similar_to_itself_but_not_to_one_without_common_words() {
        let a = vector("Minister resigns", "The vote was lost by three.");
        assert_eq!(a.similarity(&a), 1.0);
        assert_eq!(a.similarity(&vector("", "volcano erupts")), 0.0);
        assert_eq!(a.similarity(&Vector::default()), 0.0);
    }

    #[test]
    fn a_meaning_of_all_words_with_the_greatest_weights_fits_into_32_bits() {
        let mut sums = [[0_i64; 2]; DIMENSIONS];
        for (term, vector) in WordVectors::get().iter() {
            let weight = weight(u8::MAX, Background::get().idf(term));
            assert!(i16::try_from(weight).is_ok());
            for ([positive, negative], part) in sums.iter_mut().zip(vector) {
                *positive += i64::from(weight) * i64::from((*part).max(0));
                *negative += i64::from(weight) * i64::from((*part).min(0));
            }
        }
        for sum in sums.into_iter().flatten() {
            assert!(i32::try_from(sum).is_ok(), "{sum}");
        }
    }

    #[test]
    fn counts_are_capped() {
        let vector = vector("", &"word ".repeat(1_000));
        assert_eq!(vector.terms.iter().map(|term| term.count()).collect::<Vec<_>>(), [255]);
    }

    #[test]
    fn the_first_form_in_the_text_is_reported() {
        let text = ArticleText { title: "Floods", body: "flooded towns" };
        let mut terms = ["flood", "river", "town"].map(TermKey::of_stem);
        terms.sort();
        let forms = Analyzer::default().forms(text, &terms);
        let form = |stem: &str| {
            forms[terms.binary_search(&TermKey::of_stem(stem)).expect("asked for")].as_str()
        };
        assert_eq!(["flood", "river", "town"].map(form), ["floods", "", "towns"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn similarities_lie_in_the_unit_interval(a in "[a-e ]{0,40}", b in any::<String>()) {
            let (a, b) = (vector(&a, &b), vector(&b, &a));
            let similarity = a.similarity(&b);
            prop_assert!((0.0..=1.0).contains(&similarity));
            if !a.terms.is_empty() {
                prop_assert_eq!(a.similarity(&a), 1.0);
            }
        }
    }
}
