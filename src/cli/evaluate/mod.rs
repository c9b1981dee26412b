//! `slugline evaluate`: how good a model is on labelled documents.

mod breakdown;
mod outcome;
mod table;
mod worker;

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::inputs::{CorpusArguments, NAMES_HELP, field_name};
use super::model_argument::read_model;
use super::output::{print, print_json, printable};
use super::progress;
use super::report::{self, Contents, Destination, Subject, TopicTerms};
use super::skipped::report_skipped;
use crate::corpus::{Input, Options, Summary, for_each_document};
use crate::model::evaluate::Mistake;
use crate::model::{Labels, LoadedModel, TopicModel};
use breakdown::Request;
use outcome::{Outcome, warnings, worst_confusions};
use worker::Worker;

const EXAMPLES: &str = "\
Examples:
  slugline evaluate --model models/news/2 --input test.jsonl.zst
  slugline evaluate --model models/mine/1 --input test.csv --json
  slugline evaluate --model models/mine/1 --input test.jsonl --report report.html
  slugline evaluate --model models/mine/1 --input test.jsonl --group-by source --by-length

--group-by measures each value of a field: the largest group first, then values of fewer than 10 \
documents together as \"(other)\", and documents without a value as \"(none)\". Values beyond the \
first 1,000 count as \"(other)\", too; each is cut to 100 characters. --by-length counts words of \
title and body, without numbers.

The report quotes headlines of the input, and the evidence that the model saw in them; no other \
output does. Speed is that of classification alone, on one core, without reading and parsing.";

/// The most mistakes shown in a report.
const REPORTED_MISTAKES: usize = 30;

/// Measure a model on labelled documents
#[derive(Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
pub(super) struct Arguments {
    /// The model's directory; news and news/2 name the model in the binary, unless they exist
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    corpus: CorpusArguments,
    /// Print the measurements as one JSON object
    #[arg(long)]
    json: bool,
    /// Measure each group of documents that have the same value in this field or column, too
    #[arg(long, value_name = "FIELD", value_parser = field_name)]
    group_by: Option<String>,
    /// Measure short and long documents separately, too
    #[arg(long)]
    by_length: bool,
    /// Write a self-contained page with the measurements, the strongest terms and the surest
    /// mistakes
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let loaded = read_model(&arguments.model)?;
    let inputs = arguments.corpus.inputs();
    let options = arguments.corpus.options(1)?;
    // Checked before the work rather than after it.
    let destination =
        arguments.report.as_deref().map(|path| Destination::check(path, &inputs)).transpose()?;
    let mistakes = if destination.is_some() { REPORTED_MISTAKES } else { 0 };
    let request = Request { field: arguments.group_by, by_length: arguments.by_length };
    let new_worker = || Worker::new(&loaded.model, mistakes, &request);
    let (worker, summary) = measure(&loaded.model, &inputs, &options, new_worker)?;
    let seconds = worker.spent.as_secs_f64().max(1e-9);
    let report = worker.evaluation.finish();
    let mut warnings = warnings(&report, worker.copies, &loaded.model);
    warnings.extend(worker.breakdowns.warning());
    let outcome = Outcome {
        model: loaded.manifest.id().to_string(),
        skipped: summary.skipped,
        documents_per_second: summary.documents as f64 / seconds,
        megabytes_per_second: worker.bytes as f64 / 1e6 / seconds,
        levels: worker.levels.finish(&report),
        worst_confusions: worst_confusions(&report),
        breakdowns: worker.breakdowns.finish()?,
        warnings,
        report,
    };
    if let Some(destination) = destination {
        let mistakes = worker.mistakes.into_vec();
        destination.write(&page(&loaded, &outcome, &mistakes, &inputs, &summary)?)?;
    }
    for warning in &outcome.warnings {
        eprintln!("warning: {}", printable(warning));
    }
    if arguments.json {
        print_json(&outcome.without_large_matrices())
    } else {
        print(|out| table::write(out, &outcome))
    }
}

/// Classifies all documents, and compares the answers with their topics.
fn measure(
    model: &TopicModel,
    inputs: &[Input],
    options: &Options,
    new_worker: impl Fn() -> Worker,
) -> anyhow::Result<(Worker, Summary)> {
    // One worker, so that sums come out the same every time, and the speed is that of one core.
    let (workers, summary) = progress::watch(inputs, |progress| {
        for_each_document(inputs, options, progress, new_worker, |worker, ordinal, document| {
            if document.topics.is_empty() && model.labels() == Labels::Single {
                return Err(document.no_topic("measure against"));
            }
            worker.measure(model, ordinal, &document);
            Ok(())
        })
    })?;
    report_skipped(&summary);
    match workers.into_iter().next() {
        Some(worker) if summary.documents > 0 => Ok((worker, summary)),
        _ => bail!("the input has no documents"),
    }
}

/// The report as a page.
fn page(
    loaded: &LoadedModel,
    outcome: &Outcome,
    mistakes: &[Mistake],
    inputs: &[Input],
    summary: &Summary,
) -> anyhow::Result<String> {
    let LoadedModel { model, manifest, .. } = loaded;
    report::page(&Contents {
        subject: Subject {
            model: outcome.model.clone(),
            recipe: manifest.recipe.to_string(),
            language_code: &manifest.language_code,
            trained_on: manifest.corpus.document_count,
            topic_count: model.topics().len(),
            term_count: model.vocabulary().len(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            fingerprint: hex::encode(summary.end.fingerprint),
            skipped: summary.skipped,
            confident_probability: model.decision_rule().confident_probability,
        },
        report: &outcome.report,
        warnings: &outcome.warnings,
        trials: &manifest.trials,
        levels: &outcome.levels,
        breakdowns: &outcome.breakdowns,
        terms: TopicTerms::of(model),
        mistakes,
    })
}
