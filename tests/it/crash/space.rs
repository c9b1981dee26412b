//! Superseded articles and journals are removed.

use std::fs;

use slugline::index::{
    ArchiveOptions, Condition, EmbeddedArchive, SimilarQuery, SimilarSource, SimilarityIndex as _,
    Write,
};

use super::fixtures::{ids, put, write};

#[test]
fn deletions_free_their_space() {
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
    // Relocated articles are still there after a start, even if the index is rebuilt.
    fs::remove_dir_all(directory.path().join("index")).expect("it is there");
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    assert_eq!((archive.status().condition, ids(&archive).len()), (Condition::Ready, 100));
    let source = SimilarSource::Id("000950".parse().expect("an id"));
    assert_eq!(archive.find_similar(&SimilarQuery::new(source)).expect("results").hits.len(), 10);
}

#[test]
fn repeated_replacements_do_not_make_an_archive_grow() {
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        ArchiveOptions { fold_changes: 100, compact_bytes: 0, ..ArchiveOptions::default() };
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    write(&archive, (0..200).map(put).collect()).expect("room");
    archive.fold().expect("room");
    let before = archive.status().size_bytes;
    for round in 0..30 {
        // One in four remains as it was first put.
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
fn the_number_of_small_journals_is_limited() {
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
