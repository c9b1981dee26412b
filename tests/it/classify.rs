//! Classify over the wire.

mod contrast;
mod refusals;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use prost::Message as _;
use slugline::article::Limits;
use slugline::grpc::client::ClassificationServiceClient;
use slugline::grpc::pb::{
    self, ArticleField, ClassifyRequest, ClassifyResponse, Decision, WarningCode,
};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::{
    HIDDEN_TIMEOUT, RUNTIME, TOPIC_COUNT, TestServer, article, channel, explained, narrow,
    proxy_of_hidden_timeouts, refusal, shared, sport,
};

type Client = ClassificationServiceClient<Channel>;

async fn classify(request: ClassifyRequest) -> ClassifyResponse {
    answer(&mut shared().await.classification().await, request).await
}

async fn answer(client: &mut Client, request: ClassifyRequest) -> ClassifyResponse {
    client.classify(request).await.expect("an answer").into_inner()
}

async fn refused(request: ClassifyRequest) -> Status {
    shared().await.classification().await.classify(request).await.expect_err("refused")
}

fn plain(article: pb::Article) -> ClassifyRequest {
    ClassifyRequest { article: Some(article), ..ClassifyRequest::default() }
}

/// What is wrong with an answer's probabilities, if anything.
fn fault(answer: &ClassifyResponse) -> Option<String> {
    let probabilities: Vec<f64> = answer.topics.iter().map(|topic| topic.probability).collect();
    let is_sum_one = (probabilities.iter().sum::<f64>() - 1.0).abs() <= 1e-9;
    let are_in_range = probabilities.iter().all(|probability| (0.0..=1.0).contains(probability));
    let are_finite = answer.topics.iter().all(|topic| topic.log_odds.is_finite());
    let is_good = is_sum_one && are_in_range && are_finite && probabilities.len() == TOPIC_COUNT;
    (!is_good).then(|| format!("{probabilities:?}"))
}

fn names(answer: &ClassifyResponse) -> Vec<&str> {
    answer.topics.iter().map(|topic| topic.name.as_str()).collect()
}

#[tokio::test]
async fn a_sport_article_is_about_sport() {
    assert_eq!(names(&classify(plain(sport())).await)[0], "sport");
}

#[tokio::test]
async fn the_answer_names_the_model_with_its_version() {
    let request = ClassifyRequest { model: "mini".to_owned(), ..plain(sport()) };
    assert_eq!(classify(request).await.model, "mini/1");
}

#[tokio::test]
async fn words_are_counted_with_their_repetitions() {
    let answer = classify(plain(article("The qwxyz", "the the zzyzx"))).await;
    assert_eq!((answer.token_count, answer.known_token_count), (5, 3));
}

#[tokio::test]
async fn probabilities_of_odd_texts_sum_to_one() {
    let texts = [
        ("100,000 words", "the striker said ".repeat(33_334)),
        ("100,000 different words", (0..100_000).map(|number| format!("w{number} ")).collect()),
        ("Chinese, Japanese, Korean", "日本と米国の関係 中国队赢得比赛 대통령".to_owned()),
        ("Arabic", "أخبار العالم اليوم".to_owned()),
        ("emoji", "👍🏽👨‍👩‍👧‍👦🇩🇪⚽".to_owned()),
        ("combining marks alone", "\u{301}\u{302}\u{303}".to_owned()),
        ("a thousand marks on one letter", format!("e{}", "\u{301}".repeat(1_000))),
        ("NUL", "goal\0match\0".to_owned()),
        ("a word of 1 MB", "x".repeat(1 << 20)),
        ("a word of 1 MB that is not ASCII", "é".repeat(1 << 19)),
        ("punctuation", "?!... -- ***".to_owned()),
    ];
    let mut client = shared().await.classification().await;
    for (name, text) in texts {
        let answer = answer(&mut client, plain(article("", &text))).await;
        assert_eq!(fault(&answer), None, "{name}");
    }
}

#[test]
fn probabilities_of_any_text_sum_to_one() {
    let client = RUNTIME.block_on(async { shared().await.classification().await });
    let config = ProptestConfig {
        cases: 64,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    };
    let texts = (any::<String>(), any::<String>())
        .prop_filter("blank", |(title, body)| !(title.trim().is_empty() && body.trim().is_empty()));
    let outcome = TestRunner::new(config).run(&texts, |(title, body)| {
        let answer = RUNTIME.block_on(answer(&mut client.clone(), plain(article(&title, &body))));
        prop_assert_eq!(fault(&answer), None);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[tokio::test]
async fn the_same_request_gets_the_same_bytes() {
    let first = classify(explained(sport())).await.encode_to_vec();
    assert_eq!(classify(explained(sport())).await.encode_to_vec(), first);
}

#[tokio::test]
async fn another_server_answers_with_the_same_bytes() {
    let other = TestServer::with_limits(Limits::default()).await;
    let answer = answer(&mut other.classification().await, explained(sport())).await;
    assert_eq!(answer.encode_to_vec(), classify(explained(sport())).await.encode_to_vec());
}

#[tokio::test]
async fn the_most_probable_topics_come_first() {
    let topics = classify(plain(sport())).await.topics;
    assert!(topics.is_sorted_by(|a, b| a.probability >= b.probability), "{topics:?}");
}

#[tokio::test]
async fn ties_are_in_the_order_of_their_names() {
    let answer = classify(plain(article("qwxyz", ""))).await;
    assert_eq!(names(&answer), ["business", "health", "politics", "science_technology", "sport"]);
}

#[tokio::test]
async fn max_topics_keeps_the_most_probable() {
    let all = classify(plain(sport())).await;
    let two = classify(ClassifyRequest { max_topics: 2, ..plain(sport()) }).await;
    assert_eq!(two.topics, all.topics[..2]);
}

#[tokio::test]
async fn min_probability_omits_topics_below_it() {
    let all = classify(plain(sport())).await;
    let third = all.topics[2].probability;
    let answer = classify(ClassifyRequest { min_probability: third, ..plain(sport()) }).await;
    assert_eq!(answer.topics, all.topics[..3]);
}

#[tokio::test]
async fn the_evidence_adds_up_to_the_log_odds() {
    for topic in classify(explained(sport())).await.topics {
        let listed: f64 = topic.evidence.iter().map(|evidence| evidence.weight).sum();
        let sum = topic.bias + listed + topic.other_evidence_weight;
        assert!((sum - topic.log_odds).abs() <= 1e-9, "{topic:?}");
    }
}

#[tokio::test]
async fn log_odds_are_those_of_the_probabilities_before_the_first_one_is_calibrated() {
    let topics = classify(plain(sport())).await.topics;
    let sum = |value: fn(&pb::TopicScore) -> f64| topics.iter().map(value).sum::<f64>();
    assert!((sum(|topic| topic.probability) - 1.0).abs() < 1e-9);
    // Centred; scores are sums in single precision, with about 7 digits.
    assert!(sum(|topic| topic.log_odds).abs() < 1e-4);
    // The others keep their proportions.
    for pair in topics[1..].windows(2) {
        let [a, b] = [&pair[0], &pair[1]];
        let difference = a.log_odds - b.log_odds - (a.probability / b.probability).ln();
        assert!(difference.abs() < 1e-5, "{pair:?}");
    }
    let [first, second] = [&topics[0], &topics[1]];
    assert!(first.probability > second.probability && first.log_odds > second.log_odds);
}

#[tokio::test]
async fn the_strongest_evidence_comes_first() {
    let topic = classify(explained(sport())).await.topics.remove(0);
    assert!(topic.evidence.is_sorted_by(|a, b| a.weight.abs() >= b.weight.abs()), "{topic:?}");
}

#[tokio::test]
async fn evidence_counts_title_and_body_together() {
    let topic = classify(explained(article("Match", "match, MATCH"))).await.topics.remove(0);
    let counts: Vec<_> =
        topic.evidence.iter().map(|evidence| (evidence.term.as_str(), evidence.count)).collect();
    assert_eq!(counts, [("match", 3)]);
}

/// The texts that the spans of an answer's evidence cover, by term.
fn covered(answer: &ClassifyResponse, article: &pb::Article) -> BTreeMap<String, Vec<String>> {
    let slice = |span: &pb::TextSpan| {
        let text = match span.field() {
            ArticleField::Title => &article.title,
            ArticleField::Body => &article.body,
            ArticleField::Unspecified => panic!("a span of no field: {span:?}"),
        };
        text.chars().skip(span.start as usize).take((span.end - span.start) as usize).collect()
    };
    let evidence = answer.topics.iter().flat_map(|topic| &topic.evidence);
    evidence.map(|part| (part.term.clone(), part.spans.iter().map(slice).collect())).collect()
}

#[tokio::test]
async fn evidence_is_located_in_the_text_as_it_was_sent() {
    let article = article("👍🏽 ＭＡＴＣＨ’s coach", "Mat\u{ad}ch, é coach—the");
    let covered = covered(&classify(explained(article.clone())).await, &article);
    assert_eq!(covered["match"], ["ＭＡＴＣＨ’s", "Mat\u{ad}ch"]);
    assert_eq!(covered["coach"], ["coach", "coach"]);
    assert_eq!(covered["the"], ["the"]);
}

#[tokio::test]
async fn spans_count_code_points_from_the_start_of_their_field() {
    let topic = classify(explained(article("👍🏽 match", "é match"))).await.topics.remove(0);
    let spans: Vec<_> =
        topic.evidence[0].spans.iter().map(|span| (span.field(), span.start, span.end)).collect();
    // The thumb and its skin tone are two code points.
    assert_eq!(
        (topic.evidence[0].term.as_str(), spans),
        ("match", vec![(ArticleField::Title, 3, 8), (ArticleField::Body, 2, 7)])
    );
}

#[tokio::test]
async fn spans_are_cut_at_the_published_limit_and_the_count_is_not() {
    let limit = narrow().await.info().await.limits.expect("limits").max_evidence_spans;
    let request = explained(article("", "match match match"));
    let topic = answer(&mut narrow().await.classification().await, request).await.topics.remove(0);
    let evidence = topic
        .evidence
        .iter()
        .find(|evidence| evidence.term == "match")
        .expect("the word of the text");
    assert_eq!((evidence.spans.len() as i32, evidence.count), (limit, 3));
}

#[tokio::test]
async fn evidence_is_cut_at_the_published_limit() {
    let limit = narrow().await.info().await.limits.expect("limits").max_evidence_terms;
    let answer = answer(&mut narrow().await.classification().await, explained(sport())).await;
    assert!(answer.topics.iter().all(|topic| topic.evidence.len() as i32 == limit), "{answer:?}");
}

#[tokio::test]
async fn evidence_is_given_only_on_request() {
    let topics = classify(plain(sport())).await.topics;
    assert!(topics.iter().all(|topic| topic.evidence.is_empty()
        && topic.bias == 0.0
        && topic.other_evidence_weight == 0.0));
}

#[tokio::test]
async fn a_text_without_a_known_word_is_unknown() {
    assert_eq!(classify(plain(article("qwxyz", "zzyzx"))).await.decision(), Decision::UnknownText);
}

#[tokio::test]
async fn a_text_without_a_known_word_leaves_the_topics_as_likely_as_before() {
    let topics = classify(plain(article("qwxyz", "zzyzx"))).await.topics;
    // The corpus has the same number of documents per topic.
    assert!(
        topics.iter().all(|topic| (topic.probability - 1.0 / TOPIC_COUNT as f64).abs() < 1e-6),
        "{topics:?}"
    );
}

#[tokio::test]
async fn a_text_with_hardly_a_known_word_is_unknown_whatever_the_word() {
    let answer = classify(plain(article("match", &"qwxyz ".repeat(20)))).await;
    assert_eq!((answer.decision(), answer.known_token_count), (Decision::UnknownText, 1));
    // Any topic may come first: the corpus has the same number of documents per topic.
    assert!(
        answer
            .topics
            .iter()
            .all(|topic| (topic.probability - 1.0 / TOPIC_COUNT as f64).abs() < 1e-6),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_unknown_text_has_no_evidence() {
    let answer = classify(explained(article("match", &"qwxyz ".repeat(20)))).await;
    assert_eq!(answer.decision(), Decision::UnknownText);
    for topic in &answer.topics {
        assert_eq!((topic.bias, topic.other_evidence_weight), (topic.log_odds, 0.0), "{topic:?}");
        assert!(topic.evidence.is_empty(), "{topic:?}");
    }
}

#[tokio::test]
async fn numbers_do_not_make_a_text_unknown() {
    let figures = "1,234.5 12% $3.2bn 3rd 2013 0.31 987,654 7/8 15th 1990s ".repeat(5);
    let answer = classify(plain(article("match", &format!("match {figures}")))).await;
    assert_eq!((answer.token_count, answer.known_token_count), (2, 2));
    assert_ne!(answer.decision(), Decision::UnknownText);
    assert_eq!((answer.topics[0].name.as_str(), answer.warnings), ("sport", vec![]));
}

#[tokio::test]
async fn a_text_of_numbers_alone_is_unknown() {
    let answer = classify(plain(article("2013", "1 2 3"))).await;
    assert_eq!((answer.token_count, answer.decision()), (0, Decision::UnknownText));
}

#[tokio::test]
async fn mostly_unknown_words_are_answered_with_a_warning() {
    let answer = classify(plain(article("match", "qwxyz zzyzx"))).await;
    assert_eq!(
        answer.warnings.iter().map(|warning| warning.code()).collect::<Vec<_>>(),
        [WarningCode::MostlyUnknownWords]
    );
}

#[tokio::test]
async fn another_language_is_answered_with_a_warning() {
    let article = pb::Article { language_code: "de-CH".to_owned(), ..sport() };
    let answer = classify(plain(article)).await;
    assert_eq!(
        answer.warnings.iter().map(|warning| warning.code()).collect::<Vec<_>>(),
        [WarningCode::LanguageMismatch]
    );
}

#[tokio::test]
async fn a_region_of_the_models_language_is_not_a_mismatch() {
    let article = pb::Article { language_code: "EN-gb".to_owned(), ..sport() };
    assert_eq!(classify(plain(article)).await.warnings, []);
}

async fn classify_within(timeout: &'static str) -> Result<ClassifyResponse, Status> {
    let proxy = proxy_of_hidden_timeouts(shared().await.address).await;
    let mut request = Request::new(plain(sport()));
    request.metadata_mut().insert(HIDDEN_TIMEOUT, timeout.parse().expect("ASCII"));
    ClassificationServiceClient::new(channel(proxy).await)
        .classify(request)
        .await
        .map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_call_past_its_deadline_is_exceeded() {
    let status = classify_within("1n").await.expect_err("too late");
    assert_eq!(refusal(&status), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
}

#[tokio::test]
async fn a_distant_deadline_changes_no_answer() {
    assert_eq!(classify_within("1H").await.expect("in time"), classify(plain(sport())).await);
}

#[tokio::test]
async fn a_timeout_set_by_tonics_client_is_understood() {
    let mut request = Request::new(plain(sport()));
    request.set_timeout(Duration::from_secs(3_600));
    assert!(shared().await.classification().await.classify(request).await.is_ok());
}
