//! What a server reports of its archive.

use std::process::Command;

use slugline::grpc::client::{ArticleServiceClient, ServerServiceClient};
use slugline::grpc::pb;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::fixtures::{archive_of_two_segments, files_ending, flip_a_bit_in_the_middle};
use super::process::Process;
use crate::support::{channel, details, refusal};

/// A server on an archive with one damaged article.
async fn damaged() -> (tempfile::TempDir, Process, Channel) {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    flip_a_bit_in_the_middle(&files_ending(directory.path(), "journal-000000000001")[0]);
    let server = Process::start(directory.path());
    server.serves("").await;
    let channel = channel(server.address).await;
    (directory, server, channel)
}

#[tokio::test]
async fn a_server_reports_a_damaged_archive() {
    let (directory, _server, channel) = damaged().await;
    // Stored articles are served and writes are refused, as the health of the services shows.
    let mut health = HealthClient::new(channel.clone());
    for (service, status) in [
        ("slugline.v1.ArticleService", tonic_health::ServingStatus::NotServing),
        ("slugline.v1.SimilarityService", tonic_health::ServingStatus::Serving),
    ] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect("an answer");
        assert_eq!(answer.into_inner().status, status as i32, "{service}");
    }
    let info = ServerServiceClient::new(channel).get_server_info(pb::GetServerInfoRequest {}).await;
    let archive = info.expect("it answers").into_inner().archive.expect("an archive");
    assert_eq!(archive.state(), pb::ArchiveState::Damaged);
    assert!(archive.failure.contains("journal 1: "), "{}", archive.failure);
    assert_eq!((archive.unreadable_count, archive.article_count), (1, 110));

    let second = Command::new(env!("CARGO_BIN_EXE_slugline"))
        .args(["archive", "verify"])
        .arg(directory.path())
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(second.status.code() == Some(1) && said.contains("damaged: journal 1: "), "{said}");
}

#[tokio::test]
async fn a_damaged_archive_serves_its_sound_articles_and_refuses_writes() {
    let (_directory, _server, channel) = damaged().await;
    let mut articles = ArticleServiceClient::new(channel);
    let found = articles
        .get_article(pb::GetArticleRequest { id: "000105".to_owned(), ..Default::default() })
        .await
        .expect("it is sound");
    assert_eq!(found.into_inner().article.expect("the article").title, "Article 105");
    let article =
        pb::ArchivedArticle { id: "new".to_owned(), title: "New".to_owned(), ..Default::default() };
    let request = pb::PutArticleRequest { article: Some(article), ..Default::default() };
    let status = articles.put_article(request).await.expect_err("nothing is written");
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "ARCHIVE_DAMAGED".to_owned()));
    assert!(
        details(&status)
            .error_info()
            .is_some_and(|info| info.metadata["failure"].contains("journal 1: "))
    );
    // The damaged article is named in a list, and when it is requested.
    let request = pb::ListArticlesRequest {
        page_size: 1_000,
        view: pb::ArticleView::Full.into(),
        ..Default::default()
    };
    let page = articles.list_articles(request).await.expect("a page").into_inner();
    assert_eq!(
        (page.articles.len(), page.unreadable_ids.len(), page.is_incomplete),
        (109, 1, false)
    );
    let request =
        pb::GetArticleRequest { id: page.unreadable_ids[0].clone(), ..Default::default() };
    let status = articles.get_article(request).await.expect_err("it cannot be read");
    assert_eq!(refusal(&status), (Code::DataLoss, "ARTICLE_CORRUPT".to_owned()));
}

#[tokio::test]
async fn a_second_server_on_an_archive_ends_with_an_error_that_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    let first = Process::start(directory.path());
    first.serving().await;
    let mut second = Command::new(env!("CARGO_BIN_EXE_slugline"));
    second
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--archive"])
        .arg(directory.path());
    let output = tokio::task::spawn_blocking(move || second.output())
        .await
        .expect("no panic")
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("is in use by another process"),
        "{said}"
    );
}
