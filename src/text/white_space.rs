//! ASCII white space, at which text may be cut into pieces.

/// A segment without leading white space: a vowel sign that follows a space forms one segment with
/// it (WB4), but the space is not part of the word.
pub(super) fn trim_separators(segment: &str) -> &str {
    segment.trim_start_matches([' ', '\n', '\t', '\r'])
}

/// Whether a byte is white space at which text may be cut.
pub(super) const fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}
