//! Finds the words of a text: the reference, which is plainly right, and the scanner, which is fast and equal to it.

use unicode_segmentation::UnicodeSegmentation as _;

use super::ascii;
use super::hash::TermHash;
use super::normalize::{is_default_ignorable, normalize_into};
use super::number::Numbers;

/// The longest word that can be a term, in bytes after normalisation. What is longer is no language: encoded data, addresses.
pub const MAX_WORD_BYTES: usize = 64;

/// A word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// A word that can be a term.
    Term {
        /// The hash of `text`.
        hash: TermHash,
        /// The word, normalised and case-folded, numbers as [`Numbers`] says.
        text: &'a str,
    },
    /// A word longer than [`MAX_WORD_BYTES`].
    Overlong,
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

/// Finds words without an allocation a word; keep one a thread, for its buffer.
#[derive(Debug, Default)]
pub struct WordScanner {
    normal: String,
    kept: String,
}

impl WordScanner {
    /// Calls `on_word` for each word of `text`, in order.
    ///
    /// ASCII white space is a word boundary to UAX #29 whatever stands beside it, and normalisation never reaches across
    /// it: so the pieces between may take different ways, the ASCII ones the fast one.
    pub fn scan(&mut self, text: &str, numbers: Numbers, mut on_word: impl FnMut(Word<'_>)) {
        let bytes = text.as_bytes();
        let mut done = 0;
        while let Some(offset) = bytes[done..].iter().position(|byte| !byte.is_ascii()) {
            let foreign = done + offset;
            let piece_start = bytes[done..foreign].iter().rposition(is_separator).map_or(done, |at| done + at + 1);
            let piece_end = bytes[foreign..].iter().position(is_separator).map_or(bytes.len(), |at| foreign + at);
            scan_ascii(&bytes[done..piece_start], numbers, &mut on_word);
            self.scan_unicode(&text[piece_start..piece_end], numbers, &mut on_word);
            done = piece_end;
        }
        scan_ascii(&bytes[done..], numbers, &mut on_word);
    }

    fn scan_unicode(&mut self, piece: &str, numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
        self.normal.clear();
        normalize_into(piece, &mut self.normal);
        for segment in self.normal.unicode_words() {
            self.kept.clear();
            self.kept.extend(trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)));
            emit(self.kept.as_bytes(), numbers, on_word);
        }
    }
}

/// A vowel sign that follows a space makes one segment with it (WB4): the space is no part of the word.
pub(super) fn trim_separators(segment: &str) -> &str {
    segment.trim_start_matches([' ', '\n', '\t', '\r'])
}

pub(super) const fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

#[inline]
fn scan_ascii(text: &[u8], numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
    ascii::for_each_word(text, |_, raw| emit_ascii(raw, numbers, on_word));
}

/// Reports an ASCII word as it is written.
#[inline]
pub(super) fn emit_ascii(raw: &[u8], numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
    // Two bytes more than a term may have: a final "'s" is still to be cut.
    let mut buffer = [0u8; MAX_WORD_BYTES + 2];
    let Some(lower) = buffer.get_mut(..raw.len()) else {
        on_word(Word::Overlong);
        return;
    };
    lower.copy_from_slice(raw);
    lower.make_ascii_lowercase();
    emit(lower, numbers, on_word);
}

/// Reports a normalised word, less its final "'s", its numbers rewritten.
#[inline]
pub(super) fn emit(word: &[u8], numbers: Numbers, on_word: &mut impl FnMut(Word<'_>)) {
    let stem = word.strip_suffix(b"'s").unwrap_or(word);
    if stem.is_empty() {
        return;
    }
    if stem.len() > MAX_WORD_BYTES {
        on_word(Word::Overlong);
        return;
    }
    let mut report = |bytes: &[u8]| {
        // Whole words of valid UTF-8, cut and rewritten at ASCII bytes only: the check cannot fail, and costs little.
        if let Ok(text) = std::str::from_utf8(bytes) {
            on_word(Word::Term { hash: TermHash::of_word(bytes), text });
        }
    };
    if numbers.rewrites(stem) {
        let mut buffer = [0u8; MAX_WORD_BYTES];
        let shape = &mut buffer[..stem.len()];
        shape.copy_from_slice(stem);
        Numbers::rewrite(shape);
        report(shape);
    } else {
        report(stem);
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
                    assert_eq!(hash, TermHash::of_word(text.as_bytes()));
                    Some(text.to_owned())
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
        fn the_scanner_equals_the_reference_on_any_text(text in any::<String>()) {
            prop_assert_eq!(scanned(&text, Numbers::Shape), reference_words(&text, Numbers::Shape));
        }

        #[test]
        fn the_scanner_equals_the_reference_on_mixed_scripts(
            text in "[a-c'.:\u{2019}\u{301}\u{ad}\u{200d}\u{200b}\u{ae2}\u{fe0f}\u{a8}ßİŉéΣς日本カタ\u{5d0}\"\u{661}１😀🏽\u{1f1e6}\u{3000}\u{a0} \n]{0,30}"
        ) {
            prop_assert_eq!(scanned(&text, Numbers::Verbatim), reference_words(&text, Numbers::Verbatim));
        }
    }
}
