//! Archives that cannot be opened.

use std::fs;

use slugline::index::{ArchiveOptions, EmbeddedArchive, OpenArchiveError};

use super::fixtures::{put, write};

#[test]
fn an_open_archive_cannot_be_opened_again() {
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
fn other_directories_and_formats_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("letter.txt"), "Dear Sir").expect("a file");
    let error =
        EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect_err("no archive");
    assert!(matches!(error, OpenArchiveError::NotAnArchive { .. }), "{error}");
    fs::write(directory.path().join("archive.json"), r#"{"format": 6}"#).expect("a file");
    let error = EmbeddedArchive::open(directory.path(), ArchiveOptions::default())
        .expect_err("a later one");
    assert!(matches!(error, OpenArchiveError::Format { found: 6, .. }), "{error}");
}
