//! `slugline evaluate --group-by` and `--by-length`: figures by group of documents.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::process::*;
use crate::multi_label::corpus;

const SPORT: &str = "Striker scores twice as United win the cup final";
const HEALTH: &str = "Hospital doctors report fewer flu patients after the vaccine";

/// Writes documents with a desk: 12 of sport labelled right, 10 of which half are labelled wrong, 3
/// of a small desk, and one without a desk.
fn write_desks(path: &Path) {
    let document = |desk: Value, title: &str, topic: &str, body: &str| {
        let document = json!({"title": title, "body": body, "topics": [topic], "desk": desk});
        format!("{document}\n")
    };
    let mut lines = document(Value::Null, HEALTH, "health", "");
    for _ in 0..12 {
        lines += &document(json!("Sport <b>"), SPORT, "sport", "");
    }
    for place in 0..10 {
        let topic = if place % 2 == 0 { "sport" } else { "health" };
        lines += &document(
            json!({"id": 7, "name": "Mixed"}),
            SPORT,
            topic,
            &format!("{SPORT}. ").repeat(7),
        );
    }
    for _ in 0..3 {
        lines += &document(json!(3), HEALTH, "health", "");
    }
    fs::write(path, lines).expect("a file");
}

fn evaluate(directory: &Path, input: &str, arguments: &[&str]) -> Ended {
    let evaluate = ["evaluate", "--model", "mine/1", "--input", input];
    slugline_in(directory, &[&evaluate[..], arguments].concat())
}

/// Name, kind, documents and accuracy of each group.
fn groups(breakdown: &Value) -> Vec<(&str, &str, u64, f64)> {
    let groups = breakdown["groups"].as_array().expect("a list");
    groups
        .iter()
        .map(|group| {
            (
                group["name"].as_str().expect("a name"),
                group["kind"].as_str().expect("a kind"),
                group["documents"].as_u64().expect("a number"),
                number(group, "accuracy"),
            )
        })
        .collect()
}

#[test]
fn documents_are_measured_by_the_value_of_a_field() {
    let directory = with_example_model();
    write_desks(&directory.path().join("desks.jsonl"));
    let arguments = ["--group-by", "Desk", "--report", "report.html", "--json"];
    let report = evaluate(directory.path(), "desks.jsonl", &arguments).succeeded().json();
    let breakdowns = report["breakdowns"].as_array().expect("a list");
    assert_eq!(breakdowns.len(), 1, "{report}");
    assert_eq!(breakdowns[0]["by"], json!({"field": "Desk"}));
    let expected = [
        ("Sport <b>", "value", 12, 1.0),
        ("Mixed", "value", 10, 0.5),
        ("(other)", "other", 3, 1.0),
        ("(none)", "missing", 1, 1.0),
    ];
    assert_eq!(groups(&breakdowns[0]), expected);
    let page = fs::read_to_string(directory.path().join("report.html")).expect("a report");
    assert!(page.contains("Measures by Desk") && page.contains("Sport &lt;b&gt;"), "{page}");

    let arguments = ["--group-by", "desk", "--by-length"];
    let table = evaluate(directory.path(), "desks.jsonl", &arguments).succeeded().stdout;
    let rows = |start: &str| {
        let row = table.lines().find(|line| line.starts_with(start));
        row.unwrap_or_else(|| panic!("{start}: {table}")).split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(rows("Mixed")[1..3], ["10", "0.5000"], "{table}");
    // A title has 9 words, the longer documents have 72.
    assert_eq!(rows("up to 15")[3..5], ["16", "1.0000"], "{table}");
    assert_eq!(rows("51 to 150")[3..5], ["10", "0.5000"], "{table}");
}

#[test]
fn a_column_groups_as_a_field_does() {
    let directory = with_example_model();
    let rows = format!("{SPORT},sport,The Daily\n").repeat(11) + &format!("{HEALTH},health,\n");
    fs::write(directory.path().join("a.csv"), format!("title,topic,Source Name\n{rows}"))
        .expect("a file");
    let arguments = ["--group-by", "source_name", "--json"];
    let report = evaluate(directory.path(), "a.csv", &arguments).succeeded().json();
    let expected = [("The Daily", "value", 11, 1.0), ("(none)", "missing", 1, 1.0)];
    assert_eq!(groups(&report["breakdowns"][0]), expected);
}

#[test]
fn a_field_that_no_document_has_is_an_error() {
    let directory = with_example_model();
    write_desks(&directory.path().join("desks.jsonl"));
    evaluate(directory.path(), "desks.jsonl", &["--group-by", "source"]).failed(
        1,
        "cannot group by \"source\": no document has a value in it; the fields are \"body\", \
         \"desk\", \"title\", \"topics\"",
    );
    fs::write(directory.path().join("a.fasttext"), format!("__label__sport {SPORT}\n"))
        .expect("a file");
    evaluate(directory.path(), "a.fasttext", &["--format", "fasttext", "--group-by", "source"])
        .failed(1, "this format has no fields besides text and topics");
}

#[test]
fn values_beyond_the_limit_are_measured_together_with_a_warning() {
    let directory = with_example_model();
    let lines: String = (0..1_005)
        .map(|place| {
            let document = json!({"title": SPORT, "topics": ["sport"], "url": format!("u{place}")});
            format!("{document}\n")
        })
        .collect();
    fs::write(directory.path().join("urls.jsonl"), lines).expect("a file");
    let ended =
        evaluate(directory.path(), "urls.jsonl", &["--group-by", "url", "--json"]).succeeded();
    let warning = "\"url\" has more than 1,000 values: 5 documents with later ones are measured \
                   as \"(other)\"";
    assert!(ended.stderr.contains(warning), "{}", ended.stderr);
    assert_eq!(groups(&ended.json()["breakdowns"][0]), [("(other)", "other", 1_005, 1.0)]);
}

#[test]
fn without_the_flags_there_are_no_groups() {
    let directory = with_example_model();
    let report =
        evaluate(directory.path(), &example("labelled.jsonl"), &["--json"]).succeeded().json();
    assert_eq!(report["breakdowns"], json!([]));
}

#[test]
fn of_several_topics_each_topics_calibration_is_shown() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let input = corpus(root.path());
    let input = input.to_str().expect("UTF-8");
    slugline_in(root.path(), &["train", "--multi-label", "--input", input, "--output", "mine/1"])
        .succeeded();
    let report =
        evaluate(root.path(), input, &["--by-length", "--json", "--report", "report.html"])
            .succeeded()
            .json();
    let topics = report["topics"].as_array().expect("a list");
    let predictions: u64 = report["calibration"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|bin| bin["predictions"].as_u64().expect("a number"))
        .sum();
    assert_eq!(predictions, 100 * topics.len() as u64, "every topic of every document");
    for topic in topics {
        let (expected, support) = (number(topic, "expected"), number(topic, "support"));
        assert!((expected - support).abs() < 0.2 * support, "{topic}");
    }
    assert_eq!(report["breakdowns"][0]["by"], json!("length"));
    let group = &report["breakdowns"][0]["groups"][0];
    assert_eq!(["micro_f1", "macro_f1"].map(|figure| number(group, figure)), [1.0, 1.0], "{group}");
    let page = fs::read_to_string(root.path().join("report.html")).expect("a report");
    assert!(page.contains("Probability of a topic, %") && page.contains("Expected"), "{page}");
    let table = evaluate(root.path(), input, &["--by-length"]).succeeded().stdout;
    assert!(table.contains("micro-F1  macro-F1 calibration error"), "{table}");
    assert!(table.contains("documents  expected\n"), "{table}");
}
