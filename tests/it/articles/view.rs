//! How much of an article an answer shows, and how many articles fit on a page.

use prost::Message as _;
use slugline::article::Limits;
use slugline::grpc::pb::{self, ArticleView};

use super::{Archive, draft, ids, like, whole};
use crate::support::violation;

const VIEWS: [ArticleView; 3] = [ArticleView::Unspecified, ArticleView::Basic, ArticleView::Full];

impl Archive {
    async fn get_as(&self, id: &str, view: ArticleView) -> pb::ArchivedArticle {
        let request = pb::GetArticleRequest { id: id.to_owned(), view: view.into() };
        let found = self.articles().await.get_article(request).await.expect("it is there");
        found.into_inner().article.expect("the article")
    }

    async fn list_as(&self, view: ArticleView, page_token: &str) -> pb::ListArticlesResponse {
        let request = pb::ListArticlesRequest {
            page_size: 1_000,
            page_token: page_token.to_owned(),
            view: view.into(),
            filter: None,
        };
        self.articles().await.list_articles(request).await.expect("a page").into_inner()
    }
}

#[tokio::test]
async fn bodies_are_returned_on_request() {
    let archive = Archive::start().await;
    for id in ["a", "b"] {
        archive.put(whole(id)).await.expect("it is stored");
    }
    let full = archive.get("b").await.expect("it is there");
    assert!(!full.body.is_empty());
    // All else is the same, the etag of the whole article too.
    let basic = pb::ArchivedArticle { body: String::new(), ..full.clone() };
    let gets = [&full, &basic, &full];
    let lists = [&basic, &basic, &full];
    for ((view, got), listed) in VIEWS.into_iter().zip(gets).zip(lists) {
        assert_eq!(archive.get_as("b", view).await, *got, "{view:?}");
        assert_eq!(archive.list_as(view, "").await.articles[1], *listed, "{view:?}");
        let request = pb::FindSimilarArticlesRequest { view: view.into(), ..like("a") };
        let found = archive.find(request).await.expect("results");
        assert_eq!(found.articles[0].article.as_ref(), Some(listed), "{view:?}");
    }
}

#[tokio::test]
async fn an_undefined_view_is_refused() {
    let archive = Archive::start().await;
    archive.put(whole("a")).await.expect("it is stored");
    let mut client = archive.articles().await;
    let get = client
        .get_article(pb::GetArticleRequest { id: "a".to_owned(), view: 9 })
        .await
        .expect_err("no view");
    let list = pb::ListArticlesRequest { view: -1, ..pb::ListArticlesRequest::default() };
    let list = client.list_articles(list).await.expect_err("no view");
    let similar = archive
        .find(pb::FindSimilarArticlesRequest { view: 3, ..like("a") })
        .await
        .expect_err("no view");
    for status in [get, list, similar] {
        assert_eq!(violation(&status), ("view".to_owned(), "INVALID_VIEW".to_owned()));
    }
}

#[tokio::test]
async fn long_bodies_that_are_not_shown_do_not_end_a_page() {
    let archive = Archive::start().await;
    for id in ["a", "b", "c", "d", "e"] {
        let body = "United win the cup final. ".repeat(24_000);
        archive.put(pb::ArchivedArticle { body, ..whole(id) }).await.expect("it is stored");
    }
    let page = archive.list_as(ArticleView::Basic, "").await;
    assert_eq!((page.articles.len(), page.next_page_token.as_str()), (5, ""));
    let found = archive
        .find(pb::FindSimilarArticlesRequest { page_size: 3, ..like("a") })
        .await
        .expect("results");
    assert_eq!((ids(&found).concat().as_str(), found.next_page_token.is_empty()), ("bcd", false));
    let next = pb::FindSimilarArticlesRequest {
        page_size: 3,
        page_token: found.next_page_token,
        ..like("a")
    };
    let rest = archive.find(next).await.expect("results");
    assert_eq!((ids(&rest).concat().as_str(), rest.next_page_token.as_str()), ("e", ""));
}

#[tokio::test]
async fn labels_and_headlines_count_towards_a_page() {
    let archive = Archive::start().await;
    let labels = (0..32).map(|number| (format!("{number:064}"), "x".repeat(200))).collect();
    let article = pb::ArchivedArticle { labels, ..draft("", "Volcano erupts", "") };
    let articles = (0..200)
        .map(|number| pb::ArchivedArticle { id: format!("{number:03}"), ..article.clone() });
    let batch = pb::BatchPutArticlesRequest { articles: articles.collect(), ..Default::default() };
    archive.articles().await.batch_put_articles(batch).await.expect("a batch");
    let long = draft("200", &"Volcano erupts ".repeat(100_000), "");
    archive.put(long).await.expect("it is stored");
    for view in VIEWS {
        let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = archive.list_as(view, &token).await;
            assert!(
                page.encoded_len() <= Limits::default().answer_bytes,
                "{view:?}: {}",
                page.encoded_len()
            );
            seen.extend(page.articles.into_iter().map(|article| article.id));
            (token, pages) = (page.next_page_token, pages + 1);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(
            (seen, pages),
            ((0..=200).map(|number| format!("{number:03}")).collect(), 2),
            "{view:?}"
        );
    }
}
