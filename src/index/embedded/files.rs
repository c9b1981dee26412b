//! Files and directories of the archive: readable by their owner alone, and durable when they say so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
const LOCK_FILE: &str = "lock";
/// How long a process waits for a lock that another one holds.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// How a file of ours is opened for writing; it is made where it does not exist.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(FILE_MODE);
    options
}

/// Makes a directory, and those above it, where they do not exist.
pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)
}

/// Makes what a file holds durable, whoever wrote it.
pub(super) fn sync(file: &Path) -> io::Result<()> {
    File::options().write(true).open(file)?.sync_all()
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Gives a file this content in one step, durably: a crash leaves the old content or the new one. Returns the new file, open for
/// writing behind the content.
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

/// Whether a crash may have left a file of this name: no content of the archive is in it.
pub(super) fn is_leftover(name: &str) -> bool {
    name.ends_with(TEMPORARY) || name == LOCK_FILE
}

/// Removes what crashes left half written in a directory: our own temporary files and those of tantivy.
pub(super) fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(TEMPORARY) || name.starts_with(".tmp")) {
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

/// Takes the lock of a directory; None if another process holds it and keeps it.
///
/// A lock may outlive its holder's file for a moment: a program that the holder was just starting has a copy of it until its
/// own code begins, and a server that was told to stop makes room for the next one.
pub(super) fn lock(directory: &Path) -> io::Result<Option<File>> {
    let file = private().truncate(false).open(directory.join(LOCK_FILE))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_lock_that_is_about_to_be_released_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = lock(directory.path()).expect("a lock file").expect("nobody has it");
        thread::scope(|scope| {
            let second = scope.spawn(|| lock(directory.path()));
            // Whether it tries before or after: it ends with the lock.
            drop(first);
            assert!(second.join().expect("no panic").expect("a lock file").is_some());
        });
        let kept = lock(directory.path()).expect("a lock file").expect("nobody has it any more");
        let started = Instant::now();
        assert!(lock(directory.path()).expect("a lock file").is_none());
        assert!(started.elapsed() >= LOCK_PATIENCE);
        drop(kept);
    }

    #[test]
    fn only_their_owner_reads_what_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let archive = directory.path().join("a/b");
        create_directory(&archive).expect("room");
        replace(&archive, "c", b"content").expect("room");
        assert_eq!((mode(&archive), mode(&archive.join("c"))), (0o700, 0o600));
        assert_eq!(fs::read(archive.join("c")).expect("it is there"), b"content");
        fs::write(archive.join("d.new"), "half").expect("room");
        fs::write(archive.join(".tmpXyZ"), "half").expect("room");
        sweep(&archive);
        assert_eq!(fs::read_dir(&archive).expect("a listing").count(), 1);
    }
}
