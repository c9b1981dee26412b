//! Which fields of a record are taken for what, and what is said of the others.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::archive::server;
use super::files::{TRAIN, articles};
use super::process::*;

#[test]
fn values_that_do_not_fit_a_guessed_name_are_named_once_and_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let ask = |arguments: &[&str]| {
        slugline_in(directory.path(), &[arguments, &["--server", &url]].concat())
    };
    let file =
        |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
    let odd = json!({
        "id": "a", "title": "Fog", "body": "Fog closed the port.", "article": 17, "published": true,
        "source": ["x", "y"], "language": ["en"], "date": "yesterday",
    });
    file("odd.jsonl", &format!("{odd}\n{}", odd.to_string().replace("\"a\"", "\"b\"")));
    let said = ask(&["articles", "import", "--input", "odd.jsonl"]).succeeded();
    for (field, count) in
        [("article", 1), ("published", 1), ("source", 1), ("language", 1), ("date", 0)]
    {
        let found = said.stderr.matches(&format!("warning: odd.jsonl:1: \"{field}\"")).count();
        assert_eq!(found, count, "{field}: {}", said.stderr);
    }
    assert_eq!(said.stderr.lines().count(), 4, "{}", said.stderr);
    let stored = ask(&["articles", "get", "b"]).succeeded().json();
    assert_eq!(
        (&stored["body"], &stored["source"]),
        (&json!("Fog closed the port."), &Value::Null)
    );
    assert_eq!((&stored["publish_time"], &stored["language_code"]), (&Value::Null, &Value::Null));

    // Times as feeds write them, under every name and from every format.
    let names = ["publish_time", "pubDate", "published", "date", "publication date"];
    for (place, name) in names.into_iter().enumerate() {
        let time = ["Mon, 02 Jan 2023 10:00:00 GMT", "Mon, 2 Jan 2023 11:00:00 +0100"][place % 2];
        file("t.jsonl", &json!({"id": "j", "title": "Fog", name: time}).to_string());
        file("t.csv", &format!("id;title;{name}\nc;Fog;{time}\n"));
        for (input, id) in [("t.jsonl", "j"), ("t.csv", "c")] {
            let said = ask(&["articles", "import", "--input", input]).succeeded();
            assert_eq!(said.stderr, "", "{name} in {input}");
            let stored = ask(&["articles", "get", id]).succeeded().json();
            assert_eq!(stored["publish_time"], "2023-01-02T10:00:00Z", "{name} in {input}");
        }
    }
    file("t.csv", "id,title,date\nd,Fog,1672653600\ne,Fog,soon\n");
    let said = ask(&["articles", "import", "--input", "t.csv"]).succeeded();
    assert!(
        said.stderr.starts_with("warning: t.csv:2: \"date\": \"1672653600\" is neither a time"),
        "{}",
        said.stderr
    );
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    assert_eq!(ask(&["articles", "get", "d"]).succeeded().json()["publish_time"], Value::Null);
    for value in [json!(1_672_653_600), json!("soon")] {
        file("t.jsonl", &json!({"id": "f", "title": "Fog", "publish_time": value}).to_string());
        ask(&["articles", "import", "--input", "t.jsonl"]).failed(1, "t.jsonl:1: ");
    }
}

#[test]
fn labels_never_become_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let lines: String = articles()
        .iter()
        .map(|article| {
            format!(
                "__label__{0} {1} __label__tag{0}\nbefore __label__{0} {1}\n",
                article.topic, article.body
            )
        })
        .collect();
    fs::write(directory.path().join("both.txt"), &lines).expect("a file");
    let run = |arguments: &[&str]| slugline_in(directory.path(), arguments).succeeded();
    run(&["train", "--input", "both.txt", "--output", "both/1", "--multi-label"]);
    let model = run(&["model", "show", "both/1", "--json", "--terms", "10000"]).json();
    let topics: Vec<&str> = model["strongest_terms"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|topic| topic["topic"].as_str())
        .collect();
    assert_eq!(topics, ["business", "sport", "tagbusiness", "tagsport", "tagworld", "world"]);
    assert!(!model["strongest_terms"].to_string().contains("__label__"), "{model}");
    fs::write(directory.path().join("plain.txt"), lines.replace("__label__", "un"))
        .expect("a file");
    slugline_in(directory.path(), &["train", "--input", "plain.txt", "--output", "plain/1"])
        .failed(1, "plain.txt:1: the first line names no column of text");
}

/// The fields of [`unusual_names`].
const CHOSEN: [&str; 4] = ["--topics-field", "klass", "--body-field", "Summary"];

/// A directory with tables and records whose fields have unusual names.
fn unusual_names() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let file =
        |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
    let rows =
        "a goal;Many words on a striker;sport\na bank;Many words on shares;business\n".repeat(3);
    file("a.csv", &format!("title;summary;klass\n{rows}"));
    file("two.csv", &format!("text;content;label\n{rows}"));
    let records =
        [unusual("Many words on a striker", "sport"), unusual("Many words on shares", "business")];
    file("a.jsonl", &records.concat().repeat(2));
    let rare = json!({"title": "a", "klass": "sport"}).to_string();
    file("rare.jsonl", &(unusual("Many words", "sport").repeat(300) + &rare));
    directory
}

fn unusual(body: &str, topic: &str) -> String {
    json!({"kicker": "a", "summary": body, "klass": topic}).to_string() + "\n"
}

fn train_in(directory: &TempDir, more: &[&str]) -> Ended {
    slugline_in(directory.path(), &[&TRAIN[..], &["--output", "mine/1"], more].concat())
}

#[test]
fn unused_fields_are_named_and_can_be_chosen() {
    let directory = unusual_names();
    let train = |more: &[&str]| train_in(&directory, more);
    let said = train(&["--input", "a.csv", "--topics-field", "klass"]).succeeded();
    assert_eq!(said.stderr.matches("could be text").count(), 1, "{}", said.stderr);
    assert!(
        said.stderr.starts_with("warning: a.csv: \"summary\" could be text, and is not used: "),
        "{}",
        said.stderr
    );
    for (file, field) in [("a.csv", "title"), ("a.jsonl", "kicker")] {
        let said =
            train(&[&["--input", file, "--title-field", field], &CHOSEN[..]].concat()).succeeded();
        assert!(!said.stderr.contains("could be"), "{file}: {}", said.stderr);
    }
}

#[test]
fn fields_that_cannot_be_guessed_are_refused_with_the_flag_that_names_them() {
    let directory = unusual_names();
    let train = |more: &[&str]| train_in(&directory, more);
    train(&["--input", "a.csv"]).failed(
        1,
        "a.csv:2: the document has no topic to learn: its fields are \"title\", \"summary\", \
         \"klass\"; --topics-field",
    );
    train(&["--input", "a.jsonl"]).failed(
        1,
        "a.jsonl:1: the document has neither a title nor a body: its fields are \"kicker\", \
         \"klass\", \"summary\"; --title-field",
    );
    train(&["--input", "two.csv"]).failed(
        1,
        "two.csv:1: \"text\" and \"content\" could both be the body: choose one with --body-field",
    );
    train(&["--input", "two.csv", "--body-field", "content"]).succeeded();
    train(&["--input", "a.csv", "--body-field", "words"])
        .failed(1, "a.csv:1: --body-field: there is no column \"words\"");
    train(&["--input", "two.csv", "--body-field", "text", "--delimiter", ","])
        .failed(1, "the header has \"text;content;label\"");
    train(&["--input", "a.csv", "--delimiter", "ab"]).failed(2, "--delimiter");
    train(&["--input", "a.csv", "--body-field", "x", "--title-field", "x"])
        .failed(2, "the same field");
}

#[test]
fn a_named_field_that_no_early_record_has_is_reported() {
    let directory = unusual_names();
    let train = |more: &[&str]| train_in(&directory, more);
    // A field of JSON may come late, or in another file.
    let missed = "warning: a.jsonl: --title-field: none of the first records has a field \
                  \"title\"; they have \"kicker\"";
    for inputs in [&["a.jsonl", "rare.jsonl"][..], &["a.jsonl"]] {
        let said = train(&[&["--title-field", "title", "--input"], inputs, &CHOSEN[..]].concat())
            .succeeded();
        assert!(said.stderr.starts_with(missed), "{}", said.stderr);
    }
    let said = train(&["--input", "a.jsonl", "--body-field", "words"]);
    assert!(
        said.stderr.contains("none of the first records has a field \"words\""),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("a.jsonl:1: the document has neither a title nor a body"),
        "{}",
        said.stderr
    );
}
