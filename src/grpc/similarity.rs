//! SimilarityService on the wire.

use std::sync::Arc;
use std::time::SystemTime;

use prost::Message as _;
use tonic::{Request, Response, Status};

use super::answer_size::{Remedy, check_answer};
use super::app::App;
use super::archived::without_etag;
use super::page_token::{Binding, not_of_this_request};
use super::pb::find_similar_articles_request::Source;
use super::pb::similarity_service_server::SimilarityService;
use super::transport::call::Call;
use super::transport::deadline::search_deadline;
use super::transport::offload::{LARGE_ARTICLE_BYTES, large_article_permits, run_in_background};
use super::view::View;
use super::{pb, status};
use crate::article::ArticleText;
use crate::index::{
    Deadline, MAX_NEAR_DUPLICATE_IDS, PageKey, PublishTime, SimilarHit, SimilarQuery,
};
use crate::service::{
    Archive, RequestedRecency, RequestedSource, ServiceError, SimilarRequest, both,
};

/// What collapsing near-duplicates takes: a thousand words each of two hundred articles, and their
/// positions.
const COLLAPSE_BYTES: usize = 16 << 20;

/// Adapts the search for similar articles.
#[derive(Debug, Clone)]
pub(super) struct SimilarityApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl SimilarityService for SimilarityApi {
    async fn find_similar_articles(
        &self,
        request: Request<pb::FindSimilarArticlesRequest>,
    ) -> Result<Response<pb::FindSimilarArticlesResponse>, Status> {
        let deadline = search_deadline(request.extensions());
        status::response(self.find_similar(request.into_inner(), deadline).await)
    }
}

impl SimilarityApi {
    async fn find_similar(
        &self,
        request: pb::FindSimilarArticlesRequest,
        deadline: Deadline,
    ) -> Result<pb::FindSimilarArticlesResponse, ServiceError> {
        let archive = self.0.ready_archive()?;
        let permit = self.0.searches.enter()?;
        let answer_bytes = self.0.limits.answer_bytes;
        let size = match &request.source {
            Some(Source::Article(article)) => ArticleText::from(article).size_bytes(),
            _ => 0,
        };
        if request.collapse_near_duplicates {
            // It reads and compares two hundred articles.
            let large = large_article_permits(size.max(LARGE_ARTICLE_BYTES), 1).await;
            let charge = Call::current().map(|call| call.charge(COLLAPSE_BYTES)).transpose();
            let held = (permit, large, charge.map_err(|_| ServiceError::NoRoom)?);
            let search = move || {
                let _held = held;
                search(&archive, request, deadline, answer_bytes)
            };
            return run_in_background(search).await?;
        }
        let _held = (permit, large_article_permits(size, 1).await);
        // On this thread, which first hands its other tasks over: a search takes a millisecond, and
        // on a busy machine changing threads twice takes as long.
        tokio::task::block_in_place(|| search(&archive, request, deadline, answer_bytes))
    }
}

fn search(
    archive: &Archive,
    request: pb::FindSimilarArticlesRequest,
    deadline: Deadline,
    answer_bytes: usize,
) -> Result<pb::FindSimilarArticlesResponse, ServiceError> {
    let view = View::requested(request.view, View::Basic);
    let binding = binding(&request);
    let page = page_start(&binding, &request.page_token);
    let started = page.as_ref().ok().and_then(Option::as_ref).map(|page| page.started);
    let started = started.unwrap_or_else(|| start_of(&request));
    let after = page.map(|page| page.map(|page| page.after));
    let query = archive.similar_query(requested(request, started, deadline));
    let ((query, after), view) = both(both(query, after), view)?;
    let with_bodies = view == View::Full;
    let found = archive.find_similar(&SimilarQuery { after, with_bodies, ..query })?;
    let token = |after| binding.token(&PageStart { after, started }.encode());
    let answer = pb::FindSimilarArticlesResponse {
        articles: found.hits.into_iter().map(Into::into).collect(),
        next_page_token: found.next.map(token).unwrap_or_default(),
        unreadable_ids: found.unreadable.into_iter().map(String::from).collect(),
    };
    let remedy = Remedy { field: "page_size", action: "lower page_size" };
    check_answer(&answer, answer_bytes, remedy)?;
    Ok(answer)
}

/// Binds page tokens to all of the request but page and page size.
fn binding(request: &pb::FindSimilarArticlesRequest) -> Binding {
    let bound = pb::FindSimilarArticlesRequest {
        page_size: 0,
        page_token: String::new(),
        ..request.clone()
    };
    Binding::new("slugline.v1.FindSimilarArticles", &bound.encode_to_vec())
}

/// Where a page after the first one starts.
struct PageStart {
    /// The last result before it.
    after: PageKey,
    /// The time of the first page's call, from which ages may be measured.
    started: PublishTime,
}

impl PageStart {
    fn encode(&self) -> Vec<u8> {
        let Self { after: PageKey { score, id, shown }, started } = self;
        let mut bytes = score.to_bits().to_le_bytes().to_vec();
        bytes.extend(shown.to_le_bytes());
        bytes.extend(started.0.to_le_bytes());
        bytes.extend(id.as_str().bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (score, rest) = bytes.split_first_chunk::<8>()?;
        let (shown, rest) = rest.split_first_chunk::<4>()?;
        let (started, id) = rest.split_first_chunk::<8>()?;
        let after = PageKey {
            score: f64::from_bits(u64::from_le_bytes(*score)),
            shown: u32::from_le_bytes(*shown),
            id: std::str::from_utf8(id).ok()?.parse().ok()?,
        };
        Some(Self { after, started: PublishTime(i64::from_le_bytes(*started)) })
    }
}

/// Where the page of a token starts; None for the first page.
fn page_start(binding: &Binding, token: &str) -> Result<Option<PageStart>, ServiceError> {
    let start = |bytes: Vec<u8>| PageStart::decode(&bytes).ok_or_else(not_of_this_request);
    binding.start(token)?.map(start).transpose()
}

/// The time of a request's first page. It is constant without recency and with a reference time, so
/// that the same request then has the same answer at any time. By id it is in the token even where
/// the source's own time counts.
fn start_of(request: &pb::FindSimilarArticlesRequest) -> PublishTime {
    if request.recency_half_life.is_none() || request.reference_time.is_some() {
        return PublishTime(0);
    }
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    PublishTime(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}

fn requested(
    request: pb::FindSimilarArticlesRequest,
    now: PublishTime,
    deadline: Deadline,
) -> SimilarRequest {
    let source = request.source.map(|source| match source {
        Source::ArticleId(id) => RequestedSource::Id(id),
        Source::Article(pb::Article { title, body, language_code }) => {
            RequestedSource::Text { title, body, language_code }
        }
    });
    let recency = RequestedRecency {
        half_life: request.recency_half_life.map(|length| (length.seconds, length.nanos)),
        reference_time: request.reference_time.map(|time| (time.seconds, time.nanos)),
        now,
    };
    SimilarRequest {
        source,
        filter: request.filter.unwrap_or_default().into(),
        min_similarity: request.min_similarity,
        recency,
        page_size: request.page_size,
        collapse_near_duplicates: request.collapse_near_duplicates,
        deadline,
    }
}

impl From<SimilarHit> for pb::SimilarArticle {
    fn from(hit: SimilarHit) -> Self {
        let matched_terms = hit
            .matched_terms
            .into_iter()
            .map(|matched| pb::MatchedTerm { term: matched.term, share: matched.share });
        let near_duplicate_ids =
            hit.near_duplicates.iter().take(MAX_NEAR_DUPLICATE_IDS).map(ToString::to_string);
        Self {
            article: Some(pb::ArchivedArticle { etag: hit.etag, ..without_etag(hit.article) }),
            similarity: hit.similarity,
            matched_terms: matched_terms.collect(),
            other_share: hit.other_share,
            near_duplicate_count: i32::try_from(hit.near_duplicates.len()).unwrap_or(i32::MAX),
            near_duplicate_ids: near_duplicate_ids.collect(),
            score: hit.score,
            meaning_share: hit.meaning_share,
        }
    }
}
