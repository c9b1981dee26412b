//! Normalises text: compatibility normalisation (NFKC), case folding, one apostrophe.

use std::iter;

use caseless::Caseless as _;
use unicode_normalization::{
    IsNormalized, UnicodeNormalization as _, char::canonical_combining_class, is_nfc_quick,
};

/// Appends the normal form of `text` to `out`.
///
/// The steps are compatibility decomposition (a ligature becomes its letters, a full-width letter
/// the ordinary one), full case folding (CaseFolding.txt, so that the German sharp s becomes "ss")
/// and canonical composition. The typographic apostrophe U+2019 becomes the ASCII one, so that
/// "don’t" and "don't" are one word. ASCII text is only lower-cased.
pub(super) fn normalize_into(text: &str, out: &mut String) {
    out.extend(
        text.nfkd().default_case_fold().nfkc().map(|c| if c == '\u{2019}' { '\'' } else { c }),
    );
}

/// A stretch of text whose normal form does not depend on what surrounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Where it ends in the text, in bytes.
    pub(super) end: usize,
    /// Where its normal form ends, in bytes.
    pub(super) normal_end: usize,
}

/// Appends the normal form of `text` to `normal`, which is empty, and the stretches that align the
/// two to `stretches`. The normal form is that of [`normalize_into`]: the text is only cut where
/// neither reordering nor composition crosses the cut.
pub(super) fn normalize_aligned(text: &str, normal: &mut String, stretches: &mut Vec<Stretch>) {
    let mut start = 0;
    let ends = text.char_indices().skip(1).filter(|&(_, c)| starts_stretch(c)).map(|(at, _)| at);
    for end in ends.chain((!text.is_empty()).then_some(text.len())) {
        normalize_into(&text[start..end], normal);
        stretches.push(Stretch { end, normal_end: normal.len() });
        start = end;
    }
}

/// Whether the normal form of the code point is independent of everything before it, and vice
/// versa: it is a normalisation boundary (UAX #15, section 9.1), and still is after case folding,
/// which turns one mark into a letter (U+0345).
fn starts_stretch(c: char) -> bool {
    if c.is_ascii() {
        return true;
    }
    let is_boundary = |c: char| {
        canonical_combining_class(c) == 0 && is_nfc_quick(iter::once(c)) == IsNormalized::Yes
    };
    let first = iter::once(c).nfkd().next();
    let first_folded = iter::once(c).nfkd().default_case_fold().nfkd().next();
    first.is_some_and(is_boundary) && first_folded.is_some_and(is_boundary)
}

/// The part of a name that distinguishes it to a reader: without case, white space and invisible
/// characters.
pub fn spelling_key(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    normalize_into(name, &mut normal);
    normal.retain(|c| !c.is_whitespace() && !is_default_ignorable(c));
    normal
}

/// Whether Unicode calls the code point default-ignorable (DerivedCoreProperties.txt, Unicode 16):
/// soft hyphens, joiners, variation selectors. They are dropped after the words have been found,
/// because some of them separate words.
pub(super) const fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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
