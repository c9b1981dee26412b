//! Disks that are full, or cannot be written.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use slugline::index::{
    ArchiveOptions, ArticleId, Condition, EmbeddedArchive, IndexError, SimilarQuery, SimilarSource,
    SimilarityIndex as _, WriteOutcome,
};

use super::fixtures::{ids, put, write};

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
