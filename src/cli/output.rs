//! Writes to standard output; a reader who leaves early is not an error.

use std::io::{self, Write};

use console::{Term, measure_text_width, truncate_str};
use indicatif::{HumanCount, HumanFloatCount};

/// The columns of a shortened text where standard output is not a terminal.
const COLUMNS: usize = 100;
/// The fewest columns of a shortened text, whatever is to stand on its line.
const LEAST_COLUMNS: usize = 20;

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

/// Makes a text [`printable`] and cuts it to what the terminal has room for on a line with
/// `others`, or to 100 columns where standard output is not a terminal.
pub(super) fn shortened(text: &str, others: &str) -> String {
    let columns = match Term::stdout().size_checked() {
        Some((_, columns)) => room(columns.into(), others),
        None => COLUMNS,
    };
    truncate_str(&printable(text), columns, "…").into_owned()
}

/// The columns that `others` leave on a line.
fn room(columns: usize, others: &str) -> usize {
    columns.saturating_sub(measure_text_width(others)).max(LEAST_COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_by_columns() {
        // The tests' standard output may be a terminal, of any width.
        let cut = |text: &str| truncate_str(text, 10, "…").into_owned();
        assert_eq!(cut("ten column"), "ten column");
        assert_eq!(cut("eleven cols"), "eleven co…");
        // These characters are two columns wide.
        assert_eq!(cut("速報：台風が上陸"), "速報：台…");
        assert_eq!([room(80, "id  "), room(80, &"i".repeat(99))], [76, LEAST_COLUMNS]);
    }

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
