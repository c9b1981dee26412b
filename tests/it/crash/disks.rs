//! Disks that are full or read-only.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use slugline::index::{
    ArchiveOptions, ArticleId, Condition, EmbeddedArchive, IndexError, SimilarQuery, SimilarSource,
    SimilarityIndex as _, WriteOutcome,
};

use super::fixtures::{ids, put, write};

/// A file system that is unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    /// None, with a printed reason, without the permission to mount.
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
        // The directory is given up, whoever still uses it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_accepts_writes_again_once_there_is_room() {
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
    // What was stored can be read and searched, and what was refused is absent.
    assert_eq!(ids(&archive).into_iter().collect::<BTreeSet<_>>(), acknowledged);
    let first: ArticleId = "000000".parse().expect("an id");
    assert!(
        !archive
            .find_similar(&SimilarQuery::new(SimilarSource::Id(first)))
            .expect("results")
            .hits
            .is_empty()
    );
    // With room again, writes are accepted.
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
fn an_archive_on_a_full_disk_opens_with_all_acknowledged_writes() {
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
fn an_archive_in_a_read_only_directory_can_be_read() {
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
fn an_archive_without_room_to_be_created_opens_read_only() {
    // Room for the root alone, or for one directory in it but not its lock.
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
