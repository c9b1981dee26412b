//! Answers are limited in size; an error says how to stay within the limit.

use prost::Message as _;
use slugline::article::Limits;
use slugline::grpc::pb;
use slugline::grpc::pb::stream_classify_response::Result as Item;
use tokio::sync::OnceCell;

use crate::support::{
    TestServer, article, explained, item_violation, shared, sport, values, violation,
};

/// Room for an explained answer with little evidence, but not with all of it.
const ANSWER_BYTES: usize = 900;

async fn tight() -> &'static TestServer {
    static TIGHT: OnceCell<TestServer> = OnceCell::const_new();
    let limits = Limits { answer_bytes: ANSWER_BYTES, ..Limits::default() };
    TIGHT.get_or_init(|| TestServer::with_limits(limits)).await
}

/// Asks for less evidence.
fn brief(request: pb::ClassifyRequest) -> pb::ClassifyRequest {
    pb::ClassifyRequest { max_evidence_terms: 1, max_evidence_spans: Some(0), ..request }
}

#[test]
fn the_default_limit_of_clients_is_enough() {
    assert!(Limits::default().answer_bytes < 4 << 20);
    // The longest article, with all that may come with it.
    assert!(
        Limits::default().answer_bytes > Limits::PAGE_BYTES + Limits::ARTICLE_BYTES + (512 << 10)
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_and_says_what_to_lower() {
    let mut client = tight().await.classification().await;
    let status = client.classify(explained(sport())).await.expect_err("too large");
    assert_eq!(
        violation(&status),
        ("max_evidence_terms".to_owned(), "ANSWER_TOO_LARGE".to_owned())
    );
    for parameter in ["max_evidence_terms", "max_evidence_spans", "max_topics"] {
        assert!(status.message().contains(parameter), "{status:?}");
    }
    let whole = shared()
        .await
        .classification()
        .await
        .classify(explained(sport()))
        .await
        .expect("an answer");
    let expected = [("limit", ANSWER_BYTES), ("size", whole.into_inner().encoded_len())];
    assert_eq!(
        values(&status),
        expected.map(|(name, value)| (name.to_owned(), value.to_string())).into()
    );
    let answer = client.classify(brief(explained(sport()))).await.expect("an answer").into_inner();
    assert!(
        answer.encoded_len() <= ANSWER_BYTES
            && answer.topics.iter().all(|topic| topic.evidence.len() == 1)
    );
}

#[tokio::test]
async fn a_batch_whose_answer_is_too_large_is_refused_whole() {
    let mut client = tight().await.classification().await;
    let batch =
        |count| pb::BatchClassifyRequest { articles: vec![sport(); count], ..Default::default() };
    let answer = client.batch_classify(batch(3)).await.expect("an answer").into_inner();
    assert!(answer.encoded_len() <= ANSWER_BYTES, "{}", answer.encoded_len());
    let status = client.batch_classify(batch(30)).await.expect_err("too large");
    assert_eq!(violation(&status), ("max_topics".to_owned(), "ANSWER_TOO_LARGE".to_owned()));
    assert!(status.message().contains("fewer articles"), "{status:?}");
    let explained = pb::BatchClassifyRequest { explain: true, ..batch(1) };
    let status = client.batch_classify(explained).await.expect_err("too large");
    assert_eq!(
        violation(&status),
        ("max_evidence_terms".to_owned(), "ANSWER_TOO_LARGE".to_owned())
    );
}

#[tokio::test]
async fn no_batch_is_answered_with_more_than_clients_accept() {
    let text = "The coach praised the players after the match, and the minister the hospitals. "
        .repeat(20);
    let articles = vec![article("Striker scores twice as United win the cup final", &text); 1_000];
    let batch = pb::BatchClassifyRequest { articles, explain: true, ..Default::default() };
    // This client accepts 4 MiB, the default of all clients.
    let mut client = shared().await.classification().await;
    let status = client.batch_classify(batch.clone()).await.expect_err("too large");
    assert_eq!(
        violation(&status),
        ("max_evidence_terms".to_owned(), "ANSWER_TOO_LARGE".to_owned())
    );
    let brief = pb::BatchClassifyRequest {
        max_topics: 1,
        max_evidence_terms: 10,
        max_evidence_spans: Some(0),
        ..batch
    };
    let answer = client.batch_classify(brief).await.expect("an answer").into_inner();
    assert_eq!(answer.results.len(), 1_000);
}

#[tokio::test]
async fn in_a_stream_only_the_large_answer_is_refused() {
    let requests = [explained(sport()), brief(explained(sport()))];
    let requests = requests
        .map(|request| pb::StreamClassifyRequest { id: String::new(), request: Some(request) });
    let stream =
        tight().await.classification().await.stream_classify(tokio_stream::iter(requests)).await;
    let mut answers = stream.expect("a stream").into_inner();
    let Some(Item::Error(error)) =
        answers.message().await.expect("an answer").and_then(|answer| answer.result)
    else {
        panic!("it does not fit")
    };
    assert_eq!(
        item_violation(&error),
        ("max_evidence_terms".to_owned(), "ANSWER_TOO_LARGE".to_owned())
    );
    let next = answers.message().await.expect("an answer").and_then(|answer| answer.result);
    assert!(matches!(next, Some(Item::Classification(_))), "{next:?}");
}

#[tokio::test]
async fn evidence_is_as_long_as_requested_within_the_limit() {
    let mut client = shared().await.classification().await;
    let mut topic = async |terms, spans| {
        let request =
            explained(article("match match", &"match striker goal coach players ".repeat(30)));
        let request =
            pb::ClassifyRequest { max_evidence_terms: terms, max_evidence_spans: spans, ..request };
        client.classify(request).await.expect("an answer").into_inner().topics.remove(0)
    };
    let usual = topic(0, None).await;
    let (terms, spans) = (usual.evidence.len(), usual.evidence[0].spans.len());
    assert!(terms > 1 && spans > 1, "{usual:?}");
    assert_eq!(topic(10_000, Some(10_000)).await, usual);
    let short = topic(1, Some(1)).await;
    assert_eq!(short.evidence.iter().map(|part| part.spans.len()).collect::<Vec<_>>(), [1]);
    let sum = |topic: &pb::TopicScore| {
        topic.bias
            + topic.evidence.iter().map(|part| part.weight).sum::<f64>()
            + topic.other_evidence_weight
    };
    assert!((sum(&short) - short.log_odds).abs() < 1e-9 && short.log_odds == usual.log_odds);
    let without = topic(0, Some(0)).await;
    assert_eq!(without.evidence.len(), terms);
    for (part, usual) in without.evidence.iter().zip(&usual.evidence) {
        assert_eq!((part.spans.len(), part.count, &part.term), (0, usual.count, &usual.term));
    }
}
