//! The lock of an archive.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::files;
use crate::index::IndexError;

/// The name of the lock file.
pub(super) const FILE: &str = "lock";
/// How long to wait for a lock that another process holds.
const PATIENCE: Duration = Duration::from_millis(500);

/// The right to write an archive, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    directory: PathBuf,
    /// Whether the directory was created for this lock; an existing one belongs to its owner.
    has_created_directory: bool,
}

/// What to do if there is no directory to lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// Create it; it is removed with a lock under which nothing was written.
    Create,
    /// Fail.
    Fail,
}

impl Lock {
    /// Takes the lock of a directory; None if another process holds it and does not release it in
    /// time.
    ///
    /// A lock may briefly outlive its holder: a program that the holder was starting shares it
    /// until its own code begins, and a server that was told to stop may be about to exit.
    pub(super) fn take(directory: &Path, if_missing: IfMissing) -> io::Result<Option<Self>> {
        let mut has_created_directory = false;
        let taken = wait_for(directory, if_missing, &mut has_created_directory);
        if taken.is_err() && has_created_directory {
            // If someone else uses it meanwhile, it is not empty and stays.
            let _ = fs::remove_dir(directory);
        }
        let file = taken?;
        Ok(file.map(|file| Self { file, directory: directory.to_owned(), has_created_directory }))
    }

    /// Checks that the directory is still the one that was locked, and that no other process can
    /// have locked it since.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if not: writes would be lost, or mix with those of another process.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let is_there = files::is_at(&self.file, &self.directory.join(FILE));
        if is_there.map_err(|error| {
            IndexError::from_io("cannot examine the lock of the archive", &error)
        })? {
            return Ok(());
        }
        let directory = self.directory.display();
        let reason = if self.directory.is_dir() {
            format!(
                "{directory} was replaced, or the lock in it removed, while it was open: \
                 restart the server"
            )
        } else {
            format!(
                "{directory} was removed or moved while it was open: \
                 restore it and restart the server"
            )
        };
        Err(IndexError::ReadOnly { reason })
    }

    /// Removes the lock of an archive that nothing was written to, and the directory if it was
    /// created for the lock.
    pub(super) fn remove_traces(self) {
        if self.check().is_ok() {
            // What is in use otherwise, or cannot be removed, does no harm.
            let _ = fs::remove_file(self.directory.join(FILE));
            if self.has_created_directory {
                let _ = fs::remove_dir(&self.directory);
            }
        }
    }
}

/// The locked file; None if another process does not release it. `has_created` becomes whether the
/// directory was created, even on an error.
fn wait_for(
    directory: &Path,
    if_missing: IfMissing,
    has_created: &mut bool,
) -> io::Result<Option<File>> {
    let path = directory.join(FILE);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if if_missing == IfMissing::Create {
            *has_created |= files::create_directory(directory)?;
        }
        let file = match files::private().truncate(false).open(&path) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && if_missing == IfMissing::Create
                    && Instant::now() < deadline =>
            {
                // The previous holder has just removed the directory.
                *has_created = false;
                continue;
            }
            opened => opened?,
        };
        match file.try_lock() {
            // The previous holder may have removed the file.
            Ok(()) if files::is_at(&file, &path)? => return Ok(Some(file)),
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(directory: &Path) -> Option<Lock> {
        Lock::take(directory, IfMissing::Fail).expect("a lock file")
    }

    #[test]
    fn a_lock_about_to_be_released_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = take(directory.path()).expect("nobody has it");
        thread::scope(|scope| {
            let second = scope.spawn(|| take(directory.path()));
            // Whether it tries before or after the release, it gets the lock.
            drop(first);
            assert!(second.join().expect("no panic").is_some());
        });
        let held = take(directory.path()).expect("nobody has it any more");
        let started = Instant::now();
        assert!(take(directory.path()).is_none());
        assert!(started.elapsed() >= PATIENCE);
        drop(held);
    }

    #[test]
    fn a_lock_whose_file_was_removed_by_its_holder_can_be_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = directory.path().join("archive");
        fs::create_dir(&archive).expect("room");
        let first = take(&archive).expect("nobody has it");
        thread::scope(|scope| {
            let second = scope.spawn(|| take(&archive));
            fs::remove_file(archive.join(FILE)).expect("it is there");
            drop(first);
            let second = second.join().expect("no panic").expect("nobody has it");
            second.check().expect("it is that of the file");
        });
    }

    #[test]
    fn changes_to_the_directory_are_detected() {
        let base = tempfile::tempdir().expect("a directory");
        let archive = base.path().join("archive");
        let reason = |meddle: &dyn Fn()| {
            let _ = fs::remove_dir_all(&archive);
            fs::create_dir(&archive).expect("room");
            let lock = take(&archive).expect("nobody has it");
            lock.check().expect("nothing happened");
            meddle();
            match lock.check() {
                Err(IndexError::ReadOnly { reason }) => reason,
                other => panic!("{other:?}"),
            }
        };
        let elsewhere = base.path().join("elsewhere");
        assert!(
            reason(&|| fs::remove_dir_all(&archive).expect("it is there"))
                .contains("removed or moved")
        );
        assert!(
            reason(&|| fs::rename(&archive, &elsewhere).expect("it is there"))
                .contains("removed or moved")
        );
        assert!(
            reason(&|| fs::remove_file(archive.join(FILE)).expect("it is there"))
                .contains("the lock in it removed")
        );
        let replaced = || {
            fs::rename(&archive, base.path().join("aside")).expect("it is there");
            fs::create_dir(&archive).expect("room");
            drop(take(&archive).expect("a new one"));
        };
        assert!(reason(&replaced).contains("was replaced"));
    }

    #[test]
    fn only_a_directory_created_for_a_lock_is_removed_with_it() {
        let base = tempfile::tempdir().expect("a directory");
        let archive = base.path().join("archive");
        let missing = Lock::take(&archive, IfMissing::Fail).map_err(|error| error.kind());
        assert!(matches!(missing, Err(io::ErrorKind::NotFound)), "{missing:?}");
        let make =
            || Lock::take(&archive, IfMissing::Create).expect("room").expect("nobody has it");
        make().remove_traces();
        assert!(!archive.exists());
        let lock = make();
        fs::write(archive.join("other"), "content").expect("room");
        lock.remove_traces();
        assert!(archive.join("other").exists());
        fs::remove_file(archive.join("other")).expect("it is there");
        make().remove_traces();
        assert_eq!(fs::read_dir(&archive).expect("it stays").count(), 0);
    }

    #[test]
    fn a_directory_created_for_a_lock_that_fails_is_removed() {
        let base = tempfile::tempdir().expect("a directory");
        // The path of the lock file would be too long.
        let mut archive = base.path().to_owned();
        while archive.as_os_str().len() < 4_000 {
            archive.push("a".repeat(90));
        }
        let remaining = 4_095 - 4 - archive.as_os_str().len();
        archive.push("b".repeat(remaining.min(200)));
        let refused = Lock::take(&archive, IfMissing::Create);
        assert!(refused.is_err() && !archive.exists(), "{refused:?}");
    }
}
