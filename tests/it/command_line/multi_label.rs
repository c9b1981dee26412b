//! `slugline train --multi-label`, and what is measured of such a model.

use std::fs;

use serde_json::{Value, json};

use super::process::{slugline, slugline_in};
use crate::multi_label::{corpus, hierarchical_corpus};

#[test]
fn the_command_line_trains_measures_and_reports() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let (input, model) = (corpus(root.path()), root.path().join("several/1"));
    let (input, model) = (input.to_str().expect("UTF-8"), model.to_str().expect("UTF-8"));
    let trained = slugline(&["train", "--multi-label", "--input", input, "--output", model]);
    assert_eq!(trained.status.code(), Some(0), "{}", trained.stderr);
    let report = root.path().join("report.html");
    let measured = slugline(&[
        "evaluate",
        "--model",
        model,
        "--input",
        input,
        "--json",
        "--report",
        report.to_str().expect("UTF-8"),
    ]);
    assert_eq!(measured.status.code(), Some(0), "{}", measured.stderr);
    let measured: serde_json::Value = serde_json::from_str(&measured.stdout).expect("an object");
    // Told apart without a mistake, those of no topic too.
    assert_eq!(
        (&measured["micro_f1"], &measured["macro_f1"]),
        (&1.0.into(), &1.0.into()),
        "{measured}"
    );
    assert_eq!(measured["confusion_matrix"], serde_json::json!([]));
    assert_eq!((&measured["documents"], &measured["without_topic"]), (&100.into(), &20.into()));
    // Of those of no topic no first topic is right; what has one was told apart.
    let right = |decision: &str| measured[decision]["right"].as_u64().expect("a number");
    assert_eq!((&measured["accuracy"], right("confident") + right("uncertain")), (&1.0.into(), 80));
    let table = slugline(&["evaluate", "--model", model, "--input", input]).succeeded().stdout;
    assert!(
        table.starts_with(
            "several/1 on 100 documents, 20 of them without a topic (0 lines skipped)\n"
        ),
        "{table}"
    );
    let page = fs::read_to_string(report).expect("a page");
    assert!(
        page.contains("figure-reliability") && page.contains("What was assigned in place of what")
    );
}

#[test]
fn what_is_assigned_is_marked_at_every_depth() {
    let root = tempfile::tempdir().expect("a temporary directory");
    hierarchical_corpus(root.path());
    let run = |arguments: &[&str]| slugline_in(root.path(), arguments).succeeded();
    run(&["train", "--multi-label", "--input", "corpus.jsonl", "--output", "several/1"]);
    fs::write(
        root.path().join("article.txt"),
        "wheat harvest tonnes crop, tanker freight port cargo",
    )
    .expect("a file");
    let classify = ["classify", "--model", "several/1", "--max-topics", "0", "article.txt"];
    let answer = run(&[&classify[..], &["--json"]].concat()).json();
    let assigned = |topics: &Value| -> Value {
        let topics = topics.as_array().expect("a list");
        let mut names: Vec<&Value> = topics
            .iter()
            .filter(|topic| topic["assigned"] == json!(true))
            .map(|topic| &topic["name"])
            .collect();
        names.sort_by_key(|name| name.to_string());
        assert!(topics.iter().all(|topic| topic["assigned"].is_boolean()), "{topics:?}");
        json!(names)
    };
    assert_eq!(assigned(&answer["topics"]), json!(["goods/grain", "ship"]));
    assert_eq!(assigned(&answer["levels"][0]["topics"]), json!(["goods", "ship"]));
    let table = run(&classify).stdout;
    assert_eq!(
        table
            .lines()
            .filter(|line| line.contains("log-odds") && line.ends_with("  assigned"))
            .count(),
        2,
        "{table}"
    );
    assert!(
        table.contains("goods")
            && table.lines().nth(1).is_some_and(|level| level.matches("  assigned").count() == 2),
        "{table}"
    );
    let report =
        run(&["evaluate", "--model", "several/1", "--input", "corpus.jsonl", "--json"]).json();
    let expected = [1, 2]
        .map(|depth| json!({"depth": depth, "accuracy": 1.0, "micro_f1": 1.0, "macro_f1": 1.0}));
    assert_eq!(report["levels"], json!(expected));
}

#[test]
fn a_model_of_one_topic_a_document_marks_nothing() {
    let answer = slugline(&["classify", "--json", &super::process::example("cyber-defence.txt")])
        .succeeded()
        .json();
    assert!(
        answer["topics"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|topic| topic.get("assigned").is_none()),
        "{answer}"
    );
}

#[test]
fn without_the_flag_a_document_without_topics_is_refused() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let input = corpus(root.path());
    let output = root.path().join("single/1");
    let outcome = slugline(&[
        "train",
        "--input",
        input.to_str().expect("UTF-8"),
        "--output",
        output.to_str().expect("UTF-8"),
    ]);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome.stderr.contains("corpus.jsonl:4") && outcome.stderr.contains("no topic to learn"),
        "{}",
        outcome.stderr
    );
}
