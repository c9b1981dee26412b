//! Files and directories of the archive: readable by their owner alone, and durable when they say
//! so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Whether files may be written beside those that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// How a file of ours is opened for writing; it is made where it does not exist.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(FILE_MODE);
    options
}

/// Makes a directory, and those above it, durably, where they do not exist. Returns whether this
/// call made the directory; where its name cannot be made durable, it is removed again.
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
        // One that has gone since is no other's file: whoever needs it tries again.
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
        // Nothing is in it yet.
        let _ = fs::remove_dir(directory);
        io::Error::new(error.kind(), format!("cannot sync {}: {error}", parent.display()))
    })?;
    Ok(true)
}

/// Makes what a file holds durable, whoever wrote it.
pub(super) fn sync(file: &Path) -> io::Result<()> {
    File::options().write(true).open(file)?.sync_all()
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Gives a file this content in one step, durably: a crash leaves the old content or the new one.
/// Returns the new file, open for writing behind the content.
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
        // What is half written takes space that may be what is missing.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

/// The ending of what a crash may leave of [`replace`].
const TEMPORARY: &str = ".new";

/// Whether a crash may have left a file of this name half written.
pub(super) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// Creates a directory in place of the one that is there, if any.
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
            // One that stays is removed at the next start.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What the files of a directory take, in bytes; 0 for what cannot be looked at.
pub(super) fn size_bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_bytes(&entry.path()),
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    };
    entries.map(size).sum()
}

/// Whether a file that is open is the one that a path leads to.
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
    fn only_their_owner_reads_what_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let mode =
            |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let archive = directory.path().join("a/b");
        assert!(create_directory(&archive).expect("room"));
        assert!(!create_directory(&archive).expect("it is there"));
        replace(&archive, "c", b"content").expect("room");
        assert_eq!((mode(&archive), mode(&archive.join("c"))), (0o700, 0o600));
        assert_eq!(fs::read(archive.join("c")).expect("it is there"), b"content");
        fs::write(archive.join("d.new"), "half").expect("room");
        fs::write(archive.join(".tmpXyZ"), "half").expect("room");
        remove_temporary(&archive);
        assert_eq!(fs::read_dir(&archive).expect("a listing").count(), 1);
        let kind = |path: &Path| create_directory(path).map_err(|error| error.kind());
        assert_eq!(kind(&archive.join("c")), Err(io::ErrorKind::AlreadyExists));
        assert_eq!(kind(&archive.join("c/d")), Err(io::ErrorKind::NotADirectory));
    }
}
