//! The same articles from every format that people have them in: whatever the command, the result
//! is the same.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use slugline::model::artifact::WEIGHTS_FILE;

use super::archive::server;
use super::process::*;

/// An article as most formats have it.
pub(super) struct Article {
    id: String,
    pub(super) body: String,
    pub(super) topic: &'static str,
}

/// Three topics with words of their own.
pub(super) fn articles() -> Vec<Article> {
    let topics =
        [("sport", "striker goal"), ("business", "shares bank"), ("world", "treaty border")];
    (0..12)
        .map(|number| {
            let (topic, words) = topics[number % 3];
            let body = format!(
                "The {words} of day {number}, \"as it was\"; and {words} after all; once more."
            );
            Article { id: format!("a-{number}"), body, topic }
        })
        .collect()
}

fn table(delimiter: u8, header: [&str; 3], articles: &[Article]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(header).expect("memory");
    for Article { id, body, topic } in articles {
        writer.write_record([id, body, *topic]).expect("memory");
    }
    writer.into_inner().expect("memory")
}

fn json_lines(fields: [&str; 3], articles: &[Article]) -> String {
    let [id, body, topic] = fields;
    articles
        .iter()
        .map(|article| {
            json!({id: article.id, body: article.body, topic: article.topic}).to_string() + "\n"
        })
        .collect()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Files that hold the same articles, by their names; fastText's format has no ids.
fn files(articles: &[Article]) -> Vec<(&'static str, Vec<u8>)> {
    let objects: Vec<Value> = articles
        .iter()
        .map(
            |article| json!({"id": article.id, "Content": article.body, "labels": [article.topic]}),
        )
        .collect();
    let pretty = serde_json::to_vec_pretty(&objects).expect("memory");
    let lines = json_lines(["id", "text", "label"], articles).into_bytes();
    let front: String = articles
        .iter()
        .map(|article| format!("__label__{} {}\n", article.topic, article.body))
        .collect();
    let behind: String = articles
        .iter()
        .map(|article| format!("{} __label__{}\n", article.body, article.topic))
        .collect();
    let mut files = vec![
        ("body.jsonl", json_lines(["id", "body", "topics"], articles).into_bytes()),
        ("lines.json", json_lines(["ID", "article", "category"], articles).into_bytes()),
        (
            "side-by-side.json",
            json_lines(["ID", "article", "category"], articles).replace('\n', " ").into_bytes(),
        ),
        (
            "in-pairs.jsonl",
            json_lines(["id", "text", "label"], articles)
                .replace("}\n{\"id\":\"a-2", "}{\"id\":\"a-2")
                .into_bytes(),
        ),
        ("list.json", pretty.clone()),
        ("list.jsonl", serde_json::to_vec(&objects).expect("memory")),
        ("lines.ndjson.gz", gzip(&lines)),
        ("lines.ndjson.zst", zstd::encode_all(&lines[..], 1).expect("memory")),
        ("list", gzip(&pretty)),
        ("comma.csv", table(b',', ["id", "description", "Class Index"], articles)),
        ("semicolon.csv.gz", gzip(&table(b';', ["ID", "text", "topic"], articles))),
        ("tab.tsv", table(b'\t', ["id", "content", "label"], articles)),
        ("bar", table(b'|', ["id", "body", "category"], articles)),
    ];
    files.extend([
        ("front.txt", front.into_bytes()),
        ("behind", zstd::encode_all(behind.as_bytes(), 1).expect("memory")),
    ]);
    files
}

pub(super) fn write(directory: &Path, files: &[(&str, Vec<u8>)]) {
    files.iter().for_each(|(name, bytes)| fs::write(directory.join(name), bytes).expect("a file"));
}

pub(super) const TRAIN: [&str; 6] =
    ["train", "--recipe", "multinomial", "--no-documents", "--min-df", "1"];

#[test]
fn training_and_evaluation_give_the_same_from_every_format() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = files(&articles());
    write(directory.path(), &files);
    let run = |arguments: &[&str]| slugline_in(directory.path(), arguments);
    let mut expected: Option<(Vec<u8>, Value)> = None;
    for (name, bytes) in &files {
        let said =
            run(&[&TRAIN[..], &["--input", name, "--output", "mine/1"]].concat()).succeeded();
        assert!(!said.stderr.contains("could be"), "{name}: {}", said.stderr);
        let weights =
            fs::read(directory.path().join("mine/1").join(WEIGHTS_FILE)).expect("weights");
        // As it comes from a pipe, without a name.
        let piped = [&TRAIN[..], &["--input", "-", "--output", "mine/2"]].concat();
        slugline_reading(bytes, directory.path(), &piped).succeeded();
        let from_pipe =
            fs::read(directory.path().join("mine/2").join(WEIGHTS_FILE)).expect("weights");
        assert!(weights == from_pipe, "{name} from standard input");
        let report =
            run(&["evaluate", "--model", "mine/1", "--input", name, "--json"]).succeeded().json();
        let report = json!([report["documents"], report["log_loss"], report["topics"]]);
        let (expected_weights, expected_report) =
            expected.get_or_insert_with(|| (weights.clone(), report.clone()));
        assert!(weights == *expected_weights, "{name}");
        assert_eq!(report, *expected_report, "{name}");
    }
}

#[test]
fn classification_answers_the_same_from_every_format() {
    let directory = with_example_model();
    let files = files(&articles());
    write(directory.path(), &files);
    let classify = ["classify", "--model", "mine/1", "--json"];
    let answers = |text: String, field: &str| -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")[field].clone())
            .collect()
    };
    let expected = slugline_in(directory.path(), &[&classify[..], &["body.jsonl"]].concat())
        .succeeded()
        .stdout;
    assert_eq!(answers(expected.clone(), "id")[11], "a-11");
    for (name, bytes) in &files {
        let from_file =
            slugline_in(directory.path(), &[&classify[..], &[name]].concat()).succeeded().stdout;
        let from_pipe =
            slugline_reading(bytes, directory.path(), &[&classify[..], &["-"]].concat())
                .succeeded()
                .stdout;
        for answered in [from_file, from_pipe] {
            assert_eq!(answers(answered, "topics"), answers(expected.clone(), "topics"), "{name}");
        }
    }
    // Who has no id is called by its line.
    let of_labels =
        slugline_in(directory.path(), &[&classify[..], &["front.txt"]].concat()).succeeded().stdout;
    assert_eq!(answers(of_labels, "id")[1], "front.txt:2");
}

#[test]
fn a_bad_line_is_named_as_an_editor_counts_it() {
    let directory = with_example_model();
    let good = "{\"id\": 1, \"title\": \"Goal\", \"topics\": \"sport\"}";
    let object = "\n{\n\"title\": \"Goal\",\n\n\"topics\": \"sport\"}";
    let bad = "{\"title\": 3}";
    let files = [
        ("a.jsonl", format!("\n\n{good}\n\n{bad}\n"), 5),
        ("a.jsonl.gz", format!("{good}\r\n\r\n \r\n{bad}\r\n"), 4),
        ("a.json", format!("[{object},{object},\n\n{bad}]"), 11),
        ("a.csv", "title,topics\n\n\"two\n\nlines\",sport\n\n\nalone\n".to_owned(), 8),
        ("a.tsv", "title\ttopics\r\n\r\n\"two\r\nlines\"\tsport\r\n\r\nalone\r\n".to_owned(), 6),
        ("a.ft", "__label__sport goal\n\n\n__label__sport\n".to_owned(), 4),
    ];
    for (name, text, line) in files {
        let bytes = if name.ends_with(".gz") { gzip(text.as_bytes()) } else { text.into_bytes() };
        fs::write(directory.path().join(name), bytes).expect("a file");
        for arguments in [
            &["train", "--output", "other/1", "--input"][..],
            &["evaluate", "--model", "mine/1", "--input"],
            &["classify", "--model", "mine/1"],
        ] {
            let ended = slugline_in(directory.path(), &[arguments, &[name]].concat());
            assert_eq!(ended.status.code(), Some(1), "{name}");
            assert!(ended.stderr.contains(&format!("{name}:{line}: ")), "{name}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_quote_in_a_table_with_tabs_never_joins_lines_unsaid() {
    let directory = with_example_model();
    let rows = |rows: &[&str]| format!("id\ttitle\tbody\n{}\n", rows.join("\n"));
    let later = format!(
        "{}z\t\"left\tx\nb\tand closed\"\ty\nc\tGoal\ty",
        "a\t\"Goal\"\tx\n".repeat(40_000)
    );
    let text = "quotes are read as text";
    for (name, table, count, warning) in [
        (
            "a.tsv",
            rows(&["a\t\"Goal, he said\tx", "b\tGoal\ty", "c\t\"Yes\" she said\tz"]),
            3,
            text,
        ),
        ("a.csv", rows(&["a\tGoal\t\"Never", "b\t\"Goal\" it was\ty", "c\tand\"\tz"]), 3, text),
        ("excel.tsv", rows(&["a\t\"Goal, \"\"yes\"\"\"\tx", "b\t\"two\nlines\"\ty"]), 2, ""),
        ("plain.tab", rows(&["a\tGoal \"or\" so\tx"]), 1, ""),
        (
            "late.tsv",
            rows(&[&later]),
            40_002,
            ":40002: a field holds tabs and line breaks: is a quote left open?",
        ),
    ] {
        fs::write(directory.path().join(name), table).expect("a file");
        let arguments = ["classify", "--model", "mine/1", "--json", name];
        let said = slugline_in(directory.path(), &arguments);
        assert_eq!(said.stdout.lines().count(), count, "{name}: {}", said.stderr);
        assert!(said.stderr.contains(warning), "{name}: {}", said.stderr);
        assert_eq!(said.stderr.contains("quote"), !warning.is_empty(), "{name}: {}", said.stderr);
    }
}

#[test]
fn nothing_after_a_bad_line_is_done() {
    let directory = with_example_model();
    let line = |id: &str| format!("{{\"id\": \"{id}\", \"title\": \"Goal\"}}\n");
    let lines = line("first") + "oops\n" + &line("last");
    fs::write(directory.path().join("a.jsonl"), lines).expect("a file");
    let classified =
        slugline_in(directory.path(), &["classify", "--model", "mine/1", "--json", "a.jsonl"]);
    assert!(
        classified.stdout.contains("first") && !classified.stdout.contains("last"),
        "{}",
        classified.stdout
    );
    let (_running, url) = server(directory.path());
    let import = ["articles", "import", "--server", &url, "--input", "a.jsonl"];
    slugline_in(directory.path(), &import)
        .failed(1, "the import ended early, with 1 article stored: a.jsonl:2: ");
    let listed =
        slugline_in(directory.path(), &["articles", "list", "--server", &url]).succeeded().stdout;
    assert_eq!(listed, "first  Goal\n");
}

#[test]
fn no_error_repeats_the_input() {
    let directory = with_example_model();
    let long = "word ".repeat(100_000);
    for (name, text) in [
        ("list.jsonl", format!("[[\"{long}\"]]")),
        ("string.jsonl", format!("\"{long}\"\n")),
        ("topic.jsonl", json!({"title": "a", "topics": [long]}).to_string()),
        ("topic.csv", format!("title,topics\na,{long}\n")),
        ("header.csv", format!("{long},b\n1,2\n")),
        ("packed.csv.bz2", format!("BZh91AY&SY{long}")),
        ("utf16.csv", "t\0i\0t\0l\0e\0,\0t\0o\0p\0i\0c\0\n\0".to_owned()),
        ("cut.json", format!("[{{\"title\": \"{long}")),
        ("date.jsonl", json!({"id": 1, "title": "a", "publish_time": long}).to_string()),
    ] {
        fs::write(directory.path().join(name), text).expect("a file");
        let ended = if name == "date.jsonl" {
            let (_running, url) = server(directory.path());
            slugline_in(
                directory.path(),
                &["articles", "import", "--server", &url, "--input", name],
            )
        } else {
            slugline_in(directory.path(), &["train", "--input", name, "--output", "other/1"])
        };
        assert_eq!(
            (ended.status.code(), ended.stderr.lines().count()),
            (Some(1), 1),
            "{name}: {}",
            ended.stderr
        );
        assert!(ended.stderr.len() < 1_000, "{name}: {} bytes", ended.stderr.len());
    }
}
