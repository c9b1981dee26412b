//! Looks over an archive that no server has open: checks every article, and reads all of them out.

use std::path::Path;

use super::segments::Access;
use super::state::{Found, Shared};
use super::{EmbeddedArchive, OpenArchiveError, Opened};
use crate::index::{ArchivedArticle, ArticleId, IndexError};

/// How many articles are read at a time.
const PAGE: usize = 256;

/// What is in an archive, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArchiveReport {
    /// Articles that match their checksums.
    pub good_articles: u64,
    /// The ids of articles that do not, each with what is wrong.
    pub corrupt_articles: Vec<(String, String)>,
    /// Segments and journals that do not match theirs. A write that was cut off by a crash is no damage: it is in `remarks`.
    pub damage: Vec<String>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

impl ArchiveReport {
    /// Whether everything that was acknowledged is there.
    pub fn is_sound(&self) -> bool {
        self.corrupt_articles.is_empty() && self.damage.is_empty()
    }
}

impl EmbeddedArchive {
    /// Checks every file and every article of an archive against its checksum; changes nothing.
    ///
    /// # Errors
    /// [`OpenArchiveError`] if it cannot be opened at all, or another process has it open.
    pub fn verify(directory: &Path) -> Result<ArchiveReport, OpenArchiveError> {
        let opened = Opened::read(directory, Access::Read)?;
        let state = opened.state;
        let mut report = ArchiveReport { damage: opened.damage, remarks: opened.remarks, ..ArchiveReport::default() };
        // What was in memory was compared with its checksums when it was read.
        report.good_articles =
            state.recent.entries().filter_map(|(id, _)| state.find(id).ok()).filter(is_in_memory).count() as u64;
        for place in state.segments.places().filter(|place| !state.hidden.contains(place)) {
            match state.segments.article(place) {
                Ok(_) => report.good_articles += 1,
                Err(error) => report.corrupt_articles.push((state.segments.id(place).to_owned(), error.to_string())),
            }
        }
        report.corrupt_articles.sort();
        Ok(report)
    }

    /// Calls `on_article` with every article in the order of the ids, until it fails; changes nothing. Corrupt ones are
    /// left out, and returned.
    ///
    /// # Errors
    /// As [`Self::verify`]; what `on_article` fails with.
    pub fn export<E: From<OpenArchiveError>>(
        directory: &Path,
        mut on_article: impl FnMut(ArchivedArticle) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let opened = Opened::read(directory, Access::Read)?;
        let mut problems = opened.damage;
        let shared = Shared::new(opened.state);
        let mut after: Option<ArticleId> = None;
        loop {
            let ids = shared.ids_after(after.as_ref(), PAGE).map_err(|source| index_error(directory, source))?;
            let Some(last) = ids.last().cloned() else { return Ok(problems) };
            for id in ids {
                match shared.get(&id) {
                    Ok(Some(article)) => on_article(article)?,
                    Ok(None) => {}
                    Err(error) => problems.push(error.to_string()),
                }
            }
            after = Some(last);
        }
    }
}

fn index_error(directory: &Path, source: IndexError) -> OpenArchiveError {
    OpenArchiveError::Index { path: directory.to_owned(), source }
}

fn is_in_memory(found: &Found) -> bool {
    matches!(found, Found::Memory(_))
}
