//! Numbers in text.

use serde::{Deserialize, Serialize};

/// What becomes of words that are numbers: ASCII digits, with or without the separators that UAX
/// #29 allows inside a number. Words that mix letters and digits ("g20", "covid19") are not
/// affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// Numbers stay as they are.
    #[default]
    Verbatim,
    /// Whole numbers of up to four digits stay as they are (years, model numbers, short counts).
    /// Others keep only their shape, because a topic rarely distinguishes "1,250" from "1,251":
    /// each digit becomes a 0 ("1,250" -> "0,000", "27.5" -> "00.0").
    Shape,
}

/// Whether a normalised word is a number, for the share of known words in a text: it begins with a
/// digit of any script. That includes numbers with a unit or an ending, such as "3.2bn", "12pc",
/// "3rd" and "1990s"; "q3", "g20" and "covid19" are words.
#[inline]
pub fn is_number(word: &[u8]) -> bool {
    match word.first() {
        Some(byte) if byte.is_ascii() => byte.is_ascii_digit(),
        Some(_) => begins_with_a_digit(word),
        None => false,
    }
}

/// As [`is_number`], for a word that does not begin with an ASCII character.
#[cold]
fn begins_with_a_digit(word: &[u8]) -> bool {
    let first = word.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    first.is_some_and(char::is_numeric)
}

/// The length up to which [`Numbers::Shape`] keeps a whole number.
const MAX_VERBATIM_DIGITS: usize = 4;

impl Numbers {
    /// Whether the rule changes this normalised word.
    pub(super) fn rewrites(self, word: &[u8]) -> bool {
        match self {
            Self::Verbatim => false,
            Self::Shape => {
                word.first().is_some_and(u8::is_ascii_digit)
                    && (word.len() > MAX_VERBATIM_DIGITS || !word.iter().all(u8::is_ascii_digit))
                    && word.iter().all(|byte| byte.is_ascii_digit() || b".,;'".contains(byte))
            }
        }
    }

    /// Rewrites a word for which [`Self::rewrites`] is true.
    pub(super) fn rewrite(word: &mut [u8]) {
        for byte in word {
            if byte.is_ascii_digit() {
                *byte = b'0';
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{MAX_WORD_CHARACTERS, Word, WordScanner};

    #[test]
    fn numbers_begin_with_a_digit() {
        let text = "12 1,234.5 12% $3.2bn 3rd 2013 2013-14 1990s 10:30 12/31/2013 \
            \u{0664}\u{0665} \u{ff11}\u{ff12} \u{bd} 5pc 0x1f";
        let mut scanner = WordScanner::default();
        let words = scanner.scan(text, Numbers::Verbatim);
        assert!(words.len() > 15);
        assert_eq!(words.number_count(), words.len(), "{text}");
        for text in
            ["q3", "g20", "covid19", "fy2013", "b2b", "ten", "x", "\u{4e09}", "caf\u{e9}", "_1"]
        {
            let words = scanner.scan(text, Numbers::Shape);
            assert_eq!((words.len(), words.number_count()), (1, 0), "{text}");
            let Some(Word::Term { text: word, .. }) = words.get(0) else { panic!("{text}") };
            assert!(!word.is_number(), "{text}");
        }
    }

    #[test]
    fn an_overlong_word_is_not_a_number() {
        let digits = "1".repeat(MAX_WORD_CHARACTERS + 1);
        let mut scanner = WordScanner::default();
        let words = scanner.scan(&digits, Numbers::Verbatim);
        assert_eq!((words.len(), words.number_count()), (1, 0));
    }
}
