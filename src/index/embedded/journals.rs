//! The journals of an archive that is written to: which one is next, and how far they are
//! acknowledged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Weak;

use super::acknowledged::{Acknowledged, Mark};
use super::journal::{self, Group, HEADER_BYTES, Journal};
use super::manifest::Manifest;
use super::records::Records;
use super::segments::Segments;
use crate::index::IndexError;

/// Where the next journal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextJournal {
    pub(super) number: u64,
    /// How much of the one before it was acknowledged, in bytes.
    pub(super) acknowledged_before: u64,
}

/// The journals of an archive.
#[derive(Debug)]
pub(super) struct Journals {
    directory: PathBuf,
    /// The first one that has anything that counts.
    first: u64,
    /// None until something is written: nothing is appended to a journal of an earlier process.
    open: Option<(Journal, Acknowledged)>,
    next: NextJournal,
    /// Journals in which nothing counts, each with the segments that searches may still look at it
    /// by.
    released: Vec<(u64, Vec<Weak<Segments>>)>,
}

impl Journals {
    /// Goes on with those of a directory.
    pub(super) fn resume(directory: &Path, first: u64, next: NextJournal) -> Self {
        Self { directory: directory.to_owned(), first, open: None, next, released: Vec::new() }
    }

    /// The first one that has anything that counts.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Parts with a journal whose end nobody knows: what was refused there is not to come back.
    /// Before that, nothing may be said to be absent.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.open.is_some() { self.writable().map(drop) } else { Ok(()) }
    }

    /// A group that is to be appended next.
    pub(super) fn group(&mut self) -> io::Result<Group> {
        Ok(self.writable()?.0.group())
    }

    /// Appends a group; when it comes back, it is on the disk. It is to be acknowledged or refused
    /// next.
    pub(super) fn append(&mut self, group: &Group) -> io::Result<()> {
        self.writable()?.0.append(group)
    }

    /// Notes that what was appended is acknowledged.
    pub(super) fn acknowledge(&mut self) {
        if let Some((journal, acknowledged)) = &mut self.open {
            acknowledged.advance(Mark { journal: journal.number, bytes: journal.size_bytes() });
        }
    }

    /// Takes back the group that was appended last.
    pub(super) fn take_back(&mut self, group: &Group) {
        if let Some((journal, _)) = &mut self.open {
            journal.take_back(group);
        }
    }

    /// Whether the journal that is written to still is where a start looks for it.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if it is not.
    pub(super) fn check_open(&self) -> Result<(), IndexError> {
        let Some((journal, _)) = &self.open else { return Ok(()) };
        let is_there = journal.is_at(&self.directory);
        if is_there.map_err(|error| IndexError::from_io("cannot look at the journal", &error))? {
            return Ok(());
        }
        let reason =
            format!("journal {} was removed or replaced while it was open", journal.number);
        Err(IndexError::ReadOnly { reason })
    }

    /// The first of the journals before the one that is written to that is not there, if any; one
    /// that cannot be looked for is not missing.
    pub(super) fn missing(&self) -> Option<u64> {
        let end = self.open.as_ref().map_or(self.next.number, |(journal, _)| journal.number);
        let is_missing = |number: &u64| match journal::path(&self.directory, *number).try_exists() {
            Ok(is_there) => !is_there,
            Err(error) => {
                // It may be there all the same: whoever reads from it sees.
                tracing::warn!(%error, journal = number, "cannot look for a journal");
                false
            }
        };
        (self.first..end).find(is_missing)
    }

    /// Starts the next journal; returns its number.
    pub(super) fn rotate(&mut self) -> io::Result<u64> {
        if let Some((journal, _)) = &self.open {
            let next = NextJournal {
                number: journal.number + 1,
                acknowledged_before: journal.size_bytes(),
            };
            let created = Journal::create(&self.directory, next.number, next.acknowledged_before)?;
            self.follow(created);
        }
        Ok(self.writable()?.0.number)
    }

    fn follow(&mut self, next: Journal) {
        if let Some((journal, acknowledged)) = &mut self.open {
            acknowledged.advance(Mark { journal: next.number, bytes: next.size_bytes() });
            *journal = next;
        }
    }

    fn writable(&mut self) -> io::Result<&mut (Journal, Acknowledged)> {
        let (journal, acknowledged) = match self.open.take() {
            Some((journal, acknowledged)) => match journal.usable(&self.directory) {
                Ok(journal) => (journal, acknowledged),
                Err((spent, error)) => {
                    self.open = Some((spent, acknowledged));
                    return Err(error);
                }
            },
            None => {
                let NextJournal { number, acknowledged_before } = self.next;
                let journal = Journal::create(&self.directory, number, acknowledged_before)?;
                (
                    journal,
                    Acknowledged::create(
                        &self.directory,
                        Mark { journal: number, bytes: HEADER_BYTES },
                    )?,
                )
            }
        };
        Ok(self.open.insert((journal, acknowledged)))
    }

    /// How much the journals up to `end` take, in bytes; 0 for what cannot be looked at.
    pub(super) fn size_before(&self, end: u64) -> u64 {
        let size = |number| {
            fs::metadata(journal::path(&self.directory, number)).map_or(0, |found| found.len())
        };
        (self.first..end).map(size).sum()
    }

    /// Lets go of the journals before `first`: no article that counts lies in them, and the index
    /// has all of them. Searches that began with the segments of before may still read them.
    pub(super) fn release_before(
        &mut self,
        first: u64,
        readers: &[Weak<Segments>],
    ) -> io::Result<()> {
        if first <= self.first {
            return Ok(());
        }
        Manifest { first_journal: first }.write(&self.directory)?;
        self.released.extend((self.first..first).map(|number| (number, readers.to_vec())));
        self.first = first;
        Ok(())
    }

    /// Whether there are released journals that are yet to be removed.
    pub(super) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    /// Removes the released journals that nobody reads any more.
    pub(super) fn remove_released(&mut self, records: &Records) {
        for (number, _) in self
            .released
            .extract_if(.., |(_, readers)| readers.iter().all(|reader| reader.strong_count() == 0))
        {
            records.forget(number);
            // One that stays is removed at the next start.
            let _ = fs::remove_file(journal::path(&self.directory, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::survey::survey;
    use super::*;
    use crate::index::record::Kind;

    #[test]
    fn a_journal_of_before_that_is_removed_is_missed() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut journals = Journals::resume(
            directory.path(),
            1,
            NextJournal { number: 1, acknowledged_before: 0 },
        );
        assert_eq!(journals.missing(), None);
        journals.group().expect("room");
        assert_eq!((journals.rotate().expect("room"), journals.missing()), (2, None));
        fs::remove_file(journal::path(directory.path(), 1)).expect("it is there");
        assert_eq!(journals.missing(), Some(1));
        fs::remove_file(journal::path(directory.path(), 2)).expect("it is there");
        assert!(matches!(journals.check_open(), Err(IndexError::ReadOnly { .. })));
    }

    #[test]
    fn a_journal_that_cannot_be_looked_for_is_not_missed() {
        let directory = tempfile::tempdir().expect("a directory");
        let next = NextJournal { number: 2, acknowledged_before: 0 };
        let journals = Journals::resume(directory.path(), 1, next);
        let path = journal::path(directory.path(), 1);
        // A link to itself: what looks for the file fails, for root too.
        std::os::unix::fs::symlink(&path, &path).expect("room");
        assert_eq!(journals.missing(), None);
        fs::remove_file(&path).expect("it is there");
        assert_eq!(journals.missing(), Some(1));
    }

    #[test]
    fn what_was_refused_after_its_sync_is_not_found_by_the_next_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let next = NextJournal { number: 1, acknowledged_before: 0 };
        let mut journals = Journals::resume(directory.path(), 1, next);
        let mut append = |id: &str, is_refused: bool| {
            let mut group = journals.group().expect("room");
            group.push(Kind::Deletion, &id.parse().expect("an id"), &[]);
            journals.append(&group).expect("room");
            if is_refused { journals.take_back(&group) } else { journals.acknowledge() }
        };
        let found = || {
            let survey = survey(directory.path(), 1).expect("readable");
            (survey.journals[0].end, survey.findings.damage.len() + survey.findings.remarks.len())
        };
        append("a", false);
        let (acknowledged, _) = found();
        append("bc", true);
        assert_eq!(found(), (acknowledged, 0));
        append("d", false);
        assert_eq!(found(), (2 * acknowledged - HEADER_BYTES, 0));
    }
}
