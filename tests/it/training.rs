//! Training: what changes the bytes of a model and what does not.

mod continued;
mod copies;
mod refused;
mod search;
mod warnings;

use std::fs;
use std::path::PathBuf;

use safetensors::SafeTensors;
use slugline::article::ArticleText;
use slugline::corpus::{self, Input, OnError, Progress};
use slugline::model::{BetaCalibration, LoadedModel, Manifest, Scorer, artifact};
use slugline::text::TextOptions;
use slugline::train::{Estimator, Recipe, TrainError, TrainOptions, Trained, train};
use tempfile::TempDir;

/// A corpus of JSON Lines on disk, as long as it is held.
pub(crate) struct Corpus {
    pub(crate) directory: TempDir,
    pub(crate) inputs: Vec<Input>,
}

impl Corpus {
    /// Of one file, `0.jsonl`.
    pub(crate) fn of(lines: &[String]) -> Self {
        Self::of_files(&[lines])
    }

    /// Of these files, in their order.
    fn of_files(files: &[&[String]]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let inputs = files
            .iter()
            .enumerate()
            .map(|(number, lines)| {
                let path = directory.path().join(format!("{number}.jsonl"));
                fs::write(&path, lines.join("\n")).expect("a file in it");
                Input::File(path)
            })
            .collect();
        Self { directory, inputs }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("0.jsonl")
    }
}

/// A line of a corpus.
pub(crate) fn line(body: &str, topics: &[&str]) -> String {
    serde_json::json!({ "body": body, "topics": topics }).to_string()
}

/// The options of a small corpus: every term counts.
pub(crate) fn all_terms(estimator: Estimator) -> TrainOptions {
    TrainOptions {
        recipe: Recipe::Fixed(estimator),
        min_document_frequency: Some(1),
        keep_terms: Some(0),
        ..TrainOptions::new("small/1".parse().expect("a model's id"))
    }
}

/// Trains a model of lines that are known to make one.
pub(crate) fn trained(lines: &[String], options: &TrainOptions) -> Trained {
    let corpus = Corpus::of(lines);
    train(&corpus.inputs, options, &Progress::default()).expect("the corpus makes a model")
}

/// The file that training resumes from.
fn documents(trained: &Trained) -> Vec<u8> {
    let mut bytes = Vec::new();
    let documents = trained.documents.as_ref().expect("they were to be kept");
    documents.write_to(&mut bytes).expect("memory");
    bytes
}

/// The model, as a server reads it.
pub(crate) fn loaded(trained: &Trained) -> LoadedModel {
    artifact::parse(&trained.artifact.manifest, &trained.artifact.weights)
        .expect("what was trained can be read")
}

/// A corpus that two topics can be learned from.
pub(crate) fn two_topics() -> Vec<String> {
    let texts = [
        ("late goal wins the match", "sport"),
        ("bank raises the rate", "business"),
        ("goal in the match", "sport"),
        ("bank cuts the rate", "business"),
    ];
    texts.iter().map(|(text, topic)| line(text, &[topic])).collect()
}

fn refusal(lines: &[String], options: &TrainOptions) -> TrainError {
    let corpus = Corpus::of(lines);
    train(&corpus.inputs, options, &Progress::default()).expect_err("no model can be made of it")
}

/// More bytes than are handed to one worker at a time, of words that tell their topic now and then.
/// Some documents have two topics, one has no known term, one topic has one document.
fn newsroom() -> Vec<String> {
    const TOPICS: [&str; 4] = ["business", "health", "sport", "world"];
    let mut below = pseudorandom();
    let mut lines: Vec<String> = (0..800)
        .map(|number| {
            let topic = below(4) as usize;
            let words: Vec<String> = (0..80)
                .map(|_| match below(6) {
                    0 => format!("{}{}", TOPICS[topic], below(30)),
                    _ => format!("word{}", below(60)),
                })
                .collect();
            let second = TOPICS[(topic + 1) % 4];
            let topics =
                if number % 50 == 0 { vec![TOPICS[topic], second] } else { vec![TOPICS[topic]] };
            line(&words.join(" "), &topics)
        })
        .collect();
    lines.push(line("!?", &["sport"]));
    lines.push(line("word1 word2 word3", &["obituaries"]));
    lines
}

/// Whole numbers below a limit, the same on every machine: a linear congruential generator (Knuth's
/// MMIX).
fn pseudorandom() -> impl FnMut(u64) -> u64 {
    let mut state = 1u64;
    move |limit| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    }
}

fn newsroom_options(threads: usize) -> TrainOptions {
    TrainOptions {
        recipe: Recipe::Auto,
        alpha: Some(0.1),
        keep_terms: Some(500),
        corpus: corpus::Options { threads, ..corpus::Options::default() },
        ..TrainOptions::new("newsroom/1".parse().expect("a model's id"))
    }
}

/// One tensor of a file of weights.
fn tensor(weights: &[u8], name: &str) -> Vec<u8> {
    SafeTensors::deserialize(weights)
        .expect("our own file")
        .tensor(name)
        .expect("a tensor")
        .data()
        .to_vec()
}

/// The manifest, less what the folds of the cross-validation have a say in.
fn without_what_folds_decide(trained: &Trained) -> Manifest {
    let mut manifest = trained.manifest.clone();
    manifest.recipe.seed = 0;
    manifest.calibration = BetaCalibration::IDENTITY;
    manifest.recipe.scale = 1.0;
    manifest.trials.clear();
    manifest.metrics = None;
    manifest.decision.confident_probability = 1.0;
    manifest.weights.sha256.clear();
    manifest
}

#[test]
fn the_same_corpus_gives_the_same_bytes_with_any_number_of_threads() {
    let corpus = Corpus::of(&newsroom());
    let bytes = fs::metadata(corpus.file()).expect("a file").len();
    assert!(bytes > 256 << 10, "{bytes} bytes are one block of work");
    let train_on = |threads| {
        train(&corpus.inputs, &newsroom_options(threads), &Progress::default()).expect("a model")
    };
    let first = train_on(1);
    for threads in [1, 2, 5] {
        let again = train_on(threads);
        assert_eq!(again.artifact, first.artifact, "{threads} threads");
        assert!(documents(&again) == documents(&first), "{threads} threads");
        assert_eq!(again.manifest.trials, first.manifest.trials, "{threads} threads");
    }
}

#[test]
fn the_link_of_a_large_corpus_does_not_depend_on_the_number_of_threads() {
    // The link's sums are taken over 2,048 documents at a time. Three such parts can be added up in
    // orders that differ.
    let mut below = pseudorandom();
    let lines: Vec<String> = (0..4_200)
        .map(|_| {
            let topic = ["a", "b"][below(2) as usize];
            line(&format!("{topic}{} word{} word{}", below(20), below(20), below(20)), &[topic])
        })
        .collect();
    let corpus = Corpus::of(&lines);
    let options = |threads| TrainOptions {
        text: TextOptions { pairs: false, ..TextOptions::default() },
        ..newsroom_options(threads)
    };
    let train_on =
        |threads| train(&corpus.inputs, &options(threads), &Progress::default()).expect("a model");
    let first = train_on(1);
    assert!(first.manifest.trials.iter().any(|trial| trial.recipe.kind == "linked"));
    let again = train_on(3);
    assert_eq!(again.manifest.trials, first.manifest.trials);
    assert_eq!(again.artifact, first.artifact);
}

/// What a document counts does not depend on its place. What does is the fingerprint, which is that
/// of the bytes in their order, and the fold a document falls into: so the scale, and with it the
/// stored weights, and the thresholds may move.
#[test]
fn a_corpus_in_two_files_gives_the_model_of_one() {
    let lines = newsroom();
    let (head, tail) = lines.split_at(300);
    let options =
        TrainOptions { recipe: Recipe::Fixed(Estimator::MULTINOMIAL), ..newsroom_options(2) };
    let [whole, parted] = [&[&lines[..]][..], &[head, tail]].map(|files| {
        let corpus = Corpus::of_files(files);
        train(&corpus.inputs, &options, &Progress::default()).expect("a model")
    });
    assert_ne!(whole.manifest.corpus.sha256, parted.manifest.corpus.sha256);
    assert_eq!(whole.artifact.weights, parted.artifact.weights);
}

#[test]
fn the_order_of_the_files_changes_the_fingerprint_and_the_folds_alone() {
    let lines = newsroom();
    let (head, tail) = lines.split_at(300);
    let options =
        TrainOptions { recipe: Recipe::Fixed(Estimator::MULTINOMIAL), ..newsroom_options(2) };
    let [one_way, other_way] = [[head, tail], [tail, head]].map(|files| {
        let corpus = Corpus::of_files(&files);
        train(&corpus.inputs, &options, &Progress::default()).expect("a model")
    });
    assert_ne!(one_way.manifest.corpus.sha256, other_way.manifest.corpus.sha256);
    let [mut one_manifest, other_manifest] = [&one_way, &other_way].map(without_what_folds_decide);
    one_manifest.corpus.sha256.clone_from(&other_manifest.corpus.sha256);
    assert_eq!(one_manifest, other_manifest);
    for name in ["terms", "idf"] {
        assert_eq!(
            tensor(&one_way.artifact.weights, name),
            tensor(&other_way.artifact.weights, name),
            "{name}"
        );
    }
    // The weights are the same but for their common scale, to half precision (11 bits, and one more
    // for the mean).
    let [one, other] = [loaded(&one_way), loaded(&other_way)];
    let ratio = (one.manifest.recipe.scale / other.manifest.recipe.scale) as f32;
    for term in 0..one.model.vocabulary().len() as u32 {
        let (one, other) = (one.model.term_weights(term), other.model.term_weights(term));
        let largest = one.iter().map(|weight| weight.abs()).fold(0.0, f32::max);
        for (one, other) in one.iter().zip(other) {
            assert!(
                (one - other * ratio).abs() <= largest / 512.0,
                "{term}: {one} and {other} times {ratio}"
            );
        }
    }
}

#[test]
fn the_seed_changes_only_what_the_folds_decide() {
    let lines = newsroom();
    let [one, other] = [1, 2].map(|seed| {
        let options = TrainOptions {
            recipe: Recipe::Fixed(Estimator::COMPLEMENT),
            seed,
            ..newsroom_options(2)
        };
        trained(&lines, &options)
    });
    assert_ne!(one.manifest.metrics, other.manifest.metrics, "the folds are the same");
    assert_eq!(without_what_folds_decide(&one), without_what_folds_decide(&other));
    assert!(documents(&one) == documents(&other));
    for name in ["terms", "idf", "bias"] {
        assert_eq!(
            tensor(&one.artifact.weights, name),
            tensor(&other.artifact.weights, name),
            "{name}"
        );
    }
}

#[test]
fn the_name_of_the_model_does_not_change_its_weights() {
    let options = all_terms(Estimator::MULTINOMIAL);
    let renamed = TrainOptions { id: "other/7".parse().expect("a model's id"), ..options.clone() };
    let [one, other] = [options, renamed].map(|options| trained(&two_topics(), &options));
    assert_eq!(one.artifact.weights, other.artifact.weights);
    assert_eq!(other.manifest.id().to_string(), "other/7");
}

#[test]
fn skipped_lines_are_counted_and_teach_nothing() {
    let mut lines = two_topics();
    lines.insert(0, "no JSON".to_owned());
    lines.insert(2, line("a topic of no other document", &[]));
    lines.push(line("", &["health"]));
    let corpus =
        corpus::Options { on_error: OnError::Skip, threads: 2, ..corpus::Options::default() };
    let with_bad_lines =
        trained(&lines, &TrainOptions { corpus, ..all_terms(Estimator::MULTINOMIAL) });
    let without = trained(&two_topics(), &all_terms(Estimator::MULTINOMIAL));
    for name in ["terms", "idf"] {
        let [one, other] =
            [&with_bad_lines, &without].map(|trained| tensor(&trained.artifact.weights, name));
        assert_eq!(one, other, "{name}");
    }
    assert_eq!(with_bad_lines.manifest.topics, without.manifest.topics);
    assert_eq!((with_bad_lines.corpus.documents, with_bad_lines.corpus.skipped), (4, 3));
    assert_eq!(with_bad_lines.manifest.corpus.skipped_count, 3);
    let skipped: Vec<u64> =
        with_bad_lines.corpus.skipped_examples.iter().map(|line| line.location.line).collect();
    assert_eq!(skipped, [1, 3, 7]);
}

#[test]
fn the_smallest_corpora_make_a_model_by_any_recipe() {
    let lines = two_topics();
    for recipe in
        [Recipe::Auto, Recipe::Fixed(Estimator::MULTINOMIAL), Recipe::Fixed(Estimator::COMPLEMENT)]
    {
        for count in 2..=lines.len() {
            let options = TrainOptions { recipe, ..all_terms(Estimator::MULTINOMIAL) };
            let loaded = loaded(&trained(&lines[..count], &options));
            let mut scorer = Scorer::default();
            let article = ArticleText { title: "", body: "late goal wins the match" };
            let probabilities = scorer.score(&loaded.model, article).probabilities;
            assert!(
                probabilities.iter().all(|probability| probability.is_finite()),
                "{recipe:?}, {count}: {probabilities:?}"
            );
        }
    }
}

#[test]
fn the_terms_kept_are_all_words_and_the_best_pairs() {
    let mut lines = two_topics();
    lines.push(line("the match was late", &["sport"]));
    let terms = |options: TrainOptions| -> Vec<String> {
        loaded(&trained(&lines, &options)).model.vocabulary().terms().map(str::to_owned).collect()
    };
    let options =
        || TrainOptions { min_document_frequency: Some(2), ..all_terms(Estimator::MULTINOMIAL) };
    assert_eq!(
        terms(options()),
        ["bank", "goal", "late", "match", "rate", "the", "the match", "the rate"]
    );
    // Presence against three and two documents, chi-square: bank, rate and "the rate" 3, match and
    // "the match" 2, goal 4/3, late 4/3, the 0. Of equals the first by text counts.
    let keep = |count| terms(TrainOptions { keep_terms: Some(count), ..options() });
    assert_eq!(keep(1), ["bank", "goal", "late", "match", "rate", "the"]);
    assert_eq!(keep(3), ["bank", "goal", "late", "match", "rate", "the", "the rate"]);
    assert_eq!(keep(4), ["bank", "goal", "late", "match", "rate", "the", "the rate"]);
    assert_eq!(keep(5), ["bank", "goal", "late", "match", "rate", "the", "the match", "the rate"]);
}
