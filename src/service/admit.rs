//! Admits articles to the archive: checks and classifies them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::classification::Classification;
use super::classify::classify;
use super::error::ServiceError;
use super::fields::{article_id, check_length, check_text, publish_time};
use super::models::ModelEntry;
use super::options::ClassifyOptions;
use super::parallel::Parallelism;
use super::query::ClassifyQuery;
use super::violation::FieldViolation;
use super::violations::{Violations, both};
use crate::article::{ArticleText, Limits};
use crate::index::{ArchivedArticle, Precondition, Reliance, StoredTopic, Write};
use crate::model::Decision;

/// Topics of at least this probability are stored with an article, besides the first one and those
/// assigned.
const MIN_STORED_PROBABILITY: f64 = 0.05;

/// An article as a caller sends it to the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArticleDraft {
    /// The caller's id for it.
    pub id: String,
    /// The headline.
    pub title: String,
    /// The text under it.
    pub body: String,
    /// A BCP-47 tag; empty when not stated.
    pub language_code: String,
    /// Seconds since 1970-01-01T00:00:00Z, and nanoseconds.
    pub publish_time: Option<(i64, i32)>,
    /// Who published it; empty when not stated.
    pub source: String,
    /// Further keys and values to filter by.
    pub labels: BTreeMap<String, String>,
    /// The etag that the stored article must have; empty for any.
    pub etag: String,
}

impl ArticleDraft {
    /// The size of title and body together, in bytes.
    pub fn text_bytes(&self) -> usize {
        self.title.len() + self.body.len()
    }
}

/// Whether a put may replace an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// It may.
    Replace,
    /// It must not.
    CreateOnly,
}

/// An article that was checked and classified, and the condition to store it on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Admitted {
    pub(super) article: ArchivedArticle,
    pub(super) precondition: Precondition,
}

impl From<Admitted> for Write {
    fn from(Admitted { article, precondition }: Admitted) -> Self {
        Self::put(article).only_if(precondition)
    }
}

/// The rules by which articles are admitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdmissionRules<'a> {
    /// The model that classifies.
    pub(super) model: &'a ModelEntry,
    pub(super) limits: &'a Limits,
    pub(super) mode: PutMode,
}

impl AdmissionRules<'_> {
    /// Checks and classifies an article. `path` is its place in the request: "article".
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several;
    /// otherwise as [`classify()`].
    pub(super) fn admit(
        self,
        mut draft: ArticleDraft,
        path: &str,
    ) -> Result<Admitted, ServiceError> {
        let etag = std::mem::take(&mut draft.etag);
        let precondition = put_precondition(self.mode, etag, &format!("{path}.etag"));
        let (article, precondition) = both(self.classified(draft, path), precondition)?;
        Ok(Admitted { article, precondition })
    }

    /// Admits many articles, in their order. `first` is the index of the first one in the request.
    ///
    /// # Errors
    /// [`ServiceError::DeadlineExceeded`] when cancelled.
    pub(super) fn admit_all(
        self,
        drafts: Vec<ArticleDraft>,
        first: usize,
        parallelism: Parallelism<'_>,
    ) -> Result<Vec<Result<Admitted, ServiceError>>, ServiceError> {
        let drafts: Vec<Mutex<ArticleDraft>> = drafts.into_iter().map(Mutex::new).collect();
        parallelism.map(drafts.len(), |index| {
            let mut draft = drafts[index].lock().unwrap_or_else(PoisonError::into_inner);
            self.admit(std::mem::take(&mut draft), &format!("articles[{}]", first + index))
        })
    }

    fn classified(self, draft: ArticleDraft, path: &str) -> Result<ArchivedArticle, ServiceError> {
        let text = ArticleText { title: &draft.title, body: &draft.body };
        let id = article_id(&draft.id, &format!("{path}.id"));
        let publish_time = draft
            .publish_time
            .map(|(seconds, nanos)| publish_time(seconds, nanos, &format!("{path}.publish_time")))
            .transpose();
        let source = check_value(&draft.source, Limits::SOURCE_BYTES, || format!("{path}.source"));
        let mut violations = Violations::default();
        violations.note(&id);
        violations.note(&source);
        violations.note(&check_labels(&draft.labels, self.limits, path));
        violations.note(&publish_time);
        violations.note(&check_text(text, &draft.language_code, self.limits, path));
        violations.finish()?;
        let (id, publish_time) = (id?, publish_time?);
        let query = ClassifyQuery {
            text,
            language_code: &draft.language_code,
            options: &ClassifyOptions::default(),
        };
        let classification = classify(self.model, &query, self.limits, path)?;
        let reliance = reliance(classification.decision);
        let model = classification.model.to_string();
        let topics = stored_topics(classification);
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
}

fn reliance(decision: Decision) -> Reliance {
    match decision {
        Decision::Confident => Reliance::Confident,
        Decision::Uncertain => Reliance::Uncertain,
        Decision::UnknownText => Reliance::UnknownText,
    }
}

/// The topics that are stored with an article.
fn stored_topics(classification: Classification) -> Vec<StoredTopic> {
    if classification.decision == Decision::UnknownText {
        return Vec::new();
    }
    let mut topics = Vec::new();
    for (rank, topic) in classification.topics.into_iter().enumerate() {
        let is_assigned = topic.assigned.unwrap_or(rank == 0);
        if rank == 0 || is_assigned || topic.probability >= MIN_STORED_PROBABILITY {
            let (name, probability) = (topic.name, topic.probability);
            topics.push(StoredTopic { is_assigned, name, probability });
        }
    }
    topics
}

/// The condition of a put whose etag is in `field`.
///
/// # Errors
/// [`ServiceError::Invalid`] for two conditions that exclude each other.
fn put_precondition(
    mode: PutMode,
    etag: String,
    field: &str,
) -> Result<Precondition, ServiceError> {
    match mode {
        PutMode::Replace => etag_precondition(etag, field),
        PutMode::CreateOnly if etag.is_empty() => Ok(Precondition::Absent),
        PutMode::CreateOnly => {
            check_length(&etag, Limits::ETAG_BYTES, field)?;
            let description = "must be empty with create_only: an article with an etag exists";
            Err(ServiceError::invalid(field, "CONFLICTING_PRECONDITIONS", description))
        }
    }
}

/// The condition of a write whose etag is in `field`.
///
/// # Errors
/// [`ServiceError::Invalid`] for one that is too long.
pub(super) fn etag_precondition(etag: String, field: &str) -> Result<Precondition, ServiceError> {
    check_length(&etag, Limits::ETAG_BYTES, field)?;
    Ok(if etag.is_empty() { Precondition::None } else { Precondition::Unchanged(etag) })
}

fn check_labels(
    labels: &BTreeMap<String, String>,
    limits: &Limits,
    path: &str,
) -> Result<(), ServiceError> {
    let field = || format!("{path}.labels");
    let (count, limit) = (labels.len(), limits.article_labels);
    if count > limit {
        let reason = "TOO_MANY_LABELS";
        return Err(FieldViolation::over_limit(field(), reason, "labels", count, limit).into());
    }
    let mut violations = Violations::default();
    for (key, value) in labels {
        let limit = Limits::LABEL_KEY_BYTES;
        if key.is_empty() || key.len() > limit || key.chars().any(char::is_control) {
            let description =
                format!("a key must have 1 to {limit} bytes and no control characters");
            violations.push(FieldViolation::new(field(), "INVALID_LABEL_KEY", description));
        }
        violations.note(&check_value(value, Limits::LABEL_VALUE_BYTES, || {
            format!("{path}.labels[{key:?}]")
        }));
    }
    violations.finish()
}

fn check_value(value: &str, limit: usize, field: impl Fn() -> String) -> Result<(), ServiceError> {
    if value.len() > limit {
        return check_length(value, limit, &field());
    }
    if value.chars().any(char::is_control) {
        let description = "must have no control characters";
        return Err(ServiceError::invalid(field(), "INVALID_VALUE", description));
    }
    Ok(())
}
