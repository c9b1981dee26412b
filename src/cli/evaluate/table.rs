//! Prints measurements as tables.

use std::io::{self, Write};

use super::outcome::{Confused, Outcome};
use crate::cli::output::{counted, printable, tenths, thousands};
use crate::cli::report;
use crate::model::Labels;
use crate::model::evaluate::{Breakdown, GroupedBy, LevelReport, Report, TopicReport};

/// Writes all measurements.
pub(super) fn write(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let report = &outcome.report;
    writeln!(
        out,
        "{} on {}{} ({} skipped)\n",
        outcome.model,
        counted(report.documents, "document"),
        if report.without_topic > 0 {
            format!(", {} of them without a topic", thousands(report.without_topic))
        } else {
            String::new()
        },
        counted(outcome.skipped, "line")
    )?;
    for (name, value) in [
        ("accuracy", report.accuracy),
        ("micro-F1", report.micro_f1),
        ("macro-F1", report.macro_f1),
        ("log loss", report.log_loss),
        ("Brier score", report.brier),
        ("calibration error", report.ece),
    ] {
        writeln!(out, "{name:18} {value:8.4}")?;
    }
    write_levels(out, &outcome.levels)?;
    write_decisions(out, report)?;
    for breakdown in &outcome.breakdowns {
        write_breakdown(out, breakdown, report.labels)?;
    }
    let names: Vec<String> = report.topics.iter().map(|topic| printable(&topic.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    write_topics(out, report, &names, width)?;
    if report.topics.len() > report::NUMBERED {
        write_confusions(out, &outcome.worst_confusions, width)?;
    } else {
        write_matrix(out, &names, &report.confusion_matrix, width)?;
    }
    writeln!(
        out,
        "\n{} documents per second, {:.1} MB per second, on one core",
        thousands(outcome.documents_per_second as u64),
        outcome.megabytes_per_second
    )
}

fn write_levels(out: &mut dyn Write, levels: &[LevelReport]) -> io::Result<()> {
    if !levels.is_empty() {
        writeln!(out, "\n{:18} {:>9} {:>9} {:>9}", "topics", "accuracy", "micro-F1", "macro-F1")?;
    }
    for LevelReport { depth, accuracy, micro_f1, macro_f1 } in levels {
        let depth = format!("at depth {depth}");
        writeln!(out, "{depth:18} {accuracy:>9.4} {micro_f1:>9.4} {macro_f1:>9.4}")?;
    }
    Ok(())
}

fn write_breakdown(out: &mut dyn Write, breakdown: &Breakdown, labels: Labels) -> io::Result<()> {
    let by = match &breakdown.by {
        GroupedBy::Field(name) => printable(name),
        GroupedBy::Length => "words".to_owned(),
    };
    let names: Vec<String> = breakdown.groups.iter().map(|group| printable(&group.name)).collect();
    let lengths = names.iter().chain([&by]).map(|name| name.chars().count());
    let width = lengths.max().unwrap_or(0).max(18);
    let right = match labels {
        Labels::Single => "accuracy",
        Labels::Multiple => "micro-F1",
    };
    writeln!(
        out,
        "\n{by:width$} {:>9} {right:>9} {:>9} {:>17} {:>9} {:>9}",
        "documents", "macro-F1", "calibration error", "confident", "precision"
    )?;
    for (name, group) in names.iter().zip(&breakdown.groups) {
        // With one topic per document, micro-F1 is the accuracy.
        writeln!(
            out,
            "{name:width$} {:>9} {:>9.4} {:>9.4} {:>17.4} {:>9} {:>9}",
            thousands(group.documents),
            group.micro_f1,
            group.macro_f1,
            group.ece,
            percent(group.confident.coverage(group.documents)),
            group.confident.precision().map_or("-".to_owned(), percent),
        )?;
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn write_topics(
    out: &mut dyn Write,
    report: &Report,
    names: &[String],
    width: usize,
) -> io::Result<()> {
    writeln!(
        out,
        "\n{:width$} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "topic", "precision", "recall", "F1", "documents", "expected"
    )?;
    for (name, topic) in names.iter().zip(&report.topics) {
        let TopicReport { precision, recall, f1, expected, .. } = topic;
        let (support, expected) = (thousands(topic.support), tenths(*expected));
        writeln!(
            out,
            "{name:width$} {precision:>9.3} {recall:>9.3} {f1:>9.3} {support:>9} {expected:>9}"
        )?;
    }
    Ok(())
}

fn write_decisions(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "\n{:18} {:>9} {:>9} {:>9}", "decision", "documents", "coverage", "precision")?;
    for (name, count) in [
        ("confident", report.confident),
        ("uncertain", report.uncertain),
        ("unknown text", report.unknown_text),
    ] {
        let coverage = percent(count.coverage(report.documents));
        let precision = count.precision().map_or("-".to_owned(), percent);
        writeln!(out, "{name:18} {:>9} {coverage:>9} {precision:>9}", thousands(count.documents))?;
    }
    Ok(())
}

fn write_matrix(
    out: &mut dyn Write,
    names: &[String],
    matrix: &[Vec<u64>],
    width: usize,
) -> io::Result<()> {
    if !matrix.is_empty() {
        writeln!(
            out,
            "\nconfusion matrix: a row is what documents are, a column what they were called \
             (columns in the order of the rows)"
        )?;
    }
    for (name, row) in names.iter().zip(matrix) {
        write!(out, "{name:width$}")?;
        for count in row {
            write!(out, " {count:>6}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Replaces a matrix that is too large to read.
fn write_confusions(out: &mut dyn Write, confusions: &[Confused], width: usize) -> io::Result<()> {
    if confusions.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nconfused most often: what documents are, what they were called, and how many"
    )?;
    for Confused { topic, called, documents } in confusions {
        writeln!(
            out,
            "{:width$} {:width$} {:>9}",
            printable(topic),
            printable(called),
            thousands(*documents)
        )?;
    }
    Ok(())
}
