//! Counts the words and pairs of neighbouring words of one document.

use crate::article::TopicName;
use crate::corpus::Document;
use crate::text::{ArticleForm, TermHash, TextOptions, Word, WordScanner, Words};

/// What mail programs put before the title of what is answered or forwarded.
const REPLY_MARKS: [&str; 3] = ["re", "fw", "fwd"];
/// A body of fewer different words says too little for two documents to be copies of each other.
const MIN_BODY_WORDS: usize = 8;
/// How many words a counter remembers to have given the text of.
const TOLD_WORDS: usize = 1 << 14;

/// A document before its words have numbers.
#[derive(Debug, Default)]
pub(crate) struct CountedDocument {
    pub(crate) topics: Vec<TopicName>,
    /// Each word once with its count, by ascending hash: the order of the text is not kept.
    pub(crate) words: Vec<(TermHash, u32)>,
    /// The texts of the words in the same order, each followed by a line feed; empty for a word
    /// whose text the counter has given lately.
    pub(crate) texts: String,
    /// Each pair once, as the places of its two words in `words`, and its count; ascending.
    pub(crate) pairs: Vec<(u32, u32, u32)>,
    /// A fingerprint of the set of the title's words, reply marks left out; 0 where none is left.
    pub(crate) title: u64,
    /// A fingerprint of the counts of the body's words; 0 where they are few.
    pub(crate) body: u64,
}

/// Counts documents. Its buffers are used again.
#[derive(Debug)]
pub(crate) struct TextCounter {
    title: WordScanner,
    body: WordScanner,
    tokens: Tokens,
    /// Words whose texts were given, each at the place that its hash says.
    told: Vec<Option<TermHash>>,
}

impl Default for TextCounter {
    fn default() -> Self {
        let (title, body, tokens) = Default::default();
        Self { title, body, tokens, told: vec![None; TOLD_WORDS] }
    }
}

impl TextCounter {
    /// The terms of [`crate::text::scan_terms`] with their counts.
    pub(crate) fn count(
        &mut self,
        document: &Document<'_>,
        options: TextOptions,
    ) -> Result<CountedDocument, String> {
        let topics = document.topics.iter().map(|name| TopicName::new(name));
        let topics = topics.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let text = document.text();
        let title = self.title.scan(text.title, options.numbers);
        let body = self.body.scan(text.body, options.numbers);
        let mut counted = CountedDocument { topics, ..CountedDocument::default() };
        let form = ArticleForm::of(title.len(), body.len());
        self.tokens.take(title, body, form);
        self.tokens.count_words(options.title_weight.get().into(), &mut counted);
        counted.texts.reserve(text.title.len() + text.body.len());
        for (&token, &(hash, _)) in self.tokens.tokens_of_words.iter().zip(&counted.words) {
            let word = match token.checked_sub(title.len() + 1) {
                None => title.get(token),
                Some(place) => body.get(place),
            };
            let last = &mut self.told[hash.0 as usize % TOLD_WORDS];
            if last.replace(hash) != Some(hash) {
                match word {
                    Some(Word::Term { text, .. }) => text.append_to(&mut counted.texts),
                    _ => counted.texts.push_str(form.map_or("", ArticleForm::term)),
                }
            }
            counted.texts.push('\n');
        }
        if options.pairs {
            self.tokens.count_pairs(options.title_weight.get().into(), &mut counted.pairs);
        }
        counted.title = self.tokens.title_fingerprint();
        counted.body = self.tokens.body_fingerprint();
        Ok(counted)
    }
}

/// The words of a document as they stand in its text, and how they are ordered by their hashes.
#[derive(Debug, Default)]
struct Tokens {
    /// Title, a gap, body, a gap, the article's form; None for what is too long to be a term and for the gaps, which no
    /// pair crosses.
    hashes: Vec<Option<TermHash>>,
    title_len: usize,
    /// The terms by hash.
    sorted: Vec<(TermHash, usize)>,
    /// By token: the place of its word among the words of the document.
    places: Vec<Option<u32>>,
    /// By word of the document: a token that is it.
    tokens_of_words: Vec<usize>,
}

impl Tokens {
    fn take(&mut self, title: Words<'_>, body: Words<'_>, form: Option<ArticleForm>) {
        self.hashes.clear();
        self.title_len = title.len();
        for words in [title, body] {
            self.hashes.extend(words.iter().map(|word| match word {
                Word::Term { hash, .. } => Some(hash),
                Word::Overlong => None,
            }));
            self.hashes.push(None);
        }
        self.hashes.push(form.map(ArticleForm::hash));
        self.sorted.clear();
        let tokens = self.hashes.iter().zip(0..);
        self.sorted.extend(tokens.filter_map(|(hash, token)| Some(((*hash)?, token))));
        self.sorted.sort_unstable_by_key(|&(hash, _)| hash);
    }

    /// How often a token counts.
    fn weight(&self, token: usize, title_weight: u32) -> u32 {
        if token < self.title_len { title_weight } else { 1 }
    }

    fn count_words(&mut self, title_weight: u32, counted: &mut CountedDocument) {
        self.places.clear();
        self.places.resize(self.hashes.len(), None);
        self.tokens_of_words.clear();
        counted.words.reserve(self.sorted.len());
        for (same, place) in self.sorted.chunk_by(|a, b| a.0 == b.0).zip(0..) {
            let (hash, token) = same[0];
            let count = same.iter().map(|&(_, token)| self.weight(token, title_weight)).sum();
            counted.words.push((hash, count));
            self.tokens_of_words.push(token);
            same.iter().for_each(|&(_, token)| self.places[token] = Some(place));
        }
    }

    /// After [`Self::count_words`].
    fn count_pairs(&self, title_weight: u32, counted: &mut Vec<(u32, u32, u32)>) {
        counted.reserve(self.places.len());
        counted.extend(self.places.windows(2).zip(0..).filter_map(|(neighbours, token)| {
            Some((neighbours[0]?, neighbours[1]?, self.weight(token, title_weight)))
        }));
        counted
            .sort_unstable_by_key(|&(first, second, _)| u64::from(first) << 32 | u64::from(second));
        counted.dedup_by(|next, kept| {
            let is_same = (next.0, next.1) == (kept.0, kept.1);
            kept.2 += if is_same { next.2 } else { 0 };
            is_same
        });
    }

    fn title_fingerprint(&self) -> u64 {
        let marks = REPLY_MARKS.map(|mark| TermHash::of_word(mark.as_bytes()));
        let in_title = self.sorted.iter().filter(|(_, token)| *token < self.title_len);
        let mut words: Vec<TermHash> = in_title.map(|(hash, _)| *hash).collect();
        words.dedup();
        // The hashes are as good as random: so is their sum.
        let words = words.iter().filter(|hash| !marks.contains(hash));
        words.fold(0, |sum, hash| sum.wrapping_add(hash.0))
    }

    fn body_fingerprint(&self) -> u64 {
        let form = self.hashes.len() - 1;
        let in_body = self.title_len..form;
        let in_body = self.sorted.iter().filter(|(_, token)| in_body.contains(token));
        let (mut sum, mut words, mut last) = (0u64, 0, None);
        for (hash, _) in in_body {
            words += usize::from(last.replace(hash) != Some(hash));
            // Added as often as it occurs, each time as another number: counts matter, order not.
            sum = sum.rotate_left(1).wrapping_add(hash.0);
        }
        if words >= MIN_BODY_WORDS { sum } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU8;

    use proptest::prelude::*;

    use super::*;
    use crate::article::ArticleText;
    use crate::text::{TermOccurrence, scan_terms};

    fn counted(title: &str, body: &str) -> CountedDocument {
        let text = format!("{title}\n\n{body}");
        let document = Document::of_text(&text);
        let counter = TextCounter::default().count(&document, TextOptions::default());
        counter.expect("a document without topics")
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]
        #[test]
        fn the_terms_are_those_of_the_text(
            title in "([a-e]{1,2}|x{256}| |, ){0,12}",
            body in "([a-e]{1,2}|x{256}| |, |[a-z]{3} ){0,300}",
            weight in 1u8..4,
        ) {
            let title_weight = NonZeroU8::new(weight).expect("not 0");
            let options = TextOptions { title_weight, ..TextOptions::default() };
            let mut expected: BTreeMap<TermHash, u32> = BTreeMap::new();
            let text = ArticleText { title: &title, body: &body };
            scan_terms(&mut WordScanner::default(), text, options, |term, times| match term {
                TermOccurrence::Word { hash, .. } | TermOccurrence::Pair { hash } => {
                    *expected.entry(hash).or_default() += times;
                }
                TermOccurrence::Form(form) => *expected.entry(form.hash()).or_default() += times,
                TermOccurrence::Overlong => {}
            });
            let mut counter = TextCounter::default();
            let mut document = Document::of_text("");
            (document.title, document.body) = ("other words".into(), "and other words".into());
            counter.count(&document, options).expect("no topics");
            (document.title, document.body) = (title.as_str().into(), body.as_str().into());
            counter.told.fill(None);
            let counted = counter.count(&document, options).expect("no topics");
            prop_assert!(counted.words.is_sorted() && counted.pairs.is_sorted());
            let hash = |place: u32| counted.words[place as usize].0;
            let pairs = counted.pairs.iter();
            let pairs = pairs.map(|&(first, second, count)| {
                (hash(first).followed_by(hash(second)), count)
            });
            let found: Vec<(TermHash, u32)> = counted.words.iter().copied().chain(pairs).collect();
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), expected);
            let texts = counted.texts.lines().map(|text| TermHash::of_word(text.as_bytes()));
            prop_assert!(texts.eq(counted.words.iter().map(|(hash, _)| *hash)));
        }
    }

    #[test]
    fn titles_that_differ_in_order_and_reply_marks_have_the_same_fingerprint() {
        let title = |title: &str| counted(title, "a body").title;
        assert_eq!(title("Bank raises the rate"), title("RE: Fwd: the rate bank raises"));
        assert_ne!(title("Bank raises the rate"), title("Bank cuts the rate"));
        assert_eq!([title(""), title("Re:")], [0, 0]);
    }

    #[test]
    fn bodies_of_the_same_words_have_the_same_fingerprint() {
        let body = |body: &str| counted("A title", body).body;
        let long = "one two three four five six seven eight";
        assert_eq!(body(long), body("eight two three four five six seven one"));
        assert_ne!(body(long), body("one two three four five six seven eight eight"));
        assert_ne!(body(long), body("one two three four five six seven nine"));
        assert_eq!(body("too few words too few words too few words"), 0);
    }
}
