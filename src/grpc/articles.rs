//! ArticleService on the wire.

use std::sync::Arc;
use std::thread;

use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::calls::{CancelOnDrop, in_the_background, large_work, missing, off_the_workers};
use super::layers::Deadline;
use super::page_token::{Binding, not_ours};
use super::pb::article_service_server::ArticleService;
use super::server::App;
use super::view::{self, View};
use super::writes::{done, precondition, submit};
use super::{archived, pb, status};
use crate::index::{ArchivedArticle, ArticleId, ListQuery, Precondition, Write, WriteOutcome};
use crate::service::{
    ArticleDraft, FieldViolation, ListRequest, ServiceError, Violations, admit, admit_all,
    article_id, checked_list,
};

/// The most that the error takes which says what became of a write: it repeats an id three times.
const OUTCOME_ERROR_BYTES: usize = 2_048;
/// The most that a result takes besides what it holds: two numbers, and two lengths.
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

    async fn get_article(
        &self,
        request: Request<pb::GetArticleRequest>,
    ) -> Result<Response<pb::GetArticleResponse>, Status> {
        let answer = self.0.get_article(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn list_articles(
        &self,
        request: Request<pb::ListArticlesRequest>,
    ) -> Result<Response<pb::ListArticlesResponse>, Status> {
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| at.into_std());
        let answer =
            self.0.list_articles(request.into_inner(), crate::index::Deadline(deadline)).await;
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
        etag: article.etag(),
    }
}

fn put_outcome(outcome: WriteOutcome) -> pb::PutOutcome {
    match outcome {
        WriteOutcome::Created => pb::PutOutcome::Created,
        WriteOutcome::Replaced => pb::PutOutcome::Replaced,
        // A put that stored something has none of these.
        WriteOutcome::Deleted
        | WriteOutcome::Absent
        | WriteOutcome::Exists
        | WriteOutcome::Changed => pb::PutOutcome::Unspecified,
    }
}

impl App {
    pub(super) fn check_batch(
        &self,
        field: &'static str,
        count: usize,
    ) -> Result<(), ServiceError> {
        let most = self.limits.batch_articles;
        match count {
            0 => Err(missing(field)),
            count if count > most => {
                let violation =
                    FieldViolation::over_limit(field, "TOO_MANY_ARTICLES", "elements", count, most);
                Err(ServiceError::Invalid(violation))
            }
            _ => Ok(()),
        }
    }

    async fn put_article(
        self: &Arc<Self>,
        request: pb::PutArticleRequest,
    ) -> Result<pb::PutArticleResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let mut article = request.article.ok_or_else(|| missing("article"))?;
        let condition =
            precondition(request.create_only, std::mem::take(&mut article.etag), "article");
        let draft: ArticleDraft = article.into();
        let app = Arc::clone(self);
        let place = large_work(draft.title.len() + draft.body.len(), 1).await;
        let is_large = place.is_some();
        let work = move || {
            let _place = place;
            let article =
                app.models.with(|set| admit(set.default_entry(), draft, &app.limits, "article"));
            let (article, condition) = together(article, condition)?;
            let submitted = submit(&*index, vec![Write::put(article.clone()).only_if(condition)])?;
            Ok::<_, ServiceError>((article, submitted))
        };
        let (article, submitted) = if is_large {
            in_the_background(work).await??
        } else {
            off_the_workers(work).await??
        };
        Ok(stored(&article, done(submitted.outcome().await?, article.id.as_str())?))
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
        let (admitted, submitted) = in_the_background(move || {
            let _held = (permit, place);
            let path = |place| format!("articles[{place}]");
            let (conditions, drafts) = conditional(request.articles, request.create_only, path);
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let admitted = app.models.with(|set| {
                admit_all(set.default_entry(), drafts, &app.limits, path, threads, &flag)
            })?;
            let admitted = admitted.into_iter().zip(conditions);
            let admitted: Vec<_> =
                admitted.map(|(article, condition)| together(article, condition)).collect();
            // Before anything is stored: what was stored is acknowledged, and not refused.
            app.check_puts(&admitted)?;
            let writes = admitted.iter().flatten();
            let writes = writes
                .map(|(article, condition)| Write::put(article.clone()).only_if(condition.clone()));
            let submitted = submit(&*index, writes.collect())?;
            Ok::<_, ServiceError>((admitted, submitted))
        })
        .await??;
        let mut outcomes = submitted.outcomes().await?.into_iter();
        let results = admitted.into_iter().map(|article| {
            use pb::batch_put_articles_result::Result as Wire;
            let stored = article.and_then(|(article, _)| {
                let outcome = outcomes.next().unwrap_or(WriteOutcome::Absent);
                Ok(stored(&article, done(outcome, article.id.as_str())?))
            });
            let result =
                stored.map_or_else(|error| Wire::Error(status::message(error)), Wire::Stored);
            pb::BatchPutArticlesResult { result: Some(result) }
        });
        Ok(pb::BatchPutArticlesResponse { results: results.collect() })
    }

    /// Checks that the answer to these puts is not too large, whatever becomes of them.
    fn check_puts(
        &self,
        admitted: &[Result<(ArchivedArticle, Precondition), ServiceError>],
    ) -> Result<(), ServiceError> {
        let size = |article: &Result<(ArchivedArticle, Precondition), ServiceError>| match article {
            Ok((article, _)) => {
                OUTCOME_ERROR_BYTES.max(stored(article, WriteOutcome::Created).encoded_len())
            }
            Err(error) => status::message(error.clone()).encoded_len(),
        };
        let size = admitted.iter().map(|article| FRAME_BYTES + size(article)).sum();
        if size <= self.limits.answer_bytes {
            return Ok(());
        }
        Err(self.answer_too_large(size, "articles", "send fewer articles"))
    }

    async fn get_article(
        self: &Arc<Self>,
        request: pb::GetArticleRequest,
    ) -> Result<pb::GetArticleResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let (id, view) =
            together(article_id(&request.id, "id"), View::requested(request.view, View::Full))?;
        let found = off_the_workers(move || Ok::<_, ServiceError>(index.get(&id)?)).await??;
        let article = found.ok_or(ServiceError::ArticleNotFound { id: request.id })?;
        // The longest article fits into an answer.
        Ok(pb::GetArticleResponse { article: Some(view.of(article)) })
    }

    async fn list_articles(
        self: &Arc<Self>,
        request: pb::ListArticlesRequest,
        deadline: crate::index::Deadline,
    ) -> Result<pb::ListArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        // A filter in which nothing is set is none.
        let filter = request.filter.filter(|filter| *filter != pb::ArticleFilter::default());
        // Behind one the whole archive may be looked through.
        let permit = filter.as_ref().map(|_| self.searches.enter()).transpose()?;
        let filter = filter.unwrap_or_default();
        let binding = Binding::new("slugline.v1.ListArticles", &filter.encode_to_vec());
        let id = |start| {
            String::from_utf8(start).ok().and_then(|id| id.parse().ok()).ok_or_else(not_ours)
        };
        let after = binding.start(&request.page_token).and_then(|start| start.map(id).transpose());
        let view = View::requested(request.view, View::Basic);
        let request = ListRequest { filter: filter.into(), page_size: request.page_size, deadline };
        let app = Arc::clone(self);
        off_the_workers(move || {
            let _permit = permit;
            let query = app.models.with(|set| checked_list(&*index, set, request));
            let mut violations = Violations::default();
            violations.note(&query);
            violations.note(&after);
            violations.note(&view);
            violations.finish()?;
            let (query, after, view) = (query?, after?, view?);
            let read = |after: Option<&ArticleId>, count| {
                index.list(&ListQuery { after: after.cloned(), count, ..query.clone() })
            };
            let page = view::page(view, query.count, after, read)?;
            Ok(pb::ListArticlesResponse {
                articles: page.articles,
                next_page_token: page
                    .next
                    .map_or_else(String::new, |last| binding.token(last.as_str().as_bytes())),
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
        let (id, condition) =
            together(article_id(&request.id, "id"), precondition(false, request.etag, ""))?;
        let submitted =
            off_the_workers(move || submit(&*index, vec![Write::delete(id).only_if(condition)]))
                .await??;
        deleted(submitted.outcome().await?, &request.id, request.allow_missing)
    }

    async fn delete_articles(
        self: &Arc<Self>,
        request: pb::BatchDeleteArticlesRequest,
    ) -> Result<pb::BatchDeleteArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        self.check_batch("ids", request.ids.len())?;
        let _permit = self.batches.enter()?;
        let ids: Vec<Result<ArticleId, ServiceError>> = request
            .ids
            .iter()
            .enumerate()
            .map(|(place, id)| article_id(id, &format!("ids[{place}]")))
            .collect();
        let writes = ids.iter().flatten().cloned().map(Write::delete).collect();
        let submitted = off_the_workers(move || submit(&*index, writes)).await??;
        let mut outcomes = submitted.outcomes().await?.into_iter();
        let results = ids.into_iter().map(|id| {
            use pb::batch_delete_articles_result::Result as Wire;
            let outcome = |id: ArticleId| {
                let outcome = outcomes.next().unwrap_or(WriteOutcome::Absent);
                deleted(outcome, id.as_str(), request.allow_missing)
            };
            let result = id.and_then(outcome);
            let result =
                result.map_or_else(|error| Wire::Error(status::message(error)), Wire::Deleted);
            pb::BatchDeleteArticlesResult { result: Some(result) }
        });
        Ok(pb::BatchDeleteArticlesResponse { results: results.collect() })
    }
}

/// Both outcomes, or all that is wrong with either.
pub(super) fn together<A, B>(
    a: Result<A, ServiceError>,
    b: Result<B, ServiceError>,
) -> Result<(A, B), ServiceError> {
    let mut violations = Violations::default();
    violations.note(&a);
    violations.note(&b);
    violations.finish()?;
    Ok((a?, b?))
}

/// What is said of an article that was to be removed.
fn deleted(
    outcome: WriteOutcome,
    id: &str,
    allow_missing: bool,
) -> Result<pb::DeleteArticleResponse, ServiceError> {
    match done(outcome, id) {
        Err(ServiceError::ArticleNotFound { .. }) if allow_missing => {
            Ok(pb::DeleteArticleResponse {})
        }
        outcome => outcome.map(|_| pb::DeleteArticleResponse {}),
    }
}

/// The articles of a request, and each one's condition. `path` says where it stands there.
pub(super) fn conditional(
    articles: Vec<pb::ArchivedArticle>,
    create_only: bool,
    path: impl Fn(usize) -> String,
) -> (Vec<Result<Precondition, ServiceError>>, Vec<ArticleDraft>) {
    let of_article = |(place, mut article): (usize, pb::ArchivedArticle)| {
        let etag = std::mem::take(&mut article.etag);
        (precondition(create_only, etag, &path(place)), article.into())
    };
    articles.into_iter().enumerate().map(of_article).unzip()
}

/// The size of the largest article, in bytes.
pub(super) fn largest(articles: &[pb::ArchivedArticle]) -> usize {
    articles.iter().map(|article| article.title.len() + article.body.len()).max().unwrap_or(0)
}
