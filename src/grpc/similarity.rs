//! SimilarityService on the wire.

use std::sync::Arc;

use prost::Message as _;
use tonic::{Request, Response, Status};

use super::calls::large_work;
use super::layers::Deadline;
use super::page_token::{Binding, not_ours};
use super::pb::find_similar_articles_request::Source;
use super::pb::similarity_service_server::SimilarityService;
use super::server::App;
use super::view::{READS_PER_PAGE, View};
use super::{pb, status};
use crate::article::Limits;
use crate::index::{MAX_NEAR_DUPLICATE_IDS, PageKey, SimilarHit, SimilarPage};
use crate::service::{
    RequestedSource, ServiceError, SimilarRequest, Violations, checked_similar, find_similar, similar_page_size,
};

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
        let answer = self.0.find_similar(request.into_inner(), crate::index::Deadline(deadline)).await;
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
        let _permit = self.searches.enter()?;
        let _place = match &request.source {
            Some(Source::Article(article)) => large_work(article.title.len() + article.body.len(), 1).await,
            _ => None,
        };
        // On this thread, which gives its other work away first: it takes a millisecond, and on a busy machine to change threads
        // and back takes as long.
        tokio::task::block_in_place(|| {
            let view = View::requested(request.view, View::Basic);
            let (mut request, after, binding) = checked(request);
            request.deadline = deadline;
            let find = |request| self.models.with(|set| find_similar(&*index, set, request, &self.limits));
            if view.is_err() || after.is_err() {
                // What else is wrong is told with it.
                let mut violations = Violations::default();
                let query = self.models.with(|set| checked_similar(&*index, set, request.clone(), &self.limits));
                violations.note(&query);
                violations.note(&after);
                violations.note(&view);
                violations.finish()?;
            }
            request.after = after?;
            let view = view?;
            let answer = shown(view, request, &binding, find)?;
            self.check_answer(&answer, "page_size", "lower page_size")?;
            Ok(answer)
        })
    }
}

/// A page of results as it is shown. Without bodies it goes on where the archive ends a page for
/// their sake.
fn shown(
    view: View,
    mut request: SimilarRequest,
    binding: &Binding,
    find: impl Fn(SimilarRequest) -> Result<SimilarPage, ServiceError>,
) -> Result<pb::FindSimilarArticlesResponse, ServiceError> {
    let mut answer = pb::FindSimilarArticlesResponse::default();
    let requested = request.page_size;
    let (mut bytes, mut next) = (0, None);
    for _ in 0..READS_PER_PAGE {
        let page = find(request.clone())?;
        for hit in page.hits {
            let article = similar_article(hit, view);
            bytes += article.encoded_len();
            answer.articles.push(article);
        }
        answer.unreadable_ids.extend(page.unreadable.into_iter().map(String::from));
        next = page.next;
        let rest = similar_page_size(requested)?.saturating_sub(answer.articles.len() + answer.unreadable_ids.len());
        if next.is_none() || rest == 0 || bytes >= Limits::PAGE_BYTES {
            break;
        }
        request.after.clone_from(&next);
        request.page_size = i32::try_from(rest).unwrap_or(i32::MAX);
    }
    answer.next_page_token = next.map(|key| binding.token(&encode(&key))).unwrap_or_default();
    Ok(answer)
}

/// The request, what its token says, and what its tokens are bound to: all of it but page and page
/// size.
fn checked(request: pb::FindSimilarArticlesRequest) -> (SimilarRequest, Result<Option<PageKey>, ServiceError>, Binding) {
    let bound = pb::FindSimilarArticlesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let binding = Binding::new("slugline.v1.FindSimilarArticles", &bound.encode_to_vec());
    let key = |start: Vec<u8>| decode(&start).ok_or_else(not_ours);
    let after = binding.start(&request.page_token).and_then(|start| start.map(key).transpose());
    let source = request.source.map(|source| match source {
        Source::ArticleId(id) => RequestedSource::Id(id),
        Source::Article(pb::Article { title, body, language_code }) => RequestedSource::Text { title, body, language_code },
    });
    let request = SimilarRequest {
        source,
        filter: request.filter.unwrap_or_default().into(),
        min_similarity: request.min_similarity,
        page_size: request.page_size,
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

fn similar_article(hit: SimilarHit, view: View) -> pb::SimilarArticle {
    let matched_terms =
        hit.matched_terms.into_iter().map(|matched| pb::MatchedTerm { term: matched.term, share: matched.share });
    pb::SimilarArticle {
        article: Some(view.of(hit.article)),
        similarity: hit.similarity,
        matched_terms: matched_terms.collect(),
        other_share: hit.other_share,
        near_duplicate_count: i32::try_from(hit.near_duplicates.len()).unwrap_or(i32::MAX),
        near_duplicate_ids: hit.near_duplicates.into_iter().take(MAX_NEAR_DUPLICATE_IDS).map(Into::into).collect(),
    }
}
