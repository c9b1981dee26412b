//! The files of postings, beside tantivy's: one a segment, made anew where it is not there or is damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::Directory as _;
use tantivy::directory::{MmapDirectory, OwnedBytes};

use super::postings::{Postings, build};
use super::store::Access;
use crate::index::vector::Entry;

const FOLDER: &str = "postings";

/// The folder of the files. What is in it can be made from the segments: nothing is lost with it, and nothing of it is synced.
pub(super) struct PostingsFiles {
    folder: PathBuf,
}

impl PostingsFiles {
    /// Those of the segments in this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { folder: directory.join(FOLDER) }
    }

    /// The postings of a segment, from their file where that is sound.
    pub(super) fn find_or_make(
        &self,
        segment: &str,
        access: Access,
        starts: &[u32],
        entry: &dyn Fn(u32) -> Entry,
    ) -> Arc<Postings> {
        let found = self.map(segment).and_then(Postings::parse_checked);
        found.map_or_else(|| self.make(segment, access, starts, entry), Arc::new)
    }

    /// Makes the postings of a segment, and writes them to their file where that can be.
    pub(super) fn make(&self, segment: &str, access: Access, starts: &[u32], entry: &dyn Fn(u32) -> Entry) -> Arc<Postings> {
        let bytes = build(starts, entry);
        let mapped = match access {
            Access::Read => None,
            Access::Write => self.write(segment, &bytes).and_then(|()| self.map(segment)),
        };
        // Where there is no room on the disk, they stay in memory.
        let mapped = mapped.filter(|mapped| mapped.len() == bytes.len()).and_then(Postings::parse);
        let postings = mapped.or_else(|| Postings::parse(OwnedBytes::new(bytes)));
        // What was built is in the format.
        Arc::new(postings.expect("postings are read as they are built"))
    }

    /// Removes the files of other segments than these.
    pub(super) fn keep_only<'a>(&self, segments: impl Iterator<Item = &'a str>) {
        let kept: Vec<&str> = segments.collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !entry.file_name().to_str().is_some_and(|name| kept.contains(&name)) {
                // One that stays is removed the next time.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn map(&self, segment: &str) -> Option<OwnedBytes> {
        let path = Path::new(segment);
        if !self.folder.join(path).exists() {
            return None;
        }
        MmapDirectory::open(&self.folder).ok()?.open_read(path).ok()?.read_bytes().ok()
    }

    /// None if it cannot be written.
    fn write(&self, segment: &str, bytes: &[u8]) -> Option<()> {
        let temporary = self.folder.join(format!("{segment}.new"));
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, self.folder.join(segment)));
        if written.is_err() {
            // What is half written takes space that is missing.
            let _ = fs::remove_file(temporary);
        }
        written.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::vector::TermKey;

    const STARTS: [u32; 3] = [0, 1, 2];

    fn entry(row: u32) -> Entry {
        Entry(77 << 8 | u64::from(row + 1))
    }

    fn articles(postings: &Postings) -> Vec<(u16, u8)> {
        let span = postings.find(0, TermKey::of_bits(77)).expect("both articles have it");
        postings.read(span).collect()
    }

    #[test]
    fn a_file_that_is_damaged_or_gone_is_made_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = PostingsFiles::of(directory.path());
        let file = directory.path().join(FOLDER).join("a");
        files.make("a", Access::Write, &STARTS, &entry);
        let whole = fs::read(&file).expect("a file");
        for damaged in [None, Some(Vec::new()), Some(whole[..20].to_vec()), Some(vec![0; whole.len()])] {
            fs::remove_file(&file).expect("it is there");
            if let Some(bytes) = damaged {
                fs::write(&file, bytes).expect("room");
            }
            let postings = files.find_or_make("a", Access::Write, &STARTS, &entry);
            assert_eq!(articles(&postings), [(0, 1), (1, 2)]);
            assert_eq!(fs::read(&file).expect("a file"), whole);
        }
        assert_eq!(
            articles(&files.find_or_make("a", Access::Read, &STARTS, &|_| panic!("the file is sound"))),
            [(0, 1), (1, 2)]
        );
    }

    #[test]
    fn where_nothing_can_be_written_postings_stay_in_memory() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = PostingsFiles::of(directory.path());
        assert_eq!(articles(&files.find_or_make("a", Access::Read, &STARTS, &entry)), [(0, 1), (1, 2)]);
        assert!(!directory.path().join(FOLDER).exists());
        // Something else lies where the folder would be.
        fs::write(directory.path().join(FOLDER), "").expect("room");
        assert_eq!(articles(&files.make("a", Access::Write, &STARTS, &entry)), [(0, 1), (1, 2)]);
    }

    #[test]
    fn files_of_segments_that_are_gone_are_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = PostingsFiles::of(directory.path());
        for segment in ["a", "b"] {
            files.make(segment, Access::Write, &STARTS, &entry);
        }
        files.keep_only(["b"].into_iter());
        assert!(!directory.path().join(FOLDER).join("a").exists());
        assert!(directory.path().join(FOLDER).join("b").exists());
    }
}
