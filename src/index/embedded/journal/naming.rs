//! The files of the journals, by their numbers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How the name of a journal begins.
pub(in crate::index::embedded) const PREFIX: &str = "journal-";

pub(super) fn name(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

/// The file of a journal.
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
