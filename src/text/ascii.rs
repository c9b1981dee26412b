//! The fast path: finds the words of ASCII text as UAX #29 does, without looking anything up but a byte's class.

/// What UAX #29 (Word_Break) makes of an ASCII byte; everything else separates words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Other,
    Letter,
    Digit,
    /// The underscore (ExtendNumLet): joins letters, digits and itself.
    Underscore,
    /// The colon (MidLetter): joins two letters.
    MidLetter,
    /// The comma and the semicolon (MidNum): join two digits.
    MidNumber,
    /// The full stop and the apostrophe (MidNumLetQ): join two letters, or two digits.
    MidBoth,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        classes[byte] = if b.is_ascii_alphabetic() {
            Class::Letter
        } else if b.is_ascii_digit() {
            Class::Digit
        } else {
            match b {
                b'_' => Class::Underscore,
                b':' => Class::MidLetter,
                b',' | b';' => Class::MidNumber,
                b'.' | b'\'' => Class::MidBoth,
                _ => Class::Other,
            }
        };
        byte += 1;
    }
    classes
};

#[inline]
fn class(text: &[u8], at: usize) -> Class {
    text.get(at).map_or(Class::Other, |&byte| CLASSES[usize::from(byte)])
}

/// Calls `on_word` for each word in the order of the text: where it starts in `text`, and its bytes as they are written. `text`
/// is ASCII.
///
/// A word is a segment between UAX #29 boundaries that holds a letter or a digit.
#[inline]
pub(super) fn for_each_word<'a>(text: &'a [u8], mut on_word: impl FnMut(usize, &'a [u8])) {
    let mut at = 0;
    while at < text.len() {
        if !matches!(class(text, at), Class::Letter | Class::Digit | Class::Underscore) {
            at += 1;
            continue;
        }
        let start = at;
        let mut last = Class::Other;
        let mut has_alphanumeric = false;
        loop {
            let here = class(text, at);
            match here {
                Class::Letter | Class::Digit => has_alphanumeric = true,
                Class::Underscore => {}
                Class::Other => break,
                // WB6, WB7, WB11, WB12: a separator joins only where the same kind stands on both sides.
                Class::MidLetter if last == Class::Letter && class(text, at + 1) == Class::Letter => {}
                Class::MidNumber if last == Class::Digit && class(text, at + 1) == Class::Digit => {}
                Class::MidBoth if matches!(last, Class::Letter | Class::Digit) && class(text, at + 1) == last => {}
                Class::MidLetter | Class::MidNumber | Class::MidBoth => break,
            }
            last = here;
            at += 1;
        }
        if has_alphanumeric {
            on_word(start, &text[start..at]);
        }
    }
}
