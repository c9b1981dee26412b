//! Recovers the state of an archive from its files.
//!
//! The journals are the archive, and the index is derived from them: one that is damaged, or does
//! not belong to these journals, is rebuilt.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::files::{self, Access};
use super::findings::Findings;
use super::journal::{self, Content, Extent, Frames, HEADER_BYTES, Section};
use super::options::ArchiveOptions;
use super::recent::RecentArticle;
use super::records::Records;
use super::segments::{self, Segments, Store};
use super::state::{Frozen, JournaledChange, State};
use super::survey::SurveyedJournal;
use crate::index::IndexError;
use crate::index::analyzer::of_text;
use crate::index::record::to_article;

/// The state while it is being recovered.
pub(super) struct Recovery<'a> {
    pub(super) directory: &'a Path,
    pub(super) options: ArchiveOptions,
    /// Whether the archive's own index may be written.
    pub(super) access: Access,
    pub(super) records: Arc<Records>,
    pub(super) state: State,
    pub(super) findings: Findings,
    /// The index, where the archive's own is damaged and must not be written.
    pub(super) temporary_index: Option<tempfile::TempDir>,
}

impl Recovery<'_> {
    /// Opens the index, or rebuilds it, and replays the journals that it does not include. `first`
    /// and `next` are the numbers of the first journal and the next one.
    pub(super) fn recover(
        &mut self,
        (first, next): (u64, u64),
        surveyed: &[SurveyedJournal],
    ) -> Result<Store, IndexError> {
        let index = self.directory.join(segments::DIRECTORY);
        let opened = Store::open(&index, Arc::clone(&self.records)).and_then(|store| {
            let segments = store.verified_segments(self.access)?;
            check_journal(&segments, first, next)?;
            Ok((store, segments))
        });
        let (mut store, segments, may_fold) = match opened {
            Ok((store, segments)) => (store, segments, self.access == Access::Write),
            Err(error) => (self.new_index(&index, &error)?, Segments::default(), true),
        };
        self.state.segments = Arc::new(segments);
        let indexed = self.state.segments.journal;
        for journal in surveyed.iter().filter(|journal| journal.number >= indexed) {
            // A loss that the index does not include may be of any article.
            let unidentified = journal.losses.iter().filter(|loss| loss.id.is_none()).count();
            self.state.unidentified_losses +=
                if journal.is_readable { unidentified as u64 } else { 1 };
            if journal.is_readable {
                self.replay(journal, &mut store, may_fold)?;
            }
        }
        Ok(store)
    }

    /// Creates an empty index in place of one that cannot be used.
    fn new_index(&mut self, index: &Path, error: &IndexError) -> Result<Store, IndexError> {
        let failed = |error: io::Error| IndexError::from_io("cannot rebuild the index", &error);
        self.findings.remarks.push(format!("the index is rebuilt from the journals: {error}"));
        tracing::warn!(%error, "the index is rebuilt from the journals");
        if self.access == Access::Write {
            // All it held is in the journals, which were read completely.
            files::replace_directory(index).map_err(failed)?;
            return Store::create(index, Arc::clone(&self.records));
        }
        // The kind alone: the full error names a random directory that nobody asked for.
        let temporary = tempfile::tempdir().map_err(|error| failed(error.kind().into()))?;
        let store = Store::create(temporary.path(), Arc::clone(&self.records));
        self.temporary_index = Some(temporary);
        store
    }

    fn replay(
        &mut self,
        journal: &SurveyedJournal,
        store: &mut Store,
        may_fold: bool,
    ) -> Result<(), IndexError> {
        let SurveyedJournal { number, end, .. } = *journal;
        let bytes = fs::read(journal::path(self.directory, number))
            .map_err(|error| IndexError::from_io("cannot read a journal", &error))?;
        let frames = Frames::new(&bytes, number, HEADER_BYTES);
        for section in frames.take_while(|section| section.range.start < end) {
            self.replay_section(section, journal)?;
            if may_fold && self.options.is_full(&self.state.recent) {
                self.fold(store, number)?;
            }
        }
        Ok(())
    }

    fn replay_section(
        &mut self,
        section: Section<'_>,
        journal: &SurveyedJournal,
    ) -> Result<(), IndexError> {
        let number = journal.number;
        let start = section.range.start;
        match section.content {
            Content::Article(head, record) => match to_article(record) {
                Ok(article) => {
                    let size = (section.range.end - start) as u32;
                    let extent = Extent { journal: number, offset: start as u32, size };
                    let vector = Arc::new(of_text(article.text()));
                    let article = RecentArticle { article: Arc::new(article), vector, extent };
                    self.state.replay(JournaledChange::Put(Arc::new(article)))
                }
                Err(error) => {
                    let id = &head.id;
                    let damage = format!("journal {number}: article {id} at {start}: {error}");
                    self.findings.damage.push(damage);
                    self.state.lose(id)
                }
            },
            Content::Deletion(head) => self.state.replay(JournaledChange::Delete(head.id)),
            Content::BadRecord(head)
                if journal.losses.iter().any(|loss| loss.range.start == start) =>
            {
                self.state.lose(&head.id)
            }
            Content::BadRecord(_) | Content::Unreadable => Ok(()),
        }
    }

    /// Folds what was replayed into the index, which then includes all journals before `until`, and
    /// perhaps a part of that one.
    fn fold(&mut self, store: &mut Store, until: u64) -> Result<(), IndexError> {
        store.fold(&self.state.recent, until, &self.state.segments)?;
        let folded = std::mem::take(&mut self.state.recent);
        let segments = store.segments(&self.state.segments, Some(&folded))?;
        self.state.replace_segments(segments, Frozen::Unfolded)
    }
}

/// Checks that an index refers to journals that exist.
fn check_journal(segments: &Segments, first: u64, next: u64) -> Result<(), IndexError> {
    let journal = segments.journal;
    let exists = journal == 0 && first == 1 || (first..=next).contains(&journal);
    let is_complete = segments.oldest_journal().is_none_or(|oldest| oldest >= first);
    if exists && is_complete {
        return Ok(());
    }
    let reason = format!("it belongs to journal {journal}, and the archive has {first} to {next}");
    Err(IndexError::Storage { action: "cannot use the index", reason })
}
