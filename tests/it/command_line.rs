//! The `slugline` command as its users see it: what all commands have in common; a file per command
//! has the rest.

mod addresses;
mod archive;
mod classify;
mod continued;
mod doubts;
mod files;
mod groups;
mod import;
mod models;
mod multi_label;
mod names;
mod one_article;
mod process;
mod report;
mod serve;

use std::{fs, io};

use slugline::model::artifact::WEIGHTS_FILE;

use process::*;

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        "",
        "serve",
        "train",
        "evaluate",
        "evaluate-similar",
        "classify",
        "similar",
        "articles",
        "articles import",
        "archive",
        "model",
        "model show",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = slugline(&arguments).succeeded();
        assert!(help.stdout.contains("Examples:\n  slugline "), "{command}: {}", help.stdout);
        assert!(
            help.stdout.contains(&format!("Usage: slugline {command}").trim_end().to_owned()),
            "{command}: {}",
            help.stdout
        );
        assert_eq!(help.stderr, "", "{command}");
    }
}

#[test]
fn the_version_is_that_of_the_crate() {
    assert_eq!(
        slugline(&["--version"]).succeeded().stdout,
        format!("slugline {}\n", env!("CARGO_PKG_VERSION"))
    );
}

/// Runs each command, and expects it to refuse its arguments with these words.
#[track_caller]
fn assert_wrong_usage(arguments: &[&str], words: &str) {
    let outcome = slugline(arguments);
    assert_eq!(outcome.status.code(), Some(2), "{arguments:?}: {}", outcome.stderr);
    assert!(
        outcome.stderr.contains(words),
        "{arguments:?}: {words:?} is not in: {}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "", "{arguments:?}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let missing = "no-such-file.jsonl";
    for (arguments, words) in [
        (vec!["--no-such-flag"], "--no-such-flag"),
        (vec!["no-such-command"], "no-such-command"),
        (vec!["classify", "--no-such-flag"], "--no-such-flag"),
        (vec!["classify", "--max-topics", "-1"], "-1"),
        (vec!["train", "--input", missing], "--output"),
        (vec!["train", "--output", "mine/1"], "--input"),
        (vec!["evaluate", "--model", "mine/1"], "--input"),
        (vec!["model"], "model"),
        (vec!["similar"], "--id <ID>|FILE"),
        (vec!["similar", "--id", "a", "draft.txt"], "--id"),
        (vec!["similar", "--id", "a", "--since", "yesterday"], "yesterday"),
        (vec!["articles", "put", "--id", "a", "--label", "x"], "KEY=VALUE"),
        (vec!["evaluate-similar", "--input", missing], "--relevant"),
        (vec!["serve", "--listen", "nowhere"], "--listen"),
        (vec!["serve", "--log", "slugline=loud"], "--log"),
        (vec!["classify", "--max-topics", "65536"], "from 0 to 65535"),
        (vec!["similar", "--id", "a", "--limit", "0"], "from 1 to 100"),
        (vec!["similar", "--id", "a", "--limit", "101"], "from 1 to 100"),
        (vec!["similar", "--id", "a", "--min-similarity", "NaN"], "from 0 to 1"),
        (vec!["similar", "--id", "a", "--min-similarity", "2"], "from 0 to 1"),
        (vec!["similar", "--id", "a", "--min-similarity=-0.1"], "from 0 to 1"),
        (vec!["articles", "list", "--limit", "0"], "whole number of at least 1"),
        (vec!["classify", "--max-evidence-terms", "0"], "from 1 to 20"),
        (
            vec!["articles", "list", "--topic", "a", "--min-topic-probability", "0"],
            "greater than 0 and at most 1",
        ),
        (
            vec!["similar", "--id", "a", "--topic", "a", "--min-topic-probability", "x"],
            "greater than 0 and at most 1",
        ),
        (vec!["articles", "list", "--limit=-1"], "whole number of at least 1"),
        (
            vec!["evaluate-similar", "--input", missing, "--relevant", "story", "--queries=-1"],
            "--queries",
        ),
        (vec!["model", "show", "mine/1", "--terms=-1"], "whole number of at least 0"),
        (vec!["serve", "--listen", "127.0.0.1:65536"], "--listen"),
        (vec!["serve", "--drain-seconds=-1"], "from 0 to 86400"),
        (vec!["serve", "--drain-seconds", "86401"], "from 0 to 86400"),
    ] {
        assert_wrong_usage(&arguments, words);
    }
}

#[test]
fn wrong_options_of_training_exit_with_2() {
    let output = |output: &[&str], words: &str| {
        let train = ["train", "--input", "no-such-file.jsonl", "--output"];
        assert_wrong_usage(&[&train[..], output].concat(), words);
    };
    for (options, words) in [
        (&["--alpha", "0"][..], "from 0.000001 to 1000000"),
        (&["--alpha=-1"][..], "from 0.000001 to 1000000"),
        (&["--alpha", "NaN"][..], "from 0.000001 to 1000000"),
        (&["--alpha", "inf"][..], "from 0.000001 to 1000000"),
        (&["--alpha", "1e308"][..], "from 0.000001 to 1000000"),
        (&["--threads", "0"][..], "whole number of at least 1"),
        (&["--threads=-1"][..], "whole number of at least 1"),
        (&["--threads", "99999999999999999999"][..], "--threads"),
        (&["--min-df", "4294967296"][..], "whole number of at least 1"),
        (&["--min-df=-1"][..], "whole number of at least 1"),
        (&["--keep-terms=-1"][..], "whole number of at least 0"),
        (&["--title-weight", "256"][..], "from 1 to 255"),
        (&["--seed=-1"][..], "whole number of at least 0"),
        (&["--budget", "NaN"][..], "seconds"),
        (&["--budget", "inf"][..], "seconds"),
        (&["--budget", "1e300"][..], "seconds"),
        (&["--target-precision", "NaN"][..], "between 0 and 1"),
        (&["--target-precision=-1"][..], "between 0 and 1"),
        (&["--target-precision", "1e308"][..], "between 0 and 1"),
        (&["--multi-label", "--recipe", "complement"][..], "leave out --recipe"),
        (&["--budget", "1ms"][..], "seconds"),
        (&["--budget=-1"][..], "seconds"),
        (&["--min-df", "0"][..], "whole number of at least 1"),
        (&["--target-precision", "1"][..], "between 0 and 1"),
        (&["--title-weight", "0"][..], "from 1 to 255"),
        (&["--language", "english_UK"][..], "--language"),
        (&["--recipe", "gaussian"][..], "--recipe"),
    ] {
        output(&[&["mine/1"], options].concat(), words);
    }
    output(&["mine"], "models/mine/1");
    output(&["mine/latest"], "mine/latest");
    output(&["Mine/1"], "Mine/1");
}

#[test]
fn numbers_that_are_allowed_are_never_too_large() {
    let directory = with_example_model();
    let labelled = example("labelled.jsonl");
    let most = u64::MAX.to_string();
    let train = [
        "train",
        "--input",
        &labelled,
        "--output",
        "other/1",
        "--recipe",
        "multinomial",
        "--no-documents",
    ];
    for more in [
        &["--threads", "100000"][..],
        &["--threads", &most, "--recipe", "auto"],
        &["--keep-terms", &most],
        &["--seed", &most],
        &["--budget", "1e18"],
        &["--alpha", "1e6"],
        &["--alpha", "1e6", "--recipe", "complement"],
        &["--title-weight", "255"],
        &["--target-precision", "1e-300"],
        &["--target-precision", "0.9999999999999999"],
    ] {
        let arguments: Vec<&str> = match more {
            [.., "--recipe", _] => train
                .iter()
                .filter(|part| !["--recipe", "multinomial"].contains(part))
                .chain(more)
                .copied()
                .collect(),
            _ => [&train, more].concat(),
        };
        slugline_in(directory.path(), &arguments).succeeded();
    }
    let least = u32::MAX.to_string();
    slugline_in(directory.path(), &[&train[..], &["--min-df", &least]].concat())
        .failed(1, "lower --min-df");
    slugline_in(directory.path(), &["model", "show", "mine/1", "--terms", &most]).succeeded();
    slugline_in(
        directory.path(),
        &["classify", "--model", "mine/1", "--max-topics", "65535", &labelled],
    )
    .succeeded();
    slugline(&[
        "evaluate-similar",
        "--input",
        &labelled,
        "--relevant",
        "topics",
        "--queries",
        &most,
    ])
    .succeeded();
}

#[test]
fn a_corpus_without_a_word_is_not_told_to_lower_what_is_lowest() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("a.ft"), "__label__a !!!\n__label__b ???\n").expect("a file");
    let train = ["train", "--input", "a.ft", "--output", "mine/1", "--min-df", "1"];
    slugline_in(directory.path(), &train).failed(1, "no document of the corpus holds a word");
}

#[test]
fn an_unreadable_input_does_not_end_after_line_0() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("a.jsonl.gz"), b"\x1f\x8b\x08 no gzip").expect("a file");
    let ended =
        slugline_in(directory.path(), &["train", "--input", "a.jsonl.gz", "--output", "mine/1"]);
    assert!(!ended.stderr.contains("line 0"), "{}", ended.stderr);
    ended.failed(1, "cannot read a.jsonl.gz: ");
}

#[test]
fn without_a_command_it_shows_its_help_and_exits_with_2() {
    let outcome = slugline(&[]);
    assert_eq!(outcome.status.code(), Some(2));
    assert!(outcome.stderr.contains("Usage: slugline"), "{}", outcome.stderr);
}

#[test]
fn what_is_not_there_is_named_and_exits_with_1() {
    let labelled = example("labelled.jsonl");
    for arguments in [
        &["train", "--input", "no/such/thing", "--output", "mine/1"][..],
        &["evaluate", "--model", "no/such/thing", "--input", &labelled],
        &["classify", "no/such/thing"],
        &["classify", "--model", "no/such/thing", &labelled],
        &["model", "show", "no/such/thing"],
        &["archive", "verify", "no/such/thing"],
        &["archive", "export", "no/such/thing"],
        &["evaluate-similar", "--input", "no/such/thing", "--relevant", "topics"],
        &["serve", "--listen", "127.0.0.1:0", "--models", "no/such/thing"],
    ] {
        let outcome = slugline(arguments);
        assert_eq!(outcome.status.code(), Some(1), "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("error: ") && outcome.stderr.contains("no/such/thing"),
            "{}",
            outcome.stderr
        );
    }
    let model = with_example_model();
    slugline_in(model.path(), &["evaluate", "--model", "mine/1", "--input", "no/such/thing"])
        .failed(1, "no/such/thing");
}

#[test]
fn a_reader_who_leaves_early_is_not_an_error() {
    let directory = with_example_model();
    let labelled = example("labelled.jsonl");
    for arguments in [
        &["--help"][..],
        &["classify", "--model", "mine/1", &labelled],
        &["classify", "--model", "mine/1", "--json", &labelled],
        &["model", "show", "mine/1"],
        &["evaluate", "--model", "mine/1", "--input", &labelled],
        &["train", "--input", &labelled, "--output", "other/1"],
        &["train", "--input", &labelled, "--output", "other/2", "--json"],
    ] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let ended = Running::start(command(directory.path(), arguments).stdout(writer)).wait();
        assert_eq!(
            (ended.status.code(), ended.without_warnings().as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
    assert!(directory.path().join("other/2").join(WEIGHTS_FILE).is_file());
}
