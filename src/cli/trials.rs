//! The table of what cross-validation tried.

use std::io::{self, Write};

use crate::model::{MetricsRecord, TrialRecord};

/// Writes a heading, and a line per trial.
pub(super) fn write(out: &mut dyn Write, trials: &[TrialRecord]) -> io::Result<()> {
    writeln!(out, "  {:>9} {:>9} {:>9}  recipe", "accuracy", "macro-F1", "log loss")?;
    for TrialRecord { recipe, metrics } in trials {
        let MetricsRecord { accuracy, macro_f1, log_loss, .. } = metrics;
        writeln!(out, "  {accuracy:>9.4} {macro_f1:>9.4} {log_loss:>9.4}  {recipe}")?;
    }
    Ok(())
}
