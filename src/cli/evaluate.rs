//! `slugline evaluate`: how good a model is on labelled documents.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::output::{counted, print, print_json, printable, thousands};
use super::report::{self, Contents, Destination, Subject, TopicTerms};
use super::train::report_skipped;
use super::{CorpusArguments, progress, read_model};
use crate::corpus::{Document, Ordinal, for_each_document};
use crate::model::artifact::hexadecimal;
use crate::model::evaluate::{Evaluation, Labelled, LevelEvaluations, LevelReport, Mistake, MostProbable, Report};
use crate::model::{Decision, Labels, Scorer, TopicModel};

const EXAMPLES: &str = "\
Examples:
  slugline evaluate --model models/news/2 --input test.jsonl.zst
  slugline evaluate --model models/mine/1 --input test.csv --json
  slugline evaluate --model models/mine/1 --input test.jsonl --report report.html

The report holds headlines of the input, and what the model took for evidence in them; nothing else does.
Speed is that of classification alone, on one core: reading and parsing the file do not count.";

/// So many mistakes are shown in a report.
const REPORTED_MISTAKES: usize = 30;

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
    /// Write a page that shows the measurements, the strongest terms and the surest mistakes; it needs no other file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Serialize)]
struct Outcome {
    model: String,
    skipped: u64,
    documents_per_second: f64,
    megabytes_per_second: f64,
    #[serde(flatten)]
    report: Report,
    /// A depth of hierarchical names each; empty where they are flat.
    levels: Vec<LevelReport>,
}

struct Worker {
    scorer: Scorer,
    evaluation: Evaluation,
    levels: LevelEvaluations,
    mistakes: MostProbable<Mistake>,
    spent: Duration,
    bytes: usize,
}

impl Worker {
    fn new(model: &TopicModel, mistakes: usize) -> Self {
        Self {
            scorer: Scorer::default(),
            evaluation: Evaluation::new(model.topics(), model.labels()),
            levels: LevelEvaluations::new(model.topics(), model.labels()),
            mistakes: MostProbable::new(mistakes),
            spent: Duration::ZERO,
            bytes: 0,
        }
    }

    fn measure(&mut self, model: &TopicModel, ordinal: Ordinal, document: &Document<'_>) {
        let started = Instant::now();
        let scores = self.scorer.score(model, document.text());
        self.spent += started.elapsed();
        self.bytes += document.text().size_bytes();
        // A topic that is named twice is one.
        let mut truth: Vec<usize> = Vec::with_capacity(document.topics.len());
        for topic in &document.topics {
            let label = self.evaluation.label(topic);
            if !truth.contains(&label) {
                truth.push(label);
            }
        }
        let predicted = self.evaluation.add(scores.probabilities, &truth, scores.decision);
        let assigned = scores.assigned(model);
        self.evaluation.add_assigned(&assigned, &truth);
        self.levels.add(scores.probabilities, &assigned, document.topics.iter().map(AsRef::as_ref));
        if scores.decision != Decision::UnknownText && !truth.contains(&predicted) {
            self.mistakes.offer(scores.probabilities[predicted], ordinal, || {
                let topics: Vec<&str> = document.topics.iter().map(AsRef::as_ref).collect();
                Mistake::new(model, &scores, Labelled { id: &document.id, article: document.text(), topics: &topics })
            });
        }
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let loaded = read_model(&arguments.model)?;
    let model = &loaded.model;
    let inputs = arguments.corpus.inputs();
    // Before the work, and not after it.
    let destination = arguments.report.as_deref().map(|path| Destination::check(path, &inputs)).transpose()?;
    let mistakes = if destination.is_some() { REPORTED_MISTAKES } else { 0 };
    // One worker: the sums come out the same every time, and the speed is that of one core.
    let (workers, summary) = progress::watch(&inputs, |progress| {
        let new_worker = || Worker::new(model, mistakes);
        for_each_document(&inputs, &arguments.corpus.options(1), progress, new_worker, |worker, ordinal, document| {
            if document.topics.is_empty() && model.labels() == Labels::Single {
                return Err("the document has no topic to measure against".to_owned());
            }
            worker.measure(model, ordinal, &document);
            Ok(())
        })
    })?;
    report_skipped(&summary);
    let Some(worker) = workers.into_iter().next().filter(|_| summary.documents > 0) else {
        bail!("the input holds no document");
    };
    let seconds = worker.spent.as_secs_f64().max(1e-9);
    let report = worker.evaluation.finish();
    let outcome = Outcome {
        model: loaded.manifest.id().to_string(),
        skipped: summary.skipped,
        documents_per_second: summary.documents as f64 / seconds,
        megabytes_per_second: worker.bytes as f64 / 1e6 / seconds,
        levels: worker.levels.finish(&report),
        report,
    };
    if let Some(destination) = destination {
        destination.write(&report::page(&Contents {
            subject: Subject {
                model: outcome.model.clone(),
                recipe: loaded.manifest.recipe.to_string(),
                language_code: &loaded.manifest.language_code,
                trained_on: loaded.manifest.corpus.document_count,
                topic_count: model.topics().len(),
                term_count: model.vocabulary().len(),
                inputs: inputs.iter().map(ToString::to_string).collect(),
                fingerprint: hexadecimal(&summary.end.fingerprint),
                skipped: summary.skipped,
                confident_probability: model.decision_rule().confident_probability,
            },
            report: &outcome.report,
            trials: &loaded.manifest.trials,
            levels: &outcome.levels,
            terms: TopicTerms::of(model),
            mistakes: &worker.mistakes.into_vec(),
        })?)?;
    }
    if arguments.json { print_json(&outcome) } else { print(|out| table(out, &outcome)) }
}

fn table(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
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
    if !outcome.levels.is_empty() {
        writeln!(out, "\n{:18} {:>9} {:>9} {:>9}", "topics", "accuracy", "micro-F1", "macro-F1")?;
    }
    for level in &outcome.levels {
        let depth = format!("at depth {}", level.depth);
        writeln!(out, "{depth:18} {:>9.4} {:>9.4} {:>9.4}", level.accuracy, level.micro_f1, level.macro_f1)?;
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
    if !report.confusion_matrix.is_empty() {
        writeln!(
            out,
            "\nconfusion matrix: a row is what documents are, a column what they were called (columns in the order of the rows)"
        )?;
    }
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
