//! The use cases of the archive: put, import, get, list, search, delete.

use std::sync::Arc;

use super::admit::{AdmissionRules, ArticleDraft, PutMode, etag_precondition};
use super::deletes::{IfMissing, PendingDelete, PendingDeletes};
use super::error::ServiceError;
use super::fields::article_id;
use super::import::{ImportChunk, PreparedChunk, SubmittedChunk};
use super::list::{ListPage, ListRequest, list_query, page};
use super::models::Models;
use super::parallel::Parallelism;
use super::pending::PendingWrites;
use super::puts::{PendingBatch, PendingPut, PreparedBatch, PutBatch};
use super::similar::{SimilarRequest, similar_query};
use super::violations::both;
use crate::article::Limits;
use crate::index::{
    ArchivedArticle, ArticleId, Condition, IndexStatus, ListQuery, SimilarPage, SimilarQuery,
    SimilarityIndex, Write,
};

/// The archive of articles, with the models that classify what is put into it.
///
/// Its methods may wait for a disk: call them off the async workers. What they return as pending
/// completes once it is durable.
///
/// ```
/// use std::sync::Arc;
///
/// use slugline::article::Limits;
/// use slugline::service::{
///     Archive, ArchiveLocation, ArticleDraft, ModelSource, Models, PutMode, Sources,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let news = ModelSource { directory: None, default_model: "news".to_owned() };
/// let opened = Sources { models: news, archive: ArchiveLocation::Memory }.open()?;
/// let models = Arc::new(Models::default());
/// models.publish(opened.models);
/// let archive = Archive::new(opened.index, models, Limits::default());
///
/// let title = "The central bank raised interest rates to fight inflation".to_owned();
/// let draft = ArticleDraft { id: "rates".to_owned(), title, ..ArticleDraft::default() };
/// let pending = archive.put(draft, PutMode::CreateOnly)?;
/// let stored = tokio::runtime::Runtime::new()?.block_on(pending.stored())?;
/// assert!(!stored.receipt.topics.is_empty());
/// assert_eq!(archive.status().article_count, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Archive {
    index: Arc<dyn SimilarityIndex>,
    models: Arc<Models>,
    limits: Limits,
}

impl Archive {
    /// An archive whose articles lie in `index`.
    pub fn new(index: Arc<dyn SimilarityIndex>, models: Arc<Models>, limits: Limits) -> Self {
        Self { index, models, limits }
    }

    /// Whether the archive can be read and written.
    pub fn condition(&self) -> Condition {
        self.index.condition()
    }

    /// The archive's size and condition.
    pub fn status(&self) -> IndexStatus {
        self.index.status()
    }

    /// Checks, classifies and submits an article.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] and the like for a wrong field; [`ServiceError::ArchiveBusy`].
    pub fn put(&self, draft: ArticleDraft, mode: PutMode) -> Result<PendingPut, ServiceError> {
        let admitted = self.admitted(mode, |rules| rules.admit(draft, "article"))?;
        self.put_batch(PreparedBatch::new(vec![Ok(admitted)])).map(PendingPut::new)
    }

    /// Checks and classifies the articles of a batch.
    ///
    /// # Errors
    /// [`ServiceError::DeadlineExceeded`] when cancelled.
    pub fn prepare_batch(
        &self,
        batch: PutBatch,
        parallelism: Parallelism<'_>,
    ) -> Result<PreparedBatch, ServiceError> {
        let PutBatch { drafts, mode } = batch;
        self.admitted(mode, |rules| rules.admit_all(drafts, 0, parallelism)).map(PreparedBatch::new)
    }

    /// Submits the articles of a batch.
    ///
    /// # Errors
    /// [`ServiceError::ArchiveBusy`] while too many writes wait to be stored.
    pub fn put_batch(&self, batch: PreparedBatch) -> Result<PendingBatch, ServiceError> {
        let PreparedBatch { writes, receipts } = batch;
        Ok(PendingBatch { pending: self.submit(writes)?, receipts })
    }

    /// Checks and classifies the articles of one message of an import.
    ///
    /// # Errors
    /// [`ServiceError::DeadlineExceeded`] when cancelled.
    pub fn prepare_chunk(
        &self,
        chunk: ImportChunk,
        parallelism: Parallelism<'_>,
    ) -> Result<PreparedChunk, ServiceError> {
        let ImportChunk { first, batch: PutBatch { drafts, mode } } = chunk;
        let ids: Vec<String> = drafts.iter().map(|draft| draft.id.clone()).collect();
        let admitted = self.admitted(mode, |rules| rules.admit_all(drafts, first, parallelism))?;
        Ok(PreparedChunk::new((first..).zip(ids), admitted))
    }

    /// Submits the articles of one message of an import.
    ///
    /// # Errors
    /// The chunk, while too many writes wait to be stored.
    pub fn submit_chunk(&self, chunk: PreparedChunk) -> Result<SubmittedChunk, PreparedChunk> {
        let PreparedChunk { writes, conditional, rejected } = chunk;
        match PendingWrites::submit(&*self.index, writes) {
            Ok(pending) => Ok(SubmittedChunk { pending, conditional, rejected }),
            Err(writes) => Err(PreparedChunk { writes, conditional, rejected }),
        }
    }

    /// The article of an id.
    ///
    /// # Errors
    /// [`ServiceError::ArticleNotFound`]; [`ServiceError::ArticleCorrupt`].
    pub fn get(&self, id: &ArticleId) -> Result<ArchivedArticle, ServiceError> {
        let not_found = || ServiceError::ArticleNotFound { id: id.to_string() };
        self.index.get(id)?.ok_or_else(not_found)
    }

    /// Checks a request to list articles.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several.
    pub fn list_query(&self, request: ListRequest) -> Result<ListQuery, ServiceError> {
        self.models.with(|set| list_query(&*self.index, set, request))
    }

    /// Lists articles. `show` turns an article into what the answer holds of it, and says how many
    /// bytes that takes: the page ends with the article that brings it to [`Limits::PAGE_BYTES`].
    ///
    /// # Errors
    /// [`ServiceError::DeadlineExceeded`]; a fault of the archive.
    pub fn list<T>(
        &self,
        query: ListQuery,
        show: impl Fn(ArchivedArticle) -> (T, usize),
    ) -> Result<ListPage<T>, ServiceError> {
        page(query, show, |query| self.index.list(query))
    }

    /// Checks a search for similar articles.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for one wrong field, [`ServiceError::InvalidFields`] for several.
    pub fn similar_query(&self, request: SimilarRequest) -> Result<SimilarQuery, ServiceError> {
        self.models.with(|set| similar_query(&*self.index, set, request, &self.limits))
    }

    /// Finds the articles most similar to the source.
    ///
    /// # Errors
    /// [`ServiceError::ArticleNotFound`] for an unknown source; [`ServiceError::DeadlineExceeded`].
    pub fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, ServiceError> {
        Ok(self.index.find_similar(query)?)
    }

    /// Submits the deletion of an article; with an etag only if the article still has it.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] and the like for a wrong field; [`ServiceError::ArchiveBusy`].
    pub fn delete(
        &self,
        id: &str,
        etag: String,
        if_missing: IfMissing,
    ) -> Result<PendingDelete, ServiceError> {
        let (id, condition) = both(article_id(id, "id"), etag_precondition(etag, "etag"))?;
        let ids = vec![Ok(id.to_string())];
        let pending = self.submit(vec![Write::delete(id).only_if(condition)])?;
        Ok(PendingDelete::new(PendingDeletes { pending, ids, if_missing }))
    }

    /// Submits the deletion of many articles.
    ///
    /// # Errors
    /// [`ServiceError::ArchiveBusy`] while too many writes wait to be stored.
    pub fn delete_batch(
        &self,
        ids: Vec<String>,
        if_missing: IfMissing,
    ) -> Result<PendingDeletes, ServiceError> {
        let mut writes = Vec::with_capacity(ids.len());
        let checked = ids.into_iter().enumerate().map(|(index, id)| {
            writes.push(Write::delete(article_id(&id, &format!("ids[{index}]"))?));
            Ok(id)
        });
        let ids = checked.collect();
        Ok(PendingDeletes { pending: self.submit(writes)?, ids, if_missing })
    }

    fn admitted<T>(
        &self,
        mode: PutMode,
        admit: impl FnOnce(AdmissionRules<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.models.with(|set| {
            admit(AdmissionRules { model: set.default_entry(), limits: &self.limits, mode })
        })
    }

    fn submit(&self, writes: Vec<Write>) -> Result<PendingWrites, ServiceError> {
        PendingWrites::submit(&*self.index, writes).map_err(|_| ServiceError::ArchiveBusy)
    }
}
