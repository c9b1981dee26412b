//! Finds the words of a text: the reference, which is plainly right, and the scanner, which is fast and equal to it.

use std::fmt;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::ascii;
use super::hash::TermHash;
use super::normalize::{is_default_ignorable, normalize_into};
use super::number::Numbers;
use super::punctuation::ascii_twin;

/// The longest word that can be a term, in bytes after normalisation. What is longer is no language: encoded data, addresses.
pub const MAX_WORD_BYTES: usize = 64;

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
    /// A word longer than [`MAX_WORD_BYTES`].
    Overlong,
}

/// The text of a word, case-folded when it is asked for: most words are known by their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordText<'a>(Spelling<'a>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling<'a> {
    /// ASCII, as it is written.
    Ascii(&'a [u8]),
    /// Normalised, case-folded, numbers as [`Numbers`] says.
    Normal(&'a str),
}

impl WordText<'_> {
    /// Appends the word, normalised and case-folded, numbers as [`Numbers`] says.
    pub fn append_to(self, out: &mut String) {
        match self.0 {
            Spelling::Ascii(bytes) => out.extend(bytes.iter().map(|byte| char::from(byte.to_ascii_lowercase()))),
            Spelling::Normal(text) => out.push_str(text),
        }
    }

    /// How many bytes [`Self::append_to`] appends.
    pub fn size_bytes(self) -> usize {
        match self.0 {
            Spelling::Ascii(bytes) => bytes.len(),
            Spelling::Normal(text) => text.len(),
        }
    }
}

impl fmt::Display for WordText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.size_bytes());
        self.append_to(&mut text);
        f.write_str(&text)
    }
}

/// The words of `text` by the plain definition. [`WordScanner::scan`] gives the same, and is held equal by tests.
///
/// Normalise the whole text; split it at UAX #29 word boundaries; keep the segments with a letter or a digit; drop
/// default-ignorable code points, and white space that a combining mark clings to; cut a final "'s"; apply the rule for numbers. None stands for an overlong word.
pub fn reference_words(text: &str, numbers: Numbers) -> Vec<Option<String>> {
    let mut normal = String::new();
    normalize_into(text, &mut normal);
    normal
        .unicode_words()
        .filter_map(|segment| {
            let kept: String = trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)).collect();
            let stem = kept.strip_suffix("'s").unwrap_or(&kept);
            if stem.is_empty() {
                return None;
            }
            if stem.len() > MAX_WORD_BYTES {
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

/// Finds words without an allocation a word; keep one a thread, for its buffers.
#[derive(Debug, Default)]
pub struct WordScanner {
    places: Vec<Range<usize>>,
    plain: Vec<u8>,
    normal: String,
    kept: String,
}

impl WordScanner {
    /// Calls `on_word` for each word of `text`, in order.
    ///
    /// ASCII white space is a word boundary to UAX #29 whatever stands beside it, and normalisation never reaches across
    /// it: so the pieces between may take different ways. Those of ASCII, and of punctuation that has a twin in ASCII, take the fast
    /// one.
    #[inline]
    pub fn scan(&mut self, text: &str, numbers: Numbers, mut on_word: impl FnMut(Word<'_>)) {
        if text.is_ascii() {
            scan_ascii(text.as_bytes(), numbers, &mut self.places, &mut on_word);
        } else {
            self.scan_mixed(text, numbers, &mut on_word);
        }
    }

    fn scan_mixed(&mut self, text: &str, numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
        let bytes = text.as_bytes();
        // What lies before `done` has been reported, or waits in `plain`, in ASCII.
        let mut done = 0;
        self.plain.clear();
        loop {
            let ascii = ascii_prefix(&bytes[done..]);
            self.plain.extend_from_slice(ascii);
            done += ascii.len();
            let Some(c) = text[done..].chars().next() else { break };
            if let Some(twin) = ascii_twin(c, self.plain.last().copied()) {
                self.plain.push(twin);
                done += c.len_utf8();
                continue;
            }
            let plain_end = self.plain.iter().rposition(is_separator).map_or(0, |at| at + 1);
            scan_ascii(&self.plain[..plain_end], numbers, &mut self.places, on_word);
            self.plain.clear();
            let start = bytes[..done].iter().rposition(is_separator).map_or(0, |at| at + 1);
            let end = bytes[done..].iter().position(is_separator).map_or(bytes.len(), |at| done + at);
            self.scan_unicode(&text[start..end], numbers, on_word);
            done = end;
        }
        scan_ascii(&self.plain, numbers, &mut self.places, on_word);
    }

    fn scan_unicode(&mut self, piece: &str, numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
        self.normal.clear();
        normalize_into(piece, &mut self.normal);
        for segment in self.normal.unicode_words() {
            self.kept.clear();
            self.kept.extend(trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)));
            emit(&self.kept, numbers, on_word);
        }
    }
}

/// The ASCII characters that a text begins with.
fn ascii_prefix(text: &[u8]) -> &[u8] {
    let (chunks, _) = text.as_chunks::<32>();
    let whole = 32 * chunks.iter().take_while(|chunk| chunk.is_ascii()).count();
    let end = text[whole..].iter().position(|byte| !byte.is_ascii()).map_or(text.len(), |at| whole + at);
    &text[..end]
}

/// A vowel sign that follows a space makes one segment with it (WB4): the space is no part of the word.
pub(super) fn trim_separators(segment: &str) -> &str {
    segment.trim_start_matches([' ', '\n', '\t', '\r'])
}

pub(super) const fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

#[inline]
fn scan_ascii(text: &[u8], numbers: Numbers, places: &mut Vec<Range<usize>>, on_word: &mut impl FnMut(Word<'_>)) {
    places.clear();
    ascii::find_words(text, places);
    for place in &*places {
        emit_ascii(text, place.clone(), numbers, on_word);
    }
}

/// Reports an ASCII word as it is written at a place of an ASCII text, less its final "'s", its numbers rewritten.
#[inline]
pub(super) fn emit_ascii(text: &[u8], place: Range<usize>, numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
    let raw = &text[place.clone()];
    // A segment without a letter or a digit, which is no word, is all underscores.
    if raw[0] == b'_' && raw.iter().all(|&byte| byte == b'_') {
        return;
    }
    let stem = match raw {
        [stem @ .., b'\'', b's' | b'S'] => stem,
        _ => raw,
    };
    if stem.len() > MAX_WORD_BYTES {
        on_word(Word::Overlong);
        return;
    }
    if numbers.rewrites(stem) {
        emit_number(stem, on_word);
        return;
    }
    let hash = TermHash::of_ascii_word(text, place.start..place.start + stem.len());
    on_word(Word::Term { hash, text: WordText(Spelling::Ascii(stem)) });
}

/// Reports a word that [`Numbers::rewrites`].
#[cold]
fn emit_number(word: &[u8], on_word: &mut impl FnMut(Word<'_>)) {
    let mut buffer = [0u8; MAX_WORD_BYTES];
    let shape = &mut buffer[..word.len()];
    shape.copy_from_slice(word);
    Numbers::rewrite(shape);
    // Digits and ASCII separators: the check cannot fail.
    if let Ok(text) = str::from_utf8(shape) {
        on_word(Word::Term { hash: TermHash::of_word(shape), text: WordText(Spelling::Normal(text)) });
    }
}

/// Reports a normalised word, less its final "'s", its numbers rewritten.
#[inline]
pub(super) fn emit(word: &str, numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
    let stem = word.strip_suffix("'s").unwrap_or(word);
    if stem.is_empty() {
        return;
    }
    if stem.len() > MAX_WORD_BYTES {
        on_word(Word::Overlong);
    } else if numbers.rewrites(stem.as_bytes()) {
        emit_number(stem.as_bytes(), on_word);
    } else {
        on_word(Word::Term { hash: TermHash::of_word(stem.as_bytes()), text: WordText(Spelling::Normal(stem)) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scanned(text: &str, numbers: Numbers) -> Vec<Option<String>> {
        let mut words = Vec::new();
        WordScanner::default().scan(text, numbers, |word| {
            words.push(match word {
                Word::Term { hash, text } => {
                    let text = text.to_string();
                    assert_eq!(hash, TermHash::of_word(text.as_bytes()));
                    Some(text)
                }
                Word::Overlong => None,
            });
        });
        words
    }

    /// The words of `text`, by both ways, which must agree.
    fn words(text: &str) -> Vec<String> {
        let found = scanned(text, Numbers::Verbatim);
        assert_eq!(found, reference_words(text, Numbers::Verbatim));
        found.into_iter().flatten().collect()
    }

    #[test]
    fn punctuation_separates_words_and_is_no_word() {
        assert_eq!(words("Hello, world -- it is (now) 5 p.m.!"), ["hello", "world", "it", "is", "now", "5", "p.m"]);
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
        let longest = "x".repeat(MAX_WORD_BYTES);
        assert_eq!(scanned(&format!("{longest}'s {longest}y"), Numbers::Verbatim), [Some(longest), None]);
        assert_eq!(scanned(&"x".repeat(1 << 20), Numbers::Verbatim), [None]);
        assert_eq!(scanned(&"é".repeat(1 << 19), Numbers::Verbatim), [None]);
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
