//! ArticleService on the wire.

use std::sync::Arc;
use std::thread;

use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::calls::{CancelOnDrop, large_work, missing, off_the_workers};
use super::layers::Deadline;
use super::page_token::{Binding, not_ours};
use super::pb::article_service_server::ArticleService;
use super::server::App;
use super::writes::submit;
use super::{archived, pb, status};
use crate::index::{ArchivedArticle, ArticleId, Write, WriteOutcome};
use crate::service::{ArticleDraft, FieldViolation, ListRequest, ServiceError, admit, admit_all, article_id, list_articles};

/// Adapts the use cases of the archive.
#[derive(Debug, Clone)]
pub(super) struct ArticleApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ArticleService for ArticleApi {
    async fn put_article(&self, request: Request<pb::PutArticleRequest>) -> Result<Response<pb::PutArticleResponse>, Status> {
        let answer = self.0.put_article(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn batch_put_articles(
        &self,
        request: Request<pb::BatchPutArticlesRequest>,
    ) -> Result<Response<pb::BatchPutArticlesResponse>, Status> {
        let answer = self.0.put_articles(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn import_articles(
        &self,
        request: Request<Streaming<pb::ImportArticlesRequest>>,
    ) -> Result<Response<pb::ImportArticlesResponse>, Status> {
        let app = &self.0;
        app.check_ready().map_err(status::status)?;
        tokio::select! {
            answer = app.import(request.into_inner()) => answer.map(Response::new),
            () = app.draining() => Err(status::status(ServiceError::Draining)),
        }
    }

    async fn get_article(&self, request: Request<pb::GetArticleRequest>) -> Result<Response<pb::GetArticleResponse>, Status> {
        let answer = self.0.get_article(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn list_articles(
        &self,
        request: Request<pb::ListArticlesRequest>,
    ) -> Result<Response<pb::ListArticlesResponse>, Status> {
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| at.into_std());
        let answer = self.0.list_articles(request.into_inner(), crate::index::Deadline(deadline)).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn delete_article(
        &self,
        request: Request<pb::DeleteArticleRequest>,
    ) -> Result<Response<pb::DeleteArticleResponse>, Status> {
        let answer = self.0.delete_article(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn batch_delete_articles(
        &self,
        request: Request<pb::BatchDeleteArticlesRequest>,
    ) -> Result<Response<pb::BatchDeleteArticlesResponse>, Status> {
        let answer = self.0.delete_articles(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }
}

/// What is said of an article that was stored.
fn stored(article: &ArchivedArticle, outcome: WriteOutcome) -> pb::PutArticleResponse {
    pb::PutArticleResponse {
        outcome: put_outcome(outcome).into(),
        topics: archived::topics(article.topics.clone()),
        model: article.model.clone(),
        decision: archived::decision(article.reliance).into(),
    }
}

fn put_outcome(outcome: WriteOutcome) -> pb::PutOutcome {
    match outcome {
        WriteOutcome::Created => pb::PutOutcome::Created,
        WriteOutcome::Replaced => pb::PutOutcome::Replaced,
        // A put never has these.
        WriteOutcome::Deleted | WriteOutcome::Absent => pb::PutOutcome::Unspecified,
    }
}

impl App {
    pub(super) fn check_batch(&self, field: &'static str, count: usize) -> Result<(), ServiceError> {
        let most = self.limits.batch_articles;
        match count {
            0 => Err(missing(field)),
            count if count > most => {
                let violation = FieldViolation::over_limit(field, "TOO_MANY_ARTICLES", "elements", count, most);
                Err(ServiceError::Invalid(violation))
            }
            _ => Ok(()),
        }
    }

    async fn put_article(self: &Arc<Self>, request: pb::PutArticleRequest) -> Result<pb::PutArticleResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let draft: ArticleDraft = request.article.ok_or_else(|| missing("article"))?.into();
        let app = Arc::clone(self);
        let place = large_work(draft.title.len() + draft.body.len(), 1).await;
        let (article, submitted) = off_the_workers(move || {
            let _place = place;
            let article = app.models.with(|set| admit(set.default_entry(), draft, &app.limits, "article"))?;
            let submitted = submit(&*index, vec![Write::Put(Box::new(article.clone()))])?;
            Ok::<_, ServiceError>((article, submitted))
        })
        .await??;
        let outcomes = submitted.outcomes().await?;
        Ok(stored(&article, outcomes[0]))
    }

    async fn put_articles(
        self: &Arc<Self>,
        request: pb::BatchPutArticlesRequest,
    ) -> Result<pb::BatchPutArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        self.check_batch("articles", request.articles.len())?;
        let permit = self.batches.enter()?;
        let app = Arc::clone(self);
        let cancelled = CancelOnDrop::default();
        let flag = cancelled.flag();
        let place = large_work(largest(&request.articles), usize::MAX).await;
        let (admitted, submitted) = off_the_workers(move || {
            let _held = (permit, place);
            let drafts = request.articles.into_iter().map(Into::into).collect();
            let path = |place| format!("articles[{place}]");
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let admitted = app.models.with(|set| admit_all(set.default_entry(), drafts, &app.limits, path, threads, &flag))?;
            let writes = admitted.iter().flatten().cloned().map(|article| Write::Put(Box::new(article))).collect();
            let submitted = submit(&*index, writes)?;
            Ok::<_, ServiceError>((admitted, submitted))
        })
        .await??;
        let mut outcomes = submitted.outcomes().await?.into_iter();
        let results = admitted.into_iter().map(|article| {
            use pb::batch_put_articles_result::Result as Wire;
            let result = match article {
                Ok(article) => Wire::Stored(stored(&article, outcomes.next().unwrap_or(WriteOutcome::Absent))),
                Err(error) => Wire::Error(status::message(error)),
            };
            pb::BatchPutArticlesResult { result: Some(result) }
        });
        Ok(pb::BatchPutArticlesResponse { results: results.collect() })
    }

    async fn get_article(self: &Arc<Self>, request: pb::GetArticleRequest) -> Result<pb::GetArticleResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let id = article_id(&request.id, "id")?;
        let found = off_the_workers(move || Ok::<_, ServiceError>(index.get(&id)?)).await??;
        let article = found.ok_or(ServiceError::ArticleNotFound { id: request.id })?;
        Ok(pb::GetArticleResponse { article: Some(article.into()) })
    }

    async fn list_articles(
        self: &Arc<Self>,
        request: pb::ListArticlesRequest,
        deadline: crate::index::Deadline,
    ) -> Result<pb::ListArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        // Behind a filter the whole archive may be looked through.
        let permit = request.filter.as_ref().map(|_| self.searches.enter()).transpose()?;
        let bound = pb::ListArticlesRequest { filter: request.filter.clone(), ..pb::ListArticlesRequest::default() };
        let binding = Binding::new("slugline.v1.ListArticles", &bound.encode_to_vec());
        let after: Option<ArticleId> = match binding.start(&request.page_token)? {
            None => None,
            Some(start) => Some(String::from_utf8(start).ok().and_then(|id| id.parse().ok()).ok_or_else(not_ours)?),
        };
        let filter = request.filter.unwrap_or_default().into();
        let request = ListRequest { filter, page_size: request.page_size, after, deadline };
        let app = Arc::clone(self);
        off_the_workers(move || {
            let _permit = permit;
            let page = app.models.with(|set| list_articles(&*index, set, request))?;
            let next = page.last.filter(|_| page.is_more);
            Ok(pb::ListArticlesResponse {
                articles: page.articles.into_iter().map(Into::into).collect(),
                next_page_token: next.map_or_else(String::new, |last| binding.token(last.as_str().as_bytes())),
                unreadable_ids: page.unreadable.into_iter().map(Into::into).collect(),
                is_incomplete: page.is_incomplete,
            })
        })
        .await?
    }

    async fn delete_article(
        self: &Arc<Self>,
        request: pb::DeleteArticleRequest,
    ) -> Result<pb::DeleteArticleResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let id = article_id(&request.id, "id")?;
        let submitted = off_the_workers(move || submit(&*index, vec![Write::Delete(id)])).await??;
        match submitted.outcomes().await?.first() {
            Some(WriteOutcome::Deleted) => Ok(pb::DeleteArticleResponse {}),
            _ => Err(ServiceError::ArticleNotFound { id: request.id }),
        }
    }

    async fn delete_articles(
        self: &Arc<Self>,
        request: pb::BatchDeleteArticlesRequest,
    ) -> Result<pb::BatchDeleteArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        self.check_batch("ids", request.ids.len())?;
        let _permit = self.batches.enter()?;
        let ids: Vec<Result<ArticleId, ServiceError>> =
            request.ids.iter().enumerate().map(|(place, id)| article_id(id, &format!("ids[{place}]"))).collect();
        let writes = ids.iter().flatten().cloned().map(Write::Delete).collect();
        let submitted = off_the_workers(move || submit(&*index, writes)).await??;
        let mut outcomes = submitted.outcomes().await?.into_iter();
        let results = ids.into_iter().map(|id| {
            use pb::batch_delete_articles_result::Result as Wire;
            let result = match id.map(|id| (id, outcomes.next())) {
                Ok((_, Some(WriteOutcome::Deleted))) => Wire::Deleted(pb::DeleteArticleResponse {}),
                Ok((id, _)) => Wire::Error(status::message(ServiceError::ArticleNotFound { id: id.into() })),
                Err(error) => Wire::Error(status::message(error)),
            };
            pb::BatchDeleteArticlesResult { result: Some(result) }
        });
        Ok(pb::BatchDeleteArticlesResponse { results: results.collect() })
    }
}

/// The size of the largest article, in bytes.
pub(super) fn largest(articles: &[pb::ArchivedArticle]) -> usize {
    articles.iter().map(|article| article.title.len() + article.body.len()).max().unwrap_or(0)
}
