//! Archives with articles, which tests then damage.

use std::fs;
use std::path::{Path, PathBuf};

use slugline::article::ArticleText;
use slugline::index::{
    ArchiveOptions, ArchivedArticle, ArticleId, EmbeddedArchive, IndexError, ListQuery,
    SimilarityIndex as _, Write, WriteOutcome,
};

/// A number from the environment, or the default of the short form of a test.
pub(super) fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().expect("a number"))
}

pub(super) fn put(number: usize) -> Write {
    let id: ArticleId = format!("{number:06}").parse().expect("an id");
    let body =
        (0..400).map(|word| format!("w{} ", (number * 31 + word * 7) % 5_000)).collect::<String>();
    Write::put(ArchivedArticle::new(
        id,
        ArticleText { title: &format!("Article {number}"), body: &body },
    ))
}

pub(super) fn write(
    archive: &EmbeddedArchive,
    batch: Vec<Write>,
) -> Result<Vec<WriteOutcome>, IndexError> {
    let (sender, outcomes) = std::sync::mpsc::channel();
    let done = Box::new(move |outcome| sender.send(outcome).expect("the test waits"));
    archive.write(batch, done).expect("little is waiting");
    outcomes.recv().expect("an answer")
}

pub(super) fn ids(archive: &EmbeddedArchive) -> Vec<String> {
    let listed = archive.list(&ListQuery::default()).expect("readable");
    listed.articles.into_iter().map(|article| article.id.into()).collect()
}

/// Creates an archive of two segments and a journal.
pub(super) fn archive_of_two_segments(path: &Path) {
    let archive = EmbeddedArchive::open(path, ArchiveOptions::default()).expect("an archive");
    for numbers in [0..40, 40..100] {
        write(&archive, numbers.map(put).collect()).expect("room");
        archive.fold().expect("room");
    }
    write(&archive, (100..110).map(put).collect()).expect("room");
}

pub(super) fn files_ending(path: &Path, ending: &str) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

/// The paths of all files below a directory, sorted.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
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

pub(super) fn journals(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let journals =
        files(path).into_iter().filter(|file| file.to_string_lossy().contains("journal-"));
    journals.map(|file| (file.clone(), fs::read(file).expect("a file"))).collect()
}

pub(super) fn flip_a_bit_in_the_middle(file: &Path) {
    let middle = fs::metadata(file).expect("a file").len() / 2;
    flip(file, middle as usize, 4);
}

pub(super) fn flip(file: &Path, byte: usize, bit: u32) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[byte] ^= 1 << bit;
    fs::write(file, bytes).expect("a file");
}
