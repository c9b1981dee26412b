//! SimilarityService on the wire.

use std::sync::Arc;

use prost::Message as _;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::calls::{LARGE_ARTICLE_BYTES, in_the_background, large_work};
use super::layers::Deadline;
use super::page_token::{Binding, not_ours};
use super::pb::find_similar_articles_request::Source;
use super::pb::similarity_service_server::SimilarityService;
use super::server::App;
use super::view::View;
use super::{archived, pb, status};
use crate::index::{MAX_NEAR_DUPLICATE_IDS, PageKey, SimilarHit, SimilarityIndex};
use crate::service::{
    RequestedSource, ServiceError, SimilarRequest, Violations, checked_similar, find_similar,
};

/// What folding near-duplicates takes: the words of two hundred articles, a thousand of each, and
/// where they stand.
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
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| at.into_std());
        let answer =
            self.0.find_similar(request.into_inner(), crate::index::Deadline(deadline)).await;
        answer.map(Response::new).map_err(status::status)
    }
}

impl App {
    async fn find_similar(
        self: &Arc<Self>,
        request: pb::FindSimilarArticlesRequest,
        deadline: crate::index::Deadline,
    ) -> Result<pb::FindSimilarArticlesResponse, ServiceError> {
        self.check_ready()?;
        let index = self.archive()?;
        let permit = self.searches.enter()?;
        let size = match &request.source {
            Some(Source::Article(article)) => article.title.len() + article.body.len(),
            _ => 0,
        };
        let app = Arc::clone(self);
        if request.collapse_near_duplicates {
            // It reads and compares two hundred articles.
            let place = large_work(size.max(LARGE_ARTICLE_BYTES), 1).await;
            let charge = Call::current().map(|call| call.charge(COLLAPSE_BYTES)).transpose();
            let held = (permit, place, charge.map_err(|_| ServiceError::NoRoom)?);
            let search = move || {
                let _held = held;
                app.search(&*index, request, deadline)
            };
            return in_the_background(search).await?;
        }
        let _held = (permit, large_work(size, 1).await);
        // On this thread, which gives its other work away first: it takes a millisecond, and on a
        // busy machine to change threads and back takes as long.
        tokio::task::block_in_place(|| app.search(&*index, request, deadline))
    }

    fn search(
        &self,
        index: &dyn SimilarityIndex,
        request: pb::FindSimilarArticlesRequest,
        deadline: crate::index::Deadline,
    ) -> Result<pb::FindSimilarArticlesResponse, ServiceError> {
        let view = View::requested(request.view, View::Basic);
        let (mut request, after, binding) = checked(request);
        request.deadline = deadline;
        if view.is_err() || after.is_err() {
            // What else is wrong is told with it.
            let mut violations = Violations::default();
            let query =
                self.models.with(|set| checked_similar(index, set, request.clone(), &self.limits));
            violations.note(&query);
            violations.note(&after);
            violations.note(&view);
            violations.finish()?;
        }
        request.after = after?;
        request.with_bodies = view? == View::Full;
        let page = self.models.with(|set| find_similar(index, set, request, &self.limits))?;
        let answer = pb::FindSimilarArticlesResponse {
            articles: page.hits.into_iter().map(similar_article).collect(),
            next_page_token: page.next.map(|key| binding.token(&encode(&key))).unwrap_or_default(),
            unreadable_ids: page.unreadable.into_iter().map(String::from).collect(),
        };
        self.check_answer(&answer, "page_size", "lower page_size")?;
        Ok(answer)
    }
}

/// The request, what its token says, and what its tokens are bound to: all of it but page and page
/// size.
fn checked(
    request: pb::FindSimilarArticlesRequest,
) -> (SimilarRequest, Result<Option<PageKey>, ServiceError>, Binding) {
    let bound = pb::FindSimilarArticlesRequest {
        page_size: 0,
        page_token: String::new(),
        ..request.clone()
    };
    let binding = Binding::new("slugline.v1.FindSimilarArticles", &bound.encode_to_vec());
    let key = |start: Vec<u8>| decode(&start).ok_or_else(not_ours);
    let after = binding.start(&request.page_token).and_then(|start| start.map(key).transpose());
    let source = request.source.map(|source| match source {
        Source::ArticleId(id) => RequestedSource::Id(id),
        Source::Article(pb::Article { title, body, language_code }) => {
            RequestedSource::Text { title, body, language_code }
        }
    });
    let request = SimilarRequest {
        source,
        filter: request.filter.unwrap_or_default().into(),
        min_similarity: request.min_similarity,
        page_size: request.page_size,
        with_bodies: true,
        after: None,
        collapse_near_duplicates: request.collapse_near_duplicates,
        deadline: crate::index::Deadline::default(),
    };
    (request, after, binding)
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

fn similar_article(hit: SimilarHit) -> pb::SimilarArticle {
    let matched_terms = hit
        .matched_terms
        .into_iter()
        .map(|matched| pb::MatchedTerm { term: matched.term, share: matched.share });
    pb::SimilarArticle {
        article: Some(pb::ArchivedArticle {
            etag: hit.etag,
            ..archived::without_etag(hit.article)
        }),
        similarity: hit.similarity,
        matched_terms: matched_terms.collect(),
        other_share: hit.other_share,
        near_duplicate_count: i32::try_from(hit.near_duplicates.len()).unwrap_or(i32::MAX),
        near_duplicate_ids: hit
            .near_duplicates
            .into_iter()
            .take(MAX_NEAR_DUPLICATE_IDS)
            .map(Into::into)
            .collect(),
    }
}
