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

#[test]
fn wrong_usage_exits_with_2() {
    let missing = "no-such-file.jsonl";
    let train = ["train", "--input", missing, "--output"];
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
        ([&train[..], &["mine/1", "--alpha", "0"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--alpha=-1"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--alpha", "NaN"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--alpha", "inf"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--alpha", "1e308"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--threads", "0"]].concat(), "--threads"),
        ([&train[..], &["mine/1", "--threads=-1"]].concat(), "--threads"),
        ([&train[..], &["mine/1", "--threads", "99999999999999999999"]].concat(), "--threads"),
        ([&train[..], &["mine/1", "--min-df", "4294967296"]].concat(), "--min-df"),
        ([&train[..], &["mine/1", "--min-df=-1"]].concat(), "--min-df"),
        ([&train[..], &["mine/1", "--keep-terms=-1"]].concat(), "--keep-terms"),
        ([&train[..], &["mine/1", "--title-weight", "256"]].concat(), "--title-weight"),
        ([&train[..], &["mine/1", "--seed=-1"]].concat(), "--seed"),
        ([&train[..], &["mine/1", "--budget", "NaN"]].concat(), "seconds"),
        ([&train[..], &["mine/1", "--budget", "inf"]].concat(), "seconds"),
        ([&train[..], &["mine/1", "--budget", "1e300"]].concat(), "seconds"),
        ([&train[..], &["mine/1", "--target-precision", "NaN"]].concat(), "target precision"),
        ([&train[..], &["mine/1", "--target-precision=-1"]].concat(), "target precision"),
        ([&train[..], &["mine/1", "--target-precision", "1e308"]].concat(), "target precision"),
        (vec!["classify", "--max-topics", "65536"], "--max-topics"),
        (vec!["similar", "--id", "a", "--limit", "0"], "--limit"),
        (vec!["similar", "--id", "a", "--limit", "101"], "--limit"),
        (vec!["similar", "--id", "a", "--min-similarity", "NaN"], "from 0 to 1"),
        (vec!["similar", "--id", "a", "--min-similarity", "2"], "from 0 to 1"),
        (vec!["similar", "--id", "a", "--min-similarity=-0.1"], "from 0 to 1"),
        (vec!["articles", "list", "--limit=-1"], "--limit"),
        (
            vec!["evaluate-similar", "--input", missing, "--relevant", "story", "--queries=-1"],
            "--queries",
        ),
        (vec!["model", "show", "mine/1", "--terms=-1"], "--terms"),
        (vec!["serve", "--listen", "127.0.0.1:65536"], "--listen"),
        (vec!["serve", "--drain-seconds=-1"], "--drain-seconds"),
        (vec!["serve", "--drain-seconds", "86401"], "--drain-seconds"),
        (
            [&train[..], &["mine/1", "--multi-label", "--recipe", "complement"]].concat(),
            "leave out --recipe",
        ),
        ([&train[..], &["mine/1", "--budget", "1ms"]].concat(), "seconds"),
        ([&train[..], &["mine/1", "--budget=-1"]].concat(), "seconds"),
        ([&train[..], &["mine/1", "--min-df", "0"]].concat(), "document frequency"),
        ([&train[..], &["mine/1", "--target-precision", "1"]].concat(), "target precision"),
        ([&train[..], &["mine/1", "--title-weight", "0"]].concat(), "--title-weight"),
        ([&train[..], &["mine/1", "--language", "english_UK"]].concat(), "--language"),
        ([&train[..], &["mine/1", "--recipe", "gaussian"]].concat(), "--recipe"),
        ([&train[..], &["mine"]].concat(), "models/mine/1"),
        ([&train[..], &["mine/latest"]].concat(), "mine/latest"),
        ([&train[..], &["Mine/1"]].concat(), "Mine/1"),
    ] {
        let outcome = slugline(&arguments);
        assert_eq!(outcome.status.code(), Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(words),
            "{arguments:?}: {words:?} is not in: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
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
