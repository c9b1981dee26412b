//! The embedded archive in its directory, which may change while it is open.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Barrier, mpsc};
use std::thread;

use slugline::index::{
    ArchiveOptions, Condition, EmbeddedArchive, IndexError, OpenArchiveError, SimilarityIndex as _,
    WriteOutcome,
};

use super::fixtures::{article, id, put};

fn open(path: &Path) -> Result<EmbeddedArchive, OpenArchiveError> {
    EmbeddedArchive::open(path, ArchiveOptions::default())
}

/// Puts an article, and returns the outcome.
fn write(archive: &EmbeddedArchive, name: &str) -> Result<Vec<WriteOutcome>, IndexError> {
    let (sender, outcome) = mpsc::channel();
    let done = Box::new(move |stored| sender.send(stored).expect("it is waited for"));
    archive
        .write(vec![put(article(name, "Volcano erupts", ""))], done)
        .expect("nothing else is waiting");
    outcome.recv().expect("an answer")
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let base = tempfile::tempdir().expect("a directory");
    let path = base.path().join("archive");
    (base, path)
}

#[test]
fn an_archive_without_writes_already_has_one_owner() {
    let (_base, path) = place();
    let first = open(&path).expect("nobody has it");
    assert_eq!(first.condition(), Condition::Ready);
    assert!(matches!(open(&path), Err(OpenArchiveError::InUse { .. })));
    write(&first, "a").expect("room");
    assert!(matches!(open(&path), Err(OpenArchiveError::InUse { .. })));
    drop(first);
    assert!(
        open(&path).expect("nobody has it any more").get(&id("a")).expect("readable").is_some()
    );
}

#[test]
fn an_archive_without_writes_leaves_nothing_behind() {
    let (_base, path) = place();
    drop(open(&path).expect("nobody has it"));
    assert!(!path.exists());
}

#[test]
fn an_existing_directory_is_not_changed() {
    let (_base, path) = place();
    fs::create_dir(&path).expect("room");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("it is ours");
    let inode = || fs::metadata(&path).map(|found| (found.ino(), found.mode() & 0o777)).ok();
    let before = inode();
    drop(open(&path).expect("nobody has it"));
    assert_eq!(inode(), before);
    assert_eq!(fs::read_dir(&path).expect("a listing").count(), 0);
}

#[test]
fn a_process_that_waits_for_an_unused_archive_creates_it_again() {
    for round in 0..30 {
        let (_base, path) = place();
        let first = open(&path).expect("nobody has it");
        let both = Barrier::new(2);
        thread::scope(|scope| {
            let second = scope.spawn(|| {
                both.wait();
                open(&path).map(|archive| archive.condition())
            });
            both.wait();
            drop(first);
            let condition = second.join().expect("no panic");
            assert!(matches!(condition, Ok(Condition::Ready)), "round {round}: {condition:?}");
        });
    }
}

#[test]
fn an_existing_directory_may_have_a_parent_that_cannot_be_synced() {
    let (_base, path) = place();
    fs::create_dir(&path).expect("room");
    let directory = fs::File::open(&path).expect("it is there");
    // The parent is in procfs, where no one can sync a directory, not even root.
    let as_child_of_procfs = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let archive = open(&as_child_of_procfs).expect("nobody has it");
    for name in ["a", "b"] {
        assert_eq!(write(&archive, name), Ok(vec![WriteOutcome::Created]));
    }
    drop(archive);
    assert!(open(&path).expect("nobody has it").get(&id("b")).expect("readable").is_some());
}

#[test]
fn a_directory_with_other_content_is_not_touched() {
    let (_base, path) = place();
    fs::create_dir(&path).expect("room");
    fs::write(path.join("thesis.txt"), "years of work").expect("room");
    assert!(matches!(open(&path), Err(OpenArchiveError::NotAnArchive { .. })));
    assert_eq!(fs::read_dir(&path).expect("a listing").count(), 1);
}

/// What may happen to the directory of an open archive.
type Mishap = (&'static str, fn(&Path));

const MISHAPS: &[Mishap] = &[
    ("the directory is removed", |path| fs::remove_dir_all(path).expect("it is there")),
    ("the directory is moved", |path| {
        fs::rename(path, path.with_extension("moved")).expect("it is there")
    }),
    ("the directory is replaced by an empty one", |path| {
        fs::rename(path, path.with_extension("moved")).expect("it is there");
        fs::create_dir(path).expect("room");
    }),
    ("the directory is replaced by another archive", |path| {
        fs::rename(path, path.with_extension("moved")).expect("it is there");
        let other = open(path).expect("nobody has it");
        write(&other, "other").expect("room");
    }),
    ("a file takes its place", |path| {
        fs::remove_dir_all(path).expect("it is there");
        fs::write(path, "").expect("room");
    }),
    ("all files are removed", |path| {
        for entry in fs::read_dir(path).expect("a listing") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_file() {
                fs::remove_file(entry.path()).expect("it is there");
            }
        }
    }),
    ("the lock is removed", |path| fs::remove_file(path.join("lock")).expect("it is there")),
];

fn refuses(archive: &EmbeddedArchive, name: &str) {
    for attempt in ["b", "c"] {
        let refused = write(archive, attempt);
        assert!(matches!(refused, Err(IndexError::ReadOnly { .. })), "{name}: {refused:?}");
    }
    assert!(matches!(archive.condition(), Condition::ReadOnly(_)), "{name}");
    assert!(archive.fold().is_err(), "{name}");
}

#[test]
fn nothing_is_acknowledged_that_the_next_start_would_not_find() {
    for (name, mishap) in MISHAPS {
        let (_base, path) = place();
        let archive = open(&path).expect("nobody has it");
        write(&archive, "a").expect("room");
        mishap(&path);
        refuses(&archive, name);
    }
}

#[test]
fn this_also_holds_before_the_first_write() {
    for is_made in [true, false] {
        for (name, mishap) in MISHAPS {
            let (_base, path) = place();
            if is_made {
                write(&open(&path).expect("nobody has it"), "a").expect("room");
            }
            let archive = open(&path).expect("nobody has it");
            mishap(&path);
            refuses(&archive, name);
        }
    }
}

#[test]
fn a_removed_or_replaced_journal_accepts_no_more_writes() {
    let mishaps: [Mishap; 2] = [
        ("removed", |journal| fs::remove_file(journal).expect("it is there")),
        ("replaced by a copy", |journal| {
            let content = fs::read(journal).expect("it is there");
            fs::remove_file(journal).expect("it is there");
            fs::write(journal, content).expect("room");
        }),
    ];
    for (name, mishap) in mishaps {
        let (_base, path) = place();
        let archive = open(&path).expect("nobody has it");
        write(&archive, "a").expect("room");
        mishap(&path.join("journal-000000000001"));
        refuses(&archive, name);
    }
}

#[test]
fn a_process_that_took_over_the_directory_is_not_disturbed() {
    let (_base, path) = place();
    let first = open(&path).expect("nobody has it");
    write(&first, "a").expect("room");
    fs::remove_file(path.join("lock")).expect("it is there");
    let second = open(&path).expect("nobody is seen to have it");
    write(&second, "b").expect("room");
    assert!(matches!(write(&first, "c"), Err(IndexError::ReadOnly { .. })));
    write(&second, "d").expect("room");
    drop(first);
    write(&second, "e").expect("room");
    drop(second);
    let report = EmbeddedArchive::verify(&path).expect("nobody has it");
    assert_eq!((report.good_articles, report.damage), (4, Vec::<String>::new()));
}
