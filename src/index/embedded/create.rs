//! Creates an archive.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::archive_files::ArchiveFiles;
use super::files;
use super::journals::{Journals, NextJournal};
use super::manifest::{self, Manifest};
use super::records::Records;
use super::segments::{self, Store};
use crate::index::IndexError;

/// Creates an archive in a directory whose lock is held.
pub(super) fn create(directory: &Path, records: Arc<Records>) -> Result<ArchiveFiles, IndexError> {
    let failed = |error: io::Error| IndexError::from_io("cannot create the archive", &error);
    if directory.join(manifest::FILE).try_exists().map_err(failed)? {
        let reason = format!(
            "another archive appeared in {} after it was opened: restart the server",
            directory.display()
        );
        return Err(IndexError::ReadOnly { reason });
    }
    let index = directory.join(segments::DIRECTORY);
    // A creation that was interrupted may have left one, which holds no article.
    files::replace_directory(&index).map_err(failed)?;
    let store = Store::create(&index, records)?;
    let next = NextJournal { number: 1, acknowledged_before: 0 };
    let mut journals = Journals::resume(directory, 1, next);
    journals.group().map_err(failed)?;
    files::sync_directory(&index).map_err(failed)?;
    // The manifest is last: a directory that has one holds a complete archive.
    Manifest { first_journal: 1 }.write(directory).map_err(|error| {
        // With one of the two files it would be mistaken for another archive.
        let _ = fs::remove_file(directory.join(manifest::FILE));
        failed(error)
    })?;
    Ok(ArchiveFiles { journals, store: Some(store) })
}
