//! Finds the words of a text: the reference, which is plainly right, and the scanner, which is fast
//! and equal to it.

use std::fmt;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::ascii;
use super::hash::TermHash;
use super::normalize::{is_default_ignorable, normalize_into};
use super::number::{Numbers, is_number};
use super::punctuation::ascii_twin;

/// The longest word that can be a term, in code points after normalisation: as many as Lucene's
/// standard tokenizer allows. Words that are compounded or inflected have 80 and more, in scripts
/// whose letters take three bytes each as well as in ASCII. What is longer is not language: encoded
/// data, addresses.
pub const MAX_WORD_CHARACTERS: usize = 255;
/// The most bytes that such a word has.
pub const MAX_WORD_BYTES: usize = 4 * MAX_WORD_CHARACTERS;

/// A word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// A word that can be a term.
    Term {
        /// The hash of its text.
        hash: TermHash,
        /// Its text.
        text: WordText<'a>,
    },
    /// A word longer than [`MAX_WORD_CHARACTERS`].
    Overlong,
}

/// The text of a word, normalised and case-folded, numbers as [`Numbers`] says. It is UTF-8;
/// whoever needs it as such, for a new word, has it checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordText<'a>(&'a [u8]);

impl WordText<'_> {
    /// Whether it is a number, as [`is_number`] has it.
    pub fn is_number(self) -> bool {
        is_number(self.0)
    }

    /// Appends the word.
    pub fn append_to(self, out: &mut String) {
        // It is cut from valid UTF-8, and rewritten at ASCII bytes only: the check cannot fail.
        out.push_str(str::from_utf8(self.0).unwrap_or_default());
    }
}

impl fmt::Display for WordText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.0).unwrap_or_default())
    }
}

/// The words of `text` by the plain definition. [`WordScanner::scan`] gives the same, and is held
/// equal by tests.
///
/// Normalise the whole text; split it at UAX #29 word boundaries; keep the segments with a letter
/// or a digit; drop default-ignorable code points, and white space that a combining mark clings to;
/// cut a final "'s"; apply the rule for numbers. None stands for an overlong word.
pub fn reference_words(text: &str, numbers: Numbers) -> Vec<Option<String>> {
    let mut normal = String::new();
    normalize_into(text, &mut normal);
    normal
        .unicode_words()
        .filter_map(|segment| {
            let kept: String =
                trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)).collect();
            let stem = kept.strip_suffix("'s").unwrap_or(&kept);
            if stem.is_empty() {
                return None;
            }
            if stem.chars().count() > MAX_WORD_CHARACTERS {
                return Some(None);
            }
            let mut bytes = stem.as_bytes().to_vec();
            if numbers.rewrites(&bytes) {
                Numbers::rewrite(&mut bytes);
            }
            Some(Some(String::from_utf8_lossy(&bytes).into_owned()))
        })
        .collect()
}

/// The words of a text, in order.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    text: &'a [u8],
    hashes: &'a [TermHash],
    places: &'a [WordAt],
    /// Which of them are overlong.
    overlong: &'a [usize],
    number_count: usize,
}

impl<'a> Words<'a> {
    /// The words.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Word<'a>> {
        self.hashes.iter().zip(self.places).map(move |(&hash, place)| self.word(hash, place))
    }

    /// The hashes of the words; that of an overlong one stands for none.
    pub fn hashes(self) -> &'a [TermHash] {
        self.hashes
    }

    /// The hashes of the words that follow each other without an overlong one between: run after
    /// run.
    #[inline]
    pub(super) fn runs(self) -> impl Iterator<Item = &'a [TermHash]> {
        let mut start = 0;
        self.overlong.iter().copied().chain([self.hashes.len()]).map(move |end| {
            let run = &self.hashes[start..end];
            start = end + 1;
            run
        })
    }

    /// How many they are.
    pub fn len(self) -> usize {
        self.hashes.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.hashes.is_empty()
    }

    /// How many of them are numbers; overlong ones are none.
    pub fn number_count(self) -> usize {
        self.number_count
    }

    /// The word at a place among them, from 0 on.
    pub fn get(self, place: usize) -> Option<Word<'a>> {
        self.hashes.get(place).map(|&hash| self.word(hash, &self.places[place]))
    }

    #[inline]
    fn word(self, hash: TermHash, place: &WordAt) -> Word<'a> {
        match place.length {
            0 => Word::Overlong,
            length => {
                Word::Term { hash, text: WordText(&self.text[place.start..place.start + length]) }
            }
        }
    }
}

/// A word in a buffer of text. An overlong one has no length.
#[derive(Debug, Clone, Copy)]
struct WordAt {
    start: usize,
    length: usize,
}

/// Finds words without an allocation a word; keep one a thread, for its buffers.
#[derive(Debug, Default)]
pub struct WordScanner {
    places: Vec<Range<usize>>,
    found: FoundWords,
    normal: String,
}

impl WordScanner {
    /// The words of `text`. Their memory is the scanner's: they are good until the next call.
    ///
    /// ASCII white space is a word boundary to UAX #29 whatever stands beside it, and normalisation
    /// never reaches across it: so the pieces between may take different ways. Those of ASCII, and
    /// of punctuation that has a twin in ASCII, take the fast one.
    pub fn scan(&mut self, text: &str, numbers: Numbers) -> Words<'_> {
        self.found.clear();
        if text.is_ascii() {
            self.found.text.extend_from_slice(text.as_bytes());
            self.take_ascii(0, numbers);
        } else {
            self.scan_mixed(text, numbers);
        }
        self.found.words()
    }

    fn scan_mixed(&mut self, text: &str, numbers: Numbers) {
        let bytes = text.as_bytes();
        // What lies before `done` is found, or waits in the buffer from `waiting` on, in ASCII.
        let (mut done, mut waiting) = (0, 0);
        loop {
            let ascii = ascii_prefix(&bytes[done..]);
            self.found.text.extend_from_slice(ascii);
            done += ascii.len();
            let Some(c) = text[done..].chars().next() else { break };
            if let Some(twin) = ascii_twin(c, self.found.text[waiting..].last().copied()) {
                self.found.text.push(twin);
                done += c.len_utf8();
                continue;
            }
            let whole =
                self.found.text[waiting..].iter().rposition(is_separator).map_or(0, |at| at + 1);
            self.found.text.truncate(waiting + whole);
            self.take_ascii(waiting, numbers);
            let start = bytes[..done].iter().rposition(is_separator).map_or(0, |at| at + 1);
            let end =
                bytes[done..].iter().position(is_separator).map_or(bytes.len(), |at| done + at);
            self.take_unicode(&text[start..end], numbers);
            (done, waiting) = (end, self.found.text.len());
        }
        self.take_ascii(waiting, numbers);
    }

    /// Finds the words of the buffer from `start` on, which is ASCII.
    fn take_ascii(&mut self, start: usize, numbers: Numbers) {
        self.found.text[start..].make_ascii_lowercase();
        self.places.clear();
        ascii::find_words(&self.found.text, start, &mut self.places);
        self.found.hashes.reserve(self.places.len());
        self.found.places.reserve(self.places.len());
        for place in &self.places {
            self.found.push(place.clone(), numbers);
        }
    }

    fn take_unicode(&mut self, piece: &str, numbers: Numbers) {
        self.normal.clear();
        normalize_into(piece, &mut self.normal);
        for segment in self.normal.unicode_words() {
            self.found.push_segment(segment, numbers);
        }
    }
}

/// Words, and the buffer that their texts lie in.
#[derive(Debug, Default)]
pub(super) struct FoundWords {
    pub(super) text: Vec<u8>,
    hashes: Vec<TermHash>,
    places: Vec<WordAt>,
    overlong: Vec<usize>,
    number_count: usize,
}

impl FoundWords {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.forget_words();
    }

    fn words(&self) -> Words<'_> {
        let Self { text, hashes, places, overlong, number_count } = self;
        Words { text, hashes, places, overlong, number_count: *number_count }
    }

    /// Takes the word that a segment of normalised text is, if it is one.
    pub(super) fn push_segment(&mut self, segment: &str, numbers: Numbers) {
        let start = self.text.len();
        let mut bytes = [0; 4];
        for c in trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)) {
            self.text.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
        }
        self.push(start..self.text.len(), numbers);
    }

    /// Takes the segment at a place of the buffer, normalised, less its final "'s", its numbers
    /// rewritten: if that is a word.
    #[inline(always)]
    pub(super) fn push(&mut self, place: Range<usize>, numbers: Numbers) {
        let segment = &mut self.text[place.clone()];
        let length = segment.len() - if segment.ends_with(b"'s") { 2 } else { 0 };
        let stem = &mut segment[..length];
        // A segment without a letter or a digit, which is no word, is all underscores.
        if stem.first().is_none_or(|&byte| byte == b'_') && stem.iter().all(|&byte| byte == b'_') {
            return;
        }
        // Few words have so many bytes, and only theirs are told apart.
        if length > MAX_WORD_CHARACTERS && count_characters(stem) > MAX_WORD_CHARACTERS {
            self.overlong.push(self.hashes.len());
            self.hashes.push(TermHash::of_word(&[]));
            self.places.push(WordAt { start: place.start, length: 0 });
            return;
        }
        self.number_count += usize::from(is_number(stem));
        if numbers.rewrites(stem) {
            Numbers::rewrite(stem);
        }
        let hash = TermHash::at(&self.text, place.start..place.start + length);
        self.hashes.push(hash);
        self.places.push(WordAt { start: place.start, length });
    }

    /// Forgets what was taken, and keeps the buffer.
    pub(super) fn forget_words(&mut self) {
        self.hashes.clear();
        self.places.clear();
        self.overlong.clear();
        self.number_count = 0;
    }

    /// The word taken last; none where none was.
    pub(super) fn last(&self) -> Option<Word<'_>> {
        let words = self.words();
        words.get(words.len().checked_sub(1)?)
    }
}

/// How many code points there are in UTF-8: bytes that do not continue one.
fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// The ASCII characters that a text begins with.
fn ascii_prefix(text: &[u8]) -> &[u8] {
    let (chunks, _) = text.as_chunks::<32>();
    let whole = 32 * chunks.iter().take_while(|chunk| chunk.is_ascii()).count();
    let end =
        text[whole..].iter().position(|byte| !byte.is_ascii()).map_or(text.len(), |at| whole + at);
    &text[..end]
}

/// A vowel sign that follows a space makes one segment with it (WB4): the space is no part of the
/// word.
pub(super) fn trim_separators(segment: &str) -> &str {
    segment.trim_start_matches([' ', '\n', '\t', '\r'])
}

pub(super) const fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scanned(text: &str, numbers: Numbers) -> Vec<Option<String>> {
        let mut scanner = WordScanner::default();
        // What was found before is of no effect.
        scanner.scan("some other, l’été words", numbers);
        let words = scanner.scan(text, numbers).iter().map(|word| match word {
            Word::Term { hash, text } => {
                let text = text.to_string();
                assert_eq!(hash, TermHash::of_word(text.as_bytes()));
                Some(text)
            }
            Word::Overlong => None,
        });
        words.collect()
    }

    /// The words of `text`, by both ways, which must agree.
    fn words(text: &str) -> Vec<String> {
        let found = scanned(text, Numbers::Verbatim);
        assert_eq!(found, reference_words(text, Numbers::Verbatim));
        found.into_iter().flatten().collect()
    }

    #[test]
    fn punctuation_separates_words_and_is_no_word() {
        assert_eq!(
            words("Hello, world -- it is (now) 5 p.m.!"),
            ["hello", "world", "it", "is", "now", "5", "p.m"]
        );
    }

    #[test]
    fn separators_join_only_their_own_kind() {
        assert_eq!(
            words("can't U.S. 3.14 1,000,000 a.5 5.a a,b 1:2"),
            ["can't", "u.s", "3.14", "1,000,000", "a", "5", "5", "a", "a", "b", "1", "2"]
        );
        assert_eq!(words("snake_case __ _x_ a_1.5"), ["snake_case", "_x_", "a_1.5"]);
    }

    #[test]
    fn a_possessive_is_the_word_itself() {
        assert_eq!(words("Japan's Japan\u{2019}s JAPAN'S 's"), ["japan", "japan", "japan", "s"]);
    }

    #[test]
    fn typographic_text_gives_the_words_of_plain_text() {
        assert_eq!(
            words("\u{201c}We don\u{2019}t know\u{201d} \u{2014} he said\u{2026}"),
            words("\"We don't know\" - he said...")
        );
    }

    #[test]
    fn scripts_without_spaces_and_marks_are_segmented() {
        assert_eq!(words("日本と米国"), ["日", "本", "と", "米", "国"]);
        assert_eq!(words("أخبار العالم"), ["أخبار", "العالم"]);
        assert_eq!(words("cafe\u{301} 👍🏽 x\u{0}y"), ["caf\u{e9}", "x", "y"]);
        assert_eq!(words("co\u{ad}operate"), ["cooperate"]);
    }

    #[test]
    fn overlong_words_are_told_apart() {
        let longest = "x".repeat(MAX_WORD_CHARACTERS);
        assert_eq!(
            scanned(&format!("{longest}'s {longest}y"), Numbers::Verbatim),
            [Some(longest), None]
        );
        assert_eq!(scanned(&"x".repeat(1 << 20), Numbers::Verbatim), [None]);
        assert_eq!(scanned(&"é".repeat(1 << 19), Numbers::Verbatim), [None]);
    }

    #[test]
    fn the_longest_word_has_as_many_characters_in_every_script() {
        // Of one to four bytes each; the last one is outside of the basic plane (Deseret).
        for letter in ["x", "ß", "\u{e9}", "ж", "\u{10d0}", "\u{b95}", "\u{10428}"] {
            // Full case folding turns the sharp s into two letters.
            let count = if letter == "ß" { MAX_WORD_CHARACTERS / 2 } else { MAX_WORD_CHARACTERS };
            for (count, is_word) in [(20, true), (80, true), (count, true), (count + 1, false)] {
                let found = scanned(&letter.repeat(count), Numbers::Verbatim);
                assert_eq!(found, reference_words(&letter.repeat(count), Numbers::Verbatim));
                assert_eq!(
                    (found.len(), found[0].is_some()),
                    (1, is_word),
                    "{count} times {letter}"
                );
            }
        }
        // Combining marks that compose are counted as what they make; of a number the separators
        // count.
        let composed = scanned(&"e\u{301}".repeat(MAX_WORD_CHARACTERS), Numbers::Verbatim);
        assert_eq!(composed, [Some("\u{e9}".repeat(MAX_WORD_CHARACTERS))]);
        let number = format!("{}1", "1,".repeat(127));
        assert_eq!(
            scanned(&format!("{number} {number}1"), Numbers::Verbatim),
            [Some(number), None]
        );
    }

    #[test]
    fn numbers_keep_their_shape_when_asked() {
        let found = scanned("1,250 27.5 2024 12345 g20 covid19 3", Numbers::Shape);
        let found: Vec<_> = found.into_iter().flatten().collect();
        assert_eq!(found, ["0,000", "00.0", "2024", "00000", "g20", "covid19", "3"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_scanner_equals_the_reference_on_ascii(text in "[ -~\n\t\r\u{0}]{0,60}") {
            prop_assert_eq!(scanned(&text, Numbers::Verbatim), reference_words(&text, Numbers::Verbatim));
        }

        #[test]
        fn the_scanner_equals_the_reference_on_word_like_ascii(text in "[abAS15_.,:;' \"-]{0,40}") {
            for numbers in [Numbers::Verbatim, Numbers::Shape] {
                prop_assert_eq!(scanned(&text, numbers), reference_words(&text, numbers));
            }
        }

        #[test]
        fn the_scanner_equals_the_reference_across_blocks(text in "[abAS15_.,:;' \"-]{0,200}") {
            prop_assert_eq!(scanned(&text, Numbers::Shape), reference_words(&text, Numbers::Shape));
        }

        #[test]
        fn the_scanner_equals_the_reference_on_typographic_text(
            text in "[abS5_.,' \n\u{2018}\u{2019}\u{201c}\u{201d}\u{2013}\u{2026}\u{a0}\u{e9}\u{301}]{0,40}"
        ) {
            prop_assert_eq!(scanned(&text, Numbers::Shape), reference_words(&text, Numbers::Shape));
        }

        #[test]
        fn the_scanner_equals_the_reference_on_any_text(text in any::<String>()) {
            prop_assert_eq!(scanned(&text, Numbers::Shape), reference_words(&text, Numbers::Shape));
        }

        #[test]
        fn the_scanner_equals_the_reference_on_mixed_scripts(
            text in "[a-c'.:\u{2018}\u{2019}\u{201c}\u{2026}\u{20ac}\u{301}\u{ad}\u{200d}\u{200b}\u{ae2}\u{fe0f}\u{a8}ßİŉéΣς日本カタ\u{5d0}\"\u{661}１😀🏽\u{1f1e6}\u{3000}\u{a0} \n]{0,30}"
        ) {
            prop_assert_eq!(scanned(&text, Numbers::Verbatim), reference_words(&text, Numbers::Verbatim));
        }
    }
}
