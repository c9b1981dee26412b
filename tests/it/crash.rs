//! The archive under what machines do to it: full disks, damaged files, directories that cannot be
//! written; and the server.

mod damage;
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use slugline::article::ArticleText;
use slugline::index::{
    ArchiveOptions, ArchivedArticle, ArticleId, Condition, EmbeddedArchive, IndexError, ListQuery,
    OpenArchiveError, SimilarQuery, SimilarSource, SimilarityIndex, Write, WriteOutcome,
};

/// A number of the environment, for the long form of a test; `usual` where it is not set.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().expect("a number"))
}

/// A file system of its own; unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    /// None, with a printed reason, where that is not allowed.
    fn tmpfs(options: &str) -> Option<(Self, tempfile::TempDir)> {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(directory.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => {
                Some((Self(directory.path().to_owned()), directory))
            }
            Ok(output) => {
                println!(
                    "skipped: a file system cannot be mounted: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                None
            }
            Err(error) => {
                println!("skipped: there is no mount: {error}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let status =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.expect("there is a mount").success(), "remount,{options}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whatever holds it, the directory is given up.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn put(number: usize) -> Write {
    let id: ArticleId = format!("{number:06}").parse().expect("an id");
    let body =
        (0..400).map(|word| format!("w{} ", (number * 31 + word * 7) % 5_000)).collect::<String>();
    Write::put(ArchivedArticle::new(
        id,
        ArticleText { title: &format!("Article {number}"), body: &body },
    ))
}

fn write(archive: &EmbeddedArchive, batch: Vec<Write>) -> Result<Vec<WriteOutcome>, IndexError> {
    let (sender, outcomes) = std::sync::mpsc::channel();
    let done = Box::new(move |outcome| sender.send(outcome).expect("the test waits"));
    archive.write(batch, done).expect("little is waiting");
    outcomes.recv().expect("an answer")
}

fn ids(archive: &EmbeddedArchive) -> Vec<String> {
    let listed = archive.list(&ListQuery::default()).expect("readable");
    listed.articles.into_iter().map(|article| article.id.into()).collect()
}

#[test]
fn a_full_disk_loses_nothing_and_lets_writes_in_again_when_there_is_room() {
    let Some((mount, _directory)) = Mount::tmpfs("size=8m") else { return };
    let archive_path = mount.0.join("archive");
    let options = ArchiveOptions { fold_changes: 200, ..ArchiveOptions::default() };
    let archive = EmbeddedArchive::open(&archive_path, options).expect("an archive");
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let mut refused = Vec::new();
    for number in 0..20_000 {
        match write(&archive, vec![put(number)]) {
            Ok(outcomes) => {
                assert_eq!(outcomes, [WriteOutcome::Created]);
                acknowledged.insert(format!("{number:06}"));
            }
            Err(error) => {
                assert!(matches!(error, IndexError::Full { .. }), "{error:?}");
                refused.push(format!("{number:06}"));
                if refused.len() == 20 {
                    break;
                }
            }
        }
    }
    assert!(
        refused.len() == 20 && acknowledged.len() > 400,
        "{} refused, {} stored",
        refused.len(),
        acknowledged.len()
    );
    assert!(archive.status().last_failure.is_some());
    // What is there can be read and searched, and what was refused is not there.
    assert_eq!(ids(&archive).into_iter().collect::<BTreeSet<_>>(), acknowledged);
    let first: ArticleId = "000000".parse().expect("an id");
    assert!(
        !archive
            .find_similar(&SimilarQuery::new(SimilarSource::Id(first)))
            .expect("results")
            .hits
            .is_empty()
    );
    // With room again it goes on.
    mount.remount("size=64m");
    for number in 30_000..30_500 {
        assert_eq!(write(&archive, vec![put(number)]), Ok(vec![WriteOutcome::Created]));
        acknowledged.insert(format!("{number:06}"));
    }
    archive.fold().expect("there is room");
    assert_eq!(archive.status().last_failure, None);
    drop(archive);
    let report = EmbeddedArchive::verify(&archive_path).expect("it opens");
    assert!(report.is_sound() && report.remarks.is_empty(), "{report:?}");
    let archive = EmbeddedArchive::open(&archive_path, options).expect("an archive");
    assert_eq!(ids(&archive).into_iter().collect::<BTreeSet<_>>(), acknowledged);
}

#[test]
fn a_disk_full_at_the_end_opens_with_all_that_was_acknowledged() {
    let Some((mount, _directory)) = Mount::tmpfs("size=8m") else { return };
    let path = mount.0.join("archive");
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    let acknowledged =
        (0..20_000).take_while(|number| write(&archive, vec![put(*number)]).is_ok()).count();
    assert!(acknowledged > 400);
    drop(archive);
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    assert_eq!(ids(&archive).len(), acknowledged);
}

#[test]
fn a_directory_that_cannot_be_written_is_read() {
    let Some((mount, _directory)) = Mount::tmpfs("size=32m") else { return };
    let path = mount.0.join("archive");
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    write(&archive, (0..50).map(put).collect()).expect("room");
    archive.fold().expect("room");
    write(&archive, (50..60).map(put).collect()).expect("room");
    drop(archive);
    mount.remount("ro");
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    assert!(matches!(archive.status().condition, Condition::ReadOnly(_)), "{:?}", archive.status());
    assert_eq!(ids(&archive).len(), 60);
    let source = SimilarSource::Id("000055".parse().expect("an id"));
    assert_eq!(archive.find_similar(&SimilarQuery::new(source)).expect("results").hits.len(), 10);
    assert!(matches!(write(&archive, vec![put(99)]), Err(IndexError::ReadOnly { .. })));
    assert!(matches!(archive.fold(), Err(IndexError::ReadOnly { .. })));
    drop(archive);
    assert!(EmbeddedArchive::verify(&path).expect("it opens").is_sound());
}

#[test]
fn an_archive_that_a_full_disk_has_no_room_to_make_opens_and_takes_no_writes() {
    // Room for the root alone, and for a directory in it without a lock.
    for inodes in [1, 2] {
        let Some((mount, _directory)) = Mount::tmpfs(&format!("nr_inodes={inodes}")) else {
            return;
        };
        let path = mount.0.join("archive");
        let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("it opens");
        let condition = archive.condition();
        let is_full = |reason: &str| reason.contains("No space left") && reason.contains("archive");
        assert!(
            matches!(&condition, Condition::ReadOnly(reason) if is_full(reason)),
            "{inodes}: {condition:?}"
        );
        assert!(
            matches!(write(&archive, vec![put(1)]), Err(IndexError::ReadOnly { .. })),
            "{inodes}"
        );
        assert!(!path.exists(), "{inodes}");
    }
}

/// An archive of two segments and a journal, on disk.
fn archive_of_two_segments(path: &Path) {
    let archive = EmbeddedArchive::open(path, ArchiveOptions::default()).expect("an archive");
    for numbers in [0..40, 40..100] {
        write(&archive, numbers.map(put).collect()).expect("room");
        archive.fold().expect("room");
    }
    write(&archive, (100..110).map(put).collect()).expect("room");
}

fn files_ending(path: &Path, ending: &str) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

fn flip_a_bit_in_the_middle(file: &Path) {
    let middle = fs::metadata(file).expect("a file").len() / 2;
    flip(file, middle as usize, 4);
}

fn flip(file: &Path, byte: usize, bit: u32) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[byte] ^= 1 << bit;
    fs::write(file, bytes).expect("a file");
}

#[test]
fn a_second_one_does_not_get_an_archive_that_is_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive =
        EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("an archive");
    write(&archive, vec![put(1)]).expect("room");
    let second = EmbeddedArchive::open(directory.path(), ArchiveOptions::default())
        .expect_err("it is in use");
    assert!(matches!(second, OpenArchiveError::InUse { .. }));
    assert!(second.to_string().contains("in use by another process"), "{second}");
    assert!(matches!(
        EmbeddedArchive::verify(directory.path()),
        Err(OpenArchiveError::InUse { .. })
    ));
    drop(archive);
    assert!(EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).is_ok());
}

#[test]
fn what_is_no_archive_of_this_version_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("letter.txt"), "Dear Sir").expect("a file");
    let error =
        EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect_err("no archive");
    assert!(matches!(error, OpenArchiveError::NotAnArchive { .. }), "{error}");
    fs::write(directory.path().join("archive.json"), r#"{"format": 5}"#).expect("a file");
    let error = EmbeddedArchive::open(directory.path(), ArchiveOptions::default())
        .expect_err("a later one");
    assert!(matches!(error, OpenArchiveError::Format { found: 5, .. }), "{error}");
}

#[test]
fn deletions_give_their_space_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions { compact_bytes: 0, ..ArchiveOptions::default() };
    let size = || {
        let files = fs::read_dir(directory.path())
            .expect("an archive")
            .map(|entry| entry.expect("an entry"));
        files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum::<u64>()
    };
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    for numbers in [0..500, 500..1_000] {
        write(&archive, numbers.map(put).collect()).expect("room");
        archive.fold().expect("room");
    }
    let before = size();
    let delete = |number: usize| Write::delete(format!("{number:06}").parse().expect("an id"));
    write(&archive, (0..900).map(delete).collect()).expect("room");
    archive.fold().expect("room");
    assert_eq!(ids(&archive).len(), 100);
    assert!(size() < before / 4, "{} bytes of {before}", size());
    drop(archive);
    // What was moved is there after a start, also where the index is made anew.
    fs::remove_dir_all(directory.path().join("index")).expect("it is there");
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    assert_eq!((archive.status().condition, ids(&archive).len()), (Condition::Ready, 100));
    let source = SimilarSource::Id("000950".parse().expect("an id"));
    assert_eq!(archive.find_similar(&SimilarQuery::new(source)).expect("results").hits.len(), 10);
}

#[test]
fn an_archive_whose_articles_are_replaced_again_and_again_does_not_grow() {
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        ArchiveOptions { fold_changes: 100, compact_bytes: 0, ..ArchiveOptions::default() };
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    write(&archive, (0..200).map(put).collect()).expect("room");
    archive.fold().expect("room");
    let before = archive.status().size_bytes;
    for round in 0..30 {
        // One in four stays as it was put first.
        let replaced = (0..200).filter(|number| number % 4 != 0).map(put).collect();
        write(&archive, replaced).expect("room");
        if round % 10 == 9 {
            archive.fold().expect("room");
        }
    }
    archive.fold().expect("room");
    let after = archive.status().size_bytes;
    assert!(after < 3 * before, "{after} bytes, and {before} before");
    assert_eq!(ids(&archive).len(), 200);
    drop(archive);
    let report = EmbeddedArchive::verify(directory.path()).expect("it opens");
    assert!(
        report.is_sound() && report.remarks.is_empty() && report.good_articles == 200,
        "{report:?}"
    );
}

#[test]
fn starts_do_not_leave_journals_without_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions { small_journals: 6, ..ArchiveOptions::default() };
    let open = || EmbeddedArchive::open(directory.path(), options).expect("an archive");
    let journals = || {
        let names = fs::read_dir(directory.path())
            .expect("an archive")
            .map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name.to_string_lossy().starts_with("journal-")).count()
    };
    for number in 0..15 {
        write(&open(), vec![put(number)]).expect("room");
    }
    assert_eq!(journals(), 15);
    let archive = open();
    archive.fold().expect("room");
    assert!(journals() <= 9, "{} journals", journals());
    assert_eq!(ids(&archive).len(), 15);
    drop(archive);
    let report = EmbeddedArchive::verify(directory.path()).expect("it opens");
    assert!(report.is_sound() && report.good_articles == 15, "{report:?}");
}
