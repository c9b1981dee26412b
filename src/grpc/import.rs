//! ImportArticles: a stream of any length, of which no more than a bounded part is held.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::thread;

use prost::Message as _;
use tokio::task::JoinHandle;
use tonic::{Status, Streaming};

use super::articles::{conditional, largest, together};
use super::call::{Call, Charge};
use super::calls::{CancelOnDrop, background, large_work, start_of};
use super::request_body::REQUEST_FACTOR;
use super::server::App;
use super::writes::{Submitted, done, submit_in_turn, try_submit};
use super::{pb, status};
use crate::index::{ArticleId, Precondition, SimilarityIndex, Write, WriteOutcome};
use crate::service::{ServiceError, admit_all};

/// How many articles that an import rejected are named.
const MAX_REJECTIONS: usize = 100;
/// How many messages of an import may wait for the archive; what it acknowledged before is but
/// counted.
const MAX_SUBMITTED: usize = 16;

impl App {
    /// Stores a stream of articles: several messages are worked on side by side, but never two that
    /// name the same article.
    pub(super) async fn import(
        self: &Arc<Self>,
        mut requests: Streaming<pb::ImportArticlesRequest>,
    ) -> Result<pb::ImportArticlesResponse, Status> {
        let at_once = 1 + thread::available_parallelism().map_or(1, usize::from);
        let index = self.archive().map_err(status::status)?;
        let mut import = Import::default();
        loop {
            let next = requests.message().await;
            let Some(request) =
                next.map_err(|error| status::of_transport(error, self.limits.message_bytes))?
            else {
                break;
            };
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
}

/// An import that goes on. However long it is, it keeps no more than a bounded part of it.
#[derive(Default)]
struct Import {
    sent: usize,
    in_work: Vec<InWork>,
    /// What was given to the archive, and is not known to be durable yet.
    submitted: VecDeque<(Submitted, Vec<Sent>)>,
    replaced: usize,
    rejected_count: usize,
    /// The first of them, by their places.
    rejections: BTreeMap<usize, pb::RejectedArticle>,
    cancelled: CancelOnDrop,
}

/// An article's place in the import, and its id.
type Sent = (usize, String);

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
    /// What they are writes of; empty where none has a condition that may fail.
    sent: Vec<Sent>,
    rejected: Vec<(Sent, ServiceError)>,
}

impl Import {
    fn names_one_in_work(&self, request: &pb::ImportArticlesRequest) -> bool {
        self.in_work
            .iter()
            .any(|work| request.articles.iter().any(|article| work.ids.contains(&article.id)))
    }

    /// What the message costs while it is worked on. Where there is no room, those before it are
    /// waited for.
    async fn charge(
        &mut self,
        request: &pb::ImportArticlesRequest,
    ) -> Result<Option<Charge>, Status> {
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
        let work = background(move || {
            let _held = held;
            let ids: Vec<String> =
                request.articles.iter().map(|article| article.id.clone()).collect();
            let path = |place| format!("articles[{}]", first + place);
            let (conditions, drafts) = conditional(request.articles, request.create_only, path);
            let admitted = app
                .models
                .with(|set| admit_all(set.default_entry(), drafts, &app.limits, path, 1, &flag))?;
            let (mut writes, mut sent, mut rejected) =
                (Vec::with_capacity(admitted.len()), Vec::new(), Vec::new());
            for ((article, condition), id) in
                admitted.into_iter().zip(conditions).zip((first..).zip(ids))
            {
                match together(article, condition)
                    .map(|(article, condition)| Write::put(article).only_if(condition))
                {
                    Ok(write) => {
                        writes.push(write);
                        sent.push(id);
                    }
                    Err(error) => rejected.push((id, error)),
                }
            }
            if writes.iter().all(|write| write.precondition == Precondition::None) {
                sent.clear();
            }
            Ok(Worked { submitted: try_submit(&*index, writes), sent, rejected })
        });
        self.in_work.push(InWork { ids, index: archive, work });
    }

    /// Waits until no more than so many messages are in work; their writes are given to the archive
    /// then.
    async fn finish_down_to(&mut self, count: usize) -> Result<(), ServiceError> {
        while self.in_work.len() > count {
            let InWork { index, work, .. } = self.in_work.remove(0);
            let worked =
                work.await.map_err(|error| ServiceError::Internal(error.to_string()))??;
            let submitted = match worked.submitted {
                Ok(submitted) => submitted,
                Err(writes) => submit_in_turn(&index, writes).await?,
            };
            self.submitted.push_back((submitted, worked.sent));
            self.acknowledge_down_to(MAX_SUBMITTED).await?;
            for (sent, error) in worked.rejected {
                self.reject(sent, error);
            }
        }
        Ok(())
    }

    fn reject(&mut self, (index, id): Sent, error: ServiceError) {
        self.rejected_count += 1;
        let last = self.rejections.last_key_value().map(|(last, _)| *last);
        if self.rejections.len() >= MAX_REJECTIONS && last.is_some_and(|last| last < index) {
            return;
        }
        let (id, error) = (start_of(id, ArticleId::MAX_BYTES), Some(status::message(error)));
        self.rejections.insert(index, pb::RejectedArticle { index: wide(index), id, error });
        if self.rejections.len() > MAX_REJECTIONS {
            self.rejections.pop_last();
        }
    }

    /// Waits until no more than so many messages wait for the archive.
    async fn acknowledge_down_to(&mut self, count: usize) -> Result<(), ServiceError> {
        while self.submitted.len() > count {
            let Some((submitted, sent)) = self.submitted.pop_front() else { break };
            let outcomes = submitted.outcomes().await?;
            self.replaced +=
                outcomes.iter().filter(|outcome| **outcome == WriteOutcome::Replaced).count();
            for (sent, outcome) in sent.into_iter().zip(outcomes) {
                if let Err(error) = done(outcome, &sent.1) {
                    self.reject(sent, error);
                }
            }
        }
        Ok(())
    }

    async fn acknowledged(mut self) -> Result<pb::ImportArticlesResponse, ServiceError> {
        self.acknowledge_down_to(0).await?;
        Ok(pb::ImportArticlesResponse {
            accepted_count: wide(self.sent - self.rejected_count),
            replaced_count: wide(self.replaced),
            rejected_count: wide(self.rejected_count),
            rejections: self.rejections.into_values().collect(),
        })
    }
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
