//! Names the lines that a command skipped.

use super::output::{counted, printable};
use crate::corpus::Summary;

/// Prints the first skipped lines, and how many there are, to standard error.
pub(super) fn report_skipped(summary: &Summary) {
    for line in &summary.skipped_examples {
        eprintln!("skipped {}", printable(&line.to_string()));
    }
    if summary.skipped > summary.skipped_examples.len() as u64 {
        eprintln!("skipped {} in all", counted(summary.skipped, "line"));
    }
}
