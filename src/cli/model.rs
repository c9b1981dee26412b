//! `slugline model show`: what a model says of itself.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::output::{counted, print, print_json, printable, thousands};
use super::read_model;
use crate::model::{Manifest, MetricsRecord, TrialRecord};

const EXAMPLES: &str = "\
Examples:
  slugline model show news
  slugline model show --terms 20 --json models/mine/1";

/// Look at models
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Show a model's manifest and each topic's strongest terms
    #[command(after_help = EXAMPLES)]
    Show {
        /// The model's directory; where there is none of that name, news and news/2 are the model
        /// in the binary
        #[arg(value_name = "MODEL")]
        directory: PathBuf,
        /// How many terms a topic
        #[arg(long, default_value_t = 12, value_name = "N")]
        terms: usize,
        /// Print it all as one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Outcome<'a> {
    manifest: &'a Manifest,
    strongest_terms: Vec<TopicTerms<'a>>,
}

#[derive(Serialize)]
struct TopicTerms<'a> {
    topic: &'a str,
    terms: Vec<Term<'a>>,
}

#[derive(Serialize)]
struct Term<'a> {
    term: &'a str,
    weight: f32,
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    let Command::Show { directory, terms, json } = command;
    let loaded = read_model(&directory)?;
    let manifest = &loaded.manifest;
    let strongest_terms: Vec<TopicTerms<'_>> = loaded
        .model
        .topics()
        .iter()
        .enumerate()
        .map(|(topic, name)| TopicTerms {
            topic: name.as_str(),
            terms: loaded
                .model
                .strongest_terms(topic, terms)
                .into_iter()
                .map(|(term, weight)| Term { term, weight })
                .collect(),
        })
        .collect();
    if json {
        return print_json(&Outcome { manifest, strongest_terms });
    }
    print(|out| {
        writeln!(out, "model              {}", manifest.id())?;
        writeln!(out, "recipe             {}, scale {}", manifest.recipe, manifest.recipe.scale)?;
        let language =
            if manifest.language_code.is_empty() { "not stated" } else { &manifest.language_code };
        writeln!(out, "language           {}", printable(language))?;
        writeln!(out, "terms              {}", thousands(manifest.term_count as u64))?;
        writeln!(out, "documents          {}", thousands(manifest.corpus.document_count))?;
        writeln!(out, "corpus SHA-256     {}", printable(&manifest.corpus.sha256))?;
        writeln!(
            out,
            "weights SHA-256    {} ({} bytes)",
            manifest.weights.sha256,
            thousands(manifest.weights.size_bytes)
        )?;
        writeln!(out, "confident from     {}", manifest.decision.confident_probability)?;
        for level in loaded.model.hierarchy().levels() {
            let names: Vec<String> = level.names().iter().map(|name| printable(name)).collect();
            writeln!(out, "topics, depth {:<4} {}", level.depth(), names.join(", "))?;
        }
        if let Some(metrics) = &manifest.metrics {
            writeln!(
                out,
                "held out           accuracy {:.4}, macro-F1 {:.4}, log loss {:.4}, calibration error {:.4}",
                metrics.accuracy,
                metrics.macro_f1,
                metrics.log_loss,
                metrics.expected_calibration_error
            )?;
        }
        if manifest.trials.len() > 1 {
            writeln!(out, "\ntried by cross-validation, the best first:")?;
            write_trials(out, &manifest.trials)?;
        }
        for (topic, record) in strongest_terms.iter().zip(&manifest.topics) {
            writeln!(
                out,
                "\n{} ({})",
                printable(topic.topic),
                counted(record.document_count, "document")
            )?;
            let terms: Vec<String> = topic
                .terms
                .iter()
                .map(|term| format!("{} {:.2}", printable(term.term), term.weight))
                .collect();
            writeln!(out, "  {}", terms.join(", "))?;
        }
        Ok(())
    })
}

/// Writes what cross-validation saw of each trial, a line each.
pub(super) fn write_trials(out: &mut dyn Write, trials: &[TrialRecord]) -> io::Result<()> {
    writeln!(out, "  {:>9} {:>9} {:>9}  recipe", "accuracy", "macro-F1", "log loss")?;
    for TrialRecord { recipe, metrics } in trials {
        let MetricsRecord { accuracy, macro_f1, log_loss, .. } = metrics;
        writeln!(out, "  {accuracy:>9.4} {macro_f1:>9.4} {log_loss:>9.4}  {recipe}")?;
    }
    Ok(())
}
