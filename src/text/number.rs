//! What becomes of numbers: "1,250" and "1,251" are rarely two different things to a topic.

use serde::{Deserialize, Serialize};

/// The rule for words that are numbers: ASCII digits, perhaps with the separators that UAX #29 allows inside a number.
/// Words that mix letters and digits ("g20", "covid19") are no numbers and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// Numbers stay as they are written.
    #[default]
    Verbatim,
    /// Whole numbers of up to four digits stay (years, model numbers, short counts). Others keep their shape: each digit
    /// becomes a 0 ("1,250" -> "0,000", "27.5" -> "00.0").
    Shape,
}

/// The most digits that [`Numbers::Shape`] keeps.
const KEPT_DIGITS: usize = 4;

impl Numbers {
    /// Whether the rule changes this word; `word` is normalised.
    pub(super) fn rewrites(self, word: &[u8]) -> bool {
        match self {
            Self::Verbatim => false,
            Self::Shape => {
                word.first().is_some_and(u8::is_ascii_digit)
                    && (word.len() > KEPT_DIGITS || !word.iter().all(u8::is_ascii_digit))
                    && word.iter().all(|byte| byte.is_ascii_digit() || b".,;'".contains(byte))
            }
        }
    }

    /// Rewrites a word that [`Self::rewrites`] was true for.
    pub(super) fn rewrite(word: &mut [u8]) {
        for byte in word {
            if byte.is_ascii_digit() {
                *byte = b'0';
            }
        }
    }
}
