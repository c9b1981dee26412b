//! ArticleService on the wire.

use std::sync::Arc;

use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::answer_size::{Remedy, check_answer_bytes};
use super::app::App;
use super::archived::{put_batch, put_mode};
use super::import::import;
use super::page_token::{Binding, not_of_this_request};
use super::pb::article_service_server::ArticleService;
use super::transport::deadline::search_deadline;
use super::transport::offload::{
    core_count, large_article_permits, run_blocking, run_in_background,
};
use super::view::View;
use super::{pb, status};
use crate::index::{ArticleId, Deadline, ListQuery};
use crate::service::{
    ArticleDraft, FieldViolation, IfMissing, ListRequest, Parallelism, PutOutcome, Receipt,
    ServiceError, Stored, article_id, both, check_batch_size,
};

/// Limit on the error of a write that changed nothing: it repeats an id three times.
const MAX_WRITE_ERROR_BYTES: usize = 2_048;
/// What a result takes besides its content: two tags, and two lengths.
const FRAME_BYTES: usize = 2 * (1 + 4);

/// Adapts the use cases of the archive.
#[derive(Debug, Clone)]
pub(super) struct ArticleApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ArticleService for ArticleApi {
    async fn put_article(
        &self,
        request: Request<pb::PutArticleRequest>,
    ) -> Result<Response<pb::PutArticleResponse>, Status> {
        status::response(self.put(request.into_inner()).await)
    }

    async fn batch_put_articles(
        &self,
        request: Request<pb::BatchPutArticlesRequest>,
    ) -> Result<Response<pb::BatchPutArticlesResponse>, Status> {
        status::response(self.put_batch(request.into_inner()).await)
    }

    async fn import_articles(
        &self,
        request: Request<Streaming<pb::ImportArticlesRequest>>,
    ) -> Result<Response<pb::ImportArticlesResponse>, Status> {
        self.0.check_ready().map_err(status::status)?;
        tokio::select! {
            answer = import(&self.0, request.into_inner()) => answer.map(Response::new),
            () = self.0.draining() => Err(status::status(ServiceError::Draining)),
        }
    }

    async fn get_article(
        &self,
        request: Request<pb::GetArticleRequest>,
    ) -> Result<Response<pb::GetArticleResponse>, Status> {
        status::response(self.get(request.into_inner()).await)
    }

    async fn list_articles(
        &self,
        request: Request<pb::ListArticlesRequest>,
    ) -> Result<Response<pb::ListArticlesResponse>, Status> {
        let deadline = search_deadline(request.extensions());
        status::response(self.list(request.into_inner(), deadline).await)
    }

    async fn delete_article(
        &self,
        request: Request<pb::DeleteArticleRequest>,
    ) -> Result<Response<pb::DeleteArticleResponse>, Status> {
        status::response(self.delete(request.into_inner()).await)
    }

    async fn batch_delete_articles(
        &self,
        request: Request<pb::BatchDeleteArticlesRequest>,
    ) -> Result<Response<pb::BatchDeleteArticlesResponse>, Status> {
        status::response(self.delete_batch(request.into_inner()).await)
    }
}

impl ArticleApi {
    async fn put(
        &self,
        request: pb::PutArticleRequest,
    ) -> Result<pb::PutArticleResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        let article = request.article.ok_or_else(|| FieldViolation::required("article"))?;
        let (draft, mode) = (ArticleDraft::from(article), put_mode(request.create_only));
        let large = large_article_permits(draft.text_bytes(), 1).await;
        let is_large = large.is_some();
        let put = move || {
            let _held = large;
            archive.put(draft, mode)
        };
        let pending =
            if is_large { run_in_background(put).await } else { run_blocking(put).await }??;
        pending.stored().await.map(Into::into)
    }

    async fn put_batch(
        &self,
        request: pb::BatchPutArticlesRequest,
    ) -> Result<pb::BatchPutArticlesResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        check_batch_size("articles", request.articles.len(), &self.0.limits)?;
        let permit = self.0.batches.enter()?;
        let batch = put_batch(request.articles, request.create_only);
        let large = large_article_permits(batch.largest_text_bytes(), usize::MAX).await;
        let answer_bytes = self.0.limits.answer_bytes;
        let cancelled = CancellationToken::new();
        let _cancel_on_drop = cancelled.clone().drop_guard();
        let pending = run_in_background(move || {
            let _held = (permit, large);
            let parallelism = Parallelism { threads: core_count(), cancelled: &cancelled };
            let prepared = archive.prepare_batch(batch, parallelism)?;
            // Before anything is stored: a stored article is acknowledged, not refused.
            check_puts(prepared.receipts(), answer_bytes)?;
            archive.put_batch(prepared)
        })
        .await??;
        let results = pending.stored().await?.into_iter().map(|stored| {
            use pb::batch_put_articles_result::Result as Wire;
            let result = match stored {
                Ok(stored) => Wire::Stored(stored.into()),
                Err(error) => Wire::Error(status::message(error)),
            };
            pb::BatchPutArticlesResult { result: Some(result) }
        });
        Ok(pb::BatchPutArticlesResponse { results: results.collect() })
    }

    async fn get(
        &self,
        request: pb::GetArticleRequest,
    ) -> Result<pb::GetArticleResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        let view = View::requested(request.view, View::Full);
        let (id, view) = both(article_id(&request.id, "id"), view)?;
        let article = run_blocking(move || archive.get(&id)).await??;
        // The longest article fits into an answer.
        Ok(pb::GetArticleResponse { article: Some(view.show(article)) })
    }

    async fn list(
        &self,
        request: pb::ListArticlesRequest,
        deadline: Deadline,
    ) -> Result<pb::ListArticlesResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        // An empty filter counts as none.
        let filter = request.filter.filter(|filter| *filter != pb::ArticleFilter::default());
        // A filter may have the whole archive searched.
        let permit = filter.as_ref().map(|_| self.0.searches.enter()).transpose()?;
        let filter = filter.unwrap_or_default();
        run_blocking(move || {
            let _held = permit;
            // A filter may be large: its limits are checked by the use case.
            let binding = Binding::new("slugline.v1.ListArticles", &filter.encode_to_vec());
            let after = after(&binding, &request.page_token);
            let view = View::requested(request.view, View::Basic);
            let page_size = request.page_size;
            let request = ListRequest { filter: filter.into(), page_size, deadline };
            let query = archive.list_query(request);
            let ((query, after), view) = both(both(query, after), view)?;
            let page = archive.list(ListQuery { after, ..query }, |article| {
                let article = view.show(article);
                let bytes = article.encoded_len();
                (article, bytes)
            })?;
            let next = page.next.map(|last| binding.token(last.as_str().as_bytes()));
            Ok(pb::ListArticlesResponse {
                articles: page.articles,
                next_page_token: next.unwrap_or_default(),
                unreadable_ids: page.unreadable.into_iter().map(Into::into).collect(),
                is_incomplete: page.is_incomplete,
            })
        })
        .await?
    }

    async fn delete(
        &self,
        request: pb::DeleteArticleRequest,
    ) -> Result<pb::DeleteArticleResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        let pb::DeleteArticleRequest { id, etag, allow_missing } = request;
        let if_missing = if_missing(allow_missing);
        let pending = run_blocking(move || archive.delete(&id, etag, if_missing)).await??;
        pending.deleted().await.map(|()| pb::DeleteArticleResponse {})
    }

    async fn delete_batch(
        &self,
        request: pb::BatchDeleteArticlesRequest,
    ) -> Result<pb::BatchDeleteArticlesResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        check_batch_size("ids", request.ids.len(), &self.0.limits)?;
        let _permit = self.0.batches.enter()?;
        let pb::BatchDeleteArticlesRequest { ids, allow_missing } = request;
        let if_missing = if_missing(allow_missing);
        let pending = run_blocking(move || archive.delete_batch(ids, if_missing)).await??;
        let results = pending.deleted().await?.into_iter().map(|deleted| {
            use pb::batch_delete_articles_result::Result as Wire;
            let result = match deleted {
                Ok(()) => Wire::Deleted(pb::DeleteArticleResponse {}),
                Err(error) => Wire::Error(status::message(error)),
            };
            pb::BatchDeleteArticlesResult { result: Some(result) }
        });
        Ok(pb::BatchDeleteArticlesResponse { results: results.collect() })
    }
}

fn if_missing(allow_missing: bool) -> IfMissing {
    if allow_missing { IfMissing::Ignore } else { IfMissing::Fail }
}

/// The id that the page of a token comes after; None for the first page.
fn after(binding: &Binding, token: &str) -> Result<Option<ArticleId>, ServiceError> {
    let id = |start| {
        let id = String::from_utf8(start).ok().and_then(|id| id.parse().ok());
        id.ok_or_else(not_of_this_request)
    };
    binding.start(token)?.map(id).transpose()
}

/// Checks that the answer to a batch of puts is not too large, whatever becomes of them.
fn check_puts(
    receipts: &[Result<Receipt, ServiceError>],
    limit: usize,
) -> Result<(), ServiceError> {
    let size = |receipt: &Result<Receipt, ServiceError>| match receipt {
        Ok(receipt) => {
            let stored = Stored { outcome: PutOutcome::Created, receipt: receipt.clone() };
            pb::PutArticleResponse::from(stored).encoded_len().max(MAX_WRITE_ERROR_BYTES)
        }
        Err(error) => status::message(error.clone()).encoded_len(),
    };
    let size = receipts.iter().map(|receipt| FRAME_BYTES + size(receipt)).sum();
    let remedy = Remedy { field: "articles", action: "send fewer articles" };
    check_answer_bytes(size, limit, remedy)
}
