//! One article from every format: what is stored and found does not depend on it.

use std::fs;

use serde_json::{Value, json};

use super::archive::server;
use super::files::{gzip, write};
use super::process::*;

fn ferry() -> Value {
    json!({
        "id": "ferry-1", "title": "Ferry runs aground", "body": "Fog closed the port.",
        "date": "2026-11-23", "publisher": "Reuters", "language": "en",
        "labels": {"desk": "world", "place": "Aarhus"},
    })
}

/// The article of [`ferry`] in several formats.
fn ferry_files() -> [(&'static str, Vec<u8>); 7] {
    let object = ferry();
    let with_columns = "id,title,body,date,publisher,language_code,labels.desk,labels.place\n\
                        ferry-1,Ferry runs aground,Fog closed the port.,2026-11-23,Reuters,en,\
                        world,Aarhus\n";
    let with_pairs = "id\tHeadline\tText\tpubDate\tsource\tlang\tlabels\n\
                      ferry-1\tFerry runs aground\tFog closed the port.\t2026-11-23T00:00:00Z\t\
                      Reuters\ten\tdesk=world;place=Aarhus\n";
    let with_object = "ID;headline;content;published_at;source;language;labels\n\
                       ferry-1;Ferry runs aground;Fog closed the port.;2026-11-23;Reuters;en;\
                       \"{\"\"desk\"\": \"\"world\"\", \"\"place\"\": \"\"Aarhus\"\"}\"\n";
    [
        ("a.jsonl", object.to_string().into_bytes()),
        ("a.ndjson.gz", gzip(object.to_string().as_bytes())),
        ("a.json", serde_json::to_vec_pretty(&[&object]).expect("memory")),
        ("request.json", serde_json::to_vec_pretty(&json!({"article": object})).expect("memory")),
        ("a.csv", with_columns.as_bytes().to_vec()),
        ("a.tsv.zst", zstd::encode_all(with_pairs.as_bytes(), 1).expect("memory")),
        ("semicolons.csv", with_object.as_bytes().to_vec()),
    ]
}

#[test]
fn an_article_is_the_same_from_every_format() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let ask = |arguments: &[&str]| {
        slugline_in(directory.path(), &[arguments, &["--server", &url]].concat())
    };
    let object = ferry();
    let files = ferry_files();
    write(directory.path(), &files);
    let mut expected = None;
    for (name, _) in &files {
        let said = ask(&["articles", "import", "--input", name]).succeeded();
        assert_eq!(said.stderr, "", "{name}");
        let stored = ask(&["articles", "get", "ferry-1"]).succeeded().json();
        assert_eq!(stored["publish_time"], "2026-11-23T00:00:00Z", "{name}");
        assert_eq!(
            (&stored["source"], &stored["language_code"]),
            (&json!("Reuters"), &json!("en")),
            "{name}"
        );
        assert_eq!(stored["labels"], object["labels"], "{name}");
        assert_eq!(stored, *expected.get_or_insert_with(|| stored.clone()), "{name}");
        let found = ask(&["similar", name, "--since", "2026-01-01", "--json"]).succeeded().json();
        assert_eq!(
            (&found["article"]["id"], found["similarity"].as_f64() > Some(0.99)),
            (&json!("ferry-1"), true),
            "{name}"
        );
        ask(&["articles", "put", "--id", "copy", name]).succeeded();
        assert_eq!(
            ask(&["articles", "get", "copy"]).succeeded().json()["body"],
            "Fog closed the port.",
            "{name}"
        );
        ask(&["articles", "delete", "copy"]).succeeded();
    }
}

#[test]
fn one_article_is_read_from_text_and_from_records() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let ask = |arguments: &[&str]| {
        slugline_in(directory.path(), &[arguments, &["--server", &url]].concat())
    };
    let object = ferry();
    fs::write(directory.path().join("a.jsonl"), object.to_string()).expect("a file");
    ask(&["articles", "import", "--input", "a.jsonl"]).succeeded();
    fs::write(
        directory.path().join("a.txt.gz"),
        gzip(b"Ferry runs aground\n\nFog closed the port."),
    )
    .expect("a file");
    assert_eq!(
        ask(&["similar", "a.txt.gz", "--json"]).succeeded().json()["article"]["id"],
        "ferry-1"
    );
    fs::write(directory.path().join("two.jsonl"), format!("{object}\n\n{object}\n"))
        .expect("a file");
    ask(&["similar", "two.jsonl"]).failed(1, "two.jsonl:3: expected one article, found another");
}

#[test]
fn what_a_format_cannot_express_is_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let ask = |arguments: &[&str]| {
        slugline_in(directory.path(), &[arguments, &["--server", &url]].concat())
    };
    for (name, text) in [
        ("labels.jsonl", "{\"id\": \"b\", \"title\": \"Fog\", \"labels\": [\"weather\"]}\n"),
        ("labels.csv", "id,title,labels\nb,Fog,weather\n"),
    ] {
        fs::write(directory.path().join(name), text).expect("a file");
        let said = ask(&["articles", "import", "--input", name]).succeeded();
        assert!(
            said.stderr.contains("\"labels\" is neither an object nor KEY=VALUE"),
            "{name}: {}",
            said.stderr
        );
    }
    fs::write(directory.path().join("a.txt"), "__label__a Fog closed the port.\n").expect("a file");
    ask(&["articles", "import", "--input", "a.txt"])
        .failed(1, "a.txt:1: the article has no id: fastText's format has none");
}
