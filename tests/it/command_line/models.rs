//! `slugline train`, `model show` and `evaluate`: how models are made, looked at and measured.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use slugline::model::Manifest;
use slugline::model::artifact::{DOCUMENTS_FILE, WEIGHTS_FILE};

use super::process::*;
use crate::hierarchy;

#[test]
fn training_makes_a_model_and_says_how_good_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["train", "--input", &example("labelled.jsonl"), "--output", "models/mine/1"];
    let said = slugline_in(directory.path(), &arguments).succeeded();
    assert!(said.stdout.starts_with("mine/1: 5 topics, "), "{}", said.stdout);
    assert!(said.stdout.contains("on held-out documents: accuracy 0."), "{}", said.stdout);
    assert!(said.stdout.contains("written to models/mine/1 ("), "{}", said.stdout);
    for file in [Manifest::FILE, WEIGHTS_FILE, DOCUMENTS_FILE] {
        assert!(directory.path().join("models/mine/1").join(file).is_file(), "{file}");
    }
}

#[test]
fn training_says_nothing_of_the_estimators_inner_life() {
    // With a fixed recipe, for what takes longer than some seconds speaks of its progress.
    let arguments = [
        "train",
        "--input",
        &example("labelled.jsonl"),
        "--output",
        "mine/1",
        "--threads",
        "2",
        "--recipe",
        "complement",
    ];
    let said = slugline(&arguments).succeeded();
    assert_eq!(said.without_warnings(), "");
}

#[test]
fn training_with_json_prints_one_object() {
    let arguments = [
        "train",
        "--input",
        &example("labelled.jsonl"),
        "--output",
        "mine/1",
        "--json",
        "--recipe",
        "multinomial",
    ];
    let outcome = slugline(&arguments).succeeded().json();
    assert_eq!(outcome["model"], "mine/1");
    assert_eq!(outcome["directory"], "mine/1");
    assert_eq!(outcome["documents"], EXAMPLE_DOCUMENTS);
    assert_eq!(outcome["skipped"], 0);
    assert_eq!(outcome["manifest"]["recipe"]["kind"], "multinomial");
    assert_eq!(outcome["terms"], outcome["manifest"]["term_count"]);
    assert_eq!(outcome["manifest"]["trials"][0]["metrics"], outcome["manifest"]["metrics"]);
    assert!(number(&outcome, "seconds") >= 0.0);
}

#[test]
fn training_from_standard_input_gives_the_same_files() {
    let corpus = fs::read(example("labelled.jsonl")).expect("an example");
    let directory = tempfile::tempdir().expect("a temporary directory");
    slugline_reading(&corpus, directory.path(), &["train", "--input", "-", "--output", "mine/1"])
        .succeeded();
    for (file, bytes) in EXAMPLE_MODEL.iter() {
        let is_same = fs::read(directory.path().join("mine/1").join(file))
            .expect("a file of the artefact")
            == *bytes;
        assert!(is_same, "{file}");
    }
}

#[test]
fn evaluation_of_hierarchical_topics_scores_each_depth() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    hierarchy::corpus(&directory.path().join("deep.jsonl"));
    slugline_in(
        directory.path(),
        &["train", "--input", "deep.jsonl", "--output", "deep/1", "--recipe", "multinomial"],
    )
    .succeeded();
    let evaluate = ["evaluate", "--model", "deep/1", "--input", "deep.jsonl"];
    let report =
        slugline_in(directory.path(), &[&evaluate[..], &["--json"]].concat()).succeeded().json();
    // Each topic has words that no other has: what was learned from them is told apart.
    let expected = [1, 2, 3]
        .map(|depth| json!({"depth": depth, "accuracy": 1.0, "micro_f1": 1.0, "macro_f1": 1.0}));
    assert_eq!(report["levels"], json!(expected));
    let table = slugline_in(directory.path(), &evaluate).succeeded().stdout;
    assert!(table.contains("\nat depth 2            1.0000    1.0000    1.0000\n"), "{table}");
}

#[test]
fn training_names_a_topic_with_an_empty_level() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(
        directory.path().join("a.jsonl"),
        "{\"body\": \"a goal\", \"topics\": [\"sport//football\"]}\n",
    )
    .expect("a file");
    let outcome =
        slugline_in(directory.path(), &["train", "--input", "a.jsonl", "--output", "mine/1"]);
    assert!(
        outcome.stderr.contains("a.jsonl:1: topic \"sport//football\": "),
        "{}",
        outcome.stderr
    );
    outcome.failed(1, "needs a name");
}

#[test]
fn training_names_a_bad_line_and_keeps_the_old_model() {
    let directory = with_example_model();
    let corpus = directory.path().join("corpus.jsonl");
    let good = fs::read_to_string(example("labelled.jsonl")).expect("an example");
    fs::write(&corpus, format!("{good}\n{{\"title\": \"no topic\"}}\nno JSON\n")).expect("a file");
    let arguments = [
        "train",
        "--input",
        "corpus.jsonl",
        "--output",
        "mine/1",
        "--seed",
        "5",
        "--recipe",
        "multinomial",
    ];
    let first_bad = EXAMPLE_DOCUMENTS + 2;
    slugline_in(directory.path(), &arguments).failed(1, &format!("corpus.jsonl:{first_bad}: "));
    let manifest = || fs::read(directory.path().join("mine/1/manifest.json")).expect("a manifest");
    assert!(manifest() == EXAMPLE_MODEL[0].1, "the old model is gone");

    let said = slugline_in(directory.path(), &[&arguments[..], &["--on-error", "skip"]].concat())
        .succeeded();
    let skipped = said.without_warnings();
    let skipped: Vec<&str> = skipped.lines().collect();
    assert!(
        matches!(skipped.as_slice(), [one, other]
        if one.starts_with(&format!("skipped corpus.jsonl:{first_bad}: "))
            && other.starts_with(&format!("skipped corpus.jsonl:{}: ", first_bad + 1))),
        "{skipped:?}"
    );
    assert!(said.stdout.contains("from 60 documents (2 lines skipped)"), "{}", said.stdout);
    assert!(manifest() != EXAMPLE_MODEL[0].1, "the new model is not there");
}

#[test]
fn training_into_a_directory_of_other_things_is_refused_before_the_work() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir_all(directory.path().join("notes/1")).expect("a directory");
    fs::write(directory.path().join("notes/1/thesis.txt"), "years of work").expect("a file");
    // The input is not there either, and nobody has looked for it yet.
    let outcome = slugline_in(
        directory.path(),
        &["train", "--input", "no-such-file.jsonl", "--output", "notes/1"],
    );
    assert!(!outcome.stderr.contains("no-such-file"), "{}", outcome.stderr);
    outcome.failed(1, "thesis.txt");
    assert!(directory.path().join("notes/1/thesis.txt").is_file());
}

#[test]
fn a_model_shows_its_manifest_and_its_strongest_terms() {
    let directory = with_example_model();
    let text = slugline_in(directory.path(), &["model", "show", "mine/1"]).succeeded().stdout;
    for words in [
        "mine/1",
        "documents          60",
        "\nbusiness (12 documents)\n",
        "\nsport (12 documents)\n",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let json =
        slugline_in(directory.path(), &["model", "show", "mine/1", "--json", "--terms", "2"])
            .succeeded()
            .json();
    let manifest: Value = serde_json::from_slice(&EXAMPLE_MODEL[0].1).expect("a manifest");
    assert_eq!(json["manifest"], manifest);
    let topics = json["strongest_terms"].as_array().expect("a list");
    assert_eq!(topics.len(), EXAMPLE_TOPICS);
    for topic in topics {
        let weights: Vec<f64> = topic["terms"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|term| number(term, "weight"))
            .collect();
        assert!(
            matches!(weights[..], [first, second] if first >= second && second > 0.0),
            "{topic}"
        );
    }
}

#[test]
fn evaluation_measures_every_document() {
    let directory = with_example_model();
    let arguments = ["evaluate", "--model", "mine/1", "--input", &example("labelled.jsonl")];
    let report =
        slugline_in(directory.path(), &[&arguments[..], &["--json"]].concat()).succeeded().json();
    assert_eq!(report["model"], "mine/1");
    assert_eq!(report["documents"], EXAMPLE_DOCUMENTS);
    assert_eq!(report["skipped"], 0);
    // On what it was trained on: the numbers of a good model, whatever they are.
    for (field, range) in [
        ("accuracy", 0.9..=1.0),
        ("micro_f1", 0.9..=1.0),
        ("macro_f1", 0.9..=1.0),
        ("log_loss", 0.0..=0.7),
        ("brier", 0.0..=0.4),
        ("ece", 0.0..=1.0),
        ("documents_per_second", 1.0..=1e9),
        ("megabytes_per_second", 1e-6..=1e6),
    ] {
        assert!(range.contains(&number(&report, field)), "{field} is {}", report[field]);
    }
    assert_eq!(report["accuracy"], report["micro_f1"]);
    let topics = report["topics"].as_array().expect("a list");
    let names: Vec<&str> = topics.iter().filter_map(|topic| topic["name"].as_str()).collect();
    assert_eq!(names, ["business", "health", "politics", "science_technology", "sport"]);
    let support: f64 = topics.iter().map(|topic| number(topic, "support")).sum();
    assert_eq!(support, EXAMPLE_DOCUMENTS as f64);

    let curve = report["precision_coverage"].as_array().expect("a list");
    let answers: Vec<f64> = curve.iter().map(|point| number(point, "answers")).collect();
    assert!(
        answers.is_sorted() && answers.last() == Some(&(EXAMPLE_DOCUMENTS as f64)),
        "{curve:?}"
    );
    assert_eq!(
        curve.last().map(|point| number(point, "precision")),
        Some(number(&report, "accuracy"))
    );

    let table = slugline_in(directory.path(), &arguments).succeeded().stdout;
    assert!(table.starts_with("mine/1 on 60 documents (0 lines skipped)\n"), "{table}");
    assert!(table.contains("macro-F1") && table.contains("\nsport "), "{table}");
    assert!(
        table.contains("\ndecision           documents  coverage precision\nconfident "),
        "{table}"
    );
}

#[test]
fn an_evaluation_of_nothing_fails() {
    let directory = with_example_model();
    slugline_in(directory.path(), &["evaluate", "--model", "mine/1", "--input", "-"])
        .failed(1, "no document");
}

#[test]
fn paths_in_answers_are_those_that_were_given() {
    let directory = with_example_model();
    let nested = directory.path().join("deep");
    fs::create_dir(&nested).expect("a directory");
    let corpus = PathBuf::from("..").join("corpus.jsonl");
    fs::copy(example("labelled.jsonl"), directory.path().join("corpus.jsonl")).expect("a copy");
    let said = slugline_in(
        &nested,
        &["train", "--input", &corpus.display().to_string(), "--output", "../mine/2"],
    )
    .succeeded();
    assert!(said.stdout.contains("written to ../mine/2 ("), "{}", said.stdout);
}
