//! ArticleService on the wire.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status, Streaming};

use super::call::{Call, Charge};
use super::calls::{CancelOnDrop, large_work, missing, off_the_workers, start_of};
use super::page_token::{Binding, not_ours};
use super::pb::article_service_server::ArticleService;
use super::request_body::REQUEST_FACTOR;
use super::server::App;
use super::{archived, pb, status};
use crate::article::Limits;
use crate::index::{ArchivedArticle, ArticleId, SimilarityIndex, Write, WriteOutcome};
use crate::service::{ArticleDraft, FieldViolation, ServiceError, admit, admit_all, article_id};

/// Articles on a page when the request does not say.
const DEFAULT_PAGE_SIZE: usize = 50;
/// The most articles on a page.
const MAX_PAGE_SIZE: usize = 1_000;
/// How many articles that an import rejected are named.
const MAX_REJECTIONS: usize = 100;

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
        let answer = self.0.list_articles(request.into_inner()).await;
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

/// Gives writes to the archive, and returns what comes back when they are durable.
///
/// # Errors
/// [`ServiceError::ArchiveBusy`] while too much is waiting to be stored.
fn submit(index: &dyn SimilarityIndex, writes: Vec<Write>) -> Result<Submitted, ServiceError> {
    try_submit(index, writes).map_err(|_| ServiceError::ArchiveBusy)
}

/// The same; where there is no room, the writes come back.
fn try_submit(index: &dyn SimilarityIndex, writes: Vec<Write>) -> Result<Submitted, Vec<Write>> {
    let (sender, receiver) = oneshot::channel();
    // That nobody waits any more takes nothing back.
    let given = index.write(writes, Box::new(move |outcome| drop(sender.send(outcome))));
    given.map(|()| Submitted(receiver)).map_err(|refused| refused.writes)
}

/// Gives writes to the archive when there is room: an import is read no faster than it is stored, and holds no thread meanwhile.
async fn submit_in_turn(index: &Arc<dyn SimilarityIndex>, mut writes: Vec<Write>) -> Result<Submitted, ServiceError> {
    const TRIES: u32 = 3_000;
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..TRIES {
        tokio::time::sleep(PAUSE).await;
        let index = Arc::clone(index);
        match off_the_workers(move || try_submit(&*index, writes)).await? {
            Ok(submitted) => return Ok(submitted),
            Err(refused) => writes = refused,
        }
    }
    Err(ServiceError::ArchiveBusy)
}

struct Submitted(oneshot::Receiver<Result<Vec<WriteOutcome>, crate::index::IndexError>>);

impl Submitted {
    async fn outcomes(self) -> Result<Vec<WriteOutcome>, ServiceError> {
        let outcomes = self.0.await.map_err(|_| ServiceError::Internal("the archive dropped a write".to_owned()))?;
        Ok(outcomes?)
    }
}

impl App {
    fn check_batch(&self, field: &'static str, count: usize) -> Result<(), ServiceError> {
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

    /// Stores a stream of articles: several messages are worked on side by side, but never two that name the same article.
    async fn import(
        self: &Arc<Self>,
        mut requests: Streaming<pb::ImportArticlesRequest>,
    ) -> Result<pb::ImportArticlesResponse, Status> {
        let at_once = 1 + thread::available_parallelism().map_or(1, usize::from);
        let index = self.archive().map_err(status::status)?;
        let mut import = Import::default();
        loop {
            let next = requests.message().await;
            let Some(request) = next.map_err(|error| status::of_transport(error, self.limits.message_bytes))? else { break };
            if request.articles.is_empty() {
                continue;
            }
            // A server may take fewer than the decoder lets through.
            self.check_batch("articles", request.articles.len()).map_err(status::status)?;
            if import.names_one_in_work(&request) {
                import.finish_down_to(0).await.map_err(status::status)?;
            }
            import.finish_down_to(at_once - 1).await.map_err(status::status)?;
            let charge = import.charge(&request).await?;
            // It is never closed.
            let place = Arc::clone(&self.imports).acquire_owned().await.ok();
            let large = large_work(largest(&request.articles), 1).await;
            import.start(Arc::clone(self), Arc::clone(&index), request, (charge, place, large));
        }
        import.finish_down_to(0).await.map_err(status::status)?;
        import.acknowledged().await.map_err(status::status)
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
    ) -> Result<pb::ListArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let page_size = match usize::try_from(request.page_size) {
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
            Err(_) => {
                let description = format!("must not be negative, but is {}", request.page_size);
                return Err(ServiceError::Invalid(FieldViolation::new("page_size", "NEGATIVE_PAGE_SIZE", description)));
            }
        };
        let binding = Binding::new("slugline.v1.ListArticles", b"");
        let after: Option<ArticleId> = match binding.start(&request.page_token)? {
            None => None,
            Some(start) => Some(String::from_utf8(start).ok().and_then(|id| id.parse().ok()).ok_or_else(not_ours)?),
        };
        off_the_workers(move || {
            let page = index.list(after.as_ref(), page_size, Limits::PAGE_BYTES)?;
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

/// How many messages of an import may wait for the archive; what it acknowledged before is but counted.
const MAX_SUBMITTED: usize = 16;

/// An import that goes on. However long it is, it keeps no more than a bounded part of it.
#[derive(Default)]
struct Import {
    sent: usize,
    in_work: Vec<InWork>,
    /// What was given to the archive, and is not known to be durable yet.
    submitted: VecDeque<Submitted>,
    replaced: usize,
    rejected_count: usize,
    rejections: Vec<pb::RejectedArticle>,
    cancelled: CancelOnDrop,
}

/// A message that is worked on.
struct InWork {
    ids: HashSet<String>,
    index: Arc<dyn SimilarityIndex>,
    work: JoinHandle<Result<Worked, ServiceError>>,
}

/// What became of a message.
struct Worked {
    /// Its writes, where the archive had no room for them.
    submitted: Result<Submitted, Vec<Write>>,
    rejected: Vec<(usize, String, ServiceError)>,
}

impl Import {
    fn names_one_in_work(&self, request: &pb::ImportArticlesRequest) -> bool {
        self.in_work.iter().any(|work| request.articles.iter().any(|article| work.ids.contains(&article.id)))
    }

    /// What the message costs while it is worked on. Where there is no room, those before it are waited for.
    async fn charge(&mut self, request: &pb::ImportArticlesRequest) -> Result<Option<Charge>, Status> {
        let Some(call) = Call::current() else { return Ok(None) };
        let bytes = request.encoded_len() * REQUEST_FACTOR;
        if let Ok(charge) = call.charge(bytes) {
            return Ok(Some(charge));
        }
        self.finish_down_to(0).await.map_err(status::status)?;
        call.charge(bytes).map(Some).map_err(|_| status::budget_exhausted())
    }

    fn start<T: Send + 'static>(
        &mut self,
        app: Arc<App>,
        index: Arc<dyn SimilarityIndex>,
        request: pb::ImportArticlesRequest,
        held: T,
    ) {
        let first = self.sent;
        self.sent += request.articles.len();
        let ids = request.articles.iter().map(|article| article.id.clone()).collect();
        let flag = self.cancelled.flag();
        let archive = Arc::clone(&index);
        let work = tokio::task::spawn_blocking(move || {
            let _held = held;
            let ids: Vec<String> = request.articles.iter().map(|article| article.id.clone()).collect();
            let drafts = request.articles.into_iter().map(Into::into).collect();
            let path = |place| format!("articles[{}]", first + place);
            let admitted = app.models.with(|set| admit_all(set.default_entry(), drafts, &app.limits, path, 1, &flag))?;
            let (mut writes, mut rejected) = (Vec::with_capacity(admitted.len()), Vec::new());
            for (place, (article, id)) in admitted.into_iter().zip(ids).enumerate() {
                match article {
                    Ok(article) => writes.push(Write::Put(Box::new(article))),
                    Err(error) => rejected.push((first + place, id, error)),
                }
            }
            Ok(Worked { submitted: try_submit(&*index, writes), rejected })
        });
        self.in_work.push(InWork { ids, index: archive, work });
    }

    /// Waits until no more than so many messages are in work; their writes are given to the archive then.
    async fn finish_down_to(&mut self, count: usize) -> Result<(), ServiceError> {
        while self.in_work.len() > count {
            let InWork { index, work, .. } = self.in_work.remove(0);
            let worked = work.await.map_err(|error| ServiceError::Internal(error.to_string()))??;
            let submitted = match worked.submitted {
                Ok(submitted) => submitted,
                Err(writes) => submit_in_turn(&index, writes).await?,
            };
            self.submitted.push_back(submitted);
            self.acknowledge_down_to(MAX_SUBMITTED).await?;
            for (index, id, error) in worked.rejected {
                self.rejected_count += 1;
                if self.rejections.len() < MAX_REJECTIONS {
                    let id = start_of(id, ArticleId::MAX_BYTES);
                    let error = Some(status::message(error));
                    self.rejections.push(pb::RejectedArticle { index: wide(index), id, error });
                }
            }
        }
        Ok(())
    }

    /// Waits until no more than so many messages wait for the archive.
    async fn acknowledge_down_to(&mut self, count: usize) -> Result<(), ServiceError> {
        while self.submitted.len() > count {
            let Some(submitted) = self.submitted.pop_front() else { break };
            let outcomes = submitted.outcomes().await?;
            self.replaced += outcomes.iter().filter(|outcome| **outcome == WriteOutcome::Replaced).count();
        }
        Ok(())
    }

    async fn acknowledged(mut self) -> Result<pb::ImportArticlesResponse, ServiceError> {
        self.acknowledge_down_to(0).await?;
        Ok(pb::ImportArticlesResponse {
            accepted_count: wide(self.sent - self.rejected_count),
            replaced_count: wide(self.replaced),
            rejected_count: wide(self.rejected_count),
            rejections: self.rejections,
        })
    }
}

/// The size of the largest article, in bytes.
fn largest(articles: &[pb::ArchivedArticle]) -> usize {
    articles.iter().map(|article| article.title.len() + article.body.len()).max().unwrap_or(0)
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
