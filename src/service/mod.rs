//! The use cases, without a transport.
//!
//! [`classify()`] and [`classify_batch`] say what articles are about; [`Archive`] stores, lists and
//! compares them; [`Models`] holds the models that both use.

mod admission;
mod admit;
mod archive;
mod classification;
mod classify;
mod deletes;
mod error;
mod explain;
mod fields;
mod filter;
mod import;
mod list;
mod models;
mod open;
mod options;
mod parallel;
mod pending;
mod puts;
mod query;
mod similar;
mod violation;
mod violations;

pub use admission::{Admission, Permit};
pub use admit::{ArticleDraft, PutMode};
pub use archive::Archive;
pub use classification::{
    BroadTopicResult, Classification, ContrastResult, EvidenceTerm, ExplanationResult, LevelResult,
    ModelWarning, TopicResult,
};
pub use classify::{classify, classify_batch};
pub use deletes::{IfMissing, PendingDelete, PendingDeletes};
pub use error::ServiceError;
pub use fields::{
    PageSize, article_id, check_batch_size, check_length, check_text, publish_time, truncated,
};
pub use filter::RequestedFilter;
pub use import::{Import, ImportChunk, ImportSummary, PreparedChunk, Rejection, SubmittedChunk};
pub use list::{ListPage, ListRequest};
pub use models::{
    ModelEntry, ModelSet, ModelSource, ModelState, Models, OpenModelsError, embedded_model,
};
pub use open::{ArchiveLocation, OpenError, Opened, Sources};
pub use options::{ClassifyOptions, RequestedOptions};
pub use parallel::Parallelism;
pub use puts::{PendingBatch, PendingPut, PreparedBatch, PutBatch, PutOutcome, Receipt, Stored};
pub use query::ClassifyQuery;
pub use similar::{RequestedRecency, RequestedSource, SimilarRequest};
pub use violation::FieldViolation;
pub use violations::{Violations, both};
