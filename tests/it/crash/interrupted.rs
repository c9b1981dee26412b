//! Interrupted writes as opposed to damage.

use std::fs::{self, OpenOptions};

use slugline::index::{
    ArchiveOptions, Condition, EmbeddedArchive, IndexError, ListQuery, SimilarQuery, SimilarSource,
    SimilarityIndex as _,
};

use super::fixtures::{flip, journals, put, write};
use crate::support::PATIENCE;

#[test]
fn a_lost_article_is_named_and_its_earlier_version_does_not_reappear() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    write(&archive, (0..3).map(put).collect()).expect("room");
    archive.fold().expect("room");
    // A later version, in a journal that no segment includes.
    write(&archive, vec![put(1)]).expect("room");
    drop(archive);
    let (last, bytes) = journals(directory.path()).pop().expect("a journal");
    flip(&last, bytes.len() - 10, 0);
    let archive = EmbeddedArchive::open(directory.path(), options).expect("it opens");
    let id = "000001".parse().expect("an id");
    assert!(matches!(archive.get(&id), Err(IndexError::Corrupt { .. })));
    let page = archive.list(&ListQuery::default()).expect("readable");
    assert_eq!((page.articles.len(), page.unreadable, page.is_incomplete), (2, vec![id], false));
    // An article that never existed is absent: the losses are all identified.
    assert_eq!(archive.get(&"000009".parse().expect("an id")), Ok(None));
    let Condition::Damaged(reason) = archive.status().condition else { panic!("it is damaged") };
    assert!(reason.contains("article 000001"), "{reason}");
}

#[test]
fn a_damaged_article_does_not_affect_the_others_of_its_segment() {
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
    // Its vector is sound, so that it may be a result, where its id takes its place.
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
fn after_an_interrupted_write_others_go_to_the_next_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let open = || EmbeddedArchive::open(directory.path(), options).expect("it opens");
    write(&open(), vec![put(1)]).expect("room");
    // What a crash leaves of a group whose sync did not complete: it was never acknowledged.
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
    // The disk had not written the middle of the last group, which was not acknowledged.
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
        // A group that is torn at one start is torn at all others.
        assert!(there.is_none_or(|there| there + 1 == count), "start {number}: {count}");
        there = Some(count);
        write(&archive, vec![put(number)]).expect("room");
    }
    assert!(EmbeddedArchive::verify(directory.path()).expect("it opens").is_sound());
}

#[test]
fn a_refused_group_does_not_reappear_after_the_acknowledged_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions::default();
    let open = || EmbeddedArchive::open(directory.path(), options).expect("it opens");
    write(&open(), vec![put(1)]).expect("room");
    let (journal, first) = journals(directory.path()).pop().expect("a journal");
    write(&open(), vec![put(2)]).expect("room");
    // A group whose sync failed remains as a complete frame after the bytes that the header of the
    // next journal counts.
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
fn a_damaged_archive_with_full_memory_still_answers_and_closes() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ArchiveOptions { fold_changes: 4, ..ArchiveOptions::default() };
    // The journal holds as much as is folded at once, and no start has folded it.
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
fn a_missing_manifest_file_is_written_again() {
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
fn truncating_a_journal_of_an_open_archive_is_an_error_but_not_a_crash() {
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
