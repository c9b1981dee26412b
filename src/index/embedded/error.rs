//! Why an archive cannot be opened.

use std::io;
use std::path::PathBuf;

use super::manifest;
use crate::index::IndexError;

/// Why an archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenArchiveError {
    /// Another process has it open.
    #[error("archive {} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It has the format of another version.
    #[error(
        "archive {} has format {found}; this version of slugline reads format {format} only: {}",
        path.display(),
        other_format(*found),
        format = manifest::FORMAT
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The directory holds something else.
    #[error("{} is not an archive: it has no {file}", path.display(), file = manifest::FILE)]
    NotAnArchive {
        /// The directory.
        path: PathBuf,
    },
    /// There is an archive where a new one was to be created.
    #[error("an archive already exists in {}", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot open the archive {}", path.display())]
    Io {
        /// The file, or the directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The archive cannot be recovered, or created.
    #[error("cannot open the archive {}", path.display())]
    Index {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        source: IndexError,
    },
}

/// What to do about an archive of another format.
fn other_format(found: u32) -> &'static str {
    if found > manifest::FORMAT {
        "use the version that wrote it, or a newer one"
    } else {
        "export it with the version that wrote it, and import the export into a new archive"
    }
}
