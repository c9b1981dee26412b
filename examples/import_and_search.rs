//! A client that imports articles into a server's archive, and finds those like a draft.
//!
//!     cargo run --example import_and_search -- http://127.0.0.1:50051 examples/articles.jsonl

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use slugline::grpc::pb;
use slugline::grpc::pb::article_service_client::ArticleServiceClient;
use slugline::grpc::pb::find_similar_articles_request::Source;
use slugline::grpc::pb::similarity_service_client::SimilarityServiceClient;
use tonic::Request;
use tonic::transport::Channel;

/// A hundred short articles are far below the limit on a message (Limits.max_message_bytes), and
/// save messages.
const ARTICLES_PER_MESSAGE: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("usage: import_and_search URL FILE")?;
    let file = arguments.next().context("usage: import_and_search URL FILE")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let articles = text.lines().map(article).collect::<anyhow::Result<Vec<_>>>()?;
    // One connection serves any number of calls at once.
    let channel = Channel::from_shared(url)?.connect().await?;
    println!("{} articles stored", import(channel.clone(), articles).await?);
    for found in search(channel, "The River Orr has burst its banks again").await? {
        let article = found.article.unwrap_or_default();
        println!("{:.3}  {}  {}", found.similarity, article.id, article.title);
    }
    Ok(())
}

/// An article from a line of JSON.
pub fn article(line: &str) -> anyhow::Result<pb::ArchivedArticle> {
    let record: Value = serde_json::from_str(line)?;
    let field = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    Ok(pb::ArchivedArticle {
        id: field("id"),
        title: field("title"),
        body: field("body"),
        source: field("source"),
        ..pb::ArchivedArticle::default()
    })
}

/// Stores all articles; returns how many the server took. The answer means that they are on disk
/// and can be found. After an error, sending everything again is safe.
pub async fn import(channel: Channel, articles: Vec<pb::ArchivedArticle>) -> anyhow::Result<i64> {
    let messages: Vec<_> = articles
        .chunks(ARTICLES_PER_MESSAGE)
        .map(|articles| pb::ImportArticlesRequest {
            articles: articles.to_vec(),
            create_only: false,
        })
        .collect();
    let stream = tokio_stream::iter(messages);
    let answer = ArticleServiceClient::new(channel).import_articles(stream).await?.into_inner();
    for rejection in &answer.rejections {
        let reason = rejection.error.as_ref().map_or("", |error| &error.message);
        eprintln!("{} was rejected: {reason}", rejection.id);
    }
    ensure!(answer.rejected_count == 0, "{} articles were rejected", answer.rejected_count);
    Ok(answer.accepted_count)
}

/// The articles most like a text, copies of one story folded into one result.
pub async fn search(channel: Channel, text: &str) -> anyhow::Result<Vec<pb::SimilarArticle>> {
    let mut request = Request::new(pb::FindSimilarArticlesRequest {
        source: Some(Source::Article(pb::Article {
            body: text.to_owned(),
            ..pb::Article::default()
        })),
        page_size: 3,
        collapse_near_duplicates: true,
        ..pb::FindSimilarArticlesRequest::default()
    });
    request.set_timeout(Duration::from_secs(5));
    let mut client = SimilarityServiceClient::new(channel);
    Ok(client.find_similar_articles(request).await?.into_inner().articles)
}
