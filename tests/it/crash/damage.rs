//! An archive with one thing wrong with it: whatever it is, nothing that was acknowledged is lost
//! in silence, and nothing of it is deleted.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use slugline::index::{
    ArchiveOptions, Change, Condition, EmbeddedArchive, IndexError, ListQuery, SimilarQuery,
    SimilarSource, SimilarityIndex, Write,
};

use super::{flip, put, setting, write};
use crate::support::PATIENCE;

/// How many bits of each kind of file are flipped, unless the environment says otherwise.
const PLACES: u64 = 12;

/// What an archive holds: each id with its title and body.
type Book = BTreeMap<String, (String, String)>;

fn text(write: &Write) -> (String, (String, String)) {
    let Change::Put(article) = &write.change else { panic!("a deletion has no text") };
    (article.id.to_string(), (article.title.clone(), article.body.clone()))
}

/// An archive of three journals and two segments, with replaced and deleted articles, and what is
/// in it.
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
    // Eight groups that are in no segment.
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

/// Every file below a directory, by its path from there.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(root).expect("a directory").map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// What can be read of an archive one by one and as a list, held to what was put: how many articles
/// are missing, and how many are there that were deleted. What is missing is named, or the archive
/// says that it does not know all that it lost.
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

/// A search finds an article by itself, whatever else is wrong.
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

/// Damages a copy in one way, and looks at what is left of it.
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
    // Nothing that there was is cut off, written over or removed.
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

fn journals(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let journals =
        files(path).into_iter().filter(|file| file.to_string_lossy().contains("journal-"));
    journals.map(|file| (file.clone(), fs::read(file).expect("a file"))).collect()
}

/// One file of each kind, with the name of the kind.
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
fn a_flipped_bit_in_any_file_loses_nothing_in_silence() {
    let base = tempfile::tempdir().expect("a directory");
    let book = archive(base.path());
    for (kind, files) in kinds(base.path()) {
        for place in 0..setting("CRASH_PLACES", PLACES) {
            let file = &files[place as usize % files.len()];
            let size = fs::metadata(base.path().join(file)).expect("a file").len();
            if size == 0 {
                continue;
            }
            // Spread over the file, and another bit each time.
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
fn a_file_cut_short_or_removed_loses_nothing_in_silence() {
    let base = tempfile::tempdir().expect("a directory");
    let book = archive(base.path());
    for (kind, files) in kinds(base.path()) {
        for file in files {
            let size = fs::metadata(base.path().join(&file)).expect("a file").len();
            // A few bytes are less than some formats take for granted.
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
fn an_archive_without_any_manifest_is_not_an_empty_one() {
    let base = tempfile::tempdir().expect("a directory");
    let book = archive(base.path());
    damaged(base.path(), &book, "both manifests removed", |path| {
        for name in ["archive.json", "archive.json.copy"] {
            fs::remove_file(path.join(name)).expect("a file");
        }
    });
}

#[test]
fn an_article_that_is_lost_is_named_and_does_not_come_back_as_it_was_before() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    write(&archive, (0..3).map(put).collect()).expect("room");
    archive.fold().expect("room");
    // A later version, in a journal that no segment has.
    write(&archive, vec![put(1)]).expect("room");
    drop(archive);
    let (last, bytes) = journals(directory.path()).pop().expect("a journal");
    flip(&last, bytes.len() - 10, 0);
    let archive = EmbeddedArchive::open(directory.path(), options).expect("it opens");
    let id = "000001".parse().expect("an id");
    assert!(matches!(archive.get(&id), Err(IndexError::Corrupt { .. })));
    let page = archive.list(&ListQuery::default()).expect("readable");
    assert_eq!((page.articles.len(), page.unreadable, page.is_incomplete), (2, vec![id], false));
    // What was never there is not there: all that is lost has a name.
    assert_eq!(archive.get(&"000009".parse().expect("an id")), Ok(None));
    let Condition::Damaged(reason) = archive.status().condition else { panic!("it is damaged") };
    assert!(reason.contains("article 000001"), "{reason}");
}

#[test]
fn a_damaged_article_leaves_the_others_of_its_segment() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive =
        EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("an archive");
    write(&archive, (0..100).map(put).collect()).expect("room");
    archive.fold().expect("room");
    drop(archive);
    let (first, bytes) = journals(directory.path()).swap_remove(0);
    flip(&first, bytes.len() / 2, 3);
    let archive =
        EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
    let page = archive.list(&ListQuery::default()).expect("readable");
    assert_eq!((page.articles.len(), page.unreadable.len()), (99, 1));
    assert_eq!(archive.status().article_count, 100);
    // Its vector is sound, and so it may be a result: it is named in place of being shown.
    let lost = SimilarSource::Id(page.unreadable[0].clone());
    assert!(matches!(
        archive.find_similar(&SimilarQuery::new(lost)),
        Err(IndexError::Corrupt { .. })
    ));
    let query = SimilarQuery {
        page_size: 100,
        ..SimilarQuery::new(SimilarSource::Id(page.articles[0].id.clone()))
    };
    let found = archive.find_similar(&query).expect("readable");
    assert_eq!((found.hits.len(), found.unreadable), (98, page.unreadable));
}

#[test]
fn a_write_that_was_cut_off_is_left_and_others_follow_in_a_journal_of_their_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let open = || EmbeddedArchive::open(directory.path(), options).expect("it opens");
    write(&open(), vec![put(1)]).expect("room");
    // What a crash leaves of a group whose sync did not come back: nobody was told of it.
    let (journal, sound) = journals(directory.path()).pop().expect("a journal");
    fs::write(&journal, [&sound[..], &sound[40..100]].concat()).expect("room");
    let report = EmbeddedArchive::verify(directory.path()).expect("it opens");
    assert!(report.is_sound() && report.good_articles == 1, "{report:?}");
    assert!(
        report.remarks.len() == 1
            && report.remarks[0].contains("60 bytes belong to an interrupted write"),
        "{report:?}"
    );
    let archive = open();
    assert_eq!(archive.status().condition, Condition::Ready);
    write(&archive, vec![put(2)]).expect("room");
    drop(archive);
    assert_eq!(journals(directory.path()).len(), 2);
    assert_eq!(fs::read(&journal).expect("a file").len(), sound.len() + 60);
    let archive = open();
    assert_eq!((archive.status().condition, archive.status().article_count), (Condition::Ready, 2));
}

#[test]
fn a_hole_that_a_power_loss_left_in_an_unacknowledged_group_never_becomes_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let open = || EmbeddedArchive::open(directory.path(), options).expect("it opens");
    let noted = directory.path().join("acknowledged");
    let archive = open();
    write(&archive, vec![put(1)]).expect("room");
    let before = fs::read(&noted).expect("a file");
    write(&archive, (2..5).map(put).collect()).expect("room");
    drop(archive);
    // The disk had not written the middle of the last group, and nobody had been told of it.
    fs::write(&noted, before).expect("room");
    let (journal, mut bytes) = journals(directory.path()).pop().expect("a journal");
    let frame = (bytes.len() - 40) / 4;
    let middle = bytes.len() - 2 * frame + frame / 2;
    bytes[middle..middle + 20].fill(0);
    fs::write(&journal, bytes).expect("room");
    let mut there = None;
    for number in 10..13 {
        let archive = open();
        assert_eq!(archive.status().condition, Condition::Ready, "start {number}");
        let count = archive.status().article_count;
        // What was taken for torn at one start is so at all others.
        assert!(there.is_none_or(|there| there + 1 == count), "start {number}: {count}");
        there = Some(count);
        write(&archive, vec![put(number)]).expect("room");
    }
    assert!(EmbeddedArchive::verify(directory.path()).expect("it opens").is_sound());
}

#[test]
fn what_was_refused_does_not_come_back_behind_what_the_next_journal_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let open = || EmbeddedArchive::open(directory.path(), options).expect("it opens");
    write(&open(), vec![put(1)]).expect("room");
    let (journal, first) = journals(directory.path()).pop().expect("a journal");
    write(&open(), vec![put(2)]).expect("room");
    // A group whose sync failed stays behind what the header of the next journal counts, whole:
    // another frame of that place.
    let other = tempfile::tempdir().expect("a directory");
    let archive = EmbeddedArchive::open(other.path(), options).expect("it opens");
    write(&archive, vec![put(1)]).expect("room");
    write(&archive, vec![put(3)]).expect("room");
    drop(archive);
    let (_, longer) = journals(other.path()).pop().expect("a journal");
    assert!(longer.starts_with(&first) && longer.len() > first.len());
    fs::write(journal, longer).expect("room");
    let archive = open();
    assert_eq!((archive.status().condition, archive.status().article_count), (Condition::Ready, 2));
    assert_eq!(archive.get(&"000003".parse().expect("an id")), Ok(None));
}

#[test]
fn a_damaged_archive_answers_writes_and_closes_however_much_is_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions { fold_changes: 4, ..ArchiveOptions::default() };
    // As much in the journal as is folded at once, and no start that folded it.
    let usual = ArchiveOptions::default();
    write(
        &EmbeddedArchive::open(directory.path(), usual).expect("it opens"),
        (0..9).map(put).collect(),
    )
    .expect("room");
    let (journal, bytes) = journals(directory.path()).pop().expect("a journal");
    flip(&journal, bytes.len() / 2, 1);
    let archive = EmbeddedArchive::open(directory.path(), options).expect("it opens");
    let (sender, outcome) = std::sync::mpsc::channel();
    let done = Box::new(move |stored| sender.send(stored).expect("the test waits"));
    archive.write(vec![put(99)], done).expect("little is waiting");
    let answered = outcome.recv_timeout(PATIENCE).expect("an answer");
    assert!(matches!(answered, Err(IndexError::Damaged { .. })), "{answered:?}");
    let (closed, is_closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(archive);
        closed.send(()).expect("the test waits");
    });
    is_closed.recv_timeout(PATIENCE).expect("it closes");
}

#[test]
fn a_manifest_that_is_missing_or_older_is_made_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let open =
        || EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
    write(&open(), vec![put(1)]).expect("room");
    let files = ["archive.json", "archive.json.copy"].map(|name| directory.path().join(name));
    for file in &files {
        let whole = fs::read(file).expect("a file");
        fs::remove_file(file).expect("it is there");
        assert_eq!(open().status().condition, Condition::Ready);
        assert_eq!(fs::read(file).expect("it is there again"), whole);
    }
}

#[test]
fn a_journal_cut_short_under_an_open_archive_is_an_error_and_no_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive =
        EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
    write(&archive, (0..20).map(put).collect()).expect("room");
    archive.fold().expect("room");
    let (first, _) = journals(directory.path()).swap_remove(0);
    OpenOptions::new().write(true).open(first).expect("a file").set_len(100).expect("room");
    let page = archive.list(&ListQuery::default()).expect("readable");
    assert_eq!((page.articles.len(), page.unreadable.len()), (0, 20));
    assert!(matches!(archive.get(&page.unreadable[0]), Err(IndexError::Corrupt { .. })));
}
