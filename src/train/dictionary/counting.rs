//! Counts the words and pairs of neighbouring words of one document.

use std::ops::Range;

use crate::article::TopicName;
use crate::corpus::Document;
use crate::text::{ArticleForm, TermHash, TextOptions, Word, WordScanner};

/// Prefixes that mail programs put before the title of a reply or forwarded message.
const REPLY_PREFIXES: [&str; 3] = ["re", "fw", "fwd"];
/// A body with fewer distinct words is too short to identify copies.
const MIN_BODY_WORDS: usize = 8;
/// The number of words whose texts a counter remembers to have given.
const REMEMBERED_WORDS: usize = 1 << 14;

/// The counts of a document whose words are not numbered yet.
#[derive(Debug)]
pub(crate) struct CountedDocument {
    pub(crate) topics: Vec<TopicName>,
    /// Each distinct word with its count, by ascending hash, so the order of the text is lost.
    pub(crate) words: Vec<(TermHash, u32)>,
    /// The texts of the words in the same order, each followed by a line feed; empty for a word
    /// whose text the counter gave recently, which saves 3 % of training.
    pub(crate) texts: String,
    /// Each distinct pair, as the indices of its words in `words`, with its count; ascending.
    pub(crate) pairs: Vec<[u32; 3]>,
    /// A fingerprint of the title's set of words without reply prefixes; 0 if that is empty.
    pub(crate) title: u64,
    /// A fingerprint of the counts of the body's words; 0 if it has too few words.
    pub(crate) body: u64,
}

/// Counts documents one after another, reusing its buffers.
#[derive(Debug, Default)]
pub(crate) struct TextCounter {
    title: WordScanner,
    body: WordScanner,
    /// The words whose texts were given, each at the index that its hash determines.
    given: Vec<Option<TermHash>>,
}

impl TextCounter {
    /// Counts the terms of [`crate::text::scan_terms`]. The error names an invalid topic.
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
        self.given.resize(REMEMBERED_WORDS, None);
        // Tokens are numbered through title, body and form, with gaps that no pair spans.
        let body_start = title.len() + 1;
        let form_start = body_start + body.len() + 1;
        let form = ArticleForm::of(title.len(), body.len());
        let mut terms = Vec::with_capacity(title.len() + body.len());
        for (words, start) in [(title, 0), (body, body_start)] {
            terms.extend(words.iter().zip(start..).filter_map(|(word, token)| match word {
                Word::Term { hash, .. } => Some((hash, token)),
                Word::Overlong => None,
            }));
        }
        terms.extend(form.map(|form| (form.hash(), form_start)));
        terms.sort_unstable_by_key(|&(hash, _)| hash);

        let title_weight = options.title_weight.get().into();
        let weight = |token| if token < body_start { title_weight } else { 1 };
        let mut words = Vec::with_capacity(terms.len());
        let mut texts = String::with_capacity(text.title.len() + text.body.len());
        // Per token: the index of its word in `words`.
        let mut places = vec![None; form_start + 1];
        for (same, place) in terms.chunk_by(|a, b| a.0 == b.0).zip(0..) {
            let (hash, token) = same[0];
            words.push((hash, same.iter().map(|&(_, token)| weight(token)).sum()));
            same.iter().for_each(|&(_, token)| places[token] = Some(place));
            let given = &mut self.given[hash.0 as usize % REMEMBERED_WORDS];
            if given.replace(hash) != Some(hash) {
                let is_title = token < body_start;
                let word = if is_title { title.get(token) } else { body.get(token - body_start) };
                match word {
                    Some(Word::Term { text, .. }) => text.append_to(&mut texts),
                    _ => texts.push_str(form.map_or("", ArticleForm::term)),
                }
            }
            texts.push('\n');
        }
        let pairs = if options.pairs { pairs(&places, weight) } else { Vec::new() };
        let title = title_fingerprint(&terms, body_start);
        let body = body_fingerprint(&terms, body_start..form_start);
        Ok(CountedDocument { topics, words, texts, pairs, title, body })
    }
}

/// Each distinct pair of neighbouring tokens with its count; tokens that are not terms are `None`.
fn pairs(places: &[Option<u32>], weight: impl Fn(usize) -> u32) -> Vec<[u32; 3]> {
    let mut pairs = Vec::with_capacity(places.len());
    pairs.extend(
        places.windows(2).zip(0..).filter_map(|(neighbours, token)| {
            Some([neighbours[0]?, neighbours[1]?, weight(token)])
        }),
    );
    pairs.sort_unstable_by_key(|&[first, second, _]| u64::from(first) << 32 | u64::from(second));
    pairs.dedup_by(|next, kept| {
        let is_same = next[..2] == kept[..2];
        kept[2] += if is_same { next[2] } else { 0 };
        is_same
    });
    pairs
}

/// [`CountedDocument::title`], from terms with their tokens in order of hash.
fn title_fingerprint(terms: &[(TermHash, usize)], body_start: usize) -> u64 {
    let prefixes = REPLY_PREFIXES.map(|prefix| TermHash::of_word(prefix.as_bytes()));
    let in_title = terms.iter().filter(|(_, token)| *token < body_start);
    let mut words: Vec<TermHash> = in_title.map(|(hash, _)| *hash).collect();
    words.dedup();
    // Hashes are as good as random, so their sum is, too.
    let words = words.iter().filter(|hash| !prefixes.contains(hash));
    words.fold(0, |sum, hash| sum.wrapping_add(hash.0))
}

/// [`CountedDocument::body`], from terms with their tokens in order of hash.
fn body_fingerprint(terms: &[(TermHash, usize)], body: Range<usize>) -> u64 {
    let (mut sum, mut words, mut last) = (0u64, 0, None);
    for (hash, _) in terms.iter().filter(|(_, token)| body.contains(token)) {
        words += usize::from(last.replace(hash) != Some(hash));
        // Rotating makes each occurrence count; hashes are sorted, so word order does not matter.
        sum = sum.rotate_left(1).wrapping_add(hash.0);
    }
    if words >= MIN_BODY_WORDS { sum } else { 0 }
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
        fn counted_terms_are_those_of_the_scanner(
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
            let mut document = Document::of_text("other words\n\nand other words");
            counter.count(&document, options).expect("no topics");
            (document.title, document.body) = (title.as_str().into(), body.as_str().into());
            counter.given.fill(None);
            let counted = counter.count(&document, options).expect("no topics");
            prop_assert!(counted.words.is_sorted() && counted.pairs.is_sorted());
            let hash = |place: u32| counted.words[place as usize].0;
            let pairs = counted.pairs.iter();
            let pairs = pairs.map(|&[first, second, count]| {
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
    fn title_fingerprints_ignore_word_order_and_reply_prefixes() {
        let title = |title: &str| counted(title, "a body").title;
        assert_eq!(title("Bank raises the rate"), title("RE: Fwd: the rate bank raises"));
        assert_ne!(title("Bank raises the rate"), title("Bank cuts the rate"));
        assert_eq!([title(""), title("Re:")], [0, 0]);
    }

    #[test]
    fn body_fingerprints_depend_on_word_counts_but_not_on_order() {
        let body = |body: &str| counted("A title", body).body;
        let long = "one two three four five six seven eight";
        assert_eq!(body(long), body("eight two three four five six seven one"));
        assert_ne!(body(long), body("one two three four five six seven eight eight"));
        assert_ne!(body(long), body("one two three four five six seven nine"));
        assert_eq!(body("too few words too few words too few words"), 0);
    }
}
