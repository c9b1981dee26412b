//! Why the most probable topic and not another.

use prost::Message as _;
use slugline::grpc::pb::{self, ClassifyRequest, ClassifyResponse, Contrast, Decision};
use slugline::grpc::pb::{
    batch_classify_result::Result as BatchItem, stream_classify_response::Result as StreamItem,
};
use tonic::Code;

use super::{classify, plain, refused};
use crate::support::{article, explained, item_violation, refusal, shared, sport, violation};

fn against(topic: &str) -> ClassifyRequest {
    ClassifyRequest { explain_against: topic.to_owned(), ..explained(sport()) }
}

fn contrast(answer: &ClassifyResponse) -> &Contrast {
    answer.contrast.as_ref().expect("a contrast")
}

fn log_odds(answer: &ClassifyResponse, topic: &str) -> f64 {
    answer.topics.iter().find(|score| score.name == topic).expect("the topic").log_odds
}

/// Asserts that a contrast is the difference of two topics of its answer, and adds up to it.
fn assert_sound(answer: &ClassifyResponse) {
    let contrast = contrast(answer);
    let difference = log_odds(answer, &contrast.topic) - log_odds(answer, &contrast.other_topic);
    assert!((contrast.log_odds - difference).abs() < 1e-12, "{contrast:?}");
    let listed: f64 = contrast.evidence.iter().map(|part| part.weight).sum();
    let sum = contrast.bias + listed + contrast.other_evidence_weight;
    assert!((sum - contrast.log_odds).abs() < 1e-9, "{contrast:?}");
    assert!(contrast.evidence.is_sorted_by(|a, b| a.weight.abs() >= b.weight.abs()));
    assert!((0.0..=1.0).contains(&contrast.explained_share), "{contrast:?}");
}

#[tokio::test]
async fn the_first_topic_is_contrasted_with_the_runner_up() {
    let answer = classify(explained(sport())).await;
    assert_sound(&answer);
    let names = [&contrast(&answer).topic, &contrast(&answer).other_topic];
    assert_eq!(names, [&answer.topics[0].name, &answer.topics[1].name]);
    assert!(!contrast(&answer).evidence.is_empty());
}

#[tokio::test]
async fn the_request_may_name_the_other_topic() {
    let usual = classify(explained(sport())).await;
    for other in &usual.topics[1..] {
        let answer = classify(against(&other.name)).await;
        assert_sound(&answer);
        assert_eq!(contrast(&answer).other_topic, other.name);
        assert_eq!(answer.topics, usual.topics);
    }
    // A topic has no contrast with itself.
    assert_eq!(classify(against(&usual.topics[0].name)).await, usual);
}

#[tokio::test]
async fn a_contrast_is_the_difference_of_the_evidence_of_its_topics() {
    let answer = classify(explained(article("Striker", "the minister at the match"))).await;
    let contrast = contrast(&answer);
    assert_eq!(contrast.evidence.len(), answer.topics[0].evidence.len(), "all terms are listed");
    for part in &contrast.evidence {
        let of = |topic: usize| {
            let mut evidence = answer.topics[topic].evidence.iter();
            evidence.find(|other| other.term == part.term).expect("the same terms").clone()
        };
        let (of_topic, of_other) = (of(0), of(1));
        assert!((part.weight - (of_topic.weight - of_other.weight)).abs() < 1e-12, "{part:?}");
        assert_eq!((part.count, &part.spans), (of_topic.count, &of_topic.spans));
    }
}

#[tokio::test]
async fn the_explained_share_is_that_of_the_listed_weights_in_all() {
    let all = classify(explained(sport())).await;
    let weights: Vec<f64> = contrast(&all).evidence.iter().map(|part| part.weight.abs()).collect();
    assert_eq!(contrast(&all).explained_share, 1.0, "all terms are listed");
    for terms in 1..weights.len() {
        let request = ClassifyRequest { max_evidence_terms: terms as i32, ..explained(sport()) };
        let answer = classify(request).await;
        assert_eq!(contrast(&answer).evidence.len(), terms);
        let share = weights[..terms].iter().sum::<f64>() / weights.iter().sum::<f64>();
        assert!((contrast(&answer).explained_share - share).abs() < 1e-12, "{terms} terms");
    }
}

#[tokio::test]
async fn options_that_omit_topics_do_not_change_the_contrast() {
    let expected = classify(explained(sport())).await.contrast;
    let one = ClassifyRequest { max_topics: 1, ..explained(sport()) };
    assert_eq!(classify(one).await.contrast, expected);
    let none = classify(ClassifyRequest { min_probability: 1.0, ..explained(sport()) }).await;
    assert_eq!((none.topics.len(), none.contrast), (0, expected));
}

#[tokio::test]
async fn without_explain_there_is_no_contrast() {
    let request = ClassifyRequest { explain: false, ..against("health") };
    assert_eq!(classify(request).await, classify(plain(sport())).await);
}

#[tokio::test]
async fn the_contrast_of_an_unknown_text_has_no_evidence() {
    let answer = classify(explained(article("match", &"qwxyz ".repeat(20)))).await;
    assert_eq!(answer.decision(), Decision::UnknownText);
    assert_sound(&answer);
    let contrast = contrast(&answer);
    assert_eq!((contrast.bias, contrast.other_evidence_weight), (contrast.log_odds, 0.0));
    assert!(contrast.evidence.is_empty() && contrast.explained_share == 0.0, "{contrast:?}");
}

#[tokio::test]
async fn a_topic_that_the_model_does_not_have_is_refused() {
    for explain in [true, false] {
        let status = refused(ClassifyRequest { explain, ..against("gardening") }).await;
        assert_eq!(refusal(&status), (Code::InvalidArgument, "UNKNOWN_TOPIC".to_owned()));
        let expected = ("explain_against".to_owned(), "UNKNOWN_TOPIC".to_owned());
        assert_eq!(violation(&status), expected);
        assert!(status.message().contains("mini/1 has no topic \"gardening\""), "{status:?}");
    }
}

#[tokio::test]
async fn batches_and_streams_contrast_as_classify_does() {
    let mut client = shared().await.classification().await;
    let batch = |topic: &str| pb::BatchClassifyRequest {
        articles: vec![sport(), article("qwxyz", "")],
        explain: true,
        explain_against: topic.to_owned(),
        ..Default::default()
    };
    let other = classify(explained(sport())).await.topics[2].name.clone();
    let answer = client.batch_classify(batch(&other)).await.expect("an answer").into_inner();
    let Some(BatchItem::Classification(first)) = &answer.results[0].result else {
        panic!("{answer:?}")
    };
    let expected = classify(against(&other)).await;
    assert_eq!(first.encode_to_vec(), expected.encode_to_vec());
    let status = client.batch_classify(batch("gardening")).await.expect_err("refused whole");
    assert_eq!(violation(&status).0, "explain_against");

    let requests = ["gardening", &other].map(|topic| pb::StreamClassifyRequest {
        id: topic.to_owned(),
        request: Some(against(topic)),
    });
    let mut answers =
        client.stream_classify(tokio_stream::iter(requests)).await.expect("a stream").into_inner();
    let mut next = async || answers.message().await.expect("an answer").and_then(|one| one.result);
    let Some(StreamItem::Error(error)) = next().await else { panic!("the first is refused") };
    assert_eq!(item_violation(&error).0, "explain_against");
    assert_eq!(next().await, Some(StreamItem::Classification(expected)));
}
