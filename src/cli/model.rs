//! `slugline model show`: a model's manifest and strongest terms.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::model_argument::read_model;
use super::number::at_least;
use super::output::{counted, print, print_json, printable, thousands};
use super::term::in_words;
use super::trials;
use crate::model::{LoadedModel, Manifest, TopicModel};

const EXAMPLES: &str = "\
Examples:
  slugline model show news
  slugline model show --terms 20 --json models/mine/1";

/// Inspect models
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Show a model's manifest and each topic's strongest terms
    #[command(after_help = EXAMPLES)]
    Show {
        /// The model's directory; news and news/2 name the model in the binary, unless they exist
        #[arg(value_name = "MODEL")]
        directory: PathBuf,
        /// Terms to show per topic
        #[arg(long, default_value_t = 12, value_name = "N",
            value_parser = at_least(0_usize))]
        terms: usize,
        /// Print everything as one JSON object
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
    let strongest_terms = strongest_terms(&loaded.model, terms);
    if json {
        return print_json(&Outcome { manifest: &loaded.manifest, strongest_terms });
    }
    print(|out| {
        write_facts(out, &loaded)?;
        if loaded.manifest.trials.len() > 1 {
            writeln!(out, "\ntried by cross-validation, the best first:")?;
            trials::write(out, &loaded.manifest.trials)?;
        }
        for (topic, record) in strongest_terms.iter().zip(&loaded.manifest.topics) {
            let count = counted(record.document_count, "document");
            writeln!(out, "\n{} ({count})", printable(topic.topic))?;
            let terms = topic.terms.iter();
            let terms =
                terms.map(|term| format!("{} {:.2}", printable(in_words(term.term)), term.weight));
            writeln!(out, "  {}", terms.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    })
}

fn strongest_terms(model: &TopicModel, count: usize) -> Vec<TopicTerms<'_>> {
    let terms = |topic| {
        let terms = model.strongest_terms(topic, count).into_iter();
        terms.map(|(term, weight)| Term { term, weight }).collect()
    };
    let topics = model.topics().iter().enumerate();
    topics.map(|(at, name)| TopicTerms { topic: name.as_str(), terms: terms(at) }).collect()
}

fn write_facts(out: &mut dyn Write, loaded: &LoadedModel) -> io::Result<()> {
    let manifest = &loaded.manifest;
    writeln!(out, "model              {}", manifest.id())?;
    writeln!(out, "recipe             {}, scale {}", manifest.recipe, manifest.recipe.scale)?;
    let language =
        if manifest.language_code.is_empty() { "not stated" } else { &manifest.language_code };
    writeln!(out, "language           {}", printable(language))?;
    writeln!(out, "terms              {}", thousands(manifest.term_count as u64))?;
    writeln!(out, "documents          {}", thousands(manifest.corpus.document_count))?;
    writeln!(out, "corpus SHA-256     {}", printable(&manifest.corpus.sha256))?;
    let size = thousands(manifest.weights.size_bytes);
    writeln!(out, "weights SHA-256    {} ({size} bytes)", manifest.weights.sha256)?;
    match manifest.decision.confident_probability {
        1.0 => writeln!(out, "confident from     (never)")?,
        probability => writeln!(out, "confident from     {probability:.4}")?,
    }
    for level in loaded.model.hierarchy().levels() {
        let names: Vec<String> = level.names().iter().map(|name| printable(name)).collect();
        writeln!(out, "topics, depth {:<4} {}", level.depth(), names.join(", "))?;
    }
    let Some(metrics) = &manifest.metrics else { return Ok(()) };
    writeln!(
        out,
        "held out           accuracy {:.4}, macro-F1 {:.4}, log loss {:.4}, \
         calibration error {:.4}",
        metrics.accuracy, metrics.macro_f1, metrics.log_loss, metrics.expected_calibration_error
    )
}
