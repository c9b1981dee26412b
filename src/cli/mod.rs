//! The command line: one module per command.
//!
//! Answers go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
//! 2 wrong usage.

mod archive;
mod article_file;
mod article_view;
mod articles;
mod classify;
mod decision;
mod evaluate;
mod evaluate_similar;
mod filter;
mod inputs;
mod label;
mod listen;
mod model;
mod model_argument;
mod number;
mod output;
mod progress;
mod remote;
mod report;
mod serve;
mod similar;
mod skipped;
mod telemetry;
mod term;
mod times;
mod train;
mod trials;
mod upload;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use usage::Usage;

const ABOUT: &str = "Classifies news articles with a naive Bayes topic model, served over gRPC";

const EXAMPLES: &str = "\
Examples:
  slugline serve
  slugline classify --explain article.txt
  slugline train --input corpus.jsonl.zst --output models/mine/1
  slugline evaluate --model models/mine/1 --input test.jsonl.zst

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Parser)]
#[command(name = "slugline", version, about = ABOUT, after_help = EXAMPLES)]
#[command(arg_required_else_help = true)]
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

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match parse(arguments) {
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
        // The reader of the output is gone: nobody is left to complain to.
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

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(Cli::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Treats an empty environment variable as unset, as scripts and unit files expect.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_subcommands(without_empty_variables).mut_args(|argument| {
        let is_empty =
            argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if is_empty { argument.env(Resettable::Reset) } else { argument }
    })
}
