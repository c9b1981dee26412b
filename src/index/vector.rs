//! The vector of an article: its terms with their counts, and the cosine between two of them.
//!
//! Everything is whole numbers up to the last division: the cosine is the same on every machine and
//! in any order of terms.

use std::cell::RefCell;
use std::sync::LazyLock;

use super::background::{Background, IDF_ONE};
use crate::article::ArticleText;
use crate::text::{Numbers, Stemmer, TermHash, Word, WordScanner, WordText};

/// How many times a word of the title counts.
const TITLE_WEIGHT: u8 = 3;
/// The highest count of a term that is told apart.
const MAX_COUNT: u64 = 255;
/// A weight of 1 as it is computed with.
const WEIGHT_ONE: f64 = 256.0;

/// A term: 40 bits of the hash of its stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermKey(u64);

impl TermKey {
    /// The key of a stem.
    pub fn of_stem(stem: &str) -> Self {
        Self(TermHash::of_word(stem.as_bytes()).0 >> 24)
    }

    /// What the background knows the term by.
    pub(super) fn fingerprint(self) -> u32 {
        self.0 as u32
    }

    /// The term of these 40 bits.
    #[cfg(test)]
    pub(super) fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 40 bits.
    pub(super) fn bits(self) -> u64 {
        self.0
    }
}

/// A term with its count: the term in the upper bits, the count in the lowest eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry(pub(super) u64);

impl Entry {
    pub(super) fn term(self) -> TermKey {
        TermKey(self.0 >> 8)
    }

    pub(super) fn count(self) -> u8 {
        self.0 as u8
    }
}

/// `1 + ln(count)` by count, in units of 1 / 2^16.
static LOG_COUNTS: LazyLock<[u64; MAX_COUNT as usize + 1]> = LazyLock::new(|| {
    std::array::from_fn(|count| {
        ((1.0 + libm::log(f64::max(1.0, count as f64))) * 65_536.0).round() as u64
    })
});

/// The weight of a term in an article: `(1 + ln count) * idf`, in units of 1 / [`WEIGHT_ONE`]. Fits
/// 16 bits.
#[inline]
pub(super) fn weight(count: u8, idf: u16) -> u32 {
    // Units: 2^16 * IDF_ONE, down to WEIGHT_ONE.
    const SHIFT: u32 = 16 + (IDF_ONE / WEIGHT_ONE as u16).ilog2();
    ((LOG_COUNTS[usize::from(count)] * u64::from(idf) + (1 << (SHIFT - 1))) >> SHIFT) as u32
}

/// An article as the ranking sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vector {
    /// By ascending term, each once.
    pub(super) entries: Vec<Entry>,
    /// The sum of the squared weights.
    pub(super) squared_length: u64,
}

impl Vector {
    /// The similarity of two articles, in [0, 1]: the cosine of the angle between their vectors.
    pub fn similarity(&self, other: &Self) -> f64 {
        QueryVector::new(self).similarity(&other.entries, other.squared_length)
    }
}

/// The cosine of two vectors from their inner product. Exactly 1 for a vector and itself: the root
/// of a rounded square is exact.
pub(super) fn cosine(product: u64, squared_length: u64, other_squared_length: u64) -> f64 {
    if product == 0 {
        return 0.0;
    }
    (product as f64 / (squared_length as f64 * other_squared_length as f64).sqrt()).min(1.0)
}

/// A term of the article that others are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueryTerm {
    pub(super) term: TermKey,
    pub(super) weight: u32,
    pub(super) idf: u16,
}

/// A vector made ready to be compared with many others.
#[derive(Debug)]
pub(super) struct QueryVector {
    /// Open addressing by the term's lowest bits; a weight of 0 marks a free place.
    table: Vec<QueryTerm>,
    mask: u64,
    /// A bit for each of the terms' lowest 15 bits: nearly all terms of another article that are
    /// not here are told by it.
    present: Box<[u64; 512]>,
    squared_length: u64,
    by_worth: Vec<QueryTerm>,
}

impl QueryVector {
    pub(super) fn new(vector: &Vector) -> Self {
        let background = Background::get();
        let term = |entry: &Entry| {
            let idf = background.idf(entry.term());
            QueryTerm { term: entry.term(), weight: weight(entry.count(), idf), idf }
        };
        let mut by_worth: Vec<QueryTerm> = vector.entries.iter().map(term).collect();
        let size = (2 * by_worth.len()).next_power_of_two().max(2);
        let mask = size as u64 - 1;
        let free = QueryTerm { term: TermKey(0), weight: 0, idf: 0 };
        let mut table = vec![free; size];
        let mut present = Box::new([0_u64; 512]);
        for term in &by_worth {
            present[(term.term.0 >> 6 & 511) as usize] |= 1 << (term.term.0 & 63);
            let mut place = term.term.0 & mask;
            while table[place as usize].weight != 0 {
                place = (place + 1) & mask;
            }
            table[place as usize] = *term;
        }
        // By weight * idf^0.5: the weight is sure, and the rarer term has the heavier counterparts
        // and the fewer postings.
        let worth = |term: &QueryTerm| u64::from(term.weight).pow(2) * u64::from(term.idf);
        by_worth.sort_unstable_by(|a, b| worth(b).cmp(&worth(a)).then(a.term.cmp(&b.term)));
        Self { table, mask, present, squared_length: vector.squared_length, by_worth }
    }

    /// The terms, those first that tell most for the postings they cost.
    pub(super) fn by_worth(&self) -> &[QueryTerm] {
        &self.by_worth
    }

    pub(super) fn squared_length(&self) -> u64 {
        self.squared_length
    }

    /// Whether the term may be here: false is sure.
    #[inline]
    pub(super) fn may_have(&self, term: TermKey) -> bool {
        self.present[(term.0 >> 6 & 511) as usize] >> (term.0 & 63) & 1 == 1
    }

    #[inline]
    fn find(&self, term: TermKey) -> Option<&QueryTerm> {
        let mut place = term.0 & self.mask;
        loop {
            let here = &self.table[place as usize];
            if here.weight == 0 {
                return None;
            }
            if here.term == term {
                return Some(here);
            }
            place = (place + 1) & self.mask;
        }
    }

    /// What a term of another article adds to the inner product.
    #[inline]
    pub(super) fn product(&self, entry: Entry) -> u64 {
        self.find(entry.term())
            .map_or(0, |term| u64::from(term.weight) * u64::from(weight(entry.count(), term.idf)))
    }

    /// The inner product with the vector of these entries.
    pub(super) fn inner_product(&self, entries: impl Iterator<Item = Entry>) -> u64 {
        // Those that may be here are set aside first: to go two ways by turns is what a processor
        // is slow at.
        let mut common = [Entry(0); 64];
        let (mut count, mut product) = (0, 0);
        for entry in entries {
            common[count] = entry;
            count += usize::from(self.may_have(entry.term()));
            if count == common.len() {
                product += common.iter().map(|entry| self.product(*entry)).sum::<u64>();
                count = 0;
            }
        }
        product + common[..count].iter().map(|entry| self.product(*entry)).sum::<u64>()
    }

    /// The similarity of an article with these entries.
    pub(super) fn similarity(&self, entries: &[Entry], squared_length: u64) -> f64 {
        cosine(self.inner_product(entries.iter().copied()), self.squared_length, squared_length)
    }
}

/// Turns texts into vectors; keep one a thread, for its memory.
#[derive(Debug)]
pub struct Analyzer {
    scanner: WordScanner,
    stemmer: Stemmer,
    /// What words seen lately are, by the word's hash: stemming a word costs more than all else.
    known: Vec<(TermHash, KnownTerm)>,
    /// Each a [`KnownTerm`] with how many times it counts in the lowest eight bits.
    occurrences: Vec<u64>,
}

const KNOWN_WORDS: usize = 1 << 14;

/// A term with its inverse document frequency in the lowest 16 of 56 bits: to look that up for each
/// term of an article waits for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KnownTerm(u64);

impl KnownTerm {
    fn of_stem(stem: &str) -> Self {
        let term = TermKey::of_stem(stem);
        Self(term.0 << 16 | u64::from(Background::get().idf(term)))
    }

    /// The term of a word, from the recently seen words if it is among them.
    #[inline(always)]
    fn of_word(
        known: &mut [(TermHash, Self)],
        stemmer: &Stemmer,
        hash: TermHash,
        text: WordText<'_>,
    ) -> Self {
        let place = &mut known[hash.0 as usize % KNOWN_WORDS];
        if place.0 != hash {
            *place = (hash, Self::of_new_word(stemmer, text));
        }
        place.1
    }

    #[cold]
    fn of_new_word(stemmer: &Stemmer, text: WordText<'_>) -> Self {
        Self::of_stem(&stemmer.stem(&text.to_string()))
    }

    fn term(self) -> TermKey {
        TermKey(self.0 >> 16)
    }

    fn idf(self) -> u16 {
        self.0 as u16
    }
}

impl Default for Analyzer {
    fn default() -> Self {
        let free = (TermHash(0), KnownTerm(0));
        Self {
            scanner: WordScanner::default(),
            stemmer: Stemmer::default(),
            known: vec![free; KNOWN_WORDS],
            occurrences: Vec::new(),
        }
    }
}

impl Analyzer {
    /// The vector of an article.
    pub fn vector(&mut self, text: ArticleText<'_>) -> Vector {
        self.scan(text, |_, _| {})
    }

    /// The terms of an article, ascending, each once.
    pub fn terms(&mut self, text: ArticleText<'_>) -> Vec<TermKey> {
        self.vector(text).entries.iter().map(|entry| entry.term()).collect()
    }

    /// How an article writes these terms, which ascend: each one's first form, in their order;
    /// empty for one that it has not.
    pub(super) fn forms(&mut self, text: ArticleText<'_>, terms: &[TermKey]) -> Vec<String> {
        let mut forms = vec![String::new(); terms.len()];
        // Most words are told not to be asked for by a bit.
        let mut is_asked = [0_u64; 64];
        terms.iter().for_each(|term| is_asked[(term.0 >> 6 & 63) as usize] |= 1 << (term.0 & 63));
        self.scan(text, |term, word| {
            if is_asked[(term.0 >> 6 & 63) as usize] >> (term.0 & 63) & 1 == 1
                && let Ok(place) = terms.binary_search(&term)
                && forms[place].is_empty()
            {
                forms[place] = word.to_string();
            }
        });
        forms
    }

    /// Calls `on_word` with the term and the inverse document frequency of each word of a text.
    pub(super) fn each_word(&mut self, text: &str, mut on_word: impl FnMut(TermKey, u16)) {
        let Self { scanner, stemmer, known, .. } = self;
        for word in scanner.scan(text, Numbers::Verbatim).iter() {
            let Word::Term { hash, text } = word else { continue };
            let known = KnownTerm::of_word(known, stemmer, hash, text);
            on_word(known.term(), known.idf());
        }
    }

    /// Calls `on_word` with each word's term and the word, and returns the vector.
    fn scan(
        &mut self,
        text: ArticleText<'_>,
        mut on_word: impl FnMut(TermKey, WordText<'_>),
    ) -> Vector {
        let Self { scanner, stemmer, known, occurrences } = self;
        occurrences.clear();
        for (field, times) in [(text.title, TITLE_WEIGHT), (text.body, 1)] {
            for word in scanner.scan(field, Numbers::Verbatim).iter() {
                // What is too long to be a word is no term either.
                let Word::Term { hash, text } = word else { continue };
                let known = KnownTerm::of_word(known, stemmer, hash, text);
                occurrences.push(known.0 << 8 | u64::from(times));
                on_word(known.term(), text);
            }
        }
        occurrences.sort_unstable();
        let mut vector =
            Vector { entries: Vec::with_capacity(occurrences.len()), squared_length: 0 };
        for occurrences in occurrences.chunk_by(|a, b| a >> 8 == b >> 8) {
            let known = KnownTerm(occurrences[0] >> 8);
            let count =
                occurrences.iter().map(|occurrence| occurrence & 0xff).sum::<u64>().min(MAX_COUNT);
            vector.entries.push(Entry(known.term().0 << 8 | count));
            vector.squared_length += u64::from(weight(count as u8, known.idf())).pow(2);
        }
        // It is kept: what its words did not need is given back.
        vector.entries.shrink_to_fit();
        if occurrences.len() > KEPT_WORDS {
            (*scanner, *occurrences) = Default::default();
        }
        vector
    }
}

/// The memory of a text of more words than these is given back: some megabytes on each of hundreds
/// of threads are many.
const KEPT_WORDS: usize = 1 << 16;

thread_local! {
    /// Its memory is reused by every analysis on the thread.
    static ANALYZER: RefCell<Analyzer> = RefCell::default();
}

/// Works with the thread's own [`Analyzer`].
pub(super) fn with_analyzer<R>(work: impl FnOnce(&mut Analyzer) -> R) -> R {
    ANALYZER.with_borrow_mut(work)
}

/// The vector of an article, by the thread's own [`Analyzer`].
pub(super) fn of_text(text: ArticleText<'_>) -> Vector {
    ANALYZER.with_borrow_mut(|analyzer| analyzer.vector(text))
}

/// [`Analyzer::forms`] by the thread's own analyzer.
pub(super) fn forms(text: ArticleText<'_>, terms: &[TermKey]) -> Vec<String> {
    ANALYZER.with_borrow_mut(|analyzer| analyzer.forms(text, terms))
}

#[cfg(test)]
mod tests {
    use super::*;
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
                vector
                    .entries
                    .iter()
                    .find(|entry| entry.term() == key)
                    .map_or(0, |entry| entry.count())
            })
            .to_vec();
        assert_eq!((counts, vector.entries.len()), (vec![6, 1, 1], 3));
    }

    #[test]
    fn the_memory_of_a_large_text_is_given_back() {
        let mut analyzer = Analyzer::default();
        analyzer.vector(ArticleText { title: "", body: &"flood ".repeat(KEPT_WORDS) });
        assert!(analyzer.occurrences.capacity() >= KEPT_WORDS);
        // Four words each, when it is normalised: a ligature of a whole blessing.
        analyzer.vector(ArticleText { title: "", body: &"\u{fdfa}".repeat(KEPT_WORDS) });
        assert_eq!(analyzer.occurrences.capacity(), 0);
    }

    #[test]
    fn the_similarity_is_the_cosine_by_hand() {
        // a: x once, y twice; b: x once, z once; all three unknown to the background, so that idf
        // cancels out.
        let (a, b) = (vector("", "qzx qzy qzy"), vector("", "qzx qzz"));
        // 1 / (sqrt(1 + (1 + ln 2)^2) * sqrt(2))
        let expected = 0.359_594;
        assert!((a.similarity(&b) - expected).abs() < 1e-3, "{}", a.similarity(&b));
        assert_eq!(a.similarity(&b), b.similarity(&a));
    }

    #[test]
    fn an_article_is_like_itself_and_not_like_one_without_a_common_word() {
        let a = vector("Minister resigns", "The vote was lost by three.");
        assert_eq!(a.similarity(&a), 1.0);
        assert_eq!(a.similarity(&vector("", "volcano erupts")), 0.0);
        assert_eq!(a.similarity(&Vector::default()), 0.0);
    }

    #[test]
    fn counts_end_somewhere() {
        let vector = vector("", &"word ".repeat(1_000));
        assert_eq!(vector.entries.iter().map(|entry| entry.count()).collect::<Vec<_>>(), [255]);
    }

    #[test]
    fn forms_are_the_first_of_the_text() {
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
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn similarities_lie_in_the_unit_interval(a in "[a-e ]{0,40}", b in any::<String>()) {
            let (a, b) = (vector(&a, &b), vector(&b, &a));
            let similarity = a.similarity(&b);
            prop_assert!((0.0..=1.0).contains(&similarity));
            if !a.entries.is_empty() {
                prop_assert_eq!(a.similarity(&a), 1.0);
            }
        }
    }
}
