//! The files of derived data, next to tantivy's: one per segment, rebuilt if it is missing or
//! damaged.

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

/// The folder of the files. They can be rebuilt from the segments, and so are not synced.
pub(super) struct DerivedFiles {
    folder: PathBuf,
}

impl DerivedFiles {
    /// The files for the segments in this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { folder: directory.join(FOLDER) }
    }

    /// The derived data of a segment with this number of articles, from its file; None if that is
    /// not sound.
    pub(super) fn find(&self, segment: &str, article_count: u32) -> Option<Arc<Derived>> {
        let found = self.map(segment).and_then(Derived::parse_checked);
        found.filter(|found| found.article_count() == article_count).map(Arc::new)
    }

    /// Derives the data of a segment from the vectors of its articles, and writes the file if that
    /// is possible.
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
                // Without room on the disk, the data stays in memory: there, writing and reading it
                // back cannot fail.
                let mut bytes = Vec::new();
                write(vectors, &mut bytes).expect("memory is written to");
                Derived::parse(OwnedBytes::new(bytes)).expect("it is read as it is written")
            });
        Arc::new(derived)
    }

    /// Removes the files of all other segments.
    pub(super) fn keep_only<'a>(&self, segments: impl Iterator<Item = &'a str>) {
        let current: Vec<&str> = segments.collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !entry.file_name().to_str().is_some_and(|name| current.contains(&name)) {
                // A failure is harmless: the next call tries again.
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

    /// Writes the file; None if that fails.
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
            // An incomplete file takes up space that the disk may lack.
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

    /// Two articles with one term in common.
    fn vectors() -> Vec<PackedVector<'static>> {
        let vector = |count: u64| Vector {
            terms: vec![CountedTerm(77 << 8 | count)],
            squared_length: count,
            ..Vector::default()
        };
        [1, 2].map(|count| PackedVector::from(&vector(count))).into()
    }

    fn articles(derived: &Derived) -> Vec<(u16, u8)> {
        let span = derived.postings.find(0, TermKey::of_bits(77)).expect("both articles have it");
        derived.postings.read(span).collect()
    }

    #[test]
    fn a_damaged_or_missing_file_is_not_found() {
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
    fn derived_data_that_cannot_be_written_stays_in_memory() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = DerivedFiles::of(directory.path());
        assert_eq!(articles(&files.make("a", Access::Read, &vectors())), [(0, 1), (1, 2)]);
        assert!(!directory.path().join(FOLDER).exists());
        // A file is in the way of the folder.
        fs::write(directory.path().join(FOLDER), "").expect("room");
        assert_eq!(articles(&files.make("a", Access::Write, &vectors())), [(0, 1), (1, 2)]);
    }

    #[test]
    fn files_of_former_segments_are_removed() {
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
