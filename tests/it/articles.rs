//! ArticleService and SimilarityService over the wire.

mod conditional;
mod filters;
mod searches;
mod view;

use std::collections::BTreeMap;

use slugline::article::Limits;
use slugline::grpc::client::{ArticleServiceClient, SimilarityServiceClient};
use slugline::grpc::pb;
use slugline::grpc::pb::find_similar_articles_request::Source;
use slugline::service::ArchiveLocation;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{
    NARROW, TestConfig, TestServer, article, config, details, full, item_violation, models, narrow,
    refusal, says_when_to_retry, violation,
};

/// A server with an archive of its own on disk.
struct Archive {
    server: TestServer,
    directory: TempDir,
}

impl Archive {
    async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    async fn with_limits(limits: Limits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { server: Self::serve(&directory, limits).await, directory }
    }

    async fn serve(directory: &TempDir, limits: Limits) -> TestServer {
        let models = models(&["mini/1"]);
        let archive = ArchiveLocation::Directory(directory.path().join("archive"));
        TestServer::start(TestConfig { archive, limits, ..config(&models, "mini") }).await
    }

    async fn articles(&self) -> ArticleServiceClient<Channel> {
        ArticleServiceClient::new(self.server.channel().await)
    }

    async fn similar(&self) -> SimilarityServiceClient<Channel> {
        SimilarityServiceClient::new(self.server.channel().await)
    }

    async fn put(&self, article: pb::ArchivedArticle) -> Result<pb::PutArticleResponse, Status> {
        let request =
            pb::PutArticleRequest { article: Some(article), ..pb::PutArticleRequest::default() };
        self.articles().await.put_article(request).await.map(tonic::Response::into_inner)
    }

    async fn get(&self, id: &str) -> Result<pb::ArchivedArticle, Status> {
        let request = pb::GetArticleRequest { id: id.to_owned(), ..Default::default() };
        let found = self.articles().await.get_article(request).await?.into_inner();
        Ok(found.article.expect("the article"))
    }

    async fn find(
        &self,
        request: pb::FindSimilarArticlesRequest,
    ) -> Result<pb::FindSimilarArticlesResponse, Status> {
        self.similar().await.find_similar_articles(request).await.map(tonic::Response::into_inner)
    }
}

const FULL: i32 = pb::ArticleView::Full as i32;

fn draft(id: &str, title: &str, body: &str) -> pb::ArchivedArticle {
    pb::ArchivedArticle {
        id: id.to_owned(),
        title: title.to_owned(),
        body: body.to_owned(),
        ..pb::ArchivedArticle::default()
    }
}

/// An article with all fields set.
fn whole(id: &str) -> pb::ArchivedArticle {
    pb::ArchivedArticle {
        language_code: "en-GB".to_owned(),
        publish_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 }),
        source: "Reuters".to_owned(),
        labels: BTreeMap::from([("desk".to_owned(), "sport".to_owned())]),
        ..draft(
            id,
            "Striker scores twice as United win the cup final",
            "The coach praised the players after the match.",
        )
    }
}

fn like(id: &str) -> pb::FindSimilarArticlesRequest {
    pb::FindSimilarArticlesRequest {
        source: Some(Source::ArticleId(id.to_owned())),
        ..pb::FindSimilarArticlesRequest::default()
    }
}

fn ids(response: &pb::FindSimilarArticlesResponse) -> Vec<&str> {
    response
        .articles
        .iter()
        .filter_map(|found| found.article.as_ref())
        .map(|article| article.id.as_str())
        .collect()
}

#[tokio::test]
async fn an_article_is_classified_stored_and_found_after_a_restart() {
    let archive = Archive::start().await;
    let stored = archive.put(whole("a")).await.expect("it is stored");
    assert_eq!(stored.outcome(), pb::PutOutcome::Created);
    assert_eq!((stored.model.as_str(), stored.topics[0].name.as_str()), ("mini/1", "sport"));
    // The words of the model's topics are its own: held-out documents were all told apart.
    assert_eq!(stored.decision(), pb::Decision::Confident);
    let mut expected = whole("a");
    expected.topics = stored.topics;
    expected.model = stored.model;
    expected.decision = stored.decision;
    expected.etag = stored.etag;
    // Stored to the microsecond.
    expected.publish_time =
        Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 });
    assert_eq!(archive.get("a").await.expect("it is there"), expected);
    assert_eq!(
        archive.put(whole("a")).await.expect("it is stored").outcome(),
        pb::PutOutcome::Replaced
    );

    archive.server.stop().await.expect("a clean end");
    let server = Archive::serve(&archive.directory, Limits::default()).await;
    let archive = Archive { server, directory: archive.directory };
    assert_eq!(archive.get("a").await.expect("it is there"), expected);
    let info = archive.server.info().await.archive.expect("an archive");
    assert_eq!(
        (info.state(), info.article_count, info.failure.as_str()),
        (pb::ArchiveState::Ready, 1, "")
    );
    assert!(info.size_bytes > 0);
}

#[tokio::test]
async fn a_deleted_article_is_not_found() {
    let archive = Archive::start().await;
    archive.put(whole("a")).await.expect("it is stored");
    let delete = |id: &str| pb::DeleteArticleRequest {
        id: id.to_owned(),
        ..pb::DeleteArticleRequest::default()
    };
    archive.articles().await.delete_article(delete("a")).await.expect("it is deleted");
    let mut client = archive.articles().await;
    for status in [
        archive.get("a").await.expect_err("it is gone"),
        client.delete_article(delete("a")).await.expect_err("it is gone"),
        archive.find(like("a")).await.expect_err("no source"),
    ] {
        assert_eq!(refusal(&status), (Code::NotFound, "ARTICLE_NOT_FOUND".to_owned()));
        let resource = details(&status)
            .resource_info()
            .map(|info| (info.resource_type.clone(), info.resource_name.clone()));
        assert_eq!(resource, Some(("slugline.v1.ArchivedArticle".to_owned(), "a".to_owned())));
    }
}

#[tokio::test]
async fn errors_name_the_invalid_field_of_an_article() {
    let archive = Archive::with_limits(NARROW).await;
    let labels = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let three = (0..3).map(|number| (number.to_string(), String::new())).collect();
    let time = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let cases = [
        (draft("", "t", ""), "article.id", "INVALID_ARTICLE_ID"),
        (draft(" a", "t", ""), "article.id", "INVALID_ARTICLE_ID"),
        (draft(&"x".repeat(257), "t", ""), "article.id", "INVALID_ARTICLE_ID"),
        (draft("a", " ", "\n"), "article", "EMPTY_ARTICLE"),
        (draft("a", "", &"x".repeat(1_001)), "article", "ARTICLE_TOO_LARGE"),
        (
            pb::ArchivedArticle { language_code: "en_US".to_owned(), ..whole("a") },
            "article.language_code",
            "INVALID_LANGUAGE_CODE",
        ),
        (
            pb::ArchivedArticle { publish_time: time(0, -1), ..whole("a") },
            "article.publish_time",
            "INVALID_TIMESTAMP",
        ),
        (
            pb::ArchivedArticle { publish_time: time(i64::MAX, 0), ..whole("a") },
            "article.publish_time",
            "INVALID_TIMESTAMP",
        ),
        (
            pb::ArchivedArticle { source: "x".repeat(201), ..whole("a") },
            "article.source",
            "VALUE_TOO_LONG",
        ),
        (
            pb::ArchivedArticle { labels: labels("", "x"), ..whole("a") },
            "article.labels",
            "INVALID_LABEL_KEY",
        ),
        (
            pb::ArchivedArticle { labels: labels("k", "a\nb"), ..whole("a") },
            "article.labels[\"k\"]",
            "INVALID_VALUE",
        ),
        (pb::ArchivedArticle { labels: three, ..whole("a") }, "article.labels", "TOO_MANY_LABELS"),
    ];
    for (article, field, reason) in cases {
        let status = archive.put(article).await.expect_err(reason);
        assert_eq!(violation(&status), (field.to_owned(), reason.to_owned()));
    }
    let none = archive
        .articles()
        .await
        .put_article(pb::PutArticleRequest::default())
        .await
        .expect_err("no article");
    assert_eq!(violation(&none), ("article".to_owned(), "FIELD_REQUIRED".to_owned()));
    assert_eq!(archive.server.info().await.archive.expect("an archive").article_count, 0);
}

#[tokio::test]
async fn an_invalid_article_of_a_batch_fails_alone() {
    let archive = Archive::with_limits(NARROW).await;
    let mut client = archive.articles().await;
    let batch = |articles| pb::BatchPutArticlesRequest {
        articles,
        ..pb::BatchPutArticlesRequest::default()
    };
    let results = client
        .batch_put_articles(batch(vec![whole("a"), draft("b", "", ""), whole("a")]))
        .await
        .expect("a batch")
        .into_inner()
        .results;
    use pb::batch_put_articles_result::Result as Put;
    let outcomes: Vec<_> = results
        .iter()
        .map(|result| match result.result.as_ref().expect("a result") {
            Put::Stored(stored) => Ok(stored.outcome()),
            Put::Error(error) => Err(item_violation(error)),
        })
        .collect();
    let bad = ("articles[1]".to_owned(), "EMPTY_ARTICLE".to_owned());
    assert_eq!(outcomes, [Ok(pb::PutOutcome::Created), Err(bad), Ok(pb::PutOutcome::Replaced)]);

    let status = client.batch_put_articles(batch(vec![whole("a"); 4])).await.expect_err("too many");
    assert_eq!(violation(&status), ("articles".to_owned(), "TOO_MANY_ARTICLES".to_owned()));
    let status = client.batch_put_articles(batch(vec![])).await.expect_err("none");
    assert_eq!(violation(&status), ("articles".to_owned(), "FIELD_REQUIRED".to_owned()));

    let ids = ["a", "b", ""].map(str::to_owned).to_vec();
    let results = client
        .batch_delete_articles(pb::BatchDeleteArticlesRequest {
            ids,
            ..pb::BatchDeleteArticlesRequest::default()
        })
        .await
        .expect("a batch")
        .into_inner()
        .results;
    use pb::batch_delete_articles_result::Result as Deleted;
    let codes: Vec<Code> = results
        .into_iter()
        .map(|result| match result.result.expect("a result") {
            Deleted::Deleted(_) => Code::Ok,
            Deleted::Error(error) => Code::from(error.code),
        })
        .collect();
    assert_eq!(codes, [Code::Ok, Code::NotFound, Code::InvalidArgument]);
}

#[tokio::test]
async fn an_import_accounts_for_every_article_and_can_be_repeated() {
    let archive = Archive::start().await;
    let articles = |numbers: std::ops::Range<usize>| pb::ImportArticlesRequest {
        articles: numbers
            .map(|number| {
                if number % 10 == 7 {
                    draft(&number.to_string(), "", "")
                } else {
                    whole(&number.to_string())
                }
            })
            .collect(),
        ..pb::ImportArticlesRequest::default()
    };
    let stream = || {
        tokio_stream::iter([articles(0..50), articles(50..60), articles(0..5), articles(60..60)])
    };
    let mut client = archive.articles().await;
    let answer = client.import_articles(stream()).await.expect("an import").into_inner();
    assert_eq!((answer.accepted_count, answer.replaced_count, answer.rejected_count), (59, 5, 6));
    let rejected: Vec<(i64, &str)> =
        answer.rejections.iter().map(|rejected| (rejected.index, rejected.id.as_str())).collect();
    assert_eq!(rejected, [(7, "7"), (17, "17"), (27, "27"), (37, "37"), (47, "47"), (57, "57")]);
    let error = answer.rejections[1].error.as_ref().expect("a reason");
    assert_eq!(item_violation(error), ("articles[17]".to_owned(), "EMPTY_ARTICLE".to_owned()));
    let again = client.import_articles(stream()).await.expect("an import").into_inner();
    assert_eq!((again.accepted_count, again.replaced_count, again.rejected_count), (59, 59, 6));
    assert_eq!(archive.server.info().await.archive.expect("an archive").article_count, 54);
}

#[tokio::test]
async fn articles_are_listed_in_pages() {
    let archive = Archive::start().await;
    let articles = (0..25).map(|number| whole(&format!("{number:02}"))).collect();
    archive
        .articles()
        .await
        .batch_put_articles(pb::BatchPutArticlesRequest {
            articles,
            ..pb::BatchPutArticlesRequest::default()
        })
        .await
        .expect("a batch");
    let mut client = archive.articles().await;
    let mut seen = Vec::new();
    let mut request = pb::ListArticlesRequest { page_size: 10, ..Default::default() };
    for page in 0..3 {
        let answer = client.list_articles(request.clone()).await.expect("a page").into_inner();
        seen.extend(answer.articles.into_iter().map(|article| article.id));
        assert_eq!(answer.next_page_token.is_empty(), page == 2);
        request.page_token = answer.next_page_token;
    }
    assert_eq!(seen, (0..25).map(|number| format!("{number:02}")).collect::<Vec<_>>());
    let bad = |page_size, page_token: &str| pb::ListArticlesRequest {
        page_size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let status = client.list_articles(bad(-1, "")).await.expect_err("negative");
    assert_eq!(violation(&status), ("page_size".to_owned(), "NEGATIVE_PAGE_SIZE".to_owned()));
    let status = client.list_articles(bad(0, "0123456789abcdef")).await.expect_err("made up");
    assert_eq!(violation(&status), ("page_token".to_owned(), "INVALID_PAGE_TOKEN".to_owned()));
}

#[tokio::test]
async fn a_page_of_long_articles_fits_the_limit_of_clients() {
    let archive = Archive::start().await;
    let mut client = archive.articles().await;
    for number in 0..5 {
        let article =
            draft(&number.to_string(), "Volcano erupts", &"volcano erupts ".repeat(130_000));
        client
            .put_article(pb::PutArticleRequest {
                article: Some(article),
                ..pb::PutArticleRequest::default()
            })
            .await
            .expect("it is stored");
    }
    let mut request = pb::ListArticlesRequest { view: FULL, ..Default::default() };
    let mut count = 0;
    for _ in 0..5 {
        let page = client.list_articles(request.clone()).await.expect("a page").into_inner();
        count += page.articles.len();
        request.page_token = page.next_page_token;
    }
    assert_eq!((count, request.page_token.as_str()), (5, ""));
}

#[tokio::test]
async fn requests_over_an_in_flight_limit_are_refused() {
    let server = full().await;
    let mut similar = SimilarityServiceClient::new(server.channel().await);
    let status = similar.find_similar_articles(like("a")).await.expect_err("no place");
    assert_eq!(refusal(&status), (Code::ResourceExhausted, "TOO_MANY_IN_FLIGHT".to_owned()));
    assert!(says_when_to_retry(&status));
    // Without it, the articles of a batch are still counted.
    let ids = vec!["a".to_owned(); NARROW.batch_articles + 1];
    let mut articles = ArticleServiceClient::new(narrow().await.channel().await);
    let status = articles
        .batch_delete_articles(pb::BatchDeleteArticlesRequest {
            ids,
            ..pb::BatchDeleteArticlesRequest::default()
        })
        .await
        .expect_err("too many");
    assert_eq!(violation(&status), ("ids".to_owned(), "TOO_MANY_ARTICLES".to_owned()));
}
