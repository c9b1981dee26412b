//! The use cases, without a transport: what is asked, what is answered, what can go wrong.

mod admission;
mod articles;
mod classify;
mod filter;
mod list;
mod models;
mod similar;

pub use admission::{Admission, Permit};
pub use articles::{ArticleDraft, admit, admit_all, article_id, publish_time};
pub use classify::{
    BroadTopicResult, Classification, ClassifyOptions, ClassifyQuery, EvidenceTerm, LevelResult,
    ModelWarning, RequestedOptions, TopicResult, check_text, classify, classify_batch,
};
pub use filter::RequestedFilter;
pub use list::{ListRequest, checked_list};
pub use models::{
    ModelEntry, ModelSet, ModelSource, ModelState, Models, OpenError, embedded_model,
};
pub use similar::{RequestedSource, SimilarRequest, checked_similar, find_similar};

/// A field of a request that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field in the request: `article.body`, `articles[3].body`.
    pub field: String,
    /// What is wrong with it, in English.
    pub description: String,
    /// The kind of fault, in UPPER_SNAKE_CASE.
    pub reason: &'static str,
    /// The numbers behind it, by name: a limit, a size.
    pub values: Vec<(&'static str, String)>,
}

impl FieldViolation {
    /// A violation without numbers.
    pub fn new(
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), description: description.into(), reason, values: Vec::new() }
    }

    /// A violation of a limit; `what` is counted: "bytes".
    pub fn over_limit(
        field: impl Into<String>,
        reason: &'static str,
        what: &str,
        size: usize,
        limit: usize,
    ) -> Self {
        Self {
            field: field.into(),
            description: format!("has {size} {what}, over the limit of {limit}"),
            reason,
            values: vec![("size", size.to_string()), ("limit", limit.to_string())],
        }
    }
}

impl ServiceError {
    /// The error for violations, where there are any. All of them are told.
    ///
    /// # Errors
    /// [`Self::Invalid`] for one, [`Self::InvalidFields`] for several.
    pub fn of(mut violations: Vec<FieldViolation>) -> Result<(), Self> {
        match violations.len() {
            0 => Ok(()),
            1 => Err(Self::Invalid(violations.remove(0))),
            _ => Err(Self::InvalidFields(violations)),
        }
    }
}

/// What is wrong with a request, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Adds the violations of an outcome. Another error is left to whoever looks at the outcome.
    pub fn note<T>(&mut self, outcome: &Result<T, ServiceError>) {
        match outcome {
            Err(ServiceError::Invalid(violation)) => self.0.push(violation.clone()),
            Err(ServiceError::InvalidFields(violations)) => self.0.extend_from_slice(violations),
            _ => {}
        }
    }

    /// # Errors
    /// The violations, if there are any, in the order in which they were noted.
    pub fn finish(self) -> Result<(), ServiceError> {
        ServiceError::of(self.0)
    }
}

/// Why a use case could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The request is wrong; asking again will not help.
    #[error("{}: {}", .0.field, .0.description)]
    Invalid(FieldViolation),
    /// Several fields of the request are wrong.
    #[error("{}: {}; and {} more", .0[0].field, .0[0].description, .0.len() - 1)]
    InvalidFields(Vec<FieldViolation>),
    /// There is no such model.
    #[error("there is no model {name:?}")]
    ModelNotFound {
        /// What was asked for.
        name: String,
    },
    /// There is such a model, and it could not be loaded.
    #[error("the model {name} could not be loaded: {reason}")]
    ModelFailed {
        /// The model.
        name: String,
        /// Why.
        reason: String,
    },
    /// There is no such article in the archive.
    #[error("there is no article {id:?}")]
    ArticleNotFound {
        /// What was asked for.
        id: String,
    },
    /// There is such an article, and there was to be none.
    #[error("there is an article {id:?} already")]
    ArticleExists {
        /// Which one.
        id: String,
    },
    /// The article is not as the caller read it.
    #[error("the article {id:?} has changed since its etag was read, or is gone")]
    ArticleChanged {
        /// Which one.
        id: String,
    },
    /// An article is not what was stored.
    #[error("the article {id:?} is corrupt: {reason}")]
    ArticleCorrupt {
        /// Which one.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive is not open yet.
    #[error("the archive is not open yet")]
    ArchiveNotOpen,
    /// There is no room for what was to be stored.
    #[error("the disk of the archive is full: nothing was stored")]
    ArchiveFull {
        /// What the system said.
        reason: String,
    },
    /// The archive cannot be written.
    #[error("the archive can only be read: {reason}")]
    ArchiveReadOnly {
        /// Why.
        reason: String,
    },
    /// Part of the archive is damaged, so it is not written to.
    #[error("the archive is damaged, and can only be read: {reason}")]
    ArchiveDamaged {
        /// What is damaged.
        reason: String,
    },
    /// Too much waits to be stored.
    #[error("too many writes are waiting for the disk of the archive")]
    ArchiveBusy,
    /// The default model is not loaded yet.
    #[error("no model is loaded yet")]
    NotReady,
    /// The server is about to stop.
    #[error("the server is shutting down")]
    Draining,
    /// Too many of these are in flight.
    #[error("too many {what} in flight (limit {limit})")]
    Busy {
        /// What there are too many of.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
    /// The calls in flight hold as much memory as they may.
    #[error("the calls in flight hold as much memory as they may")]
    NoRoom,
    /// The caller's deadline passed, or the caller left.
    #[error("the deadline passed before the answer was ready")]
    DeadlineExceeded,
    /// A fault of ours: this text goes to the log, not to the caller.
    #[error("{0}")]
    Internal(String),
}
