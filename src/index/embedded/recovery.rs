//! How an archive is found again: what it is, what its journals hold, and the index over them.
//!
//! The journals are the archive. They are looked over first; what they lost is damage, and an
//! archive that has any is read and not written. The index is derived from them: one that is
//! damaged, or not of these journals, is made anew.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::files::Access;
use super::journal::{self, Content, Frames, HEADER_BYTES};
use super::journals::Journals;
use super::lock::{self, IfMissing, Lock};
use super::manifest::{self, FoundManifest, Manifest};
use super::recent::RecentArticle;
use super::records::Records;
use super::segments::{Segments, Store};
use super::state::{Applied, State};
use super::survey::{Survey, Surveyed, survey};
use super::{ArchiveOptions, Files, INDEX_DIRECTORY, OpenArchiveError, acknowledged, files};
use crate::index::analyzer::of_text;
use crate::index::record::to_article;
use crate::index::{Condition, IndexError};

/// So many of the places that are damaged are logged one by one.
const LOGGED_DAMAGE: usize = 20;

/// An archive as it was found.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) records: Arc<Records>,
    /// None for one that can only be read.
    pub(super) lock: Option<Lock>,
    /// None for one that is yet to be made, or can only be read.
    pub(super) files: Option<Files>,
    /// What was acknowledged and cannot be read.
    pub(super) damage: Vec<String>,
    /// What else there is to say.
    pub(super) remarks: Vec<String>,
    /// An index that was made for this process alone, where the archive's own is damaged and cannot
    /// be written.
    pub(super) temporary: Option<tempfile::TempDir>,
}

impl Opened {
    pub(super) fn read(
        directory: &Path,
        access: Access,
        options: ArchiveOptions,
    ) -> Result<Self, OpenArchiveError> {
        let io = |source| OpenArchiveError::Io { path: directory.to_owned(), source };
        // Nothing is put into a directory of something else.
        let is_made = FoundArchive::find(directory)?.is_some();
        if !is_made && access == Access::Read {
            return Ok(Self::new_archive(directory, None, Condition::Ready));
        }
        let (lock, mut read_only) = locked(directory, is_made)?;
        // Whoever had the lock before may have made it, or changed it.
        let Some(FoundArchive { manifest, is_whole, mut damage, mut remarks }) =
            FoundArchive::find(directory)?
        else {
            let condition = read_only.map_or(Condition::Ready, Condition::ReadOnly);
            return Ok(Self::new_archive(directory, lock, condition));
        };
        if access == Access::Write && lock.is_some() {
            // A process that was killed may have left what only memory holds. What is believed from
            // here on is to stay.
            read_only = made_durable(directory, manifest, is_whole).err();
        }
        let mut found = survey(directory, manifest.first_journal).map_err(io)?;
        damage.append(&mut found.damage);
        remarks.append(&mut found.remarks);
        remarks.iter().for_each(|remark| tracing::warn!(%remark, "the archive"));
        let may_write =
            access == Access::Write && lock.is_some() && read_only.is_none() && damage.is_empty();
        let access = if may_write { Access::Write } else { Access::Read };
        let mut recovery = Recovery {
            directory,
            options,
            access,
            records: Arc::new(Records::of(directory)),
            state: State::default(),
            damage,
            remarks,
            temporary: None,
        };
        let store = recovery
            .recover(manifest, &found)
            .map_err(|source| OpenArchiveError::Index { path: directory.to_owned(), source })?;
        let Recovery { mut state, records, damage, remarks, temporary, .. } = recovery;
        let may_write = may_write && damage.is_empty();
        state.unreadable_count = damage.len() as u64;
        state.article_count = state.count_articles();
        say(&damage);
        state.condition = match (damage.is_empty(), read_only) {
            (false, _) => Condition::Damaged(summary(&damage)),
            (true, Some(reason)) => Condition::ReadOnly(reason),
            (true, None) => Condition::Ready,
        };
        let lock = lock.filter(|_| may_write);
        let files = lock.is_some().then(|| {
            tidy(directory, manifest);
            Files {
                store,
                journals: Journals::resume(directory, manifest.first_journal, found.next),
            }
        });
        Ok(Self { state, records, lock, files, damage, remarks, temporary })
    }

    fn new_archive(directory: &Path, lock: Option<Lock>, condition: Condition) -> Self {
        Self {
            state: State { condition, ..State::default() },
            records: Arc::new(Records::of(directory)),
            lock,
            files: None,
            damage: Vec::new(),
            remarks: Vec::new(),
            temporary: None,
        }
    }
}

/// Takes the lock of an archive, whose directory is made where there is none; or says why it can
/// only be read.
fn locked(
    directory: &Path,
    is_made: bool,
) -> Result<(Option<Lock>, Option<String>), OpenArchiveError> {
    let if_missing = if is_made { IfMissing::Fail } else { IfMissing::Make };
    match Lock::take(directory, if_missing) {
        Ok(Some(lock)) => Ok((Some(lock), None)),
        Ok(None) => Err(OpenArchiveError::InUse { path: directory.to_owned() }),
        Err(error) if forbids_writing(&error) => {
            Ok((None, Some(format!("{}: {error}", directory.display()))))
        }
        Err(source) => Err(OpenArchiveError::Io { path: directory.to_owned(), source }),
    }
}

/// An archive, as far as its manifest goes.
struct FoundArchive {
    manifest: Manifest,
    /// Whether both of its files are sound, and say the same.
    is_whole: bool,
    damage: Vec<String>,
    remarks: Vec<String>,
}

impl FoundArchive {
    /// None where an archive may be made.
    fn find(directory: &Path) -> Result<Option<Self>, OpenArchiveError> {
        let io = |source| OpenArchiveError::Io { path: directory.to_owned(), source };
        let wrong = match Manifest::find(directory).map_err(io)? {
            FoundManifest::Sound(manifest, wrong) => {
                let (is_whole, remarks) = (wrong.is_none(), Vec::from_iter(wrong));
                return Ok(Some(Self { manifest, is_whole, damage: Vec::new(), remarks }));
            }
            FoundManifest::OtherFormat(found) => {
                return Err(OpenArchiveError::Format { path: directory.to_owned(), found });
            }
            FoundManifest::Damaged(wrong) => wrong,
            FoundManifest::Absent => match traces(directory).or_else(nothing_there).map_err(io)? {
                Traces::None => return Ok(None),
                Traces::Foreign => {
                    return Err(OpenArchiveError::NotAnArchive { path: directory.to_owned() });
                }
                Traces::Archive => format!("{} and its copy are missing", manifest::FILE),
            },
        };
        let manifest = guessed(directory).map_err(io)?;
        Ok(Some(Self { manifest, is_whole: true, damage: vec![wrong], remarks: Vec::new() }))
    }
}

/// Syncs the last journal, and writes the manifest anew where one of its files is not as it should
/// be.
fn made_durable(directory: &Path, manifest: Manifest, is_whole: bool) -> Result<(), String> {
    if let Some(last) = journal::list(directory).map_err(|error| error.to_string())?.last() {
        let synced = files::sync(&journal::path(directory, *last));
        synced.map_err(|error| format!("cannot sync journal {last}: {error}"))?;
    }
    if is_whole {
        return Ok(());
    }
    manifest.write(directory).map_err(|error| format!("cannot write {}: {error}", manifest::FILE))
}

/// Damage is said at the start, the first places of it one by one.
fn say(damage: &[String]) {
    for place in damage.iter().take(LOGGED_DAMAGE) {
        tracing::error!(damage = %place, "the archive is damaged");
    }
    if damage.len() > LOGGED_DAMAGE {
        tracing::error!(
            more = damage.len() - LOGGED_DAMAGE,
            "the archive is damaged in further places"
        );
    }
}

/// The first places of the damage, for the status.
fn summary(damage: &[String]) -> String {
    const NAMED: usize = 5;
    let named = damage.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    match damage.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

/// Removes what crashes left half written, and the journals in which nothing counts.
fn tidy(directory: &Path, manifest: Manifest) {
    files::sweep(directory);
    files::sweep(&directory.join(INDEX_DIRECTORY));
    let superseded = journal::list(directory).unwrap_or_default();
    for number in superseded.into_iter().filter(|number| *number < manifest.first_journal) {
        // One that stays is removed at the next start.
        let _ = fs::remove_file(journal::path(directory, number));
    }
}

/// What is in a directory that has no manifest.
enum Traces {
    /// Nothing, or what a creation that was cut off may have left: an archive may be made there.
    None,
    /// An archive, whose manifest is gone.
    Archive,
    /// Something else.
    Foreign,
}

fn traces(directory: &Path) -> io::Result<Traces> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_ours = |name: &str| {
            [INDEX_DIRECTORY, acknowledged::FILE].contains(&name)
                || files::is_temporary(name)
                || name == lock::FILE
                || Manifest::is_file(name)
                || name.starts_with("journal-")
        };
        if !name.to_str().is_some_and(is_ours) {
            return Ok(Traces::Foreign);
        }
    }
    // The manifest is written last when an archive is made, and before the first article.
    let mut has_content = acknowledged::read(directory)?
        .is_some_and(|mark| mark.bytes > HEADER_BYTES || mark.journal > 1);
    for number in journal::list(directory)? {
        has_content |=
            number > 1 || fs::metadata(journal::path(directory, number))?.len() > HEADER_BYTES;
    }
    Ok(if has_content { Traces::Archive } else { Traces::None })
}

/// A directory that is not there, or goes while it is looked at, has no archive.
fn nothing_there(error: io::Error) -> io::Result<Traces> {
    if error.kind() == io::ErrorKind::NotFound { Ok(Traces::None) } else { Err(error) }
}

/// What the manifest most likely said.
fn guessed(directory: &Path) -> io::Result<Manifest> {
    Ok(Manifest { first_journal: journal::list(directory)?.first().copied().unwrap_or(1) })
}

/// Whether an archive can still be read where this stands against its lock.
fn forbids_writing(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded)
}

/// The state, while it is made from the index and the journals.
struct Recovery<'a> {
    directory: &'a Path,
    options: ArchiveOptions,
    access: Access,
    records: Arc<Records>,
    state: State,
    damage: Vec<String>,
    remarks: Vec<String>,
    temporary: Option<tempfile::TempDir>,
}

impl Recovery<'_> {
    fn recover(&mut self, manifest: Manifest, found: &Survey) -> Result<Store, IndexError> {
        let index = self.directory.join(INDEX_DIRECTORY);
        let journals = manifest.first_journal..=found.next.number;
        let sound = Store::open(&index, Arc::clone(&self.records)).and_then(|store| {
            let segments = store.verified_segments(self.access)?;
            check_journal(&segments, &journals)?;
            Ok((store, segments))
        });
        let (mut store, segments, may_fold) = match sound {
            Ok((store, segments)) => (store, segments, self.access == Access::Write),
            Err(error) => (self.new_index(&index, &error)?, Segments::default(), true),
        };
        self.state.segments = Arc::new(segments);
        let indexed = self.state.segments.journal;
        for journal in found.journals.iter().filter(|journal| journal.number >= indexed) {
            // What the index has not seen may have been of any article.
            let nameless = journal.losses.iter().filter(|loss| loss.id.is_none()).count() as u64;
            self.state.nameless_losses += if journal.is_there { nameless } else { 1 };
            if journal.is_there {
                self.replay(journal, &mut store, may_fold)?;
            }
        }
        Ok(store)
    }

    /// An empty index in place of one that is not sound.
    fn new_index(&mut self, index: &Path, error: &IndexError) -> Result<Store, IndexError> {
        let failed =
            |error: io::Error| super::writer::failure("cannot make the index anew", &error);
        self.remarks.push(format!("the index is made anew from the journals: {error}"));
        tracing::warn!(%error, "the index is made anew from the journals");
        if self.access == Access::Write {
            // All of it is in the journals, which have been read whole.
            match fs::remove_dir_all(index) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            files::create_directory(index).map_err(failed)?;
            return Store::create(index, Arc::clone(&self.records));
        }
        let temporary = tempfile::tempdir().map_err(failed)?;
        let store = Store::create(temporary.path(), Arc::clone(&self.records));
        self.temporary = Some(temporary);
        store
    }

    fn replay(
        &mut self,
        journal: &Surveyed,
        store: &mut Store,
        may_fold: bool,
    ) -> Result<(), IndexError> {
        let Surveyed { number, end, ref losses, .. } = *journal;
        let failed = |error: io::Error| super::writer::failure("cannot read a journal", &error);
        let bytes = fs::read(journal::path(self.directory, number)).map_err(failed)?;
        for found in
            Frames::new(&bytes, number, HEADER_BYTES).take_while(|found| found.range.start < end)
        {
            let start = found.range.start;
            match found.content {
                Content::Article(head, record) => {
                    let extent = journal::Extent {
                        journal: number,
                        offset: start as u32,
                        size: (found.range.end - start) as u32,
                    };
                    match to_article(record) {
                        Ok(article) => {
                            let vector = Arc::new(of_text(article.text()));
                            let article =
                                RecentArticle { article: Arc::new(article), vector, extent };
                            self.state.replay(Applied::Put(Arc::new(article)))?;
                        }
                        Err(error) => {
                            self.damage.push(format!(
                                "journal {number}: the article {} at {start}: {error}",
                                head.id
                            ));
                            self.state.lose(&head.id)?;
                        }
                    }
                }
                Content::Deletion(head) => self.state.replay(Applied::Delete(head.id))?,
                Content::BadRecord(head) if losses.iter().any(|loss| loss.range.start == start) => {
                    self.state.lose(&head.id)?;
                }
                Content::BadRecord(_) | Content::Unreadable => {}
            }
            if may_fold && self.options.is_full(&self.state.recent) {
                self.fold(store, number)?;
            }
        }
        Ok(())
    }

    /// Puts what was replayed into the index, which then has all before journal `until`, and maybe
    /// some of that one.
    fn fold(&mut self, store: &mut Store, until: u64) -> Result<(), IndexError> {
        store.fold(&self.state.recent, until, &self.state.segments)?;
        let folded = std::mem::take(&mut self.state.recent);
        let segments = store.segments(&self.state.segments, Some(&folded))?;
        self.state.take_segments(segments, false)
    }
}

/// An index knows of journals that are there.
fn check_journal(
    segments: &Segments,
    journals: &std::ops::RangeInclusive<u64>,
) -> Result<(), IndexError> {
    let is_known =
        segments.journal == 0 && *journals.start() == 1 || journals.contains(&segments.journal);
    let oldest = segments.oldest_journal().is_none_or(|oldest| oldest >= *journals.start());
    if is_known && oldest {
        return Ok(());
    }
    let reason = format!("it is of journal {}, and there are {journals:?}", segments.journal);
    Err(IndexError::Storage { action: "cannot use the index", reason })
}

/// Makes a new archive in a directory that is locked.
pub(super) fn create(directory: &Path, records: Arc<Records>) -> Result<Files, IndexError> {
    let failed = |source: io::Error| super::writer::failure("cannot create the archive", &source);
    if directory.join(manifest::FILE).try_exists().map_err(failed)? {
        let reason = format!(
            "an archive was put into {} since it was opened: start again",
            directory.display()
        );
        return Err(IndexError::ReadOnly { reason });
    }
    let index = directory.join(INDEX_DIRECTORY);
    // What a creation that was cut off may have left there is of no article.
    match fs::remove_dir_all(&index) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    files::create_directory(&index).map_err(failed)?;
    let store = Store::create(&index, records)?;
    let next = super::journals::Next { number: 1, acknowledged_before: 0 };
    let mut journals = Journals::resume(directory, 1, next);
    journals.group().map_err(failed)?;
    files::sync_directory(&index).map_err(failed)?;
    // Last: a directory with this file is a whole archive.
    Manifest { first_journal: 1 }.write(directory).map_err(|error| {
        // Half of it would be taken for another's archive.
        let _ = fs::remove_file(directory.join(manifest::FILE));
        failed(error)
    })?;
    Ok(Files { store, journals })
}
