//! Reduces the forms of an English word to one stem.

use std::borrow::Cow;
use std::fmt;

/// The Snowball stemmer for English (Porter 2). Words that are not ASCII are left unchanged.
#[derive(Clone)]
pub struct Stemmer(frostem::Stemmer);

impl fmt::Debug for Stemmer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stemmer(English)")
    }
}

impl Default for Stemmer {
    fn default() -> Self {
        Self(frostem::Stemmer::new(frostem::Algorithm::English))
    }
}

impl Stemmer {
    /// The stem of a normalised word, as [`super::WordScanner`] reports it.
    pub fn stem<'a>(&self, word: &'a str) -> Cow<'a, str> {
        if word.is_ascii() { self.0.stem(word) } else { Cow::Borrowed(word) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_word_share_a_stem() {
        let stemmer = Stemmer::default();
        // From Snowball's own vocabulary for English.
        for (word, stem) in [
            ("generously", "generous"),
            ("knitting", "knit"),
            ("consolations", "consol"),
            ("news", "news"),
        ] {
            assert_eq!(stemmer.stem(word), stem);
        }
        for word in ["naïves", "日本", "2007", ""] {
            assert_eq!(stemmer.stem(word), word);
        }
    }
}
