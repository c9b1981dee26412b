//! `slugline archive`: an archive on disk that no server has open.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Subcommand;

use super::article_json::Line;
use super::output::{print, print_json, printable, thousands};
use crate::index::EmbeddedArchive;

const EXAMPLES: &str = "\
Examples:
  slugline archive verify archive
  slugline archive export archive > articles.jsonl

Neither changes anything. What export writes, 'slugline articles import' reads.";

/// Look over an archive on disk
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Check every article against its checksum
    Verify {
        /// The archive's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Write all articles as JSON Lines, in the order of their ids
    Export {
        /// The archive's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Verify { directory } => verify(&directory),
        Command::Export { directory } => export(&directory),
    }
}

fn check_is_there(directory: &Path) -> anyhow::Result<()> {
    if directory.is_dir() { Ok(()) } else { bail!("there is no archive in {}", directory.display()) }
}

fn verify(directory: &Path) -> anyhow::Result<()> {
    check_is_there(directory)?;
    let report = EmbeddedArchive::verify(directory)?;
    print(|out| {
        writeln!(out, "{} articles match their checksums", thousands(report.good_articles))?;
        for (id, reason) in &report.corrupt_articles {
            writeln!(out, "corrupt: {}: {reason}", printable(id))?;
        }
        for damage in &report.damage {
            writeln!(out, "damaged: {damage}")?;
        }
        for remark in &report.remarks {
            writeln!(out, "note: {remark}")?;
        }
        Ok(())
    })?;
    if report.is_sound() {
        return Ok(());
    }
    bail!("the archive {} is damaged", directory.display())
}

fn export(directory: &Path) -> anyhow::Result<()> {
    check_is_there(directory)?;
    let problems = EmbeddedArchive::export(directory, |article| print_json(&Line::from(article)))?;
    for problem in &problems {
        eprintln!("left out: {problem}");
    }
    if problems.is_empty() { Ok(()) } else { bail!("the archive {} is damaged", directory.display()) }
}
