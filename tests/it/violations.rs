//! All violations of a request are reported at once.

use std::collections::BTreeMap;

use slugline::grpc::client::{ArticleServiceClient, SimilarityServiceClient};
use slugline::grpc::pb;
use slugline::grpc::pb::find_similar_articles_request::Source;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, RpcStatusExt as _};

use crate::support::{article, details, refusal, shared};
use crate::wire::{call, methods, uri};

fn fields(details: &ErrorDetails) -> Vec<String> {
    details
        .bad_request()
        .expect("violations")
        .field_violations
        .iter()
        .map(|one| one.field.clone())
        .collect()
}

/// The fields listed by an error with this reason.
fn violated(status: &Status, reason: &str) -> Vec<String> {
    assert_eq!(refusal(status), (Code::InvalidArgument, reason.to_owned()));
    fields(&details(status))
}

fn bad_article(id: &str) -> pb::ArchivedArticle {
    pb::ArchivedArticle {
        id: id.to_owned(),
        title: " ".to_owned(),
        language_code: "en_US".to_owned(),
        publish_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        source: "a\nb".to_owned(),
        labels: BTreeMap::from([
            (String::new(), String::new()),
            ("desk".to_owned(), "\t".to_owned()),
        ]),
        ..pb::ArchivedArticle::default()
    }
}

/// The violations of [`bad_article`], by path.
fn of_article(path: &str) -> Vec<String> {
    let fields = ["id", "source", "labels", "labels[\"desk\"]", "publish_time"]
        .map(|field| format!("{path}.{field}"));
    fields.into_iter().chain([path.to_owned(), format!("{path}.language_code")]).collect()
}

#[tokio::test]
async fn all_violations_of_a_classification_are_reported() {
    let mut client = shared().await.classification().await;
    let bad = pb::Article { language_code: "?".to_owned(), ..article("", "\n") };
    let request = pb::ClassifyRequest {
        article: Some(bad),
        model: "no/such/name".to_owned(),
        max_topics: -1,
        min_probability: f64::NAN,
        explain: true,
        max_evidence_terms: -1,
        max_evidence_spans: Some(-2),
        explain_against: "x".repeat(201),
    };
    let options = [
        "max_topics",
        "max_evidence_terms",
        "max_evidence_spans",
        "min_probability",
        "explain_against",
        "model",
    ];
    let status = client.classify(request.clone()).await.expect_err("refused");
    let expected = [&["article", "article.language_code"][..], &options].concat();
    assert_eq!(violated(&status, "EMPTY_ARTICLE"), expected);
    let batch = pb::BatchClassifyRequest {
        articles: Vec::new(),
        model: request.model,
        max_topics: request.max_topics,
        min_probability: request.min_probability,
        explain: true,
        max_evidence_terms: -1,
        max_evidence_spans: Some(-2),
        explain_against: "x".repeat(201),
    };
    let status = client.batch_classify(batch).await.expect_err("refused");
    assert_eq!(violated(&status, "FIELD_REQUIRED"), [&["articles"][..], &options].concat());
}

#[tokio::test]
async fn all_violations_of_an_article_of_a_batch_are_reported() {
    let articles =
        vec![article("goal", ""), pb::Article { language_code: "?".to_owned(), ..article("", "") }];
    let batch = pb::BatchClassifyRequest { articles, ..Default::default() };
    let answer = shared()
        .await
        .classification()
        .await
        .batch_classify(batch)
        .await
        .expect("an answer")
        .into_inner();
    let Some(pb::batch_classify_result::Result::Error(error)) = &answer.results[1].result else {
        panic!("{answer:?}")
    };
    assert_eq!(fields(&error.get_error_details()), ["articles[1]", "articles[1].language_code"]);
}

#[tokio::test]
async fn all_violations_of_an_article_to_store_are_reported() {
    let mut client = ArticleServiceClient::new(shared().await.channel().await);
    let put = pb::PutArticleRequest { article: Some(bad_article("")), ..Default::default() };
    let status = client.put_article(put).await.expect_err("refused");
    assert_eq!(violated(&status, "INVALID_ARTICLE_ID"), of_article("article"));
    assert_eq!(status.message().split("; ").last(), Some("and 6 more"));
    let batch =
        pb::BatchPutArticlesRequest { articles: vec![bad_article("")], ..Default::default() };
    let answer = client.batch_put_articles(batch).await.expect("an answer").into_inner();
    let Some(pb::batch_put_articles_result::Result::Error(error)) = &answer.results[0].result
    else {
        panic!("{answer:?}")
    };
    assert_eq!(fields(&error.get_error_details()), of_article("articles[0]"));
    let message =
        pb::ImportArticlesRequest { articles: vec![bad_article("")], ..Default::default() };
    let answer =
        client.import_articles(tokio_stream::once(message)).await.expect("an answer").into_inner();
    let error = answer.rejections[0].error.as_ref().expect("an error");
    assert_eq!(fields(&error.get_error_details()), of_article("articles[0]"));
}

#[tokio::test]
async fn all_violations_of_pages_and_searches_are_reported() {
    let mut client = ArticleServiceClient::new(shared().await.channel().await);
    let list = pb::ListArticlesRequest {
        page_size: -1,
        page_token: "x".to_owned(),
        view: 9,
        filter: None,
    };
    let status = client.list_articles(list).await.expect_err("refused");
    assert_eq!(violated(&status, "NEGATIVE_PAGE_SIZE"), ["page_size", "page_token", "view"]);
    let get = pb::GetArticleRequest { id: String::new(), view: 9 };
    let status = client.get_article(get).await.expect_err("refused");
    assert_eq!(violated(&status, "INVALID_ARTICLE_ID"), ["id", "view"]);
    let time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let filter = pb::SimilarityFilter {
        topics: vec!["no topic".to_owned(), "sport".to_owned(), "none".to_owned()],
        publish_time_from: time,
        publish_time_until: time,
        language_codes: vec!["en_US".to_owned()],
        ..Default::default()
    };
    let search = pb::FindSimilarArticlesRequest {
        source: Some(Source::Article(article("", ""))),
        filter: Some(filter),
        min_similarity: 2.0,
        page_size: -1,
        page_token: "x".to_owned(),
        view: 9,
        recency_half_life: Some(prost_types::Duration { seconds: 0, nanos: -1 }),
        reference_time: time,
        ..Default::default()
    };
    let mut client = SimilarityServiceClient::new(shared().await.channel().await);
    let status = client.find_similar_articles(search.clone()).await.expect_err("refused");
    let of_query = [
        "page_size",
        "min_similarity",
        "recency_half_life",
        "reference_time",
        "article",
        "filter.publish_time_from",
        "filter.publish_time_until",
        "filter.topics[0]",
        "filter.topics[2]",
        "filter.language_codes[0]",
    ];
    let all = [&of_query[..], &["page_token", "view"]].concat();
    assert_eq!(violated(&status, "NEGATIVE_PAGE_SIZE"), all);
    let search = pb::FindSimilarArticlesRequest { page_token: String::new(), view: 0, ..search };
    let status = client.find_similar_articles(search).await.expect_err("refused");
    assert_eq!(violated(&status, "NEGATIVE_PAGE_SIZE"), of_query);
}

#[tokio::test]
async fn a_filter_over_its_bounds_is_reported_with_all_other_violations() {
    let filter = pb::SimilarityFilter {
        topics: vec!["sport".to_owned(), "x".repeat(201)],
        sources: vec![String::new(); 101],
        language_codes: vec!["en".to_owned(), format!("en{}", "-abcdefgh".repeat(4))],
        labels: BTreeMap::from([
            ("desk".to_owned(), "x".repeat(201)),
            ("x".repeat(65), String::new()),
        ]),
        ..Default::default()
    };
    let search = pb::FindSimilarArticlesRequest {
        source: Some(Source::ArticleId(String::new())),
        filter: Some(filter.clone()),
        page_size: -1,
        ..Default::default()
    };
    let of_filter = [
        "filter.topics[1]",
        "filter.sources",
        "filter.language_codes[1]",
        "filter.labels[\"desk\"]",
        "filter.labels",
    ];
    let mut client = SimilarityServiceClient::new(shared().await.channel().await);
    let status = client.find_similar_articles(search).await.expect_err("refused");
    let all = [&["page_size", "article_id"][..], &of_filter].concat();
    assert_eq!(violated(&status, "NEGATIVE_PAGE_SIZE"), all);
    let list = pb::ListArticlesRequest {
        filter: Some(pb::ArticleFilter {
            topics: filter.topics,
            sources: filter.sources,
            language_codes: filter.language_codes,
            labels: filter.labels,
            ..Default::default()
        }),
        view: 9,
        ..Default::default()
    };
    let mut client = ArticleServiceClient::new(shared().await.channel().await);
    let status = client.list_articles(list).await.expect_err("refused");
    assert_eq!(violated(&status, "VALUE_TOO_LONG"), [&of_filter[..], &["view"]].concat());
}

#[tokio::test]
async fn very_many_violations_are_counted_but_not_all_listed() {
    let mut client = SimilarityServiceClient::new(shared().await.channel().await);
    let filter = pb::SimilarityFilter { topics: vec!["x".repeat(200); 100], ..Default::default() };
    let search = pb::FindSimilarArticlesRequest { filter: Some(filter), ..Default::default() };
    let status = client.find_similar_articles(search).await.expect_err("refused");
    let fields = violated(&status, "FIELD_REQUIRED");
    assert!(fields.len() > 2 && fields.len() <= 16, "{fields:?}");
    assert_eq!(
        details(&status).error_info().map(|info| info.metadata["violation_count"].as_str()),
        Some("101")
    );
}

#[tokio::test]
async fn bytes_that_are_not_a_message_are_reported() {
    let channel = shared().await.channel().await;
    let of_names = [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ];
    for uri in methods().iter().map(uri).chain(of_names.map(str::to_owned)) {
        let answer = call(&channel, &uri, &[vec![0xff]]).await;
        assert_eq!(violated(&answer.status, "MALFORMED_MESSAGE"), ["(message)"], "{uri}");
    }
}
