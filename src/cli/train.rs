//! `slugline train`: from labelled documents to an artefact.

use std::io::Write;
use std::iter;
use std::num::NonZeroU8;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::inputs::{CorpusArguments, NAMES_HELP};
use super::number::{at_least, number, whole_number};
use super::output::{counted, print, print_json, printable, thousands};
use super::skipped::report_skipped;
use super::usage::Usage;
use super::{progress, trials};
use crate::model::artifact::{self, DOCUMENTS_FILE, WEIGHTS_FILE};
use crate::model::{Labels, Manifest};
use crate::text::{Numbers, TextOptions};
use crate::train::{ESTIMATORS, Header, Recipe, TrainError, TrainOptions, Trained, train};

const EXAMPLES: &str = "\
Examples:
  slugline train --input corpus.jsonl --output models/mine/1
  slugline train --input 2024.jsonl.zst 2025.jsonl.zst --output models/mine/2 --threads 4
  slugline train --from models/mine/2 --input 2026.jsonl.zst --output models/mine/3
  zcat corpus.csv.gz | slugline train --input - --format csv --output models/mine/1 --on-error skip

The last two names of the output directory are the model's name and version. It is written whole \
or not at all, and replaces an older one. The same corpus, options and seed give the same bytes, \
with any number of threads.

Next to the model lies documents.bags, which --from reads and serving does not need: for each \
document its topics, and the counts of its words and word pairs. It does not hold the order of the \
text, but pairs reveal much of it: protect the file as you protect the documents, or leave it out \
with --no-documents. With --from, the model is the same, byte for byte, as one trained on all \
inputs at once, the old ones first; topics and words may be new.";

/// Train a model on labelled documents
#[derive(Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
pub(super) struct Arguments {
    #[command(flatten)]
    corpus: CorpusArguments,
    /// The directory of the model: DIR/NAME/VERSION, such as models/mine/1
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Continue from this model: its documents come before those of the input. Text options,
    /// language and --multi-label are the old model's; --output may be the same directory
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Do not store the documents' counts, which --from would need
    #[arg(long)]
    no_documents: bool,
    /// The estimator of the weights; "auto" chooses an estimator and its smoothing by
    /// cross-validation on the input
    #[arg(long, value_parser = recipe_parser(), default_value = "auto")]
    recipe: Recipe,
    /// The pseudo-count added to every term of every topic, from 0.000001 to 1000000 [default: the
    /// recipe's own]
    #[arg(long, value_parser = number(1e-6..=1e6, "from 0.000001 to 1000000"))]
    alpha: Option<f64>,
    /// Documents may have several topics, or none: each topic is decided on its own
    #[arg(long)]
    multi_label: bool,
    /// Minimum document frequency of a term, at least 1 [default: 2, or 1 where a small corpus is
    /// searched for a recipe with words alone]
    #[arg(long, value_name = "N", value_parser = at_least(1_u32))]
    min_df: Option<u32>,
    /// Keep all words, and the pairs among the N terms with the highest chi-square; 0 keeps all pairs
    /// [default: 60000; with --multi-label 10000 or 60000, whichever does better]
    #[arg(long, value_name = "N", value_parser = at_least(0_usize))]
    keep_terms: Option<usize>,
    /// Use words only, without pairs of neighbouring words
    #[arg(long)]
    no_pairs: bool,
    /// Numbers as they are, or their shape (1,250 -> 0,000) [default: verbatim]
    #[arg(long, value_enum)]
    numbers: Option<NumbersArgument>,
    /// How many times a word of the title counts, from 1 to 255 [default: 1]
    #[arg(long, value_name = "N", value_parser = whole_number(NonZeroU8::MIN..=NonZeroU8::MAX))]
    title_weight: Option<NonZeroU8>,
    /// The language of the documents, as a BCP-47 tag such as "en"
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// The share of confident answers that must be right, between 0 and 1
    #[arg(long, default_value_t = 0.95, value_name = "SHARE",
        value_parser = number((Bound::Excluded(0.0), Bound::Excluded(1.0)), "between 0 and 1"))]
    target_precision: f64,
    /// Worker threads, of which at most 256 are used [default: one per core]
    #[arg(long, value_name = "N", value_parser = at_least(1_usize))]
    threads: Option<usize>,
    /// The seed that deals documents into folds
    #[arg(long, default_value_t = 1, value_name = "N",
        value_parser = at_least(0_u64))]
    seed: u64,
    /// Start no further trial of a recipe after this many seconds, and use the best so far; the
    /// same corpus and options may then give other bytes
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    budget: Option<Duration>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// "auto", or the name of an estimator.
fn recipe_parser() -> impl TypedValueParser<Value = Recipe> {
    let names = iter::once("auto").chain(ESTIMATORS.iter().map(|estimator| estimator.name()));
    PossibleValuesParser::new(names).map(|name| {
        let estimator = ESTIMATORS.into_iter().find(|estimator| estimator.name() == name);
        estimator.map_or(Recipe::Auto, Recipe::Fixed)
    })
}

#[derive(Clone, Copy, ValueEnum)]
enum NumbersArgument {
    Verbatim,
    Shape,
}

impl From<NumbersArgument> for Numbers {
    fn from(argument: NumbersArgument) -> Self {
        match argument {
            NumbersArgument::Verbatim => Self::Verbatim,
            NumbersArgument::Shape => Self::Shape,
        }
    }
}

/// What the old model settles, when training continues from one.
struct Settled {
    text: TextOptions,
    labels: Labels,
    language_code: String,
}

impl Settled {
    /// By the command line alone.
    fn of(arguments: &Arguments) -> Self {
        let default = TextOptions::default();
        Self {
            text: TextOptions {
                pairs: !arguments.no_pairs,
                numbers: arguments.numbers.map_or(default.numbers, Numbers::from),
                title_weight: arguments.title_weight.unwrap_or(default.title_weight),
            },
            labels: if arguments.multi_label { Labels::Multiple } else { Labels::Single },
            language_code: arguments.language.clone().unwrap_or_default(),
        }
    }

    /// By the old model, which no given option may contradict.
    fn from_old(header: Header, arguments: &Arguments, directory: &Path) -> Result<Self, Usage> {
        let Header { text, labels, language_code, .. } = header;
        let numbers = match text.numbers {
            Numbers::Verbatim => "verbatim",
            Numbers::Shape => "shape",
        };
        let asked = Self::of(arguments);
        let contradictions = [
            (
                arguments.multi_label && labels == Labels::Single,
                "--multi-label".to_owned(),
                "one topic per document".to_owned(),
            ),
            (arguments.no_pairs && text.pairs, "--no-pairs".to_owned(), "pairs".to_owned()),
            (
                arguments.numbers.is_some() && asked.text.numbers != text.numbers,
                format!("--numbers {}", if numbers == "shape" { "verbatim" } else { "shape" }),
                format!("--numbers {numbers}"),
            ),
            (
                arguments.title_weight.is_some() && asked.text.title_weight != text.title_weight,
                format!("--title-weight {}", asked.text.title_weight),
                format!("--title-weight {}", text.title_weight),
            ),
            (
                arguments.language.is_some() && asked.language_code != language_code,
                format!("--language {:?}", asked.language_code),
                format!("--language {language_code:?}"),
            ),
        ];
        if let Some((_, given, old)) =
            contradictions.into_iter().find(|(contradicts, ..)| *contradicts)
        {
            return Err(Usage(format!(
                "{given} contradicts --from: {} was trained with {old}; omit {}, or retrain on \
                 all the files",
                directory.display(),
                given.split(' ').next().unwrap_or_default(),
            )));
        }
        Ok(Self { text, labels, language_code })
    }
}

#[derive(Serialize)]
struct Outcome<'a> {
    model: String,
    directory: String,
    seconds: f64,
    documents: u64,
    skipped: u64,
    terms: usize,
    bytes: usize,
    manifest: &'a Manifest,
    warnings: &'a [String],
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "it must be a number of seconds, such as 30 or 0.5".to_owned())
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let options = options(&arguments)?;
    let inputs = arguments.corpus.inputs();
    let started = Instant::now();
    let trained = progress::watch(&inputs, |progress| train(&inputs, &options, progress)).map_err(
        |error| match error {
            TrainError::Option(reason) => anyhow::Error::new(Usage(reason)),
            TrainError::Documents(error) => anyhow::Error::new(error)
                .context(cannot_go_on(arguments.from.as_deref().unwrap_or(&arguments.output))),
            other => anyhow::Error::new(other).context("cannot train the model"),
        },
    )?;
    report_skipped(&trained.corpus);
    for warning in &trained.warnings {
        eprintln!("warning: {}", printable(warning));
    }
    store(&trained, &arguments.output)?;
    report(&arguments, &trained, started.elapsed().as_secs_f64())
}

/// What to train, checked before the work begins.
fn options(arguments: &Arguments) -> anyhow::Result<TrainOptions> {
    let id =
        artifact::id_of_directory(&arguments.output).map_err(|error| Usage(error.to_string()))?;
    if let Some(language) = &arguments.language
        && !language.is_empty()
        && !crate::article::is_language_code(language)
    {
        let reason =
            format!("--language: {language:?} is not a BCP-47 tag such as \"en\" or \"pt-BR\"");
        return Err(Usage(reason).into());
    }
    // Now, and not after the work is done.
    artifact::check_writable(&arguments.output)?;
    let settled = match &arguments.from {
        None => Settled::of(arguments),
        Some(directory) => {
            let header = Header::read(directory).with_context(|| cannot_go_on(directory))?;
            Settled::from_old(header, arguments, directory)?
        }
    };
    let threads = arguments
        .threads
        .or_else(|| thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1);
    Ok(TrainOptions {
        recipe: arguments.recipe,
        alpha: arguments.alpha,
        labels: settled.labels,
        budget: arguments.budget,
        text: settled.text,
        language_code: settled.language_code,
        min_document_frequency: arguments.min_df,
        keep_terms: arguments.keep_terms,
        target_precision: arguments.target_precision,
        seed: arguments.seed,
        corpus: arguments.corpus.options(threads)?,
        from: arguments.from.clone(),
        keep_documents: !arguments.no_documents,
        ..TrainOptions::new(id)
    })
}

/// To three decimals, so that a probability below 1 is not shown as 1.
fn rounded_down(probability: f64) -> f64 {
    (probability * 1_000.0).floor() / 1_000.0
}

/// Writes the artefact, whole or not at all.
fn store(trained: &Trained, directory: &Path) -> anyhow::Result<()> {
    let manifest = |out: &mut dyn Write| out.write_all(&trained.artifact.manifest);
    let weights = |out: &mut dyn Write| out.write_all(&trained.artifact.weights);
    let mut files: Vec<(&str, &artifact::WriteContent<'_>)> =
        vec![(Manifest::FILE, &manifest), (WEIGHTS_FILE, &weights)];
    let documents = trained.documents.as_ref();
    let write_documents =
        documents.map(|documents| move |out: &mut dyn Write| documents.write_to(out));
    if let Some(write) = &write_documents {
        files.push((DOCUMENTS_FILE, write));
    }
    artifact::write_with(directory, &files, || trained.artifact.check())
        .context("cannot store the model")
}

fn cannot_go_on(directory: &Path) -> String {
    format!("cannot continue from {}", directory.display())
}

fn report(arguments: &Arguments, trained: &Trained, seconds: f64) -> anyhow::Result<()> {
    let manifest = &trained.manifest;
    let directory = arguments.output.display().to_string();
    let bytes = trained.artifact.weights.len() + trained.artifact.manifest.len();
    if arguments.json {
        return print_json(&Outcome {
            model: manifest.id().to_string(),
            directory,
            seconds,
            documents: manifest.corpus.document_count,
            skipped: manifest.corpus.skipped_count,
            terms: manifest.term_count,
            bytes,
            manifest,
            warnings: &trained.warnings,
        });
    }
    print(|out| {
        writeln!(
            out,
            "{}: {}, {}, from {} ({} skipped) in {seconds:.1} s",
            manifest.id(),
            counted(manifest.topics.len() as u64, "topic"),
            counted(manifest.term_count as u64, "term"),
            counted(manifest.corpus.document_count, "document"),
            counted(manifest.corpus.skipped_count, "line"),
        )?;
        if manifest.trials.len() > 1 {
            writeln!(out, "\ntried by cross-validation, the best first:")?;
            trials::write(out, &manifest.trials)?;
        }
        writeln!(out, "\nrecipe: {}", manifest.recipe)?;
        if let Some(metrics) = &manifest.metrics {
            writeln!(
                out,
                "on held-out documents: accuracy {:.4}, micro-F1 {:.4}, macro-F1 {:.4}, \
                 log loss {:.4}, calibration error {:.4}",
                metrics.accuracy,
                metrics.micro_f1,
                metrics.macro_f1,
                metrics.log_loss,
                metrics.expected_calibration_error
            )?;
            let share = 100.0 * metrics.confident_share;
            match manifest.decision.confident_probability {
                // A threshold of 1 means never.
                1.0 => writeln!(out, "no answer is confident")?,
                probability => writeln!(
                    out,
                    "confident from a probability of {:.3} on: {share:.1} % of the documents",
                    rounded_down(probability)
                )?,
            }
        }
        writeln!(out, "written to {directory} ({} bytes to serve)", thousands(bytes as u64))
    })
}
