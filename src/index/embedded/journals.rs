//! The journals of an archive that is written to.

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

/// The journal that follows the existing ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextJournal {
    pub(super) number: u64,
    /// How much of its predecessor was acknowledged, in bytes.
    pub(super) acknowledged_before: u64,
}

/// The journals of an archive, and how far they are acknowledged.
#[derive(Debug)]
pub(super) struct Journals {
    directory: PathBuf,
    /// The first journal that holds anything live.
    first: u64,
    /// None until something is written: journals of earlier processes are not appended to.
    open: Option<(Journal, Acknowledged)>,
    next: NextJournal,
    /// Journals without live articles, each with the segments through which searches may still read
    /// it.
    released: Vec<(u64, Vec<Weak<Segments>>)>,
}

impl Journals {
    /// Continues the journals of a directory.
    pub(super) fn resume(directory: &Path, first: u64, next: NextJournal) -> Self {
        Self { directory: directory.to_owned(), first, open: None, next, released: Vec::new() }
    }

    /// The first journal that holds anything live.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Abandons a journal whose end is uncertain, so that writes that were refused cannot reappear.
    /// Until then, no article may be reported as absent.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.open.is_some() { self.writable().map(drop) } else { Ok(()) }
    }

    /// An empty group, to be appended next.
    pub(super) fn group(&mut self) -> io::Result<Group> {
        Ok(self.writable()?.0.group())
    }

    /// Appends a group durably. It must be acknowledged or taken back next.
    pub(super) fn append(&mut self, group: &Group) -> io::Result<()> {
        self.writable()?.0.append(group)
    }

    /// Records that the last group is acknowledged.
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

    /// Checks that the current journal is still where the next start looks for it.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if it is not.
    pub(super) fn check_open(&self) -> Result<(), IndexError> {
        let Some((journal, _)) = &self.open else { return Ok(()) };
        let is_there = journal.is_at(&self.directory);
        if is_there.map_err(|error| IndexError::from_io("cannot examine the journal", &error))? {
            return Ok(());
        }
        let reason =
            format!("journal {} was removed or replaced while it was open", journal.number);
        Err(IndexError::ReadOnly { reason })
    }

    /// The first of the earlier journals that is missing, if any; one that cannot be examined does
    /// not count as missing.
    pub(super) fn missing(&self) -> Option<u64> {
        let end = self.open.as_ref().map_or(self.next.number, |(journal, _)| journal.number);
        let is_missing = |number: &u64| match journal::path(&self.directory, *number).try_exists() {
            Ok(is_there) => !is_there,
            Err(error) => {
                // It may still exist: reading from it will tell.
                tracing::warn!(%error, journal = number, "cannot examine a journal");
                false
            }
        };
        (self.first..end).find(is_missing)
    }

    /// Starts the next journal and returns its number.
    pub(super) fn rotate(&mut self) -> io::Result<u64> {
        if let Some((journal, _)) = &self.open {
            let next = NextJournal {
                number: journal.number + 1,
                acknowledged_before: journal.size_bytes(),
            };
            let created = Journal::create(&self.directory, next.number, next.acknowledged_before)?;
            self.switch_to(created);
        }
        Ok(self.writable()?.0.number)
    }

    fn switch_to(&mut self, next: Journal) {
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

    /// The total size of the journals before `end`, in bytes; those that cannot be examined do not
    /// count.
    pub(super) fn size_before(&self, end: u64) -> u64 {
        let size = |number| {
            fs::metadata(journal::path(&self.directory, number)).map_or(0, |found| found.len())
        };
        (self.first..end).map(size).sum()
    }

    /// Releases the journals before `first`: they hold no live article, and the index includes
    /// them. Searches that use earlier segments may still read them.
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

    /// Whether there are released journals to remove.
    pub(super) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    /// Removes the released journals that no search can read any more.
    pub(super) fn remove_released(&mut self, records: &Records) {
        for (number, _) in self
            .released
            .extract_if(.., |(_, readers)| readers.iter().all(|reader| reader.strong_count() == 0))
        {
            records.forget(number);
            // A failure is harmless: the next start tries again.
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
    fn a_removed_journal_is_missing() {
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
    fn a_journal_that_cannot_be_examined_is_not_missing() {
        let directory = tempfile::tempdir().expect("a directory");
        let next = NextJournal { number: 2, acknowledged_before: 0 };
        let journals = Journals::resume(directory.path(), 1, next);
        let path = journal::path(directory.path(), 1);
        // A link to itself, which nobody can follow, not even root.
        std::os::unix::fs::symlink(&path, &path).expect("room");
        assert_eq!(journals.missing(), None);
        fs::remove_file(&path).expect("it is there");
        assert_eq!(journals.missing(), Some(1));
    }

    #[test]
    fn a_group_that_was_taken_back_is_not_found_by_the_next_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let next = NextJournal { number: 1, acknowledged_before: 0 };
        let mut journals = Journals::resume(directory.path(), 1, next);
        let mut append = |id: &str, is_taken_back: bool| {
            let mut group = journals.group().expect("room");
            group.push(Kind::Deletion, &id.parse().expect("an id"), &[]);
            journals.append(&group).expect("room");
            if is_taken_back { journals.take_back(&group) } else { journals.acknowledge() }
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
