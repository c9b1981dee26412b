use std::fs;
use std::io;
use std::path::Path;

use super::header::header;
use super::scan::Scan;
use super::*;
use crate::article::ArticleText;
use crate::index::record::{Kind, of_article, to_article};
use crate::index::{ArchivedArticle, ArticleId, RecordError};

/// The bytes of a journal on disk with these groups of articles. An id that begins with "-" stands
/// for a deletion.
fn written(directory: &Path, groups: &[&[&str]]) -> Vec<u8> {
    let mut journal = Journal::create(directory, 7, 0).expect("room");
    for ids in groups {
        let mut group = journal.group();
        for id in *ids {
            let text = ArticleText { title: "Title", body: "Some words" };
            match id.strip_prefix('-') {
                Some(id) => group.push(Kind::Deletion, &id.parse().expect("an id"), &[]),
                None => {
                    let article = ArchivedArticle::new(id.parse().expect("an id"), text);
                    group.push(Kind::Article, &article.id, &of_article(&article))
                }
            };
        }
        journal.append(&group).expect("room");
    }
    fs::read(path(directory, 7)).expect("a file")
}

fn sound_ids(bytes: &[u8]) -> Vec<String> {
    let id = |found: frame::Section<'_>| match found.content {
        Content::Article(head, _) => Some(head.id.to_string()),
        Content::Deletion(head) => Some(format!("-{}", head.id)),
        Content::BadRecord(_) | Content::Unreadable => None,
    };
    Frames::new(bytes, 7, HEADER_BYTES).filter_map(id).collect()
}

/// The offsets of the frames, and the end.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let starts = Frames::new(bytes, 7, HEADER_BYTES).map(|found| found.range.start as usize);
    starts.chain([bytes.len()]).collect()
}

#[test]
fn frames_come_back_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = written(directory.path(), &[&["a", "b"], &["-a"], &["ü"]]);
    assert_eq!(sound_ids(&bytes), ["a", "b", "-a", "ü"]);
    assert_eq!(list(directory.path()).expect("a listing"), [7]);
    let expected = Scan {
        acknowledged_before: Some(0),
        losses: vec![],
        end: bytes.len() as u64,
        torn_bytes: 0,
    };
    assert_eq!(scan(&bytes, 7, AcknowledgedBytes::AtLeast(bytes.len() as u64)), expected);
}

#[test]
fn an_unacknowledged_end_is_torn_and_an_acknowledged_one_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = written(directory.path(), &[&["a"], &["b"], &["c"]]);
    let starts = starts(&bytes);
    for length in HEADER_BYTES as usize..bytes.len() {
        let cut = &bytes[..length];
        let whole = starts.iter().filter(|start| **start <= length).count() - 1;
        assert_eq!(sound_ids(cut), ["a", "b", "c"][..whole], "{length} bytes");
        let torn = scan(cut, 7, AcknowledgedBytes::AtLeast(starts[whole] as u64));
        assert_eq!(
            (torn.losses.len(), torn.torn_bytes),
            (0, (length - starts[whole]) as u64),
            "{length} bytes"
        );
        assert_eq!(torn.end, starts[whole] as u64);
        // The mark says that more was acknowledged.
        let lost = scan(cut, 7, AcknowledgedBytes::AtLeast(bytes.len() as u64));
        assert!(!lost.losses.is_empty() && lost.torn_bytes == 0, "{length} bytes: {lost:?}");
        assert_eq!(scan(cut, 7, AcknowledgedBytes::Unknown).torn_bytes, 0);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_a_loss_and_later_frames_are_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = written(directory.path(), &[&["a"], &["b", "c"], &["-a"]]);
    let starts = starts(&bytes);
    let all = ["a", "b", "c", "-a"];
    for bit in 8 * HEADER_BYTES as usize..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let hit =
            starts.iter().rposition(|start| *start <= bit / 8).expect("it is after the header");
        let left: Vec<&str> =
            all.iter().enumerate().filter(|(place, _)| *place != hit).map(|(_, id)| *id).collect();
        assert_eq!(sound_ids(&damaged), left, "bit {bit}");
        let found = scan(&damaged, 7, AcknowledgedBytes::AtLeast(bytes.len() as u64));
        assert_eq!((found.losses.len(), found.torn_bytes), (1, 0), "bit {bit}");
        let id = found.losses[0].id.as_ref().map(ArticleId::as_str);
        assert!(id.is_none_or(|id| id == all[hit].trim_start_matches('-')), "bit {bit}: {id:?}");
        // The last group proves that the earlier ones were acknowledged, even without a mark.
        let alone = scan(&damaged, 7, AcknowledgedBytes::AtLeast(0));
        assert_eq!(alone.losses.len(), usize::from(hit < 3), "bit {bit}");
    }
}

#[test]
fn a_hole_in_the_last_group_is_a_loss_only_if_it_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = written(directory.path(), &[&["a"], &["b", "c", "d"]]);
    let starts = starts(&bytes);
    let mut holed = bytes.clone();
    // The disk wrote the end of the group but not its middle before the power failed.
    holed[starts[2]..starts[3]].fill(0);
    let torn = scan(&holed, 7, AcknowledgedBytes::AtLeast(starts[1] as u64));
    // Everything before the hole counts: what follows belongs to the same group.
    assert_eq!(
        (torn.losses, torn.end, torn.torn_bytes),
        (vec![], starts[2] as u64, (holed.len() - starts[2]) as u64)
    );
    let exactly = scan(&holed, 7, AcknowledgedBytes::Exactly(starts[2] as u64));
    assert_eq!((exactly.losses, exactly.end), (vec![], starts[2] as u64));
    assert_eq!(sound_ids(&holed), ["a", "b", "d"]);
    assert_eq!(scan(&holed, 7, AcknowledgedBytes::AtLeast(bytes.len() as u64)).losses.len(), 1);
}

#[test]
fn a_header_is_valid_only_for_its_journal_and_undamaged() {
    let header = header(7, 4_711);
    assert_eq!(header.len() as u64, HEADER_BYTES);
    assert_eq!(
        (acknowledged_before(&header, 7), acknowledged_before(&header, 8)),
        (Some(4_711), None)
    );
    for bit in 0..8 * header.len() {
        let mut damaged = header.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(acknowledged_before(&damaged, 7), None, "bit {bit}");
    }
    assert_eq!(acknowledged_before(&header[..20], 7), None);
}

#[test]
fn a_frame_is_valid_only_at_its_own_position() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = written(directory.path(), &[&["a", "b"]]);
    let starts = starts(&bytes);
    let frame = &bytes[starts[1]..starts[2]];
    let extent = Extent { journal: 7, offset: starts[1] as u32, size: frame.len() as u32 };
    let article =
        to_article(record_at(frame, extent, "b").expect("it is there")).expect("an article");
    assert_eq!(article.id.as_str(), "b");
    for (extent, id) in [
        (Extent { journal: 8, ..extent }, "b"),
        (Extent { offset: extent.offset + 1, ..extent }, "b"),
        (extent, "a"),
    ] {
        assert_eq!(record_at(frame, extent, id), Err(RecordError::Checksum));
    }
    // A copy elsewhere is not a frame.
    let copy = [&bytes[..], frame].concat();
    assert_eq!(sound_ids(&copy), ["a", "b"]);
}

#[test]
fn a_removed_journal_accepts_no_groups() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::create(directory.path(), 1, 0).expect("room");
    fs::remove_file(path(directory.path(), 1)).expect("it is there");
    let mut group = journal.group();
    group.push(Kind::Deletion, &"a".parse().expect("an id"), &[]);
    assert_eq!(journal.append(&group).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
}

#[test]
fn nothing_is_appended_to_a_journal_whose_sync_failed() {
    let directory = tempfile::tempdir().expect("a directory");
    let deletion = |journal: &mut Journal| {
        let mut group = journal.group();
        group.push(Kind::Deletion, &"a".parse().expect("an id"), &[]);
        journal.append(&group).expect("room");
    };
    let mut journal = Journal::create(directory.path(), 3, 500).expect("room");
    journal.is_spent = true;
    // Nothing in it was acknowledged, so that another one replaces it.
    let mut journal = journal.usable(directory.path()).expect("room");
    assert_eq!((journal.number, journal.acknowledged_before), (3, 500));
    deletion(&mut journal);
    let acknowledged = journal.size_bytes();
    journal.is_spent = true;
    let mut journal = journal.usable(directory.path()).expect("room");
    assert_eq!((journal.number, journal.acknowledged_before), (4, acknowledged));
    deletion(&mut journal);
    assert_eq!(list(directory.path()).expect("a listing"), [3, 4]);
}
