//! Going on learning: what is made of old documents and new ones is what all of them at once would
//! have made.

use std::fs;
use std::path::{Path, PathBuf};

use slugline::corpus::{self, Input, Progress};
use slugline::model::artifact::{self, DOCUMENTS_FILE, WEIGHTS_FILE};
use slugline::model::{Labels, Manifest};
use slugline::train::{DocumentsError, Header, Recipe, TrainError, TrainOptions, Trained, train};
use tempfile::TempDir;

use super::{Corpus, documents, line, newsroom, newsroom_options, two_topics};

/// Trained, and its directory.
fn stored(trained: &Trained) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let documents = documents(trained);
    let files: [(&str, &[u8]); 3] = [
        (Manifest::FILE, &trained.artifact.manifest),
        (WEIGHTS_FILE, &trained.artifact.weights),
        (DOCUMENTS_FILE, &documents),
    ];
    artifact::write(&directory.path().join("mine/1"), &files).expect("a model on disk");
    directory
}

fn model(directory: &TempDir) -> PathBuf {
    directory.path().join("mine/1")
}

fn trained_from(from: Option<&Path>, inputs: &[Input], options: &TrainOptions) -> Trained {
    let options = TrainOptions { from: from.map(Path::to_owned), ..options.clone() };
    train(inputs, &options, &Progress::default()).expect("a model")
}

fn assert_same(one: &Trained, other: &Trained, which: &str) {
    assert_eq!(one.manifest, other.manifest, "{which}");
    assert!(one.artifact == other.artifact, "{which}: the artefacts differ");
    assert_eq!(one.manifest.trials, other.manifest.trials, "{which}");
    assert_eq!(one.warnings, other.warnings, "{which}");
    assert!(documents(one) == documents(other), "{which}: the documents differ");
}

/// Three files: of several blocks, with a topic that comes with the second, one that comes with the
/// third, and words that are in one document of each file, so that they are left out until the
/// second has come.
fn files() -> [Vec<String>; 3] {
    let lines = newsroom();
    let [mut a, mut b, mut c] = [0..600, 600..700, 700..802].map(|range| lines[range].to_vec());
    a.push(line("zebrafish swim Straße", &["sport"]));
    b.push(line("zebrafish swim far", &["zoology"]));
    b.push(line("zebrafish swim STRASSE word1 word1 word1", &["zoology", "health"]));
    c.push(line("far zebrafish word2", &["botany"]));
    [a, b, c]
}

#[test]
fn going_on_gives_the_bytes_that_all_files_at_once_give() {
    let lines = files();
    let corpus = Corpus::of_files(&lines.each_ref().map(Vec::as_slice));
    let [a, b, c] = [0, 1, 2].map(|file| &corpus.inputs[file..=file]);
    // Without words of a single document, so that one is pruned before it comes again.
    let options_for =
        |threads| TrainOptions { min_document_frequency: Some(2), ..newsroom_options(threads) };
    let two_at_once = trained_from(None, &corpus.inputs[..2], &options_for(2));
    let all_at_once = trained_from(None, &corpus.inputs, &options_for(1));
    for threads in [1, 3] {
        let options = options_for(threads);
        let first = trained_from(None, a, &options);
        let first_directory = stored(&first);
        let second = trained_from(Some(&model(&first_directory)), b, &options);
        assert_same(&second, &two_at_once, &format!("A, then B, {threads} threads"));
        let second_directory = stored(&second);
        let third = trained_from(Some(&model(&second_directory)), c, &options);
        assert_same(&third, &all_at_once, &format!("A, then B, then C, {threads} threads"));
        let both = trained_from(Some(&model(&first_directory)), &corpus.inputs[1..], &options);
        assert_same(&both, &all_at_once, &format!("A, then B and C, {threads} threads"));

        let terms = |trained: &Trained| -> Vec<String> {
            super::loaded(trained).model.vocabulary().terms().map(str::to_owned).collect()
        };
        assert!(!terms(&first).contains(&"zebrafish".to_owned()), "it was in one document");
        assert!(terms(&second).contains(&"zebrafish".to_owned()), "it is in three");
        let topics = |trained: &Trained| -> Vec<String> {
            trained.manifest.topics.iter().map(|topic| topic.name.clone()).collect()
        };
        assert!(!topics(&first).contains(&"zoology".to_owned()));
        assert!(
            topics(&third).contains(&"zoology".to_owned())
                && topics(&third).contains(&"botany".to_owned())
        );
        assert_eq!(second.corpus.documents, 102);
    }
}

#[test]
fn going_on_holds_for_several_topics_a_document_and_other_text_options() {
    let lines = newsroom();
    let (a, b) = lines.split_at(400);
    let mut b = b.to_vec();
    b.push(line("word3 word4", &[]));
    let corpus = Corpus::of_files(&[a, &b]);
    let mut options = TrainOptions {
        alpha: None,
        recipe: Recipe::Auto,
        labels: Labels::Multiple,
        language_code: "en".to_owned(),
        ..newsroom_options(2)
    };
    options.text.pairs = false;
    let at_once = trained_from(None, &corpus.inputs, &options);
    let directory = stored(&trained_from(None, &corpus.inputs[..1], &options));
    let header = Header::read(&model(&directory)).expect("a header");
    assert_eq!(
        (header.text, header.labels, header.language_code.as_str()),
        (options.text, options.labels, "en")
    );
    let went_on = trained_from(Some(&model(&directory)), &corpus.inputs[1..], &options);
    assert_same(&went_on, &at_once, "several topics");
}

#[test]
fn going_on_holds_where_words_alone_win() {
    // A topic has words that each occur in a few documents, and every word's neighbours are new
    // ones: pairs are chance.
    let mut below = super::pseudorandom();
    let lines: Vec<String> = (0..120)
        .map(|number| {
            let topic = ["business", "health", "sport"][number % 3];
            let words: Vec<String> = (0..6)
                .map(|place| {
                    if place % 2 == 0 {
                        format!("{topic}{}", below(40))
                    } else {
                        format!("the{}", below(4))
                    }
                })
                .collect();
            line(&words.join(" "), &[topic])
        })
        .collect();
    let (a, b) = lines.split_at(70);
    let corpus = Corpus::of_files(&[a, b]);
    let options = TrainOptions {
        min_document_frequency: None,
        recipe: Recipe::Auto,
        ..super::all_terms(super::Estimator::MULTINOMIAL)
    };
    let at_once = trained_from(None, &corpus.inputs, &options);
    assert!(at_once.manifest.recipe.words_alone, "{:#?}", at_once.manifest.trials);
    let first = trained_from(None, &corpus.inputs[..1], &options);
    assert!(
        !first.manifest.text.pairs,
        "the old model has words alone, and its documents have pairs"
    );
    let directory = stored(&first);
    assert!(Header::read(&model(&directory)).expect("a header").text.pairs);
    let went_on = trained_from(Some(&model(&directory)), &corpus.inputs[1..], &options);
    assert_same(&went_on, &at_once, "words alone");
}

#[test]
fn another_recipe_may_go_on_from_the_same_documents() {
    let corpus = Corpus::of_files(&[&two_topics(), &[line("late goal wins again", &["sport"])]]);
    let old = TrainOptions {
        min_document_frequency: Some(2),
        ..super::all_terms(super::Estimator::MULTINOMIAL)
    };
    let new = TrainOptions { seed: 3, ..super::all_terms(super::Estimator::COMPLEMENT) };
    let directory = stored(&trained_from(None, &corpus.inputs[..1], &old));
    let went_on = trained_from(Some(&model(&directory)), &corpus.inputs[1..], &new);
    assert_same(&went_on, &trained_from(None, &corpus.inputs, &new), "complement");
}

#[test]
fn skipped_lines_stay_counted() {
    let mut lines = two_topics();
    lines.push("no JSON".to_owned());
    let corpus = Corpus::of_files(&[&lines, &lines]);
    let skipping = corpus::Options { on_error: super::OnError::Skip, ..corpus::Options::default() };
    let options =
        TrainOptions { corpus: skipping, ..super::all_terms(super::Estimator::MULTINOMIAL) };
    let directory = stored(&trained_from(None, &corpus.inputs[..1], &options));
    let went_on = trained_from(Some(&model(&directory)), &corpus.inputs[1..], &options);
    assert_eq!((went_on.corpus.documents, went_on.corpus.skipped), (4, 1));
    assert_eq!(
        (went_on.manifest.corpus.document_count, went_on.manifest.corpus.skipped_count),
        (8, 2)
    );
    assert_same(&went_on, &trained_from(None, &corpus.inputs, &options), "skipped");
}

#[test]
fn documents_that_are_not_to_be_kept_are_not() {
    let options =
        TrainOptions { keep_documents: false, ..super::all_terms(super::Estimator::MULTINOMIAL) };
    assert!(super::trained(&two_topics(), &options).documents.is_none());
}

#[test]
fn a_model_without_documents_or_with_others_is_refused() {
    let options = super::all_terms(super::Estimator::MULTINOMIAL);
    let corpus = Corpus::of(&two_topics());
    let directory = stored(&super::trained(&two_topics(), &options));
    let refused = |options: TrainOptions| {
        let options = TrainOptions { from: Some(model(&directory)), ..options };
        train(&corpus.inputs, &options, &Progress::default()).expect_err("it is refused")
    };
    let mut others = options.clone();
    others.text.pairs = false;
    assert!(matches!(refused(others), TrainError::Option(_)));
    assert!(matches!(
        refused(TrainOptions { labels: Labels::Multiple, recipe: Recipe::Auto, ..options.clone() }),
        TrainError::Option(_)
    ));
    let file = model(&directory).join(DOCUMENTS_FILE);
    fs::write(&file, "something else").expect("a file");
    let error = refused(options.clone());
    assert!(matches!(error, TrainError::Documents(DocumentsError::Damaged { .. })), "{error:?}");
    fs::remove_file(&file).expect("it is there");
    let error = refused(options);
    assert!(matches!(error, TrainError::Documents(DocumentsError::Missing { .. })), "{error:?}");
    assert!(error.to_string().contains("retrain"), "{error}");
}
