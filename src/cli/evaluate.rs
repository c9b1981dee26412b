//! `slugline evaluate`: how good a model is on labelled documents.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::output::{print, print_json, printable, thousands};
use super::train::report_skipped;
use super::{CorpusArguments, progress, read_model};
use crate::corpus::for_each_document;
use crate::model::Scorer;
use crate::model::evaluate::{Evaluation, Report};

const EXAMPLES: &str = "\
Examples:
  slugline evaluate --model models/news/1 --input test.jsonl.zst
  slugline evaluate --model models/mine/1 --input test.csv --json

Speed is that of classification alone, on one core: reading and parsing the file do not count.";

/// Measure a model on labelled documents
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The model's directory
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    corpus: CorpusArguments,
    /// Print the measurements as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Outcome {
    model: String,
    skipped: u64,
    documents_per_second: f64,
    megabytes_per_second: f64,
    #[serde(flatten)]
    report: Report,
}

struct Worker {
    scorer: Scorer,
    evaluation: Evaluation,
    spent: Duration,
    bytes: usize,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let loaded = read_model(&arguments.model)?;
    let model = &loaded.model;
    let inputs = arguments.corpus.inputs();
    let new_worker =
        || Worker { scorer: Scorer::default(), evaluation: Evaluation::new(model.topics()), spent: Duration::ZERO, bytes: 0 };
    // One worker: the sums come out the same every time, and the speed is that of one core.
    let (workers, summary) = progress::watch(&inputs, |progress| {
        for_each_document(&inputs, &arguments.corpus.options(1), progress, new_worker, |worker, _, document| {
            if document.topics.is_empty() {
                return Err("the document has no topic to measure against".to_owned());
            }
            let started = Instant::now();
            let scores = worker.scorer.score(model, document.text());
            worker.spent += started.elapsed();
            worker.bytes += document.text().size_bytes();
            let truth: Vec<usize> = document.topics.iter().map(|topic| worker.evaluation.label(topic)).collect();
            worker.evaluation.add(scores.probabilities, &truth, scores.decision);
            Ok(())
        })
    })?;
    report_skipped(&summary);
    let Some(worker) = workers.into_iter().next().filter(|_| summary.documents > 0) else {
        bail!("the input holds no document");
    };
    let seconds = worker.spent.as_secs_f64().max(1e-9);
    let outcome = Outcome {
        model: loaded.manifest.id().to_string(),
        skipped: summary.skipped,
        documents_per_second: summary.documents as f64 / seconds,
        megabytes_per_second: worker.bytes as f64 / 1e6 / seconds,
        report: worker.evaluation.finish(),
    };
    if arguments.json { print_json(&outcome) } else { print(|out| table(out, &outcome)) }
}

fn table(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let report = &outcome.report;
    writeln!(
        out,
        "{} on {} documents ({} lines skipped)\n",
        outcome.model,
        thousands(report.documents),
        thousands(outcome.skipped)
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
    writeln!(out, "\n{:18} {:>9} {:>9} {:>9}", "decision", "documents", "coverage", "precision")?;
    for (name, count) in
        [("confident", report.confident), ("uncertain", report.uncertain), ("unknown text", report.unknown_text)]
    {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let (coverage, precision) =
            (percent(count.coverage(report.documents)), count.precision().map_or("-".to_owned(), percent));
        writeln!(out, "{name:18} {:>9} {coverage:>9} {precision:>9}", thousands(count.documents))?;
    }
    let names: Vec<String> = report.topics.iter().map(|topic| printable(&topic.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "\n{:width$} {:>9} {:>9} {:>9} {:>9}", "topic", "precision", "recall", "F1", "documents")?;
    for (name, topic) in names.iter().zip(&report.topics) {
        writeln!(
            out,
            "{name:width$} {:>9.3} {:>9.3} {:>9.3} {:>9}",
            topic.precision,
            topic.recall,
            topic.f1,
            thousands(topic.support)
        )?;
    }
    writeln!(
        out,
        "\nconfusion matrix: a row is what documents are, a column what they were called (columns in the order of the rows)"
    )?;
    for (name, row) in names.iter().zip(&report.confusion_matrix) {
        write!(out, "{name:width$}")?;
        for count in row {
            write!(out, " {count:>6}")?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "\n{} documents a second, {:.1} MB a second, on one core",
        thousands(outcome.documents_per_second as u64),
        outcome.megabytes_per_second
    )
}
