//! Typographic punctuation, which separates words or joins them just as an ASCII character does.
//!
//! News is written with it; each of these characters would otherwise send the words beside it the
//! slow way.

/// An ASCII character that separates words and is no white space.
const SEPARATOR: u8 = b'(';

/// The ASCII character that has the same effect on the words around it in a text of ASCII and such
/// punctuation alone, after this byte (None at the start); None for what has no such twin.
pub(super) fn ascii_twin(c: char, before: Option<u8>) -> Option<u8> {
    match c {
        // Normalisation makes it the apostrophe itself.
        '\u{2019}' => Some(b'\''),
        // It may join the letters on both of its sides (MidNumLet); opening a quotation, it has
        // none before it.
        '\u{2018}' if !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Some(SEPARATOR)
        }
        // No-break space, currencies, section and paragraph, guillemets, dashes, quotation marks,
        // bullet, ellipsis (which becomes three full stops, and these join nothing).
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
    fn a_twin_makes_the_words_of_what_it_stands_for() {
        let characters = (0x80..=0xffffu32).filter_map(char::from_u32);
        let mut twins = 0;
        for c in characters {
            for before in ["", "a", "5", "_", ".", "'", ",", ":", "-", "("] {
                let Some(twin) = ascii_twin(c, before.bytes().last()) else { continue };
                twins += 1;
                for after in ["", "b", "7", "_", ".", "s", ",", ":", "("] {
                    let written = format!("{before}{c}{after}y {before}{c}{c}{after}");
                    let plain = written.replace(c, &char::from(twin).to_string());
                    assert_eq!(
                        reference_words(&written, Numbers::Verbatim),
                        reference_words(&plain, Numbers::Verbatim),
                        "{written:?}"
                    );
                }
            }
        }
        assert!(twins > 100);
    }
}
