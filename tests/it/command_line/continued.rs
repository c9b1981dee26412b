//! `slugline train --from`: going on learning from a model on disk.

use std::fs;

use slugline::model::Manifest;
use slugline::model::artifact::{DOCUMENTS_FILE, WEIGHTS_FILE};

use super::process::*;

/// The second half of the examples; the first half is what `mine/1` was trained on, with these
/// options.
fn with_first_half(options: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let lines = fs::read_to_string(example("labelled.jsonl")).expect("an example");
    let middle = lines.lines().take(EXAMPLE_DOCUMENTS / 2).map(|line| line.len() + 1).sum();
    fs::write(directory.path().join("a.jsonl"), &lines[..middle]).expect("a file");
    fs::write(directory.path().join("b.jsonl"), &lines[middle..]).expect("a file");
    let train = ["train", "--input", "a.jsonl", "--output", "mine/1", "--recipe", "complement"];
    slugline_in(directory.path(), &[&train, options].concat()).succeeded();
    directory
}

#[test]
fn going_on_writes_what_both_files_at_once_would_have_written() {
    let options = ["--no-pairs", "--title-weight", "2", "--language", "en", "--numbers", "shape"];
    let directory = with_first_half(&options);
    let both = ["train", "--input", "a.jsonl", "b.jsonl", "--output", "both/1"];
    slugline_in(directory.path(), &[&both[..], &options].concat()).succeeded();
    // Into another directory, and into its own; what the old model has settled may be said again.
    let elsewhere = ["train", "--from", "mine/1", "--input", "b.jsonl", "--output", "other/1"];
    slugline_in(directory.path(), &elsewhere).succeeded();
    let here = ["train", "--from", "mine/1", "--input", "b.jsonl", "--output", "mine/1"];
    slugline_in(directory.path(), &[&here[..], &options].concat()).succeeded();
    for model in ["other/1", "mine/1"] {
        for file in [WEIGHTS_FILE, DOCUMENTS_FILE] {
            let [one, expected] = [model, "both/1"].map(|model| {
                fs::read(directory.path().join(model).join(file)).expect("a file of the model")
            });
            assert!(one == expected, "{model}/{file}");
        }
    }
}

#[test]
fn what_contradicts_the_old_model_is_wrong_usage() {
    let directory = with_first_half(&["--language", "en"]);
    for (option, words) in [
        (&["--multi-label"][..], ["--multi-label", "one topic per document"]),
        (&["--no-pairs"], ["--no-pairs", "pairs"]),
        (&["--numbers", "shape"], ["--numbers shape", "--numbers verbatim"]),
        (&["--title-weight", "3"], ["--title-weight 3", "--title-weight 1"]),
        (&["--language", "de"], ["--language \"de\"", "--language \"en\""]),
    ] {
        let train = ["train", "--from", "mine/1", "--input", "b.jsonl", "--output", "mine/2"];
        let outcome = slugline_in(directory.path(), &[&train[..], option].concat());
        assert_eq!(outcome.status.code(), Some(2), "{option:?}: {}", outcome.stderr);
        for words in words.iter().chain(&["mine/1"]) {
            assert!(outcome.stderr.contains(words), "{words:?} is not in: {}", outcome.stderr);
        }
    }
    assert!(!directory.path().join("mine/2").exists());
}

#[test]
fn a_model_without_its_documents_cannot_be_gone_on_from() {
    let directory = with_first_half(&["--no-documents"]);
    let model = directory.path().join("mine/1");
    assert!(model.join(Manifest::FILE).is_file() && !model.join(DOCUMENTS_FILE).exists());
    let train = ["train", "--from", "mine/1", "--input", "b.jsonl", "--output", "mine/2"];
    let outcome = slugline_in(directory.path(), &train);
    assert!(outcome.stderr.contains("retrain on all files"), "{}", outcome.stderr);
    outcome.failed(1, "cannot continue from mine/1");
    fs::write(model.join(DOCUMENTS_FILE), "no documents").expect("a file");
    slugline_in(directory.path(), &train).failed(1, "documents.bags is damaged");
    slugline_in(
        directory.path(),
        &["train", "--from", "no/such/thing", "--input", "b.jsonl", "--output", "mine/2"],
    )
    .failed(1, "no/such/thing");
}
