//! Brings a text into one spelling: compatibility-normalised (NFKC), case-folded, one apostrophe.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

/// Appends the normal form of `text` to `out`.
///
/// Compatibility decomposition (a ligature becomes its letters, a full-width letter the ordinary one), full case folding
/// (CaseFolding.txt, so that the German sharp s becomes "ss"), canonical composition. The typographic apostrophe U+2019
/// becomes the ASCII one: "don’t" and "don't" are one word. ASCII text is only lower-cased.
pub(super) fn normalize_into(text: &str, out: &mut String) {
    out.extend(text.nfkd().default_case_fold().nfkc().map(|c| if c == '\u{2019}' { '\'' } else { c }));
}

/// Whether Unicode calls the code point default-ignorable (DerivedCoreProperties.txt, Unicode 16): soft hyphens, joiners,
/// variation selectors. They are dropped from words, after the words were found, for some of them separate words.
pub(super) const fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> String {
        let mut out = String::new();
        normalize_into(text, &mut out);
        out
    }

    #[test]
    fn spellings_of_one_word_become_one() {
        assert_eq!(normalized("Straße"), "strasse");
        assert_eq!(normalized("CAFE\u{301}"), "caf\u{e9}");
        assert_eq!(normalized("ｃｙｂｅｒ"), "cyber");
        assert_eq!(normalized("ﬁnance"), "finance");
        assert_eq!(normalized("DON\u{2019}T"), "don't");
        assert_eq!(normalized("ΣΊΣΥΦΟΣ"), normalized("σίσυφος"));
        assert_eq!(normalized("℡"), "tel");
    }

    #[test]
    fn ascii_is_only_lower_cased() {
        let ascii: String = (0u8..128).map(char::from).collect();
        assert_eq!(normalized(&ascii), ascii.to_ascii_lowercase());
    }
}
