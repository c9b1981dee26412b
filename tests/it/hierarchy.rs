//! Hierarchical topics over the wire and on the command line.

use std::fs;
use std::path::Path;

use slugline::corpus::{Input, Progress};
use slugline::grpc::pb::{self, ClassifyRequest, ClassifyResponse, GetModelRequest};
use slugline::model::Manifest;
use slugline::model::artifact::{self, WEIGHTS_FILE};
use slugline::train::{Estimator, Recipe, TrainOptions, train};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::support::{TestServer, article, config, shared, sport};

/// Three documents a topic, told apart by words of their own; "sport" is a topic and a parent.
pub(crate) fn corpus(path: &Path) {
    let topics = [
        ("sport", "medal athlete runner"),
        ("sport/football/cup", "goal match final trophy"),
        ("sport/football/league", "goal match table season"),
        ("sport/tennis", "racket serve match court"),
        ("weather", "rain wind storm sun"),
    ];
    let lines = topics.iter().flat_map(|(topic, words)| {
        (0..3).map(move |number| {
            format!("{{\"body\": \"{words} {words} day{number}\", \"topics\": [\"{topic}\"]}}\n")
        })
    });
    fs::write(path, lines.collect::<String>()).expect("a file");
}

/// A directory with a model of [`corpus`], as "deep/1".
fn deep_model() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("deep.jsonl");
    corpus(&path);
    let options = TrainOptions {
        recipe: Recipe::Fixed(Estimator::MULTINOMIAL),
        ..TrainOptions::new("deep/1".parse().expect("a model's id"))
    };
    let trained = train(&[Input::File(path)], &options, &Progress::default())
        .expect("the corpus trains")
        .artifact;
    let files: [(&str, &[u8]); 2] =
        [(Manifest::FILE, &trained.manifest), (WEIGHTS_FILE, &trained.weights)];
    artifact::write(&root.path().join("deep/1"), &files).expect("a model on disk");
    root
}

async fn deep() -> &'static TestServer {
    static DEEP: OnceCell<TestServer> = OnceCell::const_new();
    DEEP.get_or_init(|| async {
        let models = deep_model();
        TestServer::start(config(&models, "deep")).await
    })
    .await
}

async fn classify(request: ClassifyRequest) -> ClassifyResponse {
    deep().await.classification().await.classify(request).await.expect("an answer").into_inner()
}

fn match_report() -> ClassifyRequest {
    ClassifyRequest {
        article: Some(article("", "a goal in the match of the season, in the rain")),
        ..ClassifyRequest::default()
    }
}

/// The first levels of a name.
fn cut(name: &str, depth: i32) -> String {
    name.split('/').take(depth as usize).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_model_of_flat_names_answers_without_levels() {
    let request = ClassifyRequest { article: Some(sport()), ..ClassifyRequest::default() };
    let answer = shared()
        .await
        .classification()
        .await
        .classify(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(answer.levels, []);
}

#[tokio::test]
async fn each_depth_but_the_deepest_is_a_level_of_the_answer() {
    let depths: Vec<i32> =
        classify(match_report()).await.levels.iter().map(|level| level.depth).collect();
    assert_eq!(depths, [1, 2]);
}

#[tokio::test]
async fn a_broad_topic_has_the_sum_of_the_topics_it_stands_for() {
    let answer = classify(match_report()).await;
    for level in &answer.levels {
        for broad in &level.topics {
            let of_it =
                answer.topics.iter().filter(|topic| cut(&topic.name, level.depth) == broad.name);
            let sum: f64 = of_it.map(|topic| topic.probability).sum();
            assert!((broad.probability - sum).abs() < 1e-12, "{broad:?} in {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_probabilities_of_each_level_sum_to_one() {
    for text in ["a goal in the match", "rain", "qwxyz", "日本"] {
        let request =
            ClassifyRequest { article: Some(article("", text)), ..ClassifyRequest::default() };
        for level in classify(request).await.levels {
            let sum: f64 = level.topics.iter().map(|topic| topic.probability).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{level:?}");
            assert!(
                level.topics.iter().all(|topic| (0.0..=1.0).contains(&topic.probability)),
                "{level:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_a_parent_too_is_the_whole_in_a_level_and_its_own_share_among_the_topics() {
    let answer = classify(match_report()).await;
    let own = answer
        .topics
        .iter()
        .find(|topic| topic.name == "sport")
        .expect("a topic of the model")
        .probability;
    let whole = answer.levels[0]
        .topics
        .iter()
        .find(|topic| topic.name == "sport")
        .expect("its parent")
        .probability;
    assert!(own < 0.5 && whole > 0.5, "{answer:?}");
}

#[tokio::test]
async fn broad_topics_come_most_probable_first_and_equal_ones_by_name() {
    let unknown = classify(ClassifyRequest {
        article: Some(article("", "qwxyz")),
        ..ClassifyRequest::default()
    })
    .await;
    let names: Vec<Vec<&str>> = unknown
        .levels
        .iter()
        .map(|level| level.topics.iter().map(|topic| topic.name.as_str()).collect())
        .collect();
    // As many documents of each of the five topics: two of football, one of each other.
    assert_eq!(
        names,
        [vec!["sport", "weather"], vec!["sport/football", "sport", "sport/tennis", "weather"]]
    );
}

#[tokio::test]
async fn the_most_and_the_least_that_is_asked_for_hold_for_each_level() {
    let all = classify(match_report()).await;
    let one = classify(ClassifyRequest { max_topics: 1, ..match_report() }).await;
    let likely = classify(ClassifyRequest { min_probability: 0.5, ..match_report() }).await;
    for (level, every) in one.levels.iter().zip(&all.levels) {
        assert_eq!(level.topics, every.topics[..1]);
    }
    let is_likely =
        |level: &pb::TopicLevel| level.topics.iter().all(|topic| topic.probability >= 0.5);
    assert!(likely.levels.iter().all(is_likely), "{likely:?}");
}

#[tokio::test]
async fn a_model_lists_its_broader_topics() {
    let request = GetModelRequest { name: "deep".to_owned() };
    let model = deep()
        .await
        .model_service()
        .await
        .get_model(request)
        .await
        .expect("a model")
        .into_inner()
        .model;
    let levels: Vec<(i32, Vec<String>)> = model
        .expect("a model")
        .topic_levels
        .into_iter()
        .map(|level| (level.depth, level.names))
        .collect();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        levels,
        [
            (1, names(&["sport", "weather"])),
            (2, names(&["sport", "sport/football", "sport/tennis", "weather"]))
        ]
    );
}
