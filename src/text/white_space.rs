//! ASCII white space, at which a text may be cut into pieces.

/// A vowel sign that follows a space makes one segment with it (WB4): the space is no part of the
/// word.
pub(super) fn trim_separators(segment: &str) -> &str {
    segment.trim_start_matches([' ', '\n', '\t', '\r'])
}

pub(super) const fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}
