//! ImportArticles: reads a stream of articles no faster than they are stored.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, Streaming};

use super::app::App;
use super::archived::put_batch;
use super::transport::budget::REQUEST_FACTOR;
use super::transport::call::{Call, Charge};
use super::transport::offload::{
    core_count, joined, large_article_permits, run_blocking, spawn_in_background,
};
use super::{pb, status};
use crate::service::{
    Archive, Import, ImportSummary, Parallelism, PreparedChunk, PutBatch, ServiceError,
    SubmittedChunk, check_batch_size,
};

/// How often a chunk is offered to an archive that has no room for it, and how long after the last
/// time: half a minute in all.
const MAX_OFFERS: u32 = 3_000;
const OFFER_PAUSE: Duration = Duration::from_millis(10);

/// Stores a stream of articles: several messages are processed side by side, but never two that
/// name the same article.
pub(super) async fn import(
    app: &Arc<App>,
    mut requests: Streaming<pb::ImportArticlesRequest>,
) -> Result<pb::ImportArticlesResponse, Status> {
    let archive = app.archive().map_err(status::status)?;
    let mut pipeline = Pipeline::new(archive);
    loop {
        let next = requests.message().await;
        let Some(request) =
            next.map_err(|error| status::of_transport(error, app.limits.message_bytes))?
        else {
            break;
        };
        if request.articles.is_empty() {
            continue;
        }
        // The server may allow fewer than the decoder.
        check_batch_size("articles", request.articles.len(), &app.limits)
            .map_err(status::status)?;
        pipeline.make_room(&request).await.map_err(status::status)?;
        let charge = pipeline.charge(&request).await?;
        // The semaphore is never closed.
        let permit = Arc::clone(&app.imports).acquire_owned().await.ok();
        let batch = put_batch(request.articles, request.create_only);
        let large = large_article_permits(batch.largest_text_bytes(), 1).await;
        pipeline.start(batch, (charge, permit, large));
    }
    pipeline.finish().await.map_err(status::status)
}

/// A message being processed.
struct InFlight {
    ids: HashSet<String>,
    /// Ends with a chunk that the archive has taken, or has no room for.
    work: JoinHandle<Result<Result<SubmittedChunk, PreparedChunk>, ServiceError>>,
}

/// The messages of an import being processed.
struct Pipeline {
    archive: Arc<Archive>,
    import: Import<tonic_types::Status>,
    in_flight: VecDeque<InFlight>,
    cancelled: CancellationToken,
    _cancel_on_drop: DropGuard,
}

impl Pipeline {
    fn new(archive: Arc<Archive>) -> Self {
        let cancelled = CancellationToken::new();
        Self {
            archive,
            import: Import::new(status::message),
            in_flight: VecDeque::new(),
            _cancel_on_drop: cancelled.clone().drop_guard(),
            cancelled,
        }
    }

    /// Waits until the message may be processed.
    async fn make_room(&mut self, request: &pb::ImportArticlesRequest) -> Result<(), ServiceError> {
        let is_named_in_flight = self.in_flight.iter().any(|message| {
            request.articles.iter().any(|article| message.ids.contains(&article.id))
        });
        self.finish_down_to(if is_named_in_flight { 0 } else { core_count() }).await
    }

    /// Charges what the message costs while it is processed. Where the budget has no room, waits
    /// for the messages in flight.
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

    /// Starts processing a message, and drops `held` when that is done.
    fn start<T: Send + 'static>(&mut self, batch: PutBatch, held: T) {
        let ids = batch.drafts.iter().map(|draft| draft.id.clone()).collect();
        let chunk = self.import.next_chunk(batch);
        let (archive, cancelled) = (Arc::clone(&self.archive), self.cancelled.clone());
        let work = spawn_in_background(move || {
            let _held = held;
            let parallelism = Parallelism { threads: 1, cancelled: &cancelled };
            Ok(archive.submit_chunk(archive.prepare_chunk(chunk, parallelism)?))
        });
        self.in_flight.push_back(InFlight { ids, work });
    }

    /// Waits until at most `count` messages are in flight.
    async fn finish_down_to(&mut self, count: usize) -> Result<(), ServiceError> {
        while self.in_flight.len() > count {
            let Some(message) = self.in_flight.pop_front() else { break };
            let chunk = match joined(message.work).await?? {
                Ok(submitted) => submitted,
                Err(refused) => self.offer(refused).await?,
            };
            self.import.add(chunk).await?;
        }
        Ok(())
    }

    /// Offers a chunk until the archive has room for it, without holding a thread meanwhile.
    async fn offer(&self, mut chunk: PreparedChunk) -> Result<SubmittedChunk, ServiceError> {
        for _ in 0..MAX_OFFERS {
            tokio::time::sleep(OFFER_PAUSE).await;
            let archive = Arc::clone(&self.archive);
            match run_blocking(move || archive.submit_chunk(chunk)).await? {
                Ok(submitted) => return Ok(submitted),
                Err(refused) => chunk = refused,
            }
        }
        Err(ServiceError::ArchiveBusy)
    }

    async fn finish(mut self) -> Result<pb::ImportArticlesResponse, ServiceError> {
        self.finish_down_to(0).await?;
        let ImportSummary { accepted, replaced, rejected, rejections } =
            self.import.finish().await?;
        let rejections = rejections.into_iter().map(|rejection| pb::RejectedArticle {
            index: wide(rejection.index),
            id: rejection.id,
            error: Some(rejection.error),
        });
        Ok(pb::ImportArticlesResponse {
            accepted_count: wide(accepted),
            replaced_count: wide(replaced),
            rejected_count: wide(rejected),
            rejections: rejections.collect(),
        })
    }
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
