//! What `train` and `evaluate` warn of, and what of many topics they print.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::process::*;

fn corpus<'a>(directory: &Path, documents: impl IntoIterator<Item = (String, &'a str)>) {
    let mut text = String::new();
    for (body, topic) in documents {
        writeln!(text, "{}", json!({"body": body, "topics": [topic]})).expect("room");
    }
    fs::write(directory.join("corpus.jsonl"), text).expect("a file");
}

/// Some documents of a topic, each of its own words and of those of the topic.
fn of_topic<'a>(topic: &'a str, words: &str, count: usize) -> Vec<(String, &'a str)> {
    (0..count).map(|number| (format!("{words} number{number} {topic}"), topic)).collect()
}

fn train(directory: &Path, more: &[&str]) -> Value {
    let arguments = [
        "train",
        "--input",
        "corpus.jsonl",
        "--output",
        "mine/1",
        "--recipe",
        "multinomial",
        "--json",
    ];
    let ended = slugline_in(directory, &[&arguments[..], more].concat()).succeeded();
    let outcome = ended.json();
    for warning in warnings(&outcome) {
        assert!(ended.stderr.contains(&format!("warning: {warning}\n")), "{}", ended.stderr);
    }
    outcome
}

fn evaluate(directory: &Path) -> (Value, String, String) {
    let arguments = ["evaluate", "--model", "mine/1", "--input", "corpus.jsonl"];
    let outcome =
        slugline_in(directory, &[&arguments[..], &["--json"]].concat()).succeeded().json();
    let report = ["--report", "report.html"];
    let text = slugline_in(directory, &[&arguments[..], &report].concat()).succeeded();
    for warning in warnings(&outcome) {
        assert!(text.stderr.contains(&format!("warning: {warning}\n")), "{}", text.stderr);
    }
    (outcome, text.stdout, fs::read_to_string(directory.join("report.html")).expect("a report"))
}

fn warnings(outcome: &Value) -> Vec<&str> {
    outcome["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|warning| warning.as_str().expect("a text"))
        .collect()
}

fn has(outcome: &Value, words: &str) -> bool {
    warnings(outcome).iter().any(|warning| warning.contains(words))
}

#[test]
fn copies_are_counted_whatever_the_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut documents =
        [of_topic("arts", "paint stage", 30), of_topic("sport", "goal match", 30)].concat();
    let (first, second) = (documents[0].0.clone(), documents[1].0.clone());
    documents.extend([(first.clone(), "arts"), (first, "sport"), (second, "arts")]);
    // Other words in the same places, or the same words in other places, are no copies.
    documents.extend([
        ("stage paint number0 arts".to_owned(), "arts"),
        ("paint stage number0 art".to_owned(), "arts"),
    ]);
    corpus(directory.path(), documents);
    let words =
        "3 documents have the same text, title or body as an earlier one (1 with other topics): ";
    for threads in ["1", "3"] {
        let outcome = train(directory.path(), &["--threads", threads]);
        assert!(has(&outcome, words), "{outcome}");
    }
    let (outcome, _, page) = evaluate(directory.path());
    let words = "3 documents repeat the text of another one (1 of them with other topics): ";
    assert!(has(&outcome, words) && page.contains(words), "{outcome}");
}

#[test]
fn learning_that_goes_on_knows_copies_of_what_it_learned_before() {
    let directory = tempfile::tempdir().expect("a directory");
    corpus(
        directory.path(),
        [of_topic("arts", "paint stage", 30), of_topic("sport", "goal match", 30)].concat(),
    );
    assert!(!has(&train(directory.path(), &[]), "earlier one"));
    corpus(directory.path(), of_topic("arts", "paint stage", 2));
    let outcome = train(directory.path(), &["--from", "mine/1"]);
    assert!(has(&outcome, "2 documents have the same text"), "{outcome}");
}

#[test]
fn names_of_topics_that_are_one_or_several_are_doubted() {
    let directory = tempfile::tempdir().expect("a directory");
    let topics = ["sport", "Sport", "arts", "sport,arts"];
    corpus(directory.path(), topics.iter().flat_map(|topic| of_topic(topic, "goal match", 20)));
    let outcome = train(directory.path(), &[]);
    let (measured, _, page) = evaluate(directory.path());
    for words in [
        "topics that differ in case, blanks or invisible characters only: \"Sport\" and \"sport\"",
        "topics that look like lists of topics: \"sport,arts\": ",
    ] {
        assert!(has(&outcome, words) && has(&measured, words), "{outcome} {measured}");
        assert!(page.contains(&words.replace('"', "&quot;")), "{page}");
    }
}

#[test]
fn figures_of_few_documents_are_doubted() {
    let directory = tempfile::tempdir().expect("a directory");
    corpus(
        directory.path(),
        [of_topic("arts", "paint stage", 95), of_topic("sport", "goal match", 5)].concat(),
    );
    let outcome = train(directory.path(), &[]);
    let (measured, ..) = evaluate(directory.path());
    for outcome in [&outcome, &measured] {
        assert!(
            has(
                outcome,
                "figures rest on 100 documents: by chance alone they may be off by 10 points"
            ),
            "{outcome}"
        );
        assert!(
            has(outcome, "topics of fewer than 10 documents, whose figures say little: sport (5)"),
            "{outcome}"
        );
    }
    corpus(
        directory.path(),
        [of_topic("arts", "paint stage", 200), of_topic("sport", "goal match", 200)].concat(),
    );
    assert_eq!(train(directory.path(), &[])["warnings"], json!([]));
    assert_eq!(evaluate(directory.path()).0["warnings"], json!([]));
}

#[test]
fn of_many_topics_the_worst_confusions_are_printed_and_no_matrix() {
    let directory = tempfile::tempdir().expect("a directory");
    let names: Vec<String> = (0..200).map(|number| format!("topic{number}")).collect();
    let documents = |shift: usize| {
        let topic = move |number: usize| (number + shift) % 200;
        names.iter().enumerate().flat_map(move |(number, name)| {
            (0..2).map(move |_| (format!("word{} common", topic(number)), name.as_str()))
        })
    };
    corpus(directory.path(), documents(0));
    train(directory.path(), &["--min-df", "1"]);
    corpus(directory.path(), documents(1));
    let (outcome, text, page) = evaluate(directory.path());
    assert_eq!(outcome["confusion_matrix"], json!([]));
    let worst = outcome["worst_confusions"].as_array().expect("a list");
    assert_eq!((worst.len(), &worst[0]["documents"]), (20, &json!(2)), "{worst:?}");
    assert!(worst.iter().all(|pair| pair["topic"] != pair["called"]), "{worst:?}");
    assert!(
        text.contains("\nconfused most often: ") && !text.contains("confusion matrix"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() < 120), "{text}");
    assert!(page.contains("too many for a matrix") && !page.contains("figure-confusion"));
}

#[test]
fn a_corpus_of_foreign_topics_is_named_as_such() {
    let directory = with_example_model();
    let documents = [of_topic("Sport & Games", "goal match", 3), of_topic("money", "bank", 3)];
    corpus(directory.path(), documents.concat());
    let (outcome, ..) = evaluate(directory.path());
    assert!(
        has(
            &outcome,
            "no document has a topic that the model knows, so that no answer can be right"
        ),
        "{outcome}"
    );
    assert!(has(&outcome, "the documents have \"Sport & Games\", \"money\""), "{outcome}");
}

#[test]
fn blanks_around_a_topic_do_not_matter_in_any_format() {
    let directory = tempfile::tempdir().expect("a directory");
    let json = |topics: [&str; 2]| json!({"body": "goal match", "topics": topics}).to_string();
    let json = [json([" sport ", "news\u{a0}"]), json(["news", "\tsport"])].join("\n");
    let csv = "body,topics\ngoal match, sport ;news\u{a0}\ngoal match,news;\tsport\n".to_owned();
    for (name, text) in [("a.jsonl", json), ("a.csv", csv)] {
        fs::write(directory.path().join(name), text).expect("a file");
        let arguments = [
            "train",
            "--input",
            name,
            "--output",
            "mine/1",
            "--multi-label",
            "--min-df",
            "1",
            "--json",
        ];
        let outcome = slugline_in(directory.path(), &arguments).succeeded().json();
        let topics = outcome["manifest"]["topics"].as_array().expect("topics");
        let names: Vec<&str> = topics.iter().filter_map(|topic| topic["name"].as_str()).collect();
        assert_eq!(names, ["news", "sport"], "{name}");
    }
}
