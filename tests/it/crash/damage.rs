//! An archive with one thing wrong with it loses nothing silently.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use slugline::index::{
    ArchiveOptions, Change, Condition, EmbeddedArchive, IndexError, ListQuery, SimilarQuery,
    SimilarSource, SimilarityIndex as _, Write,
};

use super::fixtures::{files, flip, journals, put, setting, write};

/// How many bits are flipped per kind of file, unless the environment says otherwise.
const PLACES: u64 = 12;

/// The content of an archive: title and body by id.
type Book = BTreeMap<String, (String, String)>;

fn text(write: &Write) -> (String, (String, String)) {
    let Change::Put(article) = &write.change else { panic!("a deletion has no text") };
    (article.id.to_string(), (article.title.clone(), article.body.clone()))
}

/// Creates an archive of three journals and two segments, with replaced and deleted articles, and
/// returns its content.
fn archive(path: &Path) -> Book {
    let archive = EmbeddedArchive::open(path, ArchiveOptions::default()).expect("an archive");
    let mut book = Book::new();
    let mut write_all = |writes: Vec<Write>| {
        for change in &writes {
            match &change.change {
                Change::Put(_) => book.extend([text(change)]),
                Change::Delete(id) => {
                    book.remove(id.as_str());
                }
            }
        }
        write(&archive, writes).expect("room");
    };
    let delete = |number: usize| Write::delete(format!("{number:06}").parse().expect("an id"));
    write_all((0..40).map(put).collect());
    archive.fold().expect("room");
    write_all((30..70).map(put).chain((0..5).map(delete)).collect());
    archive.fold().expect("room");
    // Eight groups that no segment includes.
    for number in 70..77 {
        write_all(vec![put(number)]);
    }
    write_all(vec![delete(50)]);
    book
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("room");
    for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("room");
        }
    }
}

/// Compares what can be read, by id and as a list, with the expected content. Returns how many
/// articles are missing, and how many deleted ones have reappeared. Missing articles must be named,
/// unless the archive reports that it does not know all of its losses.
fn account(archive: &EmbeddedArchive, book: &Book, case: &str) -> (usize, usize) {
    let status = archive.status();
    let mut missing = 0;
    let page = archive.list(&ListQuery::default()).expect("readable");
    let listed: Book = page
        .articles
        .into_iter()
        .map(|article| (article.id.into(), (article.title, article.body)))
        .collect();
    for (id, text) in book {
        match archive.get(&id.parse().expect("an id")) {
            Ok(Some(article)) => {
                assert_eq!((&article.title, &article.body), (&text.0, &text.1), "{case}: {id}");
                assert_eq!(listed.get(id), Some(text), "{case}: {id} is not listed");
            }
            Ok(None) => panic!("{case}: {id} is said not to be there: {status:?}"),
            Err(IndexError::Corrupt { .. }) => {
                missing += 1;
                assert!(!listed.contains_key(id), "{case}: {id} is listed, and cannot be read");
                let is_named = page.unreadable.iter().any(|unreadable| unreadable.as_str() == id);
                assert!(is_named || page.is_incomplete, "{case}: the list keeps quiet of {id}");
            }
            Err(error) => panic!("{case}: {id}: {error}"),
        }
    }
    assert!(
        missing == 0
            || matches!(status.condition, Condition::Damaged(_)) && status.unreadable_count > 0,
        "{case}: {missing} are missing: {status:?}"
    );
    let risen = listed.keys().filter(|id| !book.contains_key(*id)).count();
    assert!(risen == 0 || page.is_incomplete, "{case}: {risen} have come back");
    if status.condition == Condition::Ready {
        assert_eq!(listed, *book, "{case}");
        assert_eq!(status.article_count, book.len() as u64, "{case}");
    }
    (missing, risen)
}

/// Checks that a search with an article's own text finds it, whatever else is wrong.
fn search(archive: &EmbeddedArchive, book: &Book, case: &str) {
    for (id, (title, body)) in book.iter().step_by(9) {
        if !matches!(archive.get(&id.parse().expect("an id")), Ok(Some(_))) {
            continue;
        }
        let query =
            SimilarQuery::new(SimilarSource::Text { title: title.clone(), body: body.clone() });
        let hits = archive.find_similar(&query).expect("readable").hits;
        assert!(
            hits.iter().any(|hit| hit.article.id.as_str() == id),
            "{case}: {id} is not found by its own text"
        );
        assert!(hits.iter().all(|hit| hit.similarity <= 1.0), "{case}");
    }
}

/// Damages a copy in one way, and checks what is left of it.
fn damaged(base: &Path, book: &Book, case: &str, damage: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("archive");
    copy(base, &path);
    damage(&path);
    let before: Vec<(PathBuf, Vec<u8>)> = journals(&path);
    let report = EmbeddedArchive::verify(&path).unwrap_or_else(|error| panic!("{case}: {error}"));
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default())
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    let (missing, risen) = account(&archive, book, case);
    search(&archive, book, case);
    let condition = archive.status().condition;
    assert_eq!(
        report.is_sound(),
        condition == Condition::Ready,
        "{case}: {report:?}, {condition:?}"
    );
    assert_eq!(report.good_articles, (book.len() - missing + risen) as u64, "{case}: {report:?}");
    match write(&archive, vec![put(500)]) {
        Ok(_) => assert_eq!(condition, Condition::Ready, "{case}"),
        Err(error) => assert!(matches!(error, IndexError::Damaged { .. }), "{case}: {error}"),
    }
    drop(archive);
    // No journal is truncated, overwritten or removed.
    for (file, content) in before {
        let after =
            fs::read(&file).unwrap_or_else(|error| panic!("{case}: {}: {error}", file.display()));
        assert!(after == content, "{case}: {} is not what it was", file.display());
    }
    let repaired = directory.path().join("repaired");
    let report =
        EmbeddedArchive::repair(&path, &repaired).unwrap_or_else(|error| panic!("{case}: {error}"));
    let there = (book.len() - missing + risen + usize::from(condition == Condition::Ready)) as u64;
    assert_eq!(report.recovered_articles, there, "{case}");
    let repaired =
        EmbeddedArchive::open(&repaired, ArchiveOptions::default()).expect("a new archive");
    assert_eq!(
        (repaired.status().condition, repaired.status().article_count),
        (Condition::Ready, there),
        "{case}"
    );
}

/// The files by kind.
fn kinds(base: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files(base) {
        let relative = file.strip_prefix(base).expect("below it").to_owned();
        let name = relative.file_name().expect("a name").to_string_lossy().into_owned();
        let kind = if name.starts_with("journal-") {
            "journal".to_owned()
        } else if relative.starts_with("index/derived") {
            "derived".to_owned()
        } else {
            match relative.extension() {
                Some(extension) if relative.starts_with("index") => {
                    extension.to_string_lossy().into_owned()
                }
                _ => name,
            }
        };
        kinds.entry(kind).or_default().push(relative);
    }
    kinds
}

#[test]
fn a_flipped_bit_in_any_file_loses_nothing_silently() {
    let base = tempfile::tempdir().expect("a directory");
    let book = archive(base.path());
    for (kind, files) in kinds(base.path()) {
        for place in 0..setting("CRASH_PLACES", PLACES) {
            let file = &files[place as usize % files.len()];
            let size = fs::metadata(base.path().join(file)).expect("a file").len();
            if size == 0 {
                continue;
            }
            // Spread over the file, each time with another bit.
            let byte = (place * 2_654_435_761 % size) as usize;
            let case = format!(
                "{kind}: bit {} of byte {byte} of {} ({size} bytes)",
                place % 8,
                file.display()
            );
            damaged(base.path(), &book, &case, |path| {
                flip(&path.join(file), byte, place as u32 % 8)
            });
        }
    }
}

#[test]
fn a_truncated_or_removed_file_loses_nothing_silently() {
    let base = tempfile::tempdir().expect("a directory");
    let book = archive(base.path());
    for (kind, files) in kinds(base.path()) {
        for file in files {
            let size = fs::metadata(base.path().join(&file)).expect("a file").len();
            // A few bytes are less than some formats assume.
            for length in [0, 5, size / 2, size.saturating_sub(1)] {
                if length > size {
                    continue;
                }
                let case = format!("{kind}: {} cut to {length} of {size} bytes", file.display());
                damaged(base.path(), &book, &case, |path| {
                    let file =
                        OpenOptions::new().write(true).open(path.join(&file)).expect("a file");
                    file.set_len(length).expect("room");
                });
            }
            let case = format!("{kind}: {} removed", file.display());
            damaged(base.path(), &book, &case, |path| {
                fs::remove_file(path.join(&file)).expect("a file")
            });
        }
    }
}

#[test]
fn an_archive_without_a_manifest_is_not_empty() {
    let base = tempfile::tempdir().expect("a directory");
    let book = archive(base.path());
    damaged(base.path(), &book, "both manifests removed", |path| {
        for name in ["archive.json", "archive.json.copy"] {
            fs::remove_file(path.join(name)).expect("a file");
        }
    });
}
