//! `slugline evaluate`: how good a model is on labelled documents.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::inputs::{CorpusArguments, NAMES_HELP};
use super::output::{counted, print, print_json, printable, thousands};
use super::report::{self, Contents, Destination, Subject, TopicTerms};
use super::train::report_skipped;
use super::{progress, read_model};
use crate::corpus::{Document, Ordinal, for_each_document};
use crate::model::artifact::hexadecimal;
use crate::model::doubts::{self, Copies};
use crate::model::evaluate::{
    Evaluation, Labelled, LevelEvaluations, LevelReport, Mistake, MostProbable, Report,
};
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
#[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
pub(super) struct Arguments {
    /// The model's directory; where there is none of that name, news and news/2 are the model in
    /// the binary
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    corpus: CorpusArguments,
    /// Print the measurements as one JSON object
    #[arg(long)]
    json: bool,
    /// Write a page that shows the measurements, the strongest terms and the surest mistakes; it
    /// needs no other file
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
    /// What was taken for what most often, the most frequent first.
    worst_confusions: Vec<Confused>,
    /// What is to be known of the documents before the figures are relied on, in sentences.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Confused {
    /// With several topics a document, one that was missed; "(none)" where nothing was.
    topic: String,
    /// What was said in its place; "(none)" where nothing was.
    called: String,
    documents: u64,
}

struct Worker {
    copies: Copies,
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
            copies: Copies::default(),
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
        self.copies.add(fingerprint(&document.text()), fingerprint(&sorted(&truth)));
        let predicted = self.evaluation.add(scores.probabilities, &truth, scores.decision);
        let assigned = scores.assigned(model);
        self.evaluation.add_assigned(&assigned, &truth);
        self.levels.add(scores.probabilities, &assigned, document.topics.iter().map(AsRef::as_ref));
        if scores.decision != Decision::UnknownText && !truth.contains(&predicted) {
            self.mistakes.offer(scores.probabilities[predicted], ordinal, || {
                let topics: Vec<&str> = document.topics.iter().map(AsRef::as_ref).collect();
                Mistake::new(
                    model,
                    &scores,
                    Labelled { id: &document.id, article: document.text(), topics: &topics },
                )
            });
        }
    }
}

fn fingerprint(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn sorted(numbers: &[usize]) -> Vec<usize> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}

/// What is to be known of the documents that were measured.
fn warnings(report: &Report, copies: Copies, labels: Labels) -> Vec<String> {
    let mut warnings =
        doubts::of_names(report.topics.iter().map(|topic| topic.name.as_str()), labels);
    warnings.extend(copies.doubt("each counts by itself, and tells nothing new"));
    let counts = report.topics.iter().map(|topic| (topic.name.as_str(), topic.support));
    warnings.extend(doubts::of_few("the figures", report.documents, counts));
    warnings
}

fn worst_confusions(report: &Report) -> Vec<Confused> {
    let matrix = matrix(report);
    let name = |label: usize| {
        report.topics.get(label).map_or(report::NONE, |topic| &topic.name).to_owned()
    };
    let confused = |(topic, called): (usize, usize)| Confused {
        topic: name(topic),
        called: name(called),
        documents: matrix[topic][called],
    };
    report::most_confused(matrix).into_iter().map(confused).collect()
}

fn matrix(report: &Report) -> &[Vec<u64>] {
    if report.assignment_matrix.is_empty() {
        &report.confusion_matrix
    } else {
        &report.assignment_matrix
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let loaded = read_model(&arguments.model)?;
    let model = &loaded.model;
    let inputs = arguments.corpus.inputs();
    let options = arguments.corpus.options(1)?;
    // Before the work, and not after it.
    let destination =
        arguments.report.as_deref().map(|path| Destination::check(path, &inputs)).transpose()?;
    let mistakes = if destination.is_some() { REPORTED_MISTAKES } else { 0 };
    // One worker: the sums come out the same every time, and the speed is that of one core.
    let (workers, summary) = progress::watch(&inputs, |progress| {
        let new_worker = || Worker::new(model, mistakes);
        for_each_document(&inputs, &options, progress, new_worker, |worker, ordinal, document| {
            if document.topics.is_empty() && model.labels() == Labels::Single {
                return Err(document.no_topic("measure against"));
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
        worst_confusions: worst_confusions(&report),
        warnings: warnings(&report, worker.copies, model.labels()),
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
            warnings: &outcome.warnings,
            trials: &loaded.manifest.trials,
            levels: &outcome.levels,
            terms: TopicTerms::of(model),
            mistakes: &worker.mistakes.into_vec(),
        })?)?;
    }
    say(outcome, arguments.json)
}

fn say(mut outcome: Outcome, as_json: bool) -> anyhow::Result<()> {
    for warning in &outcome.warnings {
        eprintln!("warning: {}", printable(warning));
    }
    if !as_json {
        return print(|out| table(out, &outcome));
    }
    if outcome.report.topics.len() > report::DRAWN {
        outcome.report.confusion_matrix.clear();
        outcome.report.assignment_matrix.clear();
    }
    print_json(&outcome)
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
        writeln!(
            out,
            "{depth:18} {:>9.4} {:>9.4} {:>9.4}",
            level.accuracy, level.micro_f1, level.macro_f1
        )?;
    }
    write_decisions(out, report)?;
    let names: Vec<String> = report.topics.iter().map(|topic| printable(&topic.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    writeln!(
        out,
        "\n{:width$} {:>9} {:>9} {:>9} {:>9}",
        "topic", "precision", "recall", "F1", "documents"
    )?;
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
    if report.topics.len() > report::NUMBERED {
        write_confusions(out, &outcome.worst_confusions, width)?;
    } else {
        write_matrix(out, &names, &report.confusion_matrix, width)?;
    }
    writeln!(
        out,
        "\n{} documents a second, {:.1} MB a second, on one core",
        thousands(outcome.documents_per_second as u64),
        outcome.megabytes_per_second
    )
}

fn write_decisions(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "\n{:18} {:>9} {:>9} {:>9}", "decision", "documents", "coverage", "precision")?;
    for (name, count) in [
        ("confident", report.confident),
        ("uncertain", report.uncertain),
        ("unknown text", report.unknown_text),
    ] {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let (coverage, precision) = (
            percent(count.coverage(report.documents)),
            count.precision().map_or("-".to_owned(), percent),
        );
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
            "\nconfusion matrix: a row is what documents are, a column what they were called (columns in the order of the rows)"
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

/// In place of a matrix that is too large to be read.
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
