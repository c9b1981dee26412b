//! Determines whether a directory holds an archive.

use std::fs;
use std::io;
use std::path::Path;

use super::error::OpenArchiveError;
use super::findings::Findings;
use super::journal::{self, HEADER_BYTES};
use super::manifest::{self, FoundManifest, Manifest};
use super::{acknowledged, files, lock, segments};

/// An archive, as far as its manifest describes it.
pub(super) struct FoundArchive {
    pub(super) manifest: Manifest,
    /// Whether the manifest is to be written again: one of its two files is not as it should be.
    pub(super) needs_manifest: bool,
    pub(super) findings: Findings,
}

impl FoundArchive {
    /// Looks for an archive; None where one may be created.
    ///
    /// # Errors
    /// [`OpenArchiveError`] for an archive of another format, for a directory that holds something
    /// else, and where it cannot be read.
    pub(super) fn find(directory: &Path) -> Result<Option<Self>, OpenArchiveError> {
        let io = |source| OpenArchiveError::Io { path: directory.to_owned(), source };
        let damage = match Manifest::find(directory).map_err(io)? {
            FoundManifest::Sound(manifest, remark) => {
                let needs_manifest = remark.is_some();
                let findings = Findings { damage: Vec::new(), remarks: Vec::from_iter(remark) };
                return Ok(Some(Self { manifest, needs_manifest, findings }));
            }
            FoundManifest::OtherFormat(found) => {
                return Err(OpenArchiveError::Format { path: directory.to_owned(), found });
            }
            FoundManifest::Damaged(damage) => damage,
            FoundManifest::Absent => match contents(directory).or_else(absent).map_err(io)? {
                Contents::Empty => return Ok(None),
                Contents::Foreign => {
                    return Err(OpenArchiveError::NotAnArchive { path: directory.to_owned() });
                }
                Contents::Archive => format!("{} and its copy are missing", manifest::FILE),
            },
        };
        let manifest = guess_manifest(directory).map_err(io)?;
        let findings = Findings { damage: vec![damage], remarks: Vec::new() };
        Ok(Some(Self { manifest, needs_manifest: false, findings }))
    }
}

/// What a directory without a manifest holds.
enum Contents {
    /// Nothing, or what an interrupted creation may have left: an archive may be created.
    Empty,
    /// An archive whose manifest is missing.
    Archive,
    /// Something else.
    Foreign,
}

fn contents(directory: &Path) -> io::Result<Contents> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_ours = |name: &str| {
            [segments::DIRECTORY, acknowledged::FILE, lock::FILE].contains(&name)
                || files::is_temporary(name)
                || Manifest::is_file(name)
                || name.starts_with(journal::PREFIX)
        };
        if !name.to_str().is_some_and(is_ours) {
            return Ok(Contents::Foreign);
        }
    }
    // A creation writes the manifest last, and before the first article.
    let mut has_articles = acknowledged::read(directory)?
        .is_some_and(|mark| mark.bytes > HEADER_BYTES || mark.journal > 1);
    for number in journal::list(directory)? {
        has_articles |=
            number > 1 || fs::metadata(journal::path(directory, number))?.len() > HEADER_BYTES;
    }
    Ok(if has_articles { Contents::Archive } else { Contents::Empty })
}

/// A directory that does not exist, or disappears while it is examined, holds no archive.
fn absent(error: io::Error) -> io::Result<Contents> {
    if error.kind() == io::ErrorKind::NotFound { Ok(Contents::Empty) } else { Err(error) }
}

/// What the manifest most likely said.
fn guess_manifest(directory: &Path) -> io::Result<Manifest> {
    Ok(Manifest { first_journal: journal::list(directory)?.first().copied().unwrap_or(1) })
}
