//! Typographic punctuation that separates or joins words exactly as an ASCII character does.
//!
//! News is full of it. Without these equivalents, the words next to it would take the slow path.

/// An ASCII character that separates words and is not white space.
const SEPARATOR: u8 = b'(';

/// The ASCII character that has the same effect on the words around it as `c`, in a text of ASCII
/// and such punctuation alone, after the byte `before` (None at the start); None if there is no
/// such equivalent.
pub(super) fn ascii_equivalent(c: char, before: Option<u8>) -> Option<u8> {
    match c {
        // Normalisation turns it into the apostrophe.
        '\u{2019}' => Some(b'\''),
        // Between two letters it may join them (MidNumLet). Where it opens a quotation, no letter
        // precedes it.
        '\u{2018}' if !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Some(SEPARATOR)
        }
        // No-break space, currencies, section and paragraph signs, guillemets, dashes, quotation
        // marks, bullet, and ellipsis (which becomes three full stops, and those join nothing).
        '\u{a0}'
        | '\u{a3}'
        | '\u{a7}'
        | '\u{ab}'
        | '\u{b6}'
        | '\u{bb}'
        | '\u{2013}'..='\u{2015}'
        | '\u{201c}'..='\u{201e}'
        | '\u{2022}'
        | '\u{2026}'
        | '\u{20ac}' => Some(SEPARATOR),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Numbers, reference_words};

    #[test]
    fn an_equivalent_gives_the_same_words() {
        let characters = (0x80..=0xffffu32).filter_map(char::from_u32);
        let mut equivalents = 0;
        for c in characters {
            for before in ["", "a", "5", "_", ".", "'", ",", ":", "-", "("] {
                let Some(equivalent) = ascii_equivalent(c, before.bytes().last()) else { continue };
                equivalents += 1;
                for after in ["", "b", "7", "_", ".", "s", ",", ":", "("] {
                    let written = format!("{before}{c}{after}y {before}{c}{c}{after}");
                    let plain = written.replace(c, &char::from(equivalent).to_string());
                    assert_eq!(
                        reference_words(&written, Numbers::Verbatim),
                        reference_words(&plain, Numbers::Verbatim),
                        "{written:?}"
                    );
                }
            }
        }
        assert!(equivalents > 100);
    }
}
