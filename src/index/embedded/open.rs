//! Opens an archive.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::archive_files::ArchiveFiles;
use super::discover::FoundArchive;
use super::error::OpenArchiveError;
use super::files::{self, Access};
use super::findings::Findings;
use super::journal;
use super::journals::Journals;
use super::lock::{IfMissing, Lock};
use super::manifest::{self, Manifest};
use super::options::ArchiveOptions;
use super::records::Records;
use super::recovery::Recovery;
use super::segments;
use super::state::State;
use super::survey::survey;
use crate::index::Condition;

/// An archive that was opened.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) records: Arc<Records>,
    /// None for an archive that can only be read.
    pub(super) lock: Option<Lock>,
    /// None for an archive that does not exist yet, or can only be read.
    pub(super) files: Option<ArchiveFiles>,
    pub(super) findings: Findings,
    /// The index of an archive whose own is damaged and cannot be written.
    pub(super) temporary_index: Option<tempfile::TempDir>,
}

impl Opened {
    pub(super) fn read(
        directory: &Path,
        access: Access,
        options: ArchiveOptions,
    ) -> Result<Self, OpenArchiveError> {
        // A directory that holds something else is not touched.
        let exists = FoundArchive::find(directory)?.is_some();
        if !exists && access == Access::Read {
            return Ok(Self::new_archive(directory, None, Condition::Ready));
        }
        let (lock, read_only) = take_lock(directory, exists)?;
        // Whoever held the lock before may have created or changed the archive.
        match FoundArchive::find(directory)? {
            Some(found) => Opening { directory, access, options, lock, read_only }.recover(found),
            None => {
                let condition = read_only.map_or(Condition::Ready, Condition::ReadOnly);
                Ok(Self::new_archive(directory, lock, condition))
            }
        }
    }

    fn new_archive(directory: &Path, lock: Option<Lock>, condition: Condition) -> Self {
        Self {
            state: State::new(condition),
            records: Arc::new(Records::of(directory)),
            lock,
            files: None,
            findings: Findings::default(),
            temporary_index: None,
        }
    }
}

/// An archive that is being opened.
struct Opening<'a> {
    directory: &'a Path,
    access: Access,
    options: ArchiveOptions,
    lock: Option<Lock>,
    /// Why the archive can only be read.
    read_only: Option<String>,
}

impl Opening<'_> {
    fn recover(mut self, found: FoundArchive) -> Result<Opened, OpenArchiveError> {
        let directory = self.directory;
        let FoundArchive { manifest, needs_manifest, mut findings } = found;
        if self.access == Access::Write && self.lock.is_some() {
            // A process that was killed may have left data that is not on the disk yet. Whatever is
            // relied on from here on has to be durable.
            self.read_only = make_durable(directory, manifest, needs_manifest).err();
        }
        let surveyed = survey(directory, manifest.first_journal)
            .map_err(|source| OpenArchiveError::Io { path: directory.to_owned(), source })?;
        findings.append(surveyed.findings);
        findings.remarks.iter().for_each(|remark| tracing::warn!(%remark, "note on the archive"));
        let may_write = self.access == Access::Write
            && self.lock.is_some()
            && self.read_only.is_none()
            && findings.damage.is_empty();
        let mut recovery = Recovery {
            directory,
            options: self.options,
            access: if may_write { Access::Write } else { Access::Read },
            records: Arc::new(Records::of(directory)),
            state: State::new(Condition::Ready),
            findings,
            temporary_index: None,
        };
        let journals = (manifest.first_journal, surveyed.next.number);
        let store = recovery
            .recover(journals, &surveyed.journals)
            .map_err(|source| OpenArchiveError::Index { path: directory.to_owned(), source })?;
        let Recovery { mut state, records, findings, temporary_index, .. } = recovery;
        findings.log_damage();
        state.unreadable_count = findings.damage.len() as u64;
        state.article_count = state.count_articles();
        state.condition = match (findings.damage.is_empty(), self.read_only) {
            (false, _) => Condition::Damaged(findings.summary()),
            (true, Some(reason)) => Condition::ReadOnly(reason),
            (true, None) => Condition::Ready,
        };
        let lock = self.lock.filter(|_| may_write && findings.damage.is_empty());
        let files = lock.is_some().then(|| {
            remove_obsolete(directory, manifest);
            let journals = Journals::resume(directory, manifest.first_journal, surveyed.next);
            ArchiveFiles { journals, store: Some(store) }
        });
        Ok(Opened { state, records, lock, files, findings, temporary_index })
    }
}

/// Takes the lock of an archive, creating the directory if there is no archive yet; or says why the
/// archive can only be read.
fn take_lock(
    directory: &Path,
    exists: bool,
) -> Result<(Option<Lock>, Option<String>), OpenArchiveError> {
    let if_missing = if exists { IfMissing::Fail } else { IfMissing::Create };
    match Lock::take(directory, if_missing) {
        Ok(Some(lock)) => Ok((Some(lock), None)),
        Ok(None) => Err(OpenArchiveError::InUse { path: directory.to_owned() }),
        Err(error) if allows_reading(&error) => {
            Ok((None, Some(format!("{}: {error}", directory.display()))))
        }
        Err(source) => Err(OpenArchiveError::Io { path: directory.to_owned(), source }),
    }
}

/// Whether an archive can still be read when this error prevents its lock from being taken.
fn allows_reading(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded)
}

/// Syncs the last journal, and writes the manifest again where that is needed.
fn make_durable(directory: &Path, manifest: Manifest, needs_manifest: bool) -> Result<(), String> {
    if let Some(last) = journal::list(directory).map_err(|error| error.to_string())?.last() {
        files::sync(&journal::path(directory, *last))
            .map_err(|error| format!("cannot sync journal {last}: {error}"))?;
    }
    if !needs_manifest {
        return Ok(());
    }
    manifest.write(directory).map_err(|error| format!("cannot write {}: {error}", manifest::FILE))
}

/// Removes the temporary files that crashes left, and the journals before the first one.
fn remove_obsolete(directory: &Path, manifest: Manifest) {
    files::remove_temporary(directory);
    files::remove_temporary(&directory.join(segments::DIRECTORY));
    let journals = journal::list(directory).unwrap_or_default();
    for number in journals.into_iter().filter(|number| *number < manifest.first_journal) {
        // A failure is harmless: the next start tries again.
        let _ = fs::remove_file(journal::path(directory, number));
    }
}
