//! Maintenance of an archive that no server has open.

use std::path::Path;
use std::sync::mpsc;

use super::archive::EmbeddedArchive;
use super::error::OpenArchiveError;
use super::files::Access;
use super::list::list;
use super::open::Opened;
use super::options::ArchiveOptions;
use super::shared::Shared;
use crate::index::{
    ArchivedArticle, ArticleId, Condition, IndexError, ListQuery, SimilarityIndex as _, Write,
};

/// How many articles are read at a time.
const PAGE: usize = 256;

/// The content of an archive, and its damage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArchiveReport {
    /// The number of articles that match their checksums.
    pub good_articles: u64,
    /// The ids of articles that cannot be read.
    pub unreadable_articles: Vec<String>,
    /// Acknowledged data that cannot be read, with its position. An interrupted write is not
    /// damage, but a remark.
    pub damage: Vec<String>,
    /// Anything else worth reporting.
    pub remarks: Vec<String>,
}

impl ArchiveReport {
    /// Whether everything that was acknowledged can be read.
    pub fn is_sound(&self) -> bool {
        self.unreadable_articles.is_empty() && self.damage.is_empty()
    }
}

/// The result of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairReport {
    /// The number of articles in the new archive.
    pub recovered_articles: u64,
    /// What could not be recovered, as in [`ArchiveReport`].
    pub lost: ArchiveReport,
}

impl EmbeddedArchive {
    /// Checks every file and every article of an archive against its checksum, without changing
    /// anything.
    ///
    /// # Errors
    /// [`OpenArchiveError`] if the archive cannot be opened at all, or another process has it open.
    pub fn verify(directory: &Path) -> Result<ArchiveReport, OpenArchiveError> {
        Self::export(directory, |_| Ok(()))
    }

    /// Calls `on_article` with every article that can be read, in the order of their ids, until it
    /// fails. Reports what was read and what could not be, and changes nothing.
    ///
    /// # Errors
    /// Those of [`Self::verify`], and of `on_article`.
    pub fn export<E: From<OpenArchiveError>>(
        directory: &Path,
        mut on_article: impl FnMut(ArchivedArticle) -> Result<(), E>,
    ) -> Result<ArchiveReport, E> {
        let opened = Opened::read(directory, Access::Read, ArchiveOptions::default())?;
        let mut report = ArchiveReport {
            damage: opened.findings.damage,
            remarks: opened.findings.remarks,
            ..ArchiveReport::default()
        };
        let shared = Shared::new(opened.state, opened.records);
        let mut after: Option<ArticleId> = None;
        loop {
            let query = ListQuery { after, count: PAGE, ..ListQuery::default() };
            let page = list(&shared, &query).map_err(|source| failed(directory, source))?;
            report.good_articles += page.articles.len() as u64;
            report.unreadable_articles.extend(page.unreadable.into_iter().map(String::from));
            page.articles.into_iter().try_for_each(&mut on_article)?;
            if !page.is_more {
                return Ok(report);
            }
            after = page.last;
        }
    }

    /// Creates a new archive in `to` with all articles that can be read from `directory`, which is
    /// not changed.
    ///
    /// # Errors
    /// [`OpenArchiveError`] if the old archive cannot be opened at all, or the new one exists
    /// already or cannot be written.
    pub fn repair(directory: &Path, to: &Path) -> Result<RepairReport, OpenArchiveError> {
        let repaired = Self::open(to, ArchiveOptions::default())?;
        if repaired.status().article_count > 0 || repaired.status().condition != Condition::Ready {
            return Err(OpenArchiveError::Exists { path: to.to_owned() });
        }
        let mut batch = Vec::new();
        let store = |batch: &mut Vec<Write>| {
            let (sender, outcome) = mpsc::channel();
            let done = Box::new(move |stored| drop(sender.send(stored)));
            // Nothing else is queued, so there is room.
            let given = repaired.write(std::mem::take(batch), done);
            let stored = given.map_or(Err(IndexError::Closed), |()| {
                outcome.recv().unwrap_or(Err(IndexError::Closed))
            });
            stored.map(drop).map_err(|source| failed(to, source))
        };
        let lost = Self::export(directory, |article| {
            batch.push(Write::put(article));
            if batch.len() >= PAGE { store(&mut batch) } else { Ok(()) }
        })?;
        if !batch.is_empty() {
            store(&mut batch)?;
        }
        Ok(RepairReport { recovered_articles: lost.good_articles, lost })
    }
}

fn failed(directory: &Path, source: IndexError) -> OpenArchiveError {
    OpenArchiveError::Index { path: directory.to_owned(), source }
}
