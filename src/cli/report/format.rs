//! Text and numbers as the page shows them.

use crate::cli::output::printable;
use crate::cli::term::in_words;

/// A text of the corpus on one line, with control characters made visible.
pub(super) fn shown(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A term of a model on one line, the form of an article in words.
pub(super) fn term(term: &str) -> String {
    shown(in_words(term))
}

/// A share of 1 to a tenth of a per cent, without a line break inside.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}

/// A probability, never rounded to certainty or to impossibility.
pub(super) fn probability(probability: f64) -> String {
    match probability {
        0.999_5.. => "over 99.9\u{a0}%".to_owned(),
        ..0.000_5 => "under 0.1\u{a0}%".to_owned(),
        _ => percent(probability),
    }
}
