//! `slugline evaluate --report`: the page as a file.

use std::fs;
use std::path::Path;

use super::process::*;

/// Evaluates the example model on the example corpus with one mislabelled document.
fn evaluate(directory: &Path, arguments: &[&str]) -> Ended {
    let mislabelled = concat!(
        r#"{"id": "ex-x", "title": "Striker <b>scores</b> as United win the cup final", "#,
        r#""topics": ["health"]}"#
    );
    fs::write(directory.join("mislabelled.jsonl"), mislabelled).expect("a file");
    let corpus = example("labelled.jsonl");
    let evaluate = ["evaluate", "--model", "mine/1", "--input", &corpus, "mislabelled.jsonl"];
    slugline_in(directory, &[&evaluate[..], arguments].concat())
}

#[test]
fn a_report_shows_the_mistakes_and_nothing_else_does() {
    let directory = with_example_model();
    let ended = evaluate(directory.path(), &["--report", "report.html", "--json"]).succeeded();
    let page = fs::read_to_string(directory.path().join("report.html")).expect("a report");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
    assert!(page.contains("Striker &lt;b&gt;scores&lt;/b&gt; as United win"), "{page}");
    assert!(page.contains("61"), "{page}");
    for said in [&ended.stdout, &ended.stderr] {
        assert!(!said.contains("Striker"), "{said}");
    }
    assert_eq!(ended.json()["documents"], EXAMPLE_DOCUMENTS + 1);
}

#[test]
fn the_same_documents_give_the_same_report() {
    let directory = with_example_model();
    let pages = ["one.html", "two.html"].map(|name| {
        evaluate(directory.path(), &["--report", name]).succeeded();
        fs::read(directory.path().join(name)).expect("a report")
    });
    assert!(pages[0] == pages[1]);
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_anything_is_read() {
    let directory = with_example_model();
    let arguments = ["evaluate", "--model", "mine/1", "--input", "no/such/corpus", "--report"];
    for place in ["no/such/report.html", "mine"] {
        let outcome = slugline_in(directory.path(), &[&arguments[..], &[place]].concat());
        outcome.failed(1, &format!("cannot write the report {place}"));
    }
}

#[test]
fn an_evaluation_that_fails_leaves_the_report_as_it_was() {
    let directory = with_example_model();
    fs::write(directory.path().join("report.html"), "old").expect("a file");
    let arguments =
        ["evaluate", "--model", "mine/1", "--input", "no/such/corpus", "--report", "report.html"];
    slugline_in(directory.path(), &arguments).failed(1, "no/such/corpus");
    assert_eq!(fs::read_to_string(directory.path().join("report.html")).expect("a file"), "old");
}
