//! `slugline articles`: the archive of a server.

mod delete;
mod get;
mod import;
mod list;
mod places;
mod put;

use clap::Subcommand;

use super::inputs::NAMES_HELP;

const EXAMPLES: &str = "\
Examples:
  slugline articles import --input articles.jsonl.zst
  slugline articles put --id 2026-11-23/17 --source Reuters article.txt
  slugline articles get 2026-11-23/17
  slugline articles list --topic sport --since 2026-11-23
  slugline articles delete 2026-11-23/17

An import reads what train reads: JSON Lines, {\"id\", \"title\", \"body\", \"publish_time\", \
\"source\", \"language_code\", \"labels\": {...}}, a JSON list, or CSV with such columns. Id and \
text are required. Other names are read, too: \"date\", \"published\", \"published_at\" and \
\"pubdate\" for \"publish_time\", \"publisher\" for \"source\", \"language\" and \"lang\" for \
\"language_code\". In CSV, labels have columns such as \"labels.desk\", or one column of KEY=VALUE \
pairs separated by semicolons. Times look like 2014-05-30T01:34:32Z, 2014-05-30, or, as in feeds, \
Fri, 30 May 2014 01:34:32 GMT; any other time is an error in \"publish_time\", and is left out \
with a warning elsewhere. Topics are not read: the server classifies what it stores. Existing \
articles are replaced, so it is safe to run an import again.";

/// Store, read, list and delete articles in the archive of a server
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Store articles from files
    #[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
    Import(import::Arguments),
    /// Store one article from a file
    Put(put::Arguments),
    /// Print an article as a line of JSON
    Get(get::Arguments),
    /// List articles by id
    List(list::Arguments),
    /// Delete articles
    Delete(delete::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Import(arguments) => import::run(&arguments),
        Command::Put(arguments) => put::run(arguments),
        Command::Get(arguments) => get::run(&arguments),
        Command::List(arguments) => list::run(arguments),
        Command::Delete(arguments) => delete::run(arguments),
    }
}
