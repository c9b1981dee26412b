//! SimilarityService on the wire.

use std::sync::Arc;

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
use crate::index::{Deadline, MAX_NEAR_DUPLICATE_IDS, PageKey, SimilarHit, SimilarQuery};
use crate::service::{Archive, RequestedSource, ServiceError, SimilarRequest, both};

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
    let after = after(&binding, &request.page_token);
    let query = archive.similar_query(SimilarRequest { deadline, ..request.into() });
    let ((query, after), view) = both(both(query, after), view)?;
    let with_bodies = view == View::Full;
    let page = archive.find_similar(&SimilarQuery { after, with_bodies, ..query })?;
    let answer = pb::FindSimilarArticlesResponse {
        articles: page.hits.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(|key| binding.token(&encode(&key))).unwrap_or_default(),
        unreadable_ids: page.unreadable.into_iter().map(String::from).collect(),
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

/// The result that the page of a token comes after; None for the first page.
fn after(binding: &Binding, token: &str) -> Result<Option<PageKey>, ServiceError> {
    let key = |start: Vec<u8>| decode(&start).ok_or_else(not_of_this_request);
    binding.start(token)?.map(key).transpose()
}

impl From<pb::FindSimilarArticlesRequest> for SimilarRequest {
    fn from(request: pb::FindSimilarArticlesRequest) -> Self {
        let source = request.source.map(|source| match source {
            Source::ArticleId(id) => RequestedSource::Id(id),
            Source::Article(pb::Article { title, body, language_code }) => {
                RequestedSource::Text { title, body, language_code }
            }
        });
        Self {
            source,
            filter: request.filter.unwrap_or_default().into(),
            min_similarity: request.min_similarity,
            page_size: request.page_size,
            collapse_near_duplicates: request.collapse_near_duplicates,
            deadline: Deadline::default(),
        }
    }
}

fn encode(key: &PageKey) -> Vec<u8> {
    let mut bytes = key.similarity.to_bits().to_le_bytes().to_vec();
    bytes.extend(key.shown.to_le_bytes());
    bytes.extend(key.id.as_str().bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<PageKey> {
    let (similarity, rest) = bytes.split_first_chunk::<8>()?;
    let (shown, id) = rest.split_first_chunk::<4>()?;
    Some(PageKey {
        similarity: f64::from_bits(u64::from_le_bytes(*similarity)),
        shown: u32::from_le_bytes(*shown),
        id: std::str::from_utf8(id).ok()?.parse().ok()?,
    })
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
        }
    }
}
