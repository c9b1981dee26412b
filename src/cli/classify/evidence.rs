//! The terms that explain a score, as lines of text for people.

use std::io::{self, Write};

use super::field;
use crate::cli::output::printable;
use crate::cli::term::in_words;
use crate::grpc::pb;

/// The most places of a term to show; JSON has them all.
const SHOWN_PLACES: usize = 3;

/// Writes a line per term: its weight, the term, how often it occurs and where.
pub(super) fn write_terms<'a>(
    out: &mut dyn Write,
    terms: impl IntoIterator<Item = &'a pb::Evidence>,
) -> io::Result<()> {
    for part in terms {
        let times = if part.count > 1 { format!("  x{}", part.count) } else { String::new() };
        let places = if part.spans.is_empty() {
            String::new()
        } else {
            format!("  ({})", places(&part.spans))
        };
        let term = printable(in_words(&part.term));
        writeln!(out, "      {:+.3}  {term}{times}{places}", part.weight)?;
    }
    Ok(())
}

/// Writes what the terms leave of a score.
pub(super) fn write_remainder(
    out: &mut dyn Write,
    other_evidence_weight: f64,
    bias: f64,
) -> io::Result<()> {
    writeln!(out, "      {other_evidence_weight:+.3}  (all other terms)")?;
    writeln!(out, "      {bias:+.3}  (before any word)")
}

/// The first places: "title 3-11, body 120-128, ...".
fn places(spans: &[pb::TextSpan]) -> String {
    let mut places: Vec<String> = spans
        .iter()
        .take(SHOWN_PLACES)
        .map(|span| format!("{} {}-{}", field::name(span.field()), span.start, span.end))
        .collect();
    if spans.len() > SHOWN_PLACES {
        places.push("...".to_owned());
    }
    places.join(", ")
}
