//! `slugline archive`: an archive on disk, without a server.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Subcommand;

use super::article_view::ArticleLine;
use super::output::{print, print_json, printable, thousands};
use crate::index::{ArchiveReport, EmbeddedArchive};

const EXAMPLES: &str = "\
Examples:
  slugline archive verify archive
  slugline archive export archive > articles.jsonl
  slugline archive repair archive repaired

None of these commands changes the archive. 'slugline articles import' reads what export writes, \
and 'slugline serve --archive' serves what repair makes.";

/// Verify, export or repair an archive that no server has open
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Check every article against its checksum
    Verify {
        /// The archive's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Write all articles as JSON Lines, ordered by id
    Export {
        /// The archive's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Make a new archive of everything that can be read of a damaged one
    Repair {
        /// The damaged archive's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// The directory of the new archive; must not exist, or be empty
        #[arg(value_name = "TO")]
        to: PathBuf,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Verify { directory } => verify(&directory),
        Command::Export { directory } => export(&directory),
        Command::Repair { directory, to } => repair(&directory, &to),
    }
}

fn check_is_there(directory: &Path) -> anyhow::Result<()> {
    if directory.is_dir() {
        Ok(())
    } else {
        bail!("there is no archive in {}", directory.display())
    }
}

fn verify(directory: &Path) -> anyhow::Result<()> {
    check_is_there(directory)?;
    let report = EmbeddedArchive::verify(directory)?;
    print(|out| {
        writeln!(out, "{} articles match their checksums", thousands(report.good_articles))?;
        problems(&report).iter().try_for_each(|problem| writeln!(out, "{problem}"))
    })?;
    end(directory, &report)
}

fn export(directory: &Path) -> anyhow::Result<()> {
    check_is_there(directory)?;
    let report =
        EmbeddedArchive::export(directory, |article| print_json(&ArticleLine::from(article)))?;
    problems(&report).iter().for_each(|problem| eprintln!("{problem}"));
    end(directory, &report)
}

fn repair(directory: &Path, to: &Path) -> anyhow::Result<()> {
    check_is_there(directory)?;
    let report = EmbeddedArchive::repair(directory, to)?;
    print(|out| {
        problems(&report.lost).iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
        writeln!(
            out,
            "{} articles recovered into {}",
            thousands(report.recovered_articles),
            to.display()
        )
    })
}

/// What is wrong with an archive, one line per problem.
fn problems(report: &ArchiveReport) -> Vec<String> {
    let unreadable =
        report.unreadable_articles.iter().map(|id| format!("unreadable: {}", printable(id)));
    let damage = report.damage.iter().map(|damage| format!("damaged: {}", printable(damage)));
    let remarks = report.remarks.iter().map(|remark| format!("note: {}", printable(remark)));
    unreadable.chain(damage).chain(remarks).collect()
}

fn end(directory: &Path, report: &ArchiveReport) -> anyhow::Result<()> {
    if report.is_sound() {
        return Ok(());
    }
    bail!(
        "archive {} is damaged; 'slugline archive repair' makes a new one of what can be read",
        directory.display()
    )
}
