//! `slugline classify`: articles from files and from standard input.

use std::fs;

use serde_json::{Value, json};

use super::process::*;
use crate::hierarchy;

#[test]
fn classification_explains_itself_and_the_sum_is_right() {
    let directory = with_example_model();
    let text = directory.path().join("article.txt");
    fs::write(&text, "Striker scores twice\n\nThe coach praised the players after the match.\n")
        .expect("a file");
    let arguments = ["classify", "--model", "mine/1", "--json", "--explain", "article.txt"];
    let answer = slugline_in(directory.path(), &arguments).succeeded().json();
    assert_eq!((&answer["id"], &answer["model"]), (&"article.txt".into(), &"mine/1".into()));
    assert_eq!(answer["topics"][0]["name"], "sport");
    assert_eq!(answer["token_count"], 11);
    let topics = answer["topics"].as_array().expect("a list");
    assert_eq!(topics.len(), 3, "the default of --max-topics");
    for topic in topics {
        let explanation = &topic["explanation"];
        let evidence = explanation["evidence"].as_array().expect("a list");
        assert!(!evidence.is_empty());
        let sum: f64 = evidence.iter().map(|part| number(part, "weight")).sum();
        let sum = number(explanation, "bias") + sum + number(explanation, "other_evidence_weight");
        assert!((sum - number(topic, "log_odds")).abs() < 1e-9, "{sum} in {topic}");
    }
    let all = slugline_in(
        directory.path(),
        &["classify", "--model", "mine/1", "--json", "--max-topics", "0", "article.txt"],
    );
    let all = all.succeeded().json();
    let probabilities =
        all["topics"].as_array().expect("a list").iter().map(|topic| number(topic, "probability"));
    assert_eq!(probabilities.len(), EXAMPLE_TOPICS);
    assert!((probabilities.sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(all["topics"][0].get("explanation").is_none());
}

#[test]
fn a_json_file_is_the_article_in_it() {
    let directory = with_example_model();
    let (title, body) = ("Striker scores twice", "The coach praised the players.");
    fs::write(directory.path().join("article.txt"), format!("{title}\n\n{body}")).expect("a file");
    let article = json!({"title": title, "body": body});
    fs::write(directory.path().join("article.json"), article.to_string()).expect("a file");
    fs::write(
        directory.path().join("request.json"),
        json!({"article": article, "explain": true}).to_string(),
    )
    .expect("a file");
    fs::write(directory.path().join("list.json"), json!([article, article]).to_string())
        .expect("a file");
    fs::write(directory.path().join("number.json"), "[1]").expect("a file");
    let classify = |file: &str| {
        slugline_in(directory.path(), &["classify", "--model", "mine/1", "--json", file])
    };
    let topics = |file: &str| classify(file).succeeded().json()["topics"].clone();
    assert_eq!(topics("article.json"), topics("article.txt"));
    assert_eq!(topics("request.json"), topics("article.txt"));
    let list = classify("list.json").succeeded().stdout;
    let answers: Vec<Value> =
        list.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        answers.iter().map(|answer| &answer["topics"]).collect::<Vec<_>>(),
        [&topics("article.txt"); 2]
    );
    classify("number.json").failed(1, "number.json:1: not a JSON document of the expected shape");
}

#[test]
fn explained_terms_are_shown_with_their_places() {
    let directory = with_example_model();
    let text = "Élan of the match\n\nMatch after match, a match for the coach.\n";
    fs::write(directory.path().join("article.txt"), text).expect("a file");
    let explain = ["classify", "--model", "mine/1", "--explain", "article.txt"];
    let table = slugline_in(directory.path(), &explain).succeeded().stdout;
    assert!(table.contains("  match  x4  (title 12-17, body 0-5, body 12-17, ...)\n"), "{table}");
    let answer =
        slugline_in(directory.path(), &[&explain[..], &["--json"]].concat()).succeeded().json();
    let evidence = answer["topics"][0]["explanation"]["evidence"].as_array().expect("a list");
    let places =
        &evidence.iter().find(|part| part["term"] == "match").expect("a word of the text")["spans"];
    let expected = json!([
        {"field": "title", "start": 12, "end": 17},
        {"field": "body", "start": 0, "end": 5},
        {"field": "body", "start": 12, "end": 17},
        {"field": "body", "start": 21, "end": 26},
    ]);
    assert_eq!(*places, expected);
}

#[test]
fn the_first_topic_is_explained_against_the_second_or_a_named_one() {
    let directory = with_example_model();
    let text = "Striker scores twice\n\nThe coach praised the players after the match.\n";
    fs::write(directory.path().join("article.txt"), text).expect("a file");
    let arguments = ["classify", "--model", "mine/1", "--explain", "article.txt"];
    let run = |more: &[&str]| slugline_in(directory.path(), &[&arguments[..], more].concat());
    let answer = run(&["--json"]).succeeded().json();
    let contrast = &answer["contrast"];
    assert_eq!(
        (&contrast["topic"], &answer["topics"][0]["name"]),
        (&"sport".into(), &"sport".into())
    );
    assert_eq!(contrast["other_topic"], answer["topics"][1]["name"]);
    let explanation = &contrast["explanation"];
    let evidence = explanation["evidence"].as_array().expect("a list");
    let sum: f64 = evidence.iter().map(|part| number(part, "weight")).sum();
    let sum = number(explanation, "bias") + sum + number(explanation, "other_evidence_weight");
    assert!((sum - number(contrast, "log_odds")).abs() < 1e-9, "{sum} in {contrast}");

    let name = |topic: usize| answer["topics"][topic]["name"].as_str().expect("a name");
    let table = run(&[]).succeeded().stdout;
    assert!(table.contains(&format!("\n  sport rather than {}: odds ", name(1))), "{table}");
    assert!(table.contains("\n    for sport:\n      +"), "{table}");
    let table = run(&["--against", name(2)]).succeeded().stdout;
    assert!(table.contains(&format!("\n  sport rather than {}: odds ", name(2))), "{table}");

    run(&["--against", "gardening"]).failed(2, "model mine/1 has no topic \"gardening\"");
    run(&["--against", ""]).failed(2, "--against");
    let unexplained = ["classify", "--against", "arts", "article.txt"];
    slugline_in(directory.path(), &unexplained).failed(2, "--explain");
}

#[test]
fn the_form_of_an_article_is_evidence_without_a_place() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("headline.txt"), "Striker scores twice\n\n").expect("a file");
    // The model in the binary learned from articles with and without a body.
    let arguments = ["classify", "--explain", "headline.txt"];
    let table = slugline_in(directory.path(), &arguments).succeeded().stdout;
    assert!(table.contains("  (the article's form: a headline)\n"), "{table}");
    let answer =
        slugline_in(directory.path(), &[&arguments[..], &["--json"]].concat()).succeeded().json();
    for explanation in [&answer["topics"][0]["explanation"], &answer["contrast"]["explanation"]] {
        let mut evidence = explanation["evidence"].as_array().expect("a list").iter();
        let form = evidence.find(|part| part["term"] == "<headline>").expect("the form");
        assert_eq!((&form["count"], &form["spans"]), (&json!(0), &json!([])));
    }
}

#[test]
fn hierarchical_topics_are_shown_at_each_depth() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    hierarchy::corpus(&directory.path().join("deep.jsonl"));
    slugline_in(
        directory.path(),
        &["train", "--input", "deep.jsonl", "--output", "deep/1", "--recipe", "multinomial"],
    )
    .succeeded();
    fs::write(directory.path().join("article.txt"), "goal match goal match season")
        .expect("a file");
    let classify = ["classify", "--model", "deep/1", "--max-topics", "1", "article.txt"];
    let table = slugline_in(directory.path(), &classify).succeeded().stdout;
    assert!(table.contains("\n  depth 1: sport 100.0 %\n"), "{table}");
    assert!(table.contains("\n  depth 2: sport/football 100.0 %\n"), "{table}");
    let levels = &slugline_in(directory.path(), &[&classify[..], &["--json"]].concat())
        .succeeded()
        .json()["levels"];
    assert_eq!(
        (&levels[0]["depth"], &levels[0]["topics"][0]["name"]),
        (&json!(1), &json!("sport"))
    );
    let model = slugline_in(directory.path(), &["model", "show", "deep/1"]).succeeded().stdout;
    assert!(model.contains("\ntopics, depth 1    sport, weather\n"), "{model}");
}

#[test]
fn classification_reads_standard_input_as_it_reads_a_file() {
    let text = fs::read(example("cyber-defence.txt")).expect("an example");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut of_file =
        slugline_in(directory.path(), &["classify", "--json", &example("cyber-defence.txt")])
            .succeeded()
            .json();
    of_file["id"] = "-".into();
    for arguments in [&["classify", "--json"][..], &["classify", "--json", "-"]] {
        assert_eq!(
            slugline_reading(&text, directory.path(), arguments).succeeded().json(),
            of_file
        );
    }
}

#[test]
fn classification_of_json_lines_answers_a_line_an_article_in_their_order() {
    let directory = with_example_model();
    let arguments = ["classify", "--model", "mine/1", "--json", &example("labelled.jsonl")];
    let answers = slugline_in(directory.path(), &arguments).succeeded().stdout;
    let ids: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone())
        .collect();
    let expected: Vec<Value> =
        (1..=EXAMPLE_DOCUMENTS).map(|number| format!("ex-{number:03}").into()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_bad_line_of_articles_is_named_after_the_good_ones_were_answered() {
    let directory = with_example_model();
    fs::write(directory.path().join("a.jsonl"), "{\"id\": 1, \"title\": \"Goal\"}\n{\"id\": 2}\n")
        .expect("a file");
    let outcome =
        slugline_in(directory.path(), &["classify", "--model", "mine/1", "--json", "a.jsonl"]);
    assert_eq!(outcome.status.code(), Some(1));
    assert_eq!(outcome.json()["id"], "1");
    assert!(outcome.stderr.contains("a.jsonl:2: "), "{}", outcome.stderr);
}

#[test]
fn texts_that_are_not_articles_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file =
        |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).expect("a file");
    file("empty.txt", b" \n\n");
    file("latin1.txt", b"caf\xe9");
    file("large.txt", &vec![b'a'; (2 << 20) + 1]);
    for (name, words) in [
        ("empty.txt", "neither a title nor a body"),
        ("latin1.txt", "not valid UTF-8"),
        ("large.txt", "2097152 bytes"),
    ] {
        let outcome = slugline_in(directory.path(), &["classify", name]);
        assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
        outcome.failed(1, words);
    }
}

#[test]
fn control_characters_of_a_corpus_do_not_reach_the_terminal() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("a.jsonl");
    fs::write(&path, "{\"id\": \"\\u001b[31mred\\u0007\", \"title\": \"Goal\"}\n").expect("a file");
    let said = slugline_in(directory.path(), &["classify", "a.jsonl"]).succeeded();
    assert!(said.stdout.contains("[31mred"), "{}", said.stdout);
    assert!(!said.stdout.chars().any(|c| c.is_control() && c != '\n'), "{:?}", said.stdout);
}
