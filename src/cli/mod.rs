//! The command line: one file a command.
//!
//! Answers go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod archive;
mod article_json;
mod articles;
mod classify;
mod evaluate;
mod evaluate_similar;
mod filter;
mod model;
mod output;
mod progress;
mod remote;
mod report;
mod serve;
mod similar;
mod telemetry;
mod train;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::corpus::{Format, Input, OnError};
use crate::model::{LoadedModel, artifact};

const ABOUT: &str = "Says what a news article is about: a naive Bayes topic model, served over gRPC";

const EXAMPLES: &str = "\
Examples:
  slugline serve
  slugline classify --explain article.txt
  slugline train --input corpus.jsonl.zst --output models/mine/1
  slugline evaluate --model models/mine/1 --input test.jsonl.zst

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Parser)]
#[command(name = "slugline", version, about = ABOUT, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Train(train::Arguments),
    Evaluate(evaluate::Arguments),
    EvaluateSimilar(evaluate_similar::Arguments),
    Classify(classify::Arguments),
    Similar(similar::Arguments),
    #[command(subcommand)]
    Articles(articles::Command),
    #[command(subcommand)]
    Archive(archive::Command),
    #[command(subcommand)]
    Model(model::Command),
}

/// A wrong use of the command line that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, with exit code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = match cli.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Train(arguments) => train::run(arguments),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::EvaluateSimilar(arguments) => evaluate_similar::run(arguments),
        Command::Classify(arguments) => classify::run(arguments),
        Command::Similar(arguments) => similar::run(arguments),
        Command::Articles(command) => articles::run(command),
        Command::Archive(command) => archive::run(command),
        Command::Model(command) => model::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has left: there is nobody to complain to.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() => {
            eprintln!("error: {error}\n\nFor more information, try '--help'.");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Which documents a command reads.
#[derive(Args)]
struct CorpusArguments {
    /// Labelled documents: JSON Lines {"title", "body", "topics": [...]}, CSV with a header, or fastText's format;
    /// plain, .gz or .zst; "-" is standard input
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// The format of the input; without it the file's name decides, else its first bytes
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// What to do about a line that is no document
    #[arg(long, value_enum, default_value = "fail")]
    on_error: OnErrorArgument,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArgument {
    Jsonl,
    Csv,
    Fasttext,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnErrorArgument {
    Fail,
    Skip,
}

impl CorpusArguments {
    fn inputs(&self) -> Vec<Input> {
        self.input.iter().cloned().map(Input::from_argument).collect()
    }

    fn options(&self, threads: usize) -> crate::corpus::Options {
        crate::corpus::Options {
            format: self.format.map(|format| match format {
                FormatArgument::Jsonl => Format::JsonLines,
                FormatArgument::Csv => Format::Csv,
                FormatArgument::Fasttext => Format::FastText,
            }),
            on_error: match self.on_error {
                OnErrorArgument::Fail => OnError::Fail,
                OnErrorArgument::Skip => OnError::Skip,
            },
            threads,
            after: None,
        }
    }
}

/// Reads the artefact in a directory.
fn read_model(directory: &std::path::Path) -> anyhow::Result<LoadedModel> {
    artifact::read(directory).with_context(|| format!("cannot load the model in {}", directory.display()))
}
