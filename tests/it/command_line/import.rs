//! `slugline articles import`: bad articles, and an import that ends early.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use super::archive::server;
use super::process::*;

#[test]
fn articles_on_one_line_are_told_apart_by_their_column() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let list = r#"[{"title": "Goal"}, {"title": "Rates"}, {"id": "c", "title": "Storm"}]"#;
    fs::write(directory.path().join("a.json"), list).expect("a file");
    let named = slugline_in(directory.path(), &["classify", "--json", "a.json"]).succeeded().stdout;
    let ids: Vec<Value> = named
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone())
        .collect();
    assert_eq!(ids, ["a.json:1", "a.json:1:21", "c"]);
    let import =
        ["articles", "import", "--server", &url, "--on-error", "skip", "--input", "a.json"];
    let ended = slugline_in(directory.path(), &import).succeeded();
    assert_eq!(ended.stdout, "1 article stored, 0 of them replacing others; 2 rejected\n");
    for place in ["skipped a.json:1: ", "skipped a.json:1:21: "] {
        assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
    }
}

#[test]
fn an_import_names_the_lines_that_are_not_articles() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let good = r#"{"id": "a", "title": "Volcano erupts"}"#;
    for (line, words) in [
        (r#"{"title": "No id"}"#, "articles.jsonl:2: the article has no id"),
        (
            r#"{"id": "b", "title": "t", "publish_time": "yesterday"}"#,
            "articles.jsonl:2: \"yesterday\" is neither a time",
        ),
        ("oops", "articles.jsonl:2: not a JSON document"),
    ] {
        fs::write(directory.path().join("articles.jsonl"), format!("{good}\n{line}\n"))
            .expect("a file");
        let import = ["articles", "import", "--server", &url, "--input", "articles.jsonl"];
        let ended = slugline_in(directory.path(), &import);
        assert!(
            ended.stderr.contains("the import ended early, with 1 article stored: "),
            "{}",
            ended.stderr
        );
        ended.failed(1, words);
        let skipped =
            slugline_in(directory.path(), &[&import[..], &["--on-error", "skip"]].concat())
                .succeeded();
        assert!(
            skipped.stdout.ends_with("; 1 rejected\n") && skipped.stderr.contains(words),
            "{}",
            skipped.stderr
        );
    }
    // What only the server can tell.
    fs::write(
        directory.path().join("articles.jsonl"),
        format!("{good}\n{{\"id\": \" b\", \"title\": \"t\"}}\n"),
    )
    .expect("a file");
    let ended = slugline_in(
        directory.path(),
        &["articles", "import", "--server", &url, "--input", "articles.jsonl"],
    );
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stdout.contains("1 article stored,")
            && ended.stderr.contains("rejected: articles.jsonl:2:  b: id: "),
        "{}",
        ended.stderr
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_says_what_is_stored() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let import = ["articles", "import", "--server", &url, "--format", "jsonl", "--input", "-"];
    let mut running = Running::start(command(directory.path(), &import).stdin(Stdio::piped()));
    let mut input = running.child.stdin.take().expect("a pipe");
    let body = "word ".repeat(1_000);
    // More than the command reads ahead; then the pipe stays open, and the command waits.
    for number in 0..600 {
        let article = json!({"id": format!("a-{number:03}"), "body": body});
        writeln!(input, "{article}").expect("it is read");
    }
    let (started, get) = (Instant::now(), ["articles", "get", "--server", &url, "a-000"]);
    while slugline_in(directory.path(), &get).status.code() != Some(0) {
        assert!(started.elapsed() < PATIENCE, "nothing is stored");
    }
    running.send("-INT");
    running.error_line("interrupted: waiting for the server to store what was sent");
    let ended = running.wait();
    let list = slugline_in(directory.path(), &["articles", "list", "--server", &url]);
    let stored = list.succeeded().stdout.lines().count();
    assert!(stored >= 128, "{stored}");
    ended.failed(1, &format!("interrupted with {stored} articles stored; it is safe to run"));
}
