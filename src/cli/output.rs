//! Writes to standard output; a reader who leaves early is not an error.

use std::io::{self, Write};

use indicatif::{HumanCount, HumanFloatCount};

/// Calls `write` with standard output, buffered.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    out.flush()?;
    Ok(())
}

/// Prints one JSON object on a line of its own.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(|out| {
        serde_json::to_writer(&mut *out, value)?;
        writeln!(out)
    })
}

/// Whether the reader of the output is gone.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// A whole number with commas between its thousands.
pub(super) fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number to one decimal place, with commas between its thousands.
pub(super) fn tenths(number: f64) -> String {
    // HumanFloatCount drops a fraction of zero.
    let text = format!("{:.1}", HumanFloatCount(number));
    if text.contains('.') { text } else { text + ".0" }
}

/// A count with its noun: "1 article", "1,234 articles".
pub(super) fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Makes a text safe for a terminal: control characters, which may come from a corpus, are
/// replaced.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tenths_always_have_one_decimal_place() {
        assert_eq!(
            [0.0, 0.04, 2.25, 999.96, 1_585.84].map(tenths),
            ["0.0", "0.0", "2.2", "1,000.0", "1,585.8"]
        );
    }

    #[test]
    fn one_thing_has_a_singular() {
        assert_eq!(
            [0, 1, 1_000].map(|number| counted(number, "article")),
            ["0 articles", "1 article", "1,000 articles"]
        );
    }
}
