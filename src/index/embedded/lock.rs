//! The lock of an archive, and whether the archive is still where it was taken.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::files;
use crate::index::IndexError;

/// The lock's file.
pub(super) const FILE: &str = "lock";
/// How long a process waits for a lock that another one holds.
const PATIENCE: Duration = Duration::from_millis(500);

/// The right to write an archive, for as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    directory: PathBuf,
    /// Whether the directory was made for this lock: one that was there before is its owner's.
    has_made_directory: bool,
}

/// What to do where there is no directory to lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// It is made, and goes with a lock under which nothing was written.
    Create,
    /// It is an error.
    Fail,
}

impl Lock {
    /// Takes the lock of a directory; None if another process holds it and keeps it.
    ///
    /// A lock may outlive its holder's file for a moment: a program that the holder was just
    /// starting has a copy of it until its own code begins, and a server that was told to stop
    /// makes room for the next one.
    pub(super) fn take(directory: &Path, if_missing: IfMissing) -> io::Result<Option<Self>> {
        let mut has_made_directory = false;
        let taken = wait_for(directory, if_missing, &mut has_made_directory);
        if taken.is_err() && has_made_directory {
            // One that is in use meanwhile is not empty, and stays.
            let _ = fs::remove_dir(directory);
        }
        let file = taken?;
        Ok(file.map(|file| Self { file, directory: directory.to_owned(), has_made_directory }))
    }

    /// Whether the directory still is the one that was locked, and no other process can have locked
    /// it since.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if not: what is written would go where nobody finds it, or between
    /// another process's writes.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let is_there = files::is_at(&self.file, &self.directory.join(FILE));
        if is_there.map_err(|error| {
            IndexError::from_io("cannot look at the lock of the archive", &error)
        })? {
            return Ok(());
        }
        let directory = self.directory.display();
        let reason = if self.directory.is_dir() {
            format!(
                "{directory} was replaced, or the lock in it removed, while it was open: start the server again"
            )
        } else {
            format!(
                "{directory} was removed or moved while it was open: bring it back and start the server again"
            )
        };
        Err(IndexError::ReadOnly { reason })
    }

    /// Removes the lock of an archive that nothing was written to, and the directory if it was made
    /// for it.
    pub(super) fn remove_traces(self) {
        if self.check().is_ok() {
            // What is in use otherwise, or cannot be removed, does no harm.
            let _ = fs::remove_file(self.directory.join(FILE));
            if self.has_made_directory {
                let _ = fs::remove_dir(&self.directory);
            }
        }
    }
}

/// The lock's file, locked; None if another process keeps it. `has_made` says whether the directory
/// was made for it, also where it cannot be locked.
fn wait_for(
    directory: &Path,
    if_missing: IfMissing,
    has_made: &mut bool,
) -> io::Result<Option<File>> {
    let path = directory.join(FILE);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if if_missing == IfMissing::Create {
            *has_made |= files::create_directory(directory)?;
        }
        let file = match files::private().truncate(false).open(&path) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && if_missing == IfMissing::Create
                    && Instant::now() < deadline =>
            {
                // Whoever held the lock has just removed the directory as it left.
                *has_made = false;
                continue;
            }
            opened => opened?,
        };
        match file.try_lock() {
            // Whoever held it may have removed the file as it left.
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
    fn a_lock_that_is_about_to_be_released_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = take(directory.path()).expect("nobody has it");
        thread::scope(|scope| {
            let second = scope.spawn(|| take(directory.path()));
            // Whether it tries before or after: it ends with the lock.
            drop(first);
            assert!(second.join().expect("no panic").is_some());
        });
        let kept = take(directory.path()).expect("nobody has it any more");
        let started = Instant::now();
        assert!(take(directory.path()).is_none());
        assert!(started.elapsed() >= PATIENCE);
        drop(kept);
    }

    #[test]
    fn a_lock_whose_file_goes_with_its_holder_is_taken_anew() {
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
    fn what_happens_to_a_directory_is_noticed() {
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
    fn what_was_made_for_a_lock_goes_with_it_and_what_was_there_before_stays() {
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
    fn a_directory_that_cannot_be_locked_does_not_stay() {
        let base = tempfile::tempdir().expect("a directory");
        // The name of the lock in it is longer than a path may be.
        let mut archive = base.path().to_owned();
        while archive.as_os_str().len() < 4_000 {
            archive.push("a".repeat(90));
        }
        let rest = 4_095 - 4 - archive.as_os_str().len();
        archive.push("b".repeat(rest.min(200)));
        let refused = Lock::take(&archive, IfMissing::Create);
        assert!(refused.is_err() && !archive.exists(), "{refused:?}");
    }
}
