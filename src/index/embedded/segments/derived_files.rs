//! The files of what is derived from segments, beside tantivy's: one a segment, made anew where it
//! is not there or is damaged.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::Directory as _;
use tantivy::directory::{MmapDirectory, OwnedBytes};

use super::derived::{Derived, write};
use super::vectors::PackedVector;
use crate::index::embedded::files::Access;

const FOLDER: &str = "derived";
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// The folder of the files. What is in it can be made from the segments: nothing is lost with it,
/// and nothing of it is synced.
pub(super) struct DerivedFiles {
    folder: PathBuf,
}

impl DerivedFiles {
    /// Those of the segments in this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { folder: directory.join(FOLDER) }
    }

    /// What is derived from a segment of so many articles, from its file; None where that is not
    /// sound.
    pub(super) fn find(&self, segment: &str, article_count: u32) -> Option<Arc<Derived>> {
        let found = self.map(segment).and_then(Derived::parse_checked);
        found.filter(|found| found.article_count() == article_count).map(Arc::new)
    }

    /// Makes it from the vectors of the segment's articles, and writes it to its file where that
    /// can be.
    pub(super) fn make(
        &self,
        segment: &str,
        access: Access,
        vectors: &[PackedVector<'_>],
    ) -> Arc<Derived> {
        let written = match access {
            Access::Read => None,
            Access::Write => self.write(segment, vectors),
        };
        let derived = written
            .and_then(|()| self.map(segment))
            .and_then(Derived::parse)
            .unwrap_or_else(|| {
                // Where there is no room on the disk, it stays in memory, which can be written to, and
                // is read as it is written.
                let mut bytes = Vec::new();
                write(vectors, &mut bytes).expect("memory is written to");
                Derived::parse(OwnedBytes::new(bytes)).expect("it is read as it is written")
            });
        Arc::new(derived)
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
    fn write(&self, segment: &str, vectors: &[PackedVector<'_>]) -> Option<()> {
        let temporary = self.folder.join(format!("{segment}.new"));
        let create = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            write(
                vectors,
                BufWriter::with_capacity(WRITE_BUFFER_BYTES, File::create(&temporary)?),
            )?;
            fs::rename(&temporary, self.folder.join(segment))
        };
        let written = create();
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
    use crate::index::{
        TermKey,
        vector::{CountedTerm, Vector},
    };

    /// Two articles with one term.
    fn vectors() -> Vec<PackedVector<'static>> {
        let vector = |count: u64| Vector {
            terms: vec![CountedTerm(77 << 8 | count)],
            squared_length: count,
        };
        [1, 2].map(|count| PackedVector::from(&vector(count))).into()
    }

    fn articles(derived: &Derived) -> Vec<(u16, u8)> {
        let span = derived.postings.find(0, TermKey::of_bits(77)).expect("both articles have it");
        derived.postings.read(span).collect()
    }

    #[test]
    fn a_file_that_is_damaged_or_gone_is_not_found() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = DerivedFiles::of(directory.path());
        let file = directory.path().join(FOLDER).join("a");
        assert_eq!(articles(&files.make("a", Access::Write, &vectors())), [(0, 1), (1, 2)]);
        assert_eq!(articles(&files.find("a", 2).expect("it is sound")), [(0, 1), (1, 2)]);
        assert!(files.find("a", 3).is_none(), "of another segment");
        let whole = fs::read(&file).expect("a file");
        for damaged in [Vec::new(), whole[..20].to_vec(), vec![0; whole.len()]] {
            fs::remove_file(&file).expect("it is there");
            fs::write(&file, damaged).expect("room");
            assert!(files.find("a", 2).is_none());
        }
        fs::remove_file(&file).expect("it is there");
        assert!(files.find("a", 2).is_none());
    }

    #[test]
    fn where_nothing_can_be_written_it_stays_in_memory() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = DerivedFiles::of(directory.path());
        assert_eq!(articles(&files.make("a", Access::Read, &vectors())), [(0, 1), (1, 2)]);
        assert!(!directory.path().join(FOLDER).exists());
        // Something else lies where the folder would be.
        fs::write(directory.path().join(FOLDER), "").expect("room");
        assert_eq!(articles(&files.make("a", Access::Write, &vectors())), [(0, 1), (1, 2)]);
    }

    #[test]
    fn files_of_segments_that_are_gone_are_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = DerivedFiles::of(directory.path());
        for segment in ["a", "b"] {
            files.make(segment, Access::Write, &vectors());
        }
        files.keep_only(["b"].into_iter());
        assert!(!directory.path().join(FOLDER).join("a").exists());
        assert!(directory.path().join(FOLDER).join("b").exists());
    }
}
