//! `slugline train --multi-label`, and what is measured of such a model.

use std::fs;

use super::process::slugline;
use crate::multi_label::corpus;

#[test]
fn the_command_line_trains_measures_and_reports() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let (input, model) = (corpus(root.path()), root.path().join("several/1"));
    let (input, model) = (input.to_str().expect("UTF-8"), model.to_str().expect("UTF-8"));
    let trained = slugline(&["train", "--multi-label", "--input", input, "--output", model]);
    assert_eq!(trained.status.code(), Some(0), "{}", trained.stderr);
    let report = root.path().join("report.html");
    let measured =
        slugline(&["evaluate", "--model", model, "--input", input, "--json", "--report", report.to_str().expect("UTF-8")]);
    assert_eq!(measured.status.code(), Some(0), "{}", measured.stderr);
    let measured: serde_json::Value = serde_json::from_str(&measured.stdout).expect("an object");
    // Told apart without a mistake, those of no topic too.
    assert_eq!((&measured["micro_f1"], &measured["macro_f1"]), (&1.0.into(), &1.0.into()), "{measured}");
    assert_eq!(measured["confusion_matrix"], serde_json::json!([]));
    // The twenty documents of no topic are not among those with a most probable topic to be right about.
    assert_eq!(measured["documents"], 80);
    let page = fs::read_to_string(report).expect("a page");
    assert!(page.contains("figure-reliability") && !page.contains("figure-confusion"));
}

#[test]
fn without_the_flag_a_document_without_topics_is_refused() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let input = corpus(root.path());
    let output = root.path().join("single/1");
    let outcome = slugline(&["train", "--input", input.to_str().expect("UTF-8"), "--output", output.to_str().expect("UTF-8")]);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("corpus.jsonl:4") && outcome.stderr.contains("no topic to learn"), "{}", outcome.stderr);
}
