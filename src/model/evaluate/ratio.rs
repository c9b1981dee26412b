//! The share of a count in a whole, which may be empty.

/// `part / whole`; 0 of an empty whole.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
