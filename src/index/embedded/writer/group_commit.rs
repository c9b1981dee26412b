//! Group commit: makes a group of writes durable with one sync, then visible.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::site::Site;
use crate::index::embedded::journal::Group;
use crate::index::embedded::queue::{Batch, PreparedChange, PreparedWrite};
use crate::index::embedded::recent::RecentArticle;
use crate::index::embedded::segments::Place;
use crate::index::embedded::shared::Shared;
use crate::index::embedded::state::{JournaledChange, Location};
use crate::index::record::Kind;
use crate::index::{ArchivedArticle, ArticleId, IndexError, WriteOutcome};

/// Why a group was not stored.
pub(super) enum CommitError {
    /// The group cannot be stored as a whole; each of its batches may be.
    Group(IndexError),
    /// Nothing can be stored: the archive is not where it was opened, or that is uncertain.
    Site(IndexError),
}

impl From<IndexError> for CommitError {
    fn from(error: IndexError) -> Self {
        Self::Group(error)
    }
}

/// The articles that the earlier writes of a group leave; None for those that they delete.
type Pending<'a> = HashMap<&'a ArticleId, Option<&'a Arc<ArchivedArticle>>>;

/// The effective writes of a group, each with the place of the article that it supersedes.
type Plan<'a> = Vec<(&'a PreparedChange, Option<Place>)>;

/// Stores a group of writes; returns the outcomes of each batch.
pub(super) fn commit(
    site: &mut Site,
    group: &[Batch],
) -> Result<Vec<Vec<WriteOutcome>>, CommitError> {
    site.shared.read().condition.check_writable()?;
    site.check().map_err(CommitError::Site)?;
    let (plan, outcomes) = plan(&site.shared, group)?;
    let failed = |error: io::Error| IndexError::from_io("cannot write the journal", &error);
    if plan.is_empty() {
        let settled = site.files.as_mut().map_or(Ok(()), |files| files.journals.settle());
        settled.map_err(failed)?;
        return Ok(outcomes);
    }
    let files = site.open_files()?;
    let mut frames = files.journals.group().map_err(failed)?;
    let mut changes = Vec::with_capacity(plan.len());
    for (change, superseded) in plan {
        let kind = if change.article().is_some() { Kind::Article } else { Kind::Deletion };
        let extent = frames.push(kind, change.id(), change.record());
        let change = match change {
            PreparedChange::Put { article, vector, .. } => {
                let (article, vector) = (Arc::clone(article), Arc::clone(vector));
                JournaledChange::Put(Arc::new(RecentArticle { article, vector, extent }))
            }
            PreparedChange::Delete(id) => JournaledChange::Delete(id.clone()),
        };
        changes.push((change, superseded));
    }
    files.journals.append(&frames).map_err(failed)?;
    acknowledge(site, &frames).map_err(CommitError::Site)?;
    let count =
        |outcome| outcomes.iter().flatten().filter(|found| **found == outcome).count() as u64;
    let (created, deleted) = (count(WriteOutcome::Created), count(WriteOutcome::Deleted));
    site.shared.apply(changes);
    let mut state = site.shared.write();
    state.article_count = state.article_count + created - deleted;
    drop(state);
    Ok(outcomes)
}

/// Acknowledges the group that was appended last, or takes it back if the next start would not find
/// it.
fn acknowledge(site: &mut Site, appended: &Group) -> Result<(), IndexError> {
    let checked = site.check();
    if let Some(files) = &mut site.files {
        match checked {
            Ok(()) => files.journals.acknowledge(),
            Err(_) => files.journals.take_back(appended),
        }
    }
    checked
}

/// Determines which writes of a group take effect, and the outcome of each.
fn plan<'a>(
    shared: &Shared,
    group: &'a [Batch],
) -> Result<(Plan<'a>, Vec<Vec<WriteOutcome>>), IndexError> {
    // Only this thread changes the state: what is read here holds until the group is stored.
    let mut pending = HashMap::new();
    let mut plan = Vec::new();
    let mut outcomes = Vec::with_capacity(group.len());
    for batch in group {
        let mut of_batch = Vec::with_capacity(batch.writes.len());
        for write in &batch.writes {
            let (outcome, superseded) = outcome(shared, write, &pending)?;
            if outcome.is_change() {
                pending.insert(write.change.id(), write.change.article());
                plan.push((&write.change, superseded));
            }
            of_batch.push(outcome);
        }
        outcomes.push(of_batch);
    }
    Ok((plan, outcomes))
}

/// The outcome of a write that follows those in `pending`, and the place of the article that it
/// supersedes.
fn outcome(
    shared: &Shared,
    write: &PreparedWrite,
    pending: &Pending<'_>,
) -> Result<(WriteOutcome, Option<Place>), IndexError> {
    let PreparedWrite { change, precondition } = write;
    let kind = change.kind();
    if let Some(article) = pending.get(change.id()) {
        let article = article.map(Arc::as_ref);
        return Ok((precondition.outcome(kind, article.is_some(), || Ok(article))?, None));
    }
    let location = shared.read().find(change.id())?;
    let superseded = match &location {
        Location::Segment(place) => Some(*place),
        Location::Nowhere | Location::Memory(_) | Location::Lost => None,
    };
    let exists = !matches!(location, Location::Nowhere);
    let outcome = precondition.outcome(kind, exists, || shared.located_article(location))?;
    Ok((outcome, superseded))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;
    use crate::index::Condition;
    use crate::index::embedded::create::create;
    use crate::index::embedded::lock::{self, IfMissing, Lock};
    use crate::index::embedded::options::ArchiveOptions;
    use crate::index::embedded::records::Records;
    use crate::index::embedded::state::State;
    use crate::index::embedded::survey::survey;

    #[test]
    fn a_group_appended_while_the_site_cannot_be_checked_is_taken_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let lock = Lock::take(path, IfMissing::Fail).expect("room").expect("nobody has it");
        let records = Arc::new(Records::of(path));
        let files = create(path, Arc::clone(&records)).expect("room");
        let shared = Arc::new(Shared::new(State::new(Condition::Ready), records));
        let (sender, _receiver) = mpsc::channel();
        let options = ArchiveOptions::default();
        let mut site =
            Site::new(path.to_owned(), options, shared, (Some(lock), Some(files)), sender);
        let append = |site: &mut Site| {
            let journals = &mut site.files.as_mut().expect("they are open").journals;
            let mut group = journals.group().expect("room");
            group.push(Kind::Deletion, &"a".parse().expect("an id"), &[]);
            journals.append(&group).expect("room");
            group
        };
        let acknowledged = || {
            let found = survey(path, 1).expect("readable");
            let findings = &found.findings;
            assert_eq!(findings.damage.len() + findings.remarks.len(), 0, "{findings:?}");
            found.journals[0].end
        };
        let before = acknowledged();
        let refused = append(&mut site);
        // A link to itself, which nobody can follow, not even root.
        let (place, aside) = (path.join(lock::FILE), path.join("aside"));
        fs::rename(&place, &aside).expect("it is there");
        std::os::unix::fs::symlink(&place, &place).expect("room");
        assert!(matches!(acknowledge(&mut site, &refused), Err(IndexError::Storage { .. })));
        let batch = || Batch { writes: Vec::new(), size_bytes: 0, done: Box::new(drop) };
        assert!(matches!(commit(&mut site, &[batch(), batch()]), Err(CommitError::Site(_))));
        assert_eq!(acknowledged(), before);
        fs::rename(&aside, &place).expect("it is there");
        let stored = append(&mut site);
        acknowledge(&mut site, &stored).expect("the lock can be checked again");
        assert!(acknowledged() > before);
    }
}
