//! The examples do what the documentation says they do.

use std::fs;
use std::path::Path;

use serde_json::Value;
use slugline::article::{ArticleText, Limits};
use slugline::grpc::pb;
use slugline::model::Decision;
use slugline::service::{ClassifyQuery, ModelSet, ModelSource, RequestedOptions, classify};

use super::support::{RUNTIME, TestServer};

#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../../examples/classify.rs"]
mod classify_example;
#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../../examples/embedded.rs"]
mod embedded;
#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../../examples/import_and_search.rs"]
mod import_and_search;

fn example(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file);
    fs::read_to_string(&path).expect(file)
}

/// Title and body of the article in the request.
fn cyber_defence() -> (String, String) {
    let request: Value = serde_json::from_str(&example("cyber-defence.json")).expect("JSON");
    let field = |name: &str| request["article"][name].as_str().expect(name).to_owned();
    (field("title"), field("body"))
}

#[test]
fn the_article_on_cyber_defence_is_about_the_world_for_reasons_a_reader_accepts() {
    let (title, body) = cyber_defence();
    // The model in the binary, whatever else there is.
    let models = ModelSet::open(&ModelSource { directory: None, default_model: "news".to_owned() })
        .expect("a model");
    let options = RequestedOptions { max_topics: 2, explain: true, ..Default::default() }
        .checked(Some(models.default_entry()))
        .expect("options in range");
    let query = ClassifyQuery {
        text: ArticleText { title: &title, body: &body },
        language_code: "en",
        options: &options,
    };
    let answer =
        classify(models.default_entry(), &query, &Limits::default(), "article").expect("an answer");
    assert_eq!(answer.warnings, []);
    let world = answer
        .topics
        .iter()
        .find(|topic| topic.name == "world")
        .expect("world among the first two topics");
    let sensible = [
        "military",
        "defence",
        "foreign",
        "security",
        "attack",
        "attacks",
        "parliament",
        "armed",
        "minister",
        "ministers",
        "treaty",
        "war",
    ];
    let evidence = &world.explanation.as_ref().expect("an explanation").evidence;
    let found: Vec<&str> = evidence
        .iter()
        .filter(|part| part.weight > 0.0 && sensible.contains(&part.term.as_str()))
        .map(|part| part.term.as_str())
        .collect();
    assert_eq!(evidence.len(), 20);
    assert!(found.len() >= 2, "{found:?} of {evidence:?}");
}

#[test]
fn the_article_as_text_is_the_article_of_the_request() {
    let (title, body) = cyber_defence();
    assert_eq!(example("cyber-defence.txt"), format!("{title}\n\n{body}\n"));
}

#[test]
fn each_example_is_named_in_their_readme() {
    let readme = example("README.md");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in fs::read_dir(directory).expect("examples") {
        let name = entry.expect("it can be listed").file_name().to_string_lossy().into_owned();
        assert!(
            name == "README.md" || readme.contains(&format!("`{name}`")),
            "{name} is not in examples/README.md"
        );
    }
}

#[test]
fn the_client_that_classifies_gets_topics_with_evidence() {
    let (title, body) = cyber_defence();
    let answer = RUNTIME.block_on(async {
        let server = TestServer::with_limits(Limits::default()).await;
        let url = format!("http://{}", server.address);
        let answer = classify_example::classify(url, &title, &body).await.expect("an answer");
        server.stop().await.expect("it stops");
        answer
    });
    assert_eq!(answer.topics.len(), 2);
    assert!(answer.topics.iter().all(|topic| topic.evidence.len() <= 5));
    let contrast = answer.contrast.as_ref().expect("a contrast");
    assert_eq!(contrast.other_topic, answer.topics[1].name);
    assert!(contrast.evidence.len() <= 5, "{contrast:?}");
    assert_ne!(answer.decision(), pb::Decision::Unspecified);
}

#[test]
fn the_client_that_imports_finds_the_stories_on_the_river() {
    let articles: Vec<_> = example("articles.jsonl")
        .lines()
        .map(|line| import_and_search::article(line).expect("an article"))
        .collect();
    let (stored, found) = RUNTIME.block_on(async {
        let server = TestServer::with_limits(Limits::default()).await;
        let channel = server.channel().await;
        let stored = import_and_search::import(channel.clone(), articles).await.expect("stored");
        let draft = "The River Orr has burst its banks again";
        let found = import_and_search::search(channel, draft).await.expect("an answer");
        server.stop().await.expect("it stops");
        (stored, found)
    });
    assert_eq!(stored, 56);
    let ids: Vec<_> =
        found.iter().filter_map(|found| found.article.as_ref()).map(|found| &found.id).collect();
    assert!(ids.first().is_some_and(|id| id.starts_with("orr-")), "{ids:?}");
}

#[test]
fn the_embedded_model_answers_as_the_service_does() {
    let (title, body) = cyber_defence();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/news/2");
    let article = ArticleText { title: &title, body: &body };
    let answer = embedded::classify(&model, article).expect("an answer");
    assert_eq!((answer.topics[0].0.as_str(), answer.topics.len()), ("world", 13));
    assert_eq!(answer.decision, Decision::Uncertain);
}
