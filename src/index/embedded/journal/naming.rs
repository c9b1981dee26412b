//! The file names of journals.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The prefix of a journal's file name.
pub(in crate::index::embedded) const PREFIX: &str = "journal-";

pub(super) fn name(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

/// The path of a journal.
pub(in crate::index::embedded) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(name(number))
}

/// The numbers of the journals in a directory, ascending.
pub(in crate::index::embedded) fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) {
            numbers.extend(number.parse::<u64>());
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
