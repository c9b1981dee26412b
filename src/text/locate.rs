//! Finds where terms occur in an article, in terms of the original text.
//!
//! This is a second pass over the text, for the few terms that someone wants to see. Counting
//! ([`super::BagCounter`]) records no positions, and does not pay for them.

use std::collections::BTreeMap;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::ascii;
use super::bucket::TermId;
use super::hash::TermHash;
use super::normalize::{Stretch, normalize_aligned};
use super::number::Numbers;
use super::options::TextOptions;
use super::vocabulary::Vocabulary;
use super::white_space::{is_separator, trim_separators};
use super::word::Word;
use super::word_buffer::WordBuffer;
use crate::article::{ArticleField, ArticleText, TextSpan};

/// Where a term occurs in an article.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrences {
    /// How often it occurs, regardless of the title's weight.
    pub count: u32,
    /// The first occurrences, in text order.
    pub spans: Vec<TextSpan>,
}

/// Finds the occurrences of the `wanted` terms, at most `max_spans` per term.
///
/// The span of a word is the word as it was written, including a final "'s"; that of a pair reaches
/// from the start of its first word to the end of its second. Where one code point makes several
/// words ("㎧" is "m" and "s"), each of them spans all of it.
///
/// ```
/// use slugline::article::{ArticleField, ArticleText, TextSpan};
/// use slugline::text::{TermHash, TextOptions, Vocabulary, locate_terms};
///
/// let vocabulary = Vocabulary::new(["navy", "japan navy"])?;
/// let article = ArticleText { title: "Ｊapan’s Navy", body: "" };
/// let places = locate_terms(article, TextOptions::default(), &vocabulary, [0, 1], 20);
/// assert_eq!(places[&0].spans, [TextSpan { field: ArticleField::Title, start: 8, end: 12 }]);
/// assert_eq!(places[&1].spans, [TextSpan { field: ArticleField::Title, start: 0, end: 12 }]);
/// # Ok::<(), slugline::text::VocabularyError>(())
/// ```
pub fn locate_terms(
    article: ArticleText<'_>,
    options: TextOptions,
    vocabulary: &Vocabulary,
    wanted: impl IntoIterator<Item = TermId>,
    max_spans: usize,
) -> BTreeMap<TermId, Occurrences> {
    let mut found: BTreeMap<TermId, Occurrences> =
        wanted.into_iter().map(|term| (term, Occurrences::default())).collect();
    for (field, text) in [(ArticleField::Title, article.title), (ArticleField::Body, article.body)]
    {
        let mut note = |hash: TermHash, start: u32, end: u32| {
            if let Some(occurrences) =
                vocabulary.find(hash).and_then(|term| found.get_mut(&term.id))
            {
                occurrences.count += 1;
                if occurrences.spans.len() < max_spans {
                    occurrences.spans.push(TextSpan { field, start, end });
                }
            }
        };
        let mut code_points = CodePoints { text, bytes: 0, count: 0 };
        let mut previous: Option<(TermHash, u32)> = None;
        for_each_word(text, options.numbers, |word, place| {
            let start = code_points.before(place.start);
            previous = match word {
                Word::Overlong => None,
                Word::Term { hash, .. } => {
                    let end = start + code_points.within(place);
                    note(hash, start, end);
                    if let Some((first, first_start)) = previous.filter(|_| options.pairs) {
                        note(first.followed_by(hash), first_start, end);
                    }
                    Some((hash, start))
                }
            };
        });
    }
    found
}

/// Counts the code points along a text in one pass.
struct CodePoints<'a> {
    text: &'a str,
    bytes: usize,
    count: u32,
}

impl CodePoints<'_> {
    /// The code points before this byte, which must not precede the one of the last call.
    fn before(&mut self, byte: usize) -> u32 {
        self.count += self.within(self.bytes..byte);
        self.bytes = byte;
        self.count
    }

    fn within(&self, bytes: Range<usize>) -> u32 {
        // `Limits::article_bytes` is far below 4 GiB.
        self.text[bytes].chars().count() as u32
    }
}

/// Calls `on_word(word, range)` for each word of `text`, in order, with its range of bytes. The
/// words are those of [`super::WordScanner::scan`], which tests ensure.
fn for_each_word(text: &str, numbers: Numbers, mut on_word: impl FnMut(Word<'_>, Range<usize>)) {
    let (mut found, mut places) = (WordBuffer::default(), Vec::new());
    let (mut normal, mut stretches) = (String::new(), Vec::new());
    let mut start = 0;
    for piece in text.split(|c: char| u8::try_from(c).is_ok_and(|byte| is_separator(&byte))) {
        found.clear();
        if piece.is_ascii() {
            found.text.extend(piece.bytes().map(|byte| byte.to_ascii_lowercase()));
            places.clear();
            ascii::find_words(&found.text, 0, &mut places);
            for place in &places {
                found.clear_words();
                found.push(place.clone(), numbers);
                if let Some(word) = found.last() {
                    on_word(word, start + place.start..start + place.end);
                }
            }
        } else {
            normal.clear();
            stretches.clear();
            normalize_aligned(piece, &mut normal, &mut stretches);
            for (at, segment) in normal.unicode_word_indices() {
                let end = at + segment.len();
                let place = written_at(&stretches, end - trim_separators(segment).len()..end);
                found.clear();
                found.push_segment(segment, numbers);
                if let Some(word) = found.last() {
                    on_word(word, start + place.start..start + place.end);
                }
            }
        }
        start += piece.len() + 1;
    }
}

/// The bytes of the text that a range of its normal form comes from, extended to whole stretches.
fn written_at(stretches: &[Stretch], normal: Range<usize>) -> Range<usize> {
    let before = stretches.partition_point(|stretch| stretch.normal_end <= normal.start);
    let last = stretches.partition_point(|stretch| stretch.normal_end < normal.end);
    let start = before.checked_sub(1).map_or(0, |stretch| stretches[stretch].end);
    start..stretches.get(last).map_or(start, |stretch| stretch.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{WordScanner, reference_words};
    use proptest::prelude::*;

    /// The words, each with its original spelling.
    fn written(text: &str) -> Vec<(String, &str)> {
        let mut words = Vec::new();
        for_each_word(text, Numbers::Verbatim, |word, place| {
            if let Word::Term { text: word, .. } = word {
                words.push((word.to_string(), &text[place]));
            }
        });
        words
    }

    /// The `(field, start, end)` of a term's occurrences.
    fn places(article: ArticleText<'_>, term: &str) -> Vec<(ArticleField, u32, u32)> {
        let vocabulary = Vocabulary::new([term]).expect("one term");
        let found = locate_terms(article, TextOptions::default(), &vocabulary, [0], usize::MAX);
        found[&0].spans.iter().map(|span| (span.field, span.start, span.end)).collect()
    }

    fn in_body(body: &str, term: &str) -> Vec<(u32, u32)> {
        places(ArticleText { title: "", body }, term)
            .into_iter()
            .map(|(_, start, end)| (start, end))
            .collect()
    }

    #[test]
    fn a_word_is_found_as_it_was_written() {
        let text = "Japan’s CAFE\u{301} ﬁnance Straße ｃｙｂｅｒ co\u{ad}operate";
        let expected = [
            ("japan", "Japan’s"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("finance", "ﬁnance"),
            ("strasse", "Straße"),
            ("cyber", "ｃｙｂｅｒ"),
            ("cooperate", "co\u{ad}operate"),
        ];
        assert_eq!(written(text), expected.map(|(word, written)| (word.to_owned(), written)));
    }

    #[test]
    fn offsets_count_code_points() {
        // An emoji of two code points, hand and skin tone.
        assert_eq!(in_body("👍🏽 goal é goal", "goal"), [(3, 7), (10, 14)]);
    }

    #[test]
    fn words_without_spaces_are_located() {
        assert_eq!(in_body("日本と米国", "米"), [(3, 4)]);
        assert_eq!(in_body("日本と米国", "日 本"), [(0, 2)]);
    }

    #[test]
    fn a_pair_spans_the_characters_between_its_words() {
        assert_eq!(in_body("New -- YORK's", "new york"), [(0, 13)]);
    }

    #[test]
    fn a_pair_does_not_reach_from_the_title_into_the_body() {
        assert_eq!(places(ArticleText { title: "new", body: "york" }, "new york"), []);
    }

    #[test]
    fn each_field_counts_from_its_own_start() {
        let article = ArticleText { title: "Cup final", body: "The cup" };
        assert_eq!(
            places(article, "cup"),
            [(ArticleField::Title, 0, 3), (ArticleField::Body, 4, 7)]
        );
    }

    #[test]
    fn an_overlong_word_separates_its_neighbours() {
        let text = format!("new {} york", "x".repeat(100));
        assert_eq!(in_body(&text, "new york"), []);
    }

    #[test]
    fn words_of_one_code_point_share_it() {
        // U+33A7 is "m", U+2215 and "s".
        assert_eq!(written("5㎧"), [("5m".to_owned(), "5㎧"), ("s".to_owned(), "㎧")]);
    }

    #[test]
    fn all_occurrences_are_counted_and_the_first_are_placed() {
        let vocabulary = Vocabulary::new(["a"]).expect("one term");
        let article = ArticleText { title: "a", body: "a b a" };
        let found = locate_terms(article, TextOptions::default(), &vocabulary, [0], 2);
        assert_eq!((found[&0].count, found[&0].spans.len()), (3, 2));
    }

    #[test]
    fn a_term_that_does_not_occur_has_no_place() {
        assert_eq!(in_body("goal", "cup"), []);
    }

    /// Letters in many spellings, joining and separating punctuation, marks that fold to letters,
    /// jamo, ligatures, squares.
    const ODD: &str = "[a-cS'’.:_,0-9\u{301}\u{345}\u{327}\u{ad}\u{200d}\u{200b}\u{ae2}\
        \u{fe0f}\u{a8}\u{1100}\u{1161}\u{11a8}가ßİŉéﬁﬃΣςάᾳ㎧½℡\
        ㍿日本と\u{3099}カｶﾞ\
        \u{5d0}\"\u{661}１😀🏽\u{1f1e6}\u{3000}\u{a0}\u{feff} \n]{0,30}";

    fn check(text: &str) -> Result<(), TestCaseError> {
        let mut words = Vec::new();
        let mut scanned = Vec::new();
        for_each_word(text, Numbers::Shape, |word, place| {
            words.push(match word {
                Word::Term { text, .. } => Some((text.to_string(), place)),
                Word::Overlong => None,
            });
        });
        for word in WordScanner::default().scan(text, Numbers::Shape).iter() {
            scanned.push(match word {
                Word::Term { text, .. } => Some(text.to_string()),
                Word::Overlong => None,
            });
        }
        let found: Vec<Option<String>> =
            words.iter().map(|word| word.as_ref().map(|(word, _)| word.clone())).collect();
        prop_assert_eq!(found, scanned, "the words are those that are counted");
        let mut last = 0;
        for (word, place) in words.into_iter().flatten() {
            prop_assert!(place.start >= last, "places ascend");
            last = place.start;
            let again = reference_words(&text[place.clone()], Numbers::Shape);
            prop_assert!(
                again.contains(&Some(word.clone())),
                "{word:?} at {place:?} gives {again:?}"
            );
        }
        Ok(())
    }

    fn locate_all(
        article: ArticleText<'_>,
        vocabulary: &Vocabulary,
        ids: impl Iterator<Item = TermId>,
    ) -> BTreeMap<TermId, Occurrences> {
        locate_terms(article, TextOptions::default(), vocabulary, ids, usize::MAX)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4096,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_text_at_a_range_gives_the_word_back(text in ODD) {
            check(&text)?;
        }

        #[test]
        fn the_range_of_a_word_in_any_text_gives_the_word_back(text in any::<String>()) {
            check(&text)?;
        }

        #[test]
        fn the_text_at_a_span_gives_the_term_back(title in ODD, body in ODD) {
            let mut terms: Vec<String> = Vec::new();
            for words in [&title, &body].map(|text| reference_words(text, Numbers::Verbatim)) {
                terms.extend(words.iter().flatten().cloned());
                let pair = |pair: &[Option<String>]| {
                    Some(format!("{} {}", pair[0].as_ref()?, pair[1].as_ref()?))
                };
                terms.extend(words.windows(2).filter_map(pair));
            }
            terms.sort();
            terms.dedup();
            let vocabulary =
                Vocabulary::new(terms.iter().map(String::as_str)).expect("distinct terms");
            let article = ArticleText { title: &title, body: &body };
            let ids = 0..terms.len() as TermId;
            for (id, found) in locate_all(article, &vocabulary, ids) {
                for span in found.spans {
                    let field = if span.field == ArticleField::Title { &title } else { &body };
                    let (start, length) = (span.start as usize, span.end - span.start);
                    let slice: String = field.chars().skip(start).take(length as usize).collect();
                    let alone = ArticleText { title: "", body: &slice };
                    let again = locate_all(alone, &vocabulary, id..=id);
                    let term = vocabulary.term(id);
                    prop_assert!(again[&id].count >= 1, "{term:?} at {span:?} is {slice:?}");
                }
            }
        }
    }
}
