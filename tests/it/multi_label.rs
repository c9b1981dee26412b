//! Several topics a document: trained, and served over the wire.

use std::fs;
use std::path::{Path, PathBuf};

use slugline::corpus::{Input, Progress};
use slugline::grpc::pb::{self, ClassifyRequest, GetModelRequest};
use slugline::model::artifact::{self, WEIGHTS_FILE};
use slugline::model::{Labels, Manifest};
use slugline::train::{TrainError, TrainOptions, Trained, train};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::support::{TestServer, article, config};

/// Words that stand for one topic each; the fourth line is about nothing, and has no topic.
const KINDS: [(&str, &[&str]); 5] = [
    ("wheat harvest tonnes crop", &["grain"]),
    ("tanker freight port cargo", &["ship"]),
    ("tanker freight port cargo wheat harvest tonnes crop", &["grain", "ship"]),
    ("meeting agenda minutes chairman", &[]),
    ("bank lending rate yield", &["money"]),
];

fn line(place: usize) -> String {
    let (body, topics) = KINDS[place % KINDS.len()];
    let body = format!("{body} day{}", place / KINDS.len() % 7);
    serde_json::json!({ "body": body, "topics": topics }).to_string()
}

pub(crate) fn corpus(directory: &Path) -> PathBuf {
    let path = directory.join("corpus.jsonl");
    fs::write(&path, (0..100).map(line).collect::<Vec<_>>().join("\n")).expect("a file");
    path
}

/// The same in "corpus.jsonl" with hierarchical names: grain and money are goods.
pub(crate) fn hierarchical_corpus(directory: &Path) {
    let lines = fs::read_to_string(corpus(directory)).expect("a file");
    let named =
        lines.replace("\"grain\"", "\"goods/grain\"").replace("\"money\"", "\"goods/money\"");
    fs::write(directory.join("corpus.jsonl"), named).expect("a file");
}

fn trained(path: PathBuf, threads: usize) -> Trained {
    let mut options = TrainOptions {
        labels: Labels::Multiple,
        ..TrainOptions::new("several/1".parse().expect("a model's id"))
    };
    options.corpus.threads = threads;
    train(&[Input::File(path)], &options, &Progress::default()).expect("the corpus makes a model")
}

#[test]
fn a_corpus_without_a_topic_is_refused() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("corpus.jsonl");
    fs::write(&path, "{\"body\": \"meeting agenda\"}\n".repeat(10)).expect("a file");
    let options = TrainOptions {
        labels: Labels::Multiple,
        ..TrainOptions::new("several/1".parse().expect("a model's id"))
    };
    let error =
        train(&[Input::File(path)], &options, &Progress::default()).expect_err("nothing to learn");
    assert!(matches!(error, TrainError::NoTopic), "{error:?}");
}

/// A directory with the corpus, and its model as "several/1".
fn several_model() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    let artifact = trained(corpus(root.path()), 1).artifact;
    let files: [(&str, &[u8]); 2] =
        [(Manifest::FILE, &artifact.manifest), (WEIGHTS_FILE, &artifact.weights)];
    artifact::write(&root.path().join("several/1"), &files).expect("a model on disk");
    root
}

async fn several() -> &'static TestServer {
    static SEVERAL: OnceCell<TestServer> = OnceCell::const_new();
    SEVERAL
        .get_or_init(|| async {
            let models = several_model();
            TestServer::start(config(&models, "several")).await
        })
        .await
}

/// The topics assigned to a text, in the order of their names.
async fn assigned(body: &str) -> Vec<String> {
    let request =
        ClassifyRequest { article: Some(article("", body)), ..ClassifyRequest::default() };
    let answer = several()
        .await
        .classification()
        .await
        .classify(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(answer.topics.len(), 3, "every topic has a probability, assigned or not");
    let mut names: Vec<String> = answer
        .topics
        .into_iter()
        .filter(|topic| topic.assigned.expect("said of each topic"))
        .map(|topic| topic.name)
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_article_gets_all_of_its_topics_and_one_of_none_gets_none() {
    assert_eq!(assigned("wheat harvest tonnes crop").await, ["grain"]);
    assert_eq!(
        assigned("tanker freight port cargo, wheat harvest tonnes crop").await,
        ["grain", "ship"]
    );
    assert_eq!(assigned("meeting agenda minutes chairman").await, [""; 0]);
}

#[tokio::test]
async fn probabilities_stand_for_themselves_and_log_odds_are_theirs() {
    let body = "tanker freight port cargo, wheat harvest tonnes crop";
    let request = ClassifyRequest {
        article: Some(article("", body)),
        explain: true,
        ..ClassifyRequest::default()
    };
    let answer = several()
        .await
        .classification()
        .await
        .classify(request)
        .await
        .expect("an answer")
        .into_inner();
    let sum: f64 = answer.topics.iter().map(|topic| topic.probability).sum();
    assert!(sum > 1.2, "two topics of one article: {sum}");
    for pb::TopicScore {
        name, probability, log_odds, bias, evidence, other_evidence_weight, ..
    } in answer.topics
    {
        assert!((probability.ln() - (1.0 - probability).ln() - log_odds).abs() < 1e-6, "{name}");
        let explained =
            bias + evidence.iter().map(|term| term.weight).sum::<f64>() + other_evidence_weight;
        assert!((explained - log_odds).abs() < 1e-9, "{name}");
    }
}

/// The answer on a shipment of wheat, explained against this topic.
async fn explained_against(topic: &str) -> pb::ClassifyResponse {
    let request = ClassifyRequest {
        article: Some(article("", "tanker freight port cargo, wheat harvest tonnes crop")),
        explain: true,
        explain_against: topic.to_owned(),
        ..ClassifyRequest::default()
    };
    let mut client = several().await.classification().await;
    client.classify(request).await.expect("an answer").into_inner()
}

#[tokio::test]
async fn topics_are_contrasted_only_where_the_request_names_one() {
    assert_eq!(explained_against("").await.contrast, None);
    let answer = explained_against("money").await;
    let contrast = answer.contrast.expect("a contrast");
    let log_odds = |name: &str| {
        answer.topics.iter().find(|topic| topic.name == name).expect("a topic").log_odds
    };
    assert_eq!((&contrast.topic, &*contrast.other_topic), (&answer.topics[0].name, "money"));
    let ratio = log_odds(&contrast.topic) - log_odds("money");
    assert!((contrast.log_odds - ratio).abs() < 1e-12, "{contrast:?}");
    let listed: f64 = contrast.evidence.iter().map(|term| term.weight).sum();
    let sum = contrast.bias + listed + contrast.other_evidence_weight;
    assert!((sum - ratio).abs() < 1e-9, "{contrast:?}");
}

#[tokio::test]
async fn the_model_says_that_it_is_one_and_where_its_thresholds_lie() {
    let request = GetModelRequest { name: "several/1".to_owned() };
    let answer = several()
        .await
        .model_service()
        .await
        .get_model(request)
        .await
        .expect("an answer")
        .into_inner();
    let model = answer.model.expect("a model");
    assert!(model.multi_label);
    assert_eq!(model.recipe, "linked");
    for topic in model.topics {
        assert!(
            (0.0..=1.0).contains(&topic.threshold.expect("a threshold a topic")),
            "{}",
            topic.name
        );
    }
}

#[test]
fn threads_change_no_byte() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = corpus(root.path());
    assert_eq!(trained(path.clone(), 1).artifact, trained(path, 3).artifact);
}
