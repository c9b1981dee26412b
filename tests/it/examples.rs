//! The examples do what the documentation says they do.

use std::fs;
use std::path::Path;

use serde_json::Value;
use slugline::article::{ArticleText, Limits};
use slugline::service::{ClassifyQuery, ModelSet, ModelSource, RequestedOptions, classify};

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
    let query = ClassifyQuery {
        text: ArticleText { title: &title, body: &body },
        language_code: "en",
        options: RequestedOptions { max_topics: 2, explain: true, ..Default::default() }
            .checked()
            .expect("options in range"),
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
    let found: Vec<&str> = world
        .evidence
        .iter()
        .filter(|part| part.weight > 0.0 && sensible.contains(&part.term.as_str()))
        .map(|part| part.term.as_str())
        .collect();
    assert_eq!(world.evidence.len(), 20);
    assert!(found.len() >= 2, "{found:?} of {:?}", world.evidence);
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
