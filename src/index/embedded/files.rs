//! File operations of the archive, whose files are private to their owner.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Whether files may be written, or only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Options to open one of our files for writing, creating it if it does not exist.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(FILE_MODE);
    options
}

/// Creates a directory and its parents durably, unless they exist. Returns whether this call
/// created the directory, which is removed again if its name cannot be made durable.
pub(super) fn create_directory(directory: &Path) -> io::Result<bool> {
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    let create = || DirBuilder::new().mode(DIRECTORY_MODE).create(directory);
    let created = match (create(), parent) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            create_directory(parent)?;
            create()
        }
        (created, _) => created,
    };
    match created {
        Ok(()) => {}
        // If it has disappeared since, no other file is in its place, and the caller tries again.
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists
                && (directory.is_dir() || directory.symlink_metadata().is_err()) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    let parent = parent.unwrap_or(Path::new("."));
    sync_directory(parent).map_err(|error| {
        // It is still empty.
        let _ = fs::remove_dir(directory);
        io::Error::new(error.kind(), format!("cannot sync {}: {error}", parent.display()))
    })?;
    Ok(true)
}

/// Makes the content of a file durable, whoever wrote it.
pub(super) fn sync(file: &Path) -> io::Result<()> {
    File::options().write(true).open(file)?.sync_all()
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Replaces the content of a file atomically and durably: a crash leaves the old content or the new
/// one. Returns the new file, open for writing after the content.
pub(super) fn replace(directory: &Path, name: &str, content: &[u8]) -> io::Result<File> {
    let temporary = directory.join(format!("{name}{TEMPORARY}"));
    let written = || {
        let mut file = private().truncate(true).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, directory.join(name))?;
        sync_directory(directory)?;
        Ok(file)
    };
    let replaced = written();
    if replaced.is_err() {
        // An incomplete file takes up space that the disk may lack.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

/// The suffix of the temporary files of [`replace`].
const TEMPORARY: &str = ".new";

/// Whether a file of this name is a temporary one, which a crash may have left.
pub(super) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// Creates an empty directory, replacing the one that is there.
pub(super) fn replace_directory(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_directory(directory).map(drop)
}

/// Removes the temporary files that crashes left in a directory: ours and those of tantivy.
pub(super) fn remove_temporary(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| is_temporary(name) || name.starts_with(".tmp")) {
            // A failure is harmless: the next start tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The total size of the files below a directory, in bytes; files that cannot be examined do not
/// count.
pub(super) fn size_bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_bytes(&entry.path()),
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    };
    entries.map(size).sum()
}

/// Whether an open file is the one at a path.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match fs::metadata(path) {
        Ok(found) => Ok(identity(found) == identity(file.metadata()?)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_to_their_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let mode =
            |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let archive = directory.path().join("a/b");
        assert!(create_directory(&archive).expect("room"));
        assert!(!create_directory(&archive).expect("it is there"));
        replace(&archive, "c", b"content").expect("room");
        assert_eq!((mode(&archive), mode(&archive.join("c"))), (0o700, 0o600));
        assert_eq!(fs::read(archive.join("c")).expect("it is there"), b"content");
        fs::write(archive.join("d.new"), "incomplete").expect("room");
        fs::write(archive.join(".tmpXyZ"), "incomplete").expect("room");
        remove_temporary(&archive);
        assert_eq!(fs::read_dir(&archive).expect("a listing").count(), 1);
        let kind = |path: &Path| create_directory(path).map_err(|error| error.kind());
        assert_eq!(kind(&archive.join("c")), Err(io::ErrorKind::AlreadyExists));
        assert_eq!(kind(&archive.join("c/d")), Err(io::ErrorKind::NotADirectory));
    }
}
