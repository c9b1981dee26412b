//! Lets articles into the archive: checked, classified, and with what they are about.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{
    ClassifyOptions, ClassifyQuery, FieldViolation, ModelEntry, ServiceError, Violations,
    check_text, classify,
};
use crate::article::{ArticleText, Limits};
use crate::index::{ArchivedArticle, ArticleId, IndexError, PublishTime, Reliance, StoredTopic};
use crate::model::Decision;

/// A topic of this probability or more is stored with its article, besides the first one and those
/// that are assigned.
const STORED_PROBABILITY: f64 = 0.05;

/// An article as a caller sends it to be archived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArticleDraft {
    /// The caller's name for it.
    pub id: String,
    /// The headline.
    pub title: String,
    /// The text under it.
    pub body: String,
    /// A BCP-47 tag; empty when not stated.
    pub language_code: String,
    /// Seconds since 1970-01-01T00:00:00Z, and nanoseconds on top.
    pub publish_time: Option<(i64, i32)>,
    /// Who published it; empty when not stated.
    pub source: String,
    /// What else it is to be found by.
    pub labels: BTreeMap<String, String>,
}

/// Checks an article and classifies it by a model. `path` is where it stands in the request:
/// "article".
///
/// # Errors
/// [`ServiceError::Invalid`] names the field that is wrong; otherwise as [`classify()`].
pub fn admit(
    entry: &ModelEntry,
    draft: ArticleDraft,
    limits: &Limits,
    path: &str,
) -> Result<ArchivedArticle, ServiceError> {
    let text = ArticleText { title: &draft.title, body: &draft.body };
    let id = article_id(&draft.id, &format!("{path}.id"));
    let publish_time = draft
        .publish_time
        .map(|(seconds, nanos)| publish_time(seconds, nanos, &format!("{path}.publish_time")))
        .transpose();
    let mut violations = Violations::default();
    violations.note(&id);
    violations.note(&check_value(&draft.source, Limits::SOURCE_BYTES, || format!("{path}.source")));
    violations.note(&check_labels(&draft.labels, limits, path));
    violations.note(&publish_time);
    violations.note(&check_text(text, &draft.language_code, limits, path));
    violations.finish()?;
    let (id, publish_time) = (id?, publish_time?);
    let query = ClassifyQuery {
        text,
        language_code: &draft.language_code,
        options: ClassifyOptions::default(),
    };
    let classification = classify(entry, &query, limits, path)?;
    let reliance = match classification.decision {
        Decision::Confident => Reliance::Confident,
        Decision::Uncertain => Reliance::Uncertain,
        Decision::UnknownText => Reliance::UnknownText,
    };
    let topics = (0..)
        .zip(classification.topics)
        .map(|(place, topic)| StoredTopic {
            is_assigned: topic.assigned.unwrap_or(place == 0),
            name: topic.name,
            probability: topic.probability,
        })
        .zip(0..)
        .filter(|(topic, place)| {
            *place == 0 || topic.is_assigned || topic.probability >= STORED_PROBABILITY
        })
        .map(|(topic, _)| topic);
    let topics = if reliance == Reliance::UnknownText { Vec::new() } else { topics.collect() };
    let model = classification.model.to_string();
    let ArticleDraft { title, body, language_code, source, labels, .. } = draft;
    Ok(ArchivedArticle {
        id,
        title,
        body,
        language_code,
        publish_time,
        source,
        labels,
        topics,
        model,
        reliance,
    })
}

/// [`admit`]s many articles on up to `threads` threads, in their order. `path` says where an
/// article stands in the request. When `cancelled` is set from outside, the rest is left undone.
///
/// # Errors
/// [`ServiceError::DeadlineExceeded`] when cancelled.
pub fn admit_all(
    entry: &ModelEntry,
    drafts: Vec<ArticleDraft>,
    limits: &Limits,
    path: impl Fn(usize) -> String + Sync,
    threads: usize,
    cancelled: &AtomicBool,
) -> Result<Vec<Result<ArchivedArticle, ServiceError>>, ServiceError> {
    /// Below this many articles a thread a further one costs more than it gives.
    const ARTICLES_A_THREAD: usize = 16;
    let threads = threads.min(drafts.len().div_ceil(ARTICLES_A_THREAD)).max(1);
    let drafts: Vec<Mutex<ArticleDraft>> = drafts.into_iter().map(Mutex::new).collect();
    let next = AtomicUsize::new(0);
    let admitted = Mutex::new(Vec::with_capacity(drafts.len()));
    let work = || {
        let mut own = Vec::new();
        while !cancelled.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(draft) = drafts.get(place) else { break };
            let draft = std::mem::take(&mut *draft.lock().unwrap_or_else(PoisonError::into_inner));
            own.push((place, admit(entry, draft, limits, &path(place))));
        }
        admitted.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut admitted = admitted.into_inner().unwrap_or_else(PoisonError::into_inner);
    if admitted.len() < drafts.len() {
        return Err(ServiceError::DeadlineExceeded);
    }
    admitted.sort_by_key(|(place, _)| *place);
    Ok(admitted.into_iter().map(|(_, article)| article).collect())
}

/// The id of a request's field.
///
/// # Errors
/// [`ServiceError::Invalid`] if it cannot be one.
pub fn article_id(id: &str, field: &str) -> Result<ArticleId, ServiceError> {
    id.parse().map_err(|error: crate::index::ArticleIdError| {
        invalid(field, "INVALID_ARTICLE_ID", error.to_string())
    })
}

/// A time of a request's field, to the microsecond: what is finer is cut off.
///
/// # Errors
/// [`ServiceError::Invalid`] for one that a Timestamp cannot be: before the year 1, after 9999, or
/// of odd nanoseconds.
pub fn publish_time(seconds: i64, nanos: i32, field: &str) -> Result<PublishTime, ServiceError> {
    let nanos = checked_nanos(seconds, nanos, field)?;
    Ok(PublishTime(seconds * 1_000_000 + nanos / 1_000))
}

/// A time of a request's field that stored times are compared with, as "before" or as "at or
/// after". Stored times are whole microseconds: what is finer moves the bound to the next one,
/// which parts them as the bound itself would.
///
/// # Errors
/// As [`publish_time`].
pub(super) fn time_bound(
    seconds: i64,
    nanos: i32,
    field: &str,
) -> Result<PublishTime, ServiceError> {
    let nanos = checked_nanos(seconds, nanos, field)?;
    Ok(PublishTime(seconds * 1_000_000 + (nanos + 999) / 1_000))
}

/// The nanoseconds of what a Timestamp can be.
fn checked_nanos(seconds: i64, nanos: i32, field: &str) -> Result<i64, ServiceError> {
    /// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
    const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        let description = "must lie in the years 1 to 9999, with nanos from 0 to 999,999,999";
        return Err(invalid(field, "INVALID_TIMESTAMP", description));
    }
    Ok(i64::from(nanos))
}

fn check_labels(
    labels: &BTreeMap<String, String>,
    limits: &Limits,
    path: &str,
) -> Result<(), ServiceError> {
    let field = || format!("{path}.labels");
    if labels.len() > limits.article_labels {
        let violation = FieldViolation::over_limit(
            field(),
            "TOO_MANY_LABELS",
            "labels",
            labels.len(),
            limits.article_labels,
        );
        return Err(ServiceError::Invalid(violation));
    }
    let mut violations = Violations::default();
    for (key, value) in labels {
        let most = Limits::LABEL_KEY_BYTES;
        if key.is_empty() || key.len() > most || key.chars().any(char::is_control) {
            let description =
                format!("a key must have 1 to {most} bytes and no control characters");
            violations.note::<()>(&Err(invalid(field(), "INVALID_LABEL_KEY", description)));
        }
        violations.note(&check_value(value, Limits::LABEL_VALUE_BYTES, || {
            format!("{path}.labels[{key:?}]")
        }));
    }
    violations.finish()
}

fn check_value(
    value: &str,
    most_bytes: usize,
    field: impl Fn() -> String,
) -> Result<(), ServiceError> {
    if value.len() > most_bytes {
        let violation =
            FieldViolation::over_limit(field(), "VALUE_TOO_LONG", "bytes", value.len(), most_bytes);
        return Err(ServiceError::Invalid(violation));
    }
    if value.chars().any(char::is_control) {
        return Err(invalid(field(), "INVALID_VALUE", "must have no control characters"));
    }
    Ok(())
}

pub(super) fn invalid(
    field: impl Into<String>,
    reason: &'static str,
    description: impl Into<String>,
) -> ServiceError {
    ServiceError::Invalid(FieldViolation::new(field, reason, description))
}

impl From<IndexError> for ServiceError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::UnknownSource { id } => Self::ArticleNotFound { id: id.to_string() },
            IndexError::Full { reason } => Self::ArchiveFull { reason },
            IndexError::ReadOnly { reason } => Self::ArchiveReadOnly { reason },
            IndexError::Damaged { reason } => Self::ArchiveDamaged { reason },
            IndexError::Corrupt { id, source } => {
                Self::ArticleCorrupt { id, reason: source.to_string() }
            }
            IndexError::Storage { .. } => Self::Internal(error.to_string()),
            IndexError::Late => Self::DeadlineExceeded,
            IndexError::Closed => Self::Draining,
        }
    }
}
