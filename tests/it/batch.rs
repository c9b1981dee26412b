//! BatchClassify over the wire: one answer per article, as Classify gives it.

use prost::Message as _;
use slugline::grpc::pb::batch_classify_result::Result as Outcome;
use slugline::grpc::pb::{self, BatchClassifyRequest, ClassifyRequest};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

use crate::support::{
    NARROW, article, full, item_violation, mixed_articles, narrow, refusal, says_when_to_retry,
    shared, sport, values, violation,
};

fn batch(articles: Vec<pb::Article>) -> BatchClassifyRequest {
    BatchClassifyRequest { articles, explain: true, ..BatchClassifyRequest::default() }
}

async fn classify(request: BatchClassifyRequest) -> Vec<Outcome> {
    let answer = shared()
        .await
        .classification()
        .await
        .batch_classify(request)
        .await
        .expect("an answer")
        .into_inner();
    answer.results.into_iter().map(|result| result.result.expect("an answer or an error")).collect()
}

async fn refused(request: BatchClassifyRequest) -> Status {
    shared().await.classification().await.batch_classify(request).await.expect_err("refused")
}

#[tokio::test]
async fn each_answer_has_the_bytes_of_classify() {
    let articles = mixed_articles(300);
    let mut client = shared().await.classification().await;
    for (place, outcome) in classify(batch(articles.clone())).await.into_iter().enumerate() {
        let request = ClassifyRequest {
            article: Some(articles[place].clone()),
            explain: true,
            ..ClassifyRequest::default()
        };
        match (outcome, client.classify(request).await) {
            (Outcome::Classification(in_batch), Ok(alone)) => {
                assert_eq!(in_batch.encode_to_vec(), alone.into_inner().encode_to_vec(), "{place}");
            }
            (Outcome::Error(in_batch), Err(alone)) => {
                assert_eq!(Code::from(in_batch.code), alone.code(), "{place}")
            }
            (in_batch, alone) => panic!("{place}: {in_batch:?} in the batch, {alone:?} alone"),
        }
    }
}

#[tokio::test]
async fn there_is_one_answer_per_article() {
    assert_eq!(classify(batch(mixed_articles(41))).await.len(), 41);
}

#[tokio::test]
async fn options_hold_for_every_article() {
    let request = BatchClassifyRequest {
        max_topics: 1,
        model: "mini/1".to_owned(),
        ..batch(vec![sport(); 3])
    };
    let outcomes = classify(request).await;
    let is_one_topic = |outcome: &Outcome| match outcome {
        Outcome::Classification(answer) => answer.topics.len() == 1,
        Outcome::Error(_) => false,
    };
    assert!(outcomes.iter().all(is_one_topic), "{outcomes:?}");
}

#[tokio::test]
async fn an_invalid_article_fails_alone() {
    let outcomes = classify(batch(vec![sport(), article(" ", ""), sport()])).await;
    let is_good: Vec<_> =
        outcomes.iter().map(|outcome| matches!(outcome, Outcome::Classification(_))).collect();
    assert_eq!(is_good, [true, false, true]);
}

#[tokio::test]
async fn errors_name_the_path_of_an_invalid_article() {
    let bad = pb::Article { language_code: "?".to_owned(), ..sport() };
    let outcomes = classify(batch(vec![sport(), article("", ""), bad])).await;
    let [_, Outcome::Error(empty), Outcome::Error(language)] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(item_violation(empty), ("articles[1]".to_owned(), "EMPTY_ARTICLE".to_owned()));
    assert_eq!(
        item_violation(language),
        ("articles[2].language_code".to_owned(), "INVALID_LANGUAGE_CODE".to_owned())
    );
}

#[tokio::test]
async fn an_article_over_the_limit_fails_alone() {
    let articles = vec![sport(), article("", &"x".repeat(NARROW.article_bytes + 1))];
    let answer = narrow()
        .await
        .classification()
        .await
        .batch_classify(batch(articles))
        .await
        .expect("an answer")
        .into_inner();
    let Some(Outcome::Error(error)) = &answer.results[1].result else { panic!("{answer:?}") };
    assert_eq!(item_violation(error), ("articles[1]".to_owned(), "ARTICLE_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn an_empty_batch_is_refused() {
    let status = refused(batch(Vec::new())).await;
    assert_eq!(violation(&status), ("articles".to_owned(), "FIELD_REQUIRED".to_owned()));
}

#[tokio::test]
async fn a_batch_at_the_limit_is_answered() {
    let articles = vec![sport(); NARROW.batch_articles];
    let answer = narrow()
        .await
        .classification()
        .await
        .batch_classify(batch(articles))
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(answer.results.len(), NARROW.batch_articles);
}

#[tokio::test]
async fn a_batch_over_the_limit_is_refused_with_limit_and_size() {
    let articles = vec![sport(); NARROW.batch_articles + 1];
    let status = narrow()
        .await
        .classification()
        .await
        .batch_classify(batch(articles))
        .await
        .expect_err("refused");
    assert_eq!(violation(&status), ("articles".to_owned(), "TOO_MANY_ARTICLES".to_owned()));
    let expected =
        [("limit", "3"), ("size", "4")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(values(&status), expected.into());
}

#[tokio::test]
async fn a_batch_over_the_message_limit_is_refused() {
    let articles = vec![article("", &"x".repeat(NARROW.message_bytes))];
    let status = narrow()
        .await
        .classification()
        .await
        .batch_classify(batch(articles))
        .await
        .expect_err("refused");
    assert_eq!(violation(&status), ("(message)".to_owned(), "MESSAGE_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn invalid_options_fail_the_whole_batch() {
    let status = refused(BatchClassifyRequest { max_topics: -1, ..batch(vec![sport()]) }).await;
    assert_eq!(violation(&status), ("max_topics".to_owned(), "NEGATIVE_MAX_TOPICS".to_owned()));
}

#[tokio::test]
async fn an_unknown_model_fails_the_whole_batch() {
    let status =
        refused(BatchClassifyRequest { model: "nothing".to_owned(), ..batch(vec![sport()]) }).await;
    assert_eq!(refusal(&status), (Code::NotFound, "MODEL_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_batch_over_the_in_flight_limit_is_refused() {
    let status = full()
        .await
        .classification()
        .await
        .batch_classify(batch(vec![sport()]))
        .await
        .expect_err("refused");
    assert_eq!(refusal(&status), (Code::ResourceExhausted, "TOO_MANY_IN_FLIGHT".to_owned()));
}

#[tokio::test]
async fn a_refused_batch_learns_when_to_retry() {
    let status = full()
        .await
        .classification()
        .await
        .batch_classify(batch(vec![sport()]))
        .await
        .expect_err("refused");
    assert!(says_when_to_retry(&status));
}

#[tokio::test]
async fn a_compressed_batch_is_answered_like_a_plain_one() {
    let mut client =
        shared().await.classification().await.send_compressed(CompressionEncoding::Gzip);
    let answer =
        client.batch_classify(batch(mixed_articles(20))).await.expect("an answer").into_inner();
    let outcomes: Vec<_> = answer.results.into_iter().filter_map(|result| result.result).collect();
    assert_eq!(outcomes, classify(batch(mixed_articles(20))).await);
}
