//! Corpora and options that no model can be made of: what is said of them.

use slugline::corpus::{self, Input, OnError, Progress};
use slugline::train::{Estimator, TrainError, TrainOptions, train};

use super::{Corpus, all_terms, line, refusal, two_topics};

#[test]
fn a_corpus_without_a_document_is_refused() {
    let options = all_terms(Estimator::MULTINOMIAL);
    assert!(matches!(refusal(&[], &options), TrainError::EmptyCorpus));
    assert!(matches!(
        refusal(&[String::new(), "  ".to_owned()], &options),
        TrainError::EmptyCorpus
    ));
    let skipping = corpus::Options { on_error: OnError::Skip, ..corpus::Options::default() };
    let options = TrainOptions { corpus: skipping, ..options };
    assert!(matches!(refusal(&["no JSON".to_owned()], &options), TrainError::EmptyCorpus));
}

#[test]
fn a_corpus_of_one_topic_is_refused_by_its_name() {
    let error = refusal(
        &[line("goal", &["sport"]), line("match", &["sport"])],
        &all_terms(Estimator::COMPLEMENT),
    );
    assert!(matches!(&error, TrainError::OneTopic(topic) if topic == "sport"), "{error:?}");
}

#[test]
fn a_corpus_of_which_no_term_survives_is_refused() {
    let options =
        TrainOptions { min_document_frequency: Some(5), ..all_terms(Estimator::MULTINOMIAL) };
    let error = refusal(&two_topics(), &options);
    assert!(matches!(error, TrainError::NoTerms(5)), "{error:?}");
    assert!(error.to_string().contains("--min-df"), "{error}");
}

#[test]
fn a_document_without_a_topic_is_refused_by_its_line() {
    let mut lines = two_topics();
    lines.insert(2, line("nobody knows", &[]));
    let error = refusal(&lines, &all_terms(Estimator::MULTINOMIAL)).to_string();
    assert!(error.contains("0.jsonl:3: ") && error.contains("no topic"), "{error}");
}

#[test]
fn options_out_of_their_range_are_refused_before_anything_is_read() {
    let good = || all_terms(Estimator::MULTINOMIAL);
    let alpha = |alpha| TrainOptions { alpha: Some(alpha), ..good() };
    let target_precision = |target_precision| TrainOptions { target_precision, ..good() };
    for (options, word) in [
        (alpha(0.0), "alpha"),
        (alpha(-1.0), "alpha"),
        (alpha(f64::NAN), "alpha"),
        (alpha(f64::INFINITY), "alpha"),
        (TrainOptions { min_document_frequency: Some(0), ..good() }, "document frequency"),
        (target_precision(0.0), "precision"),
        (target_precision(1.0), "precision"),
        (target_precision(f64::NAN), "precision"),
    ] {
        let missing = [Input::File("no-such-file.jsonl".into())];
        let error =
            train(&missing, &options, &Progress::default()).expect_err("an option out of range");
        assert!(
            matches!(&error, TrainError::Option(reason) if reason.contains(word)),
            "{word}: {error:?}"
        );
    }
}

#[test]
fn the_smallest_alpha_makes_a_model_or_is_refused_as_an_option() {
    // The logarithm of 1e-300 is about -690: scaled by much, more than half precision can hold.
    for estimator in [Estimator::MULTINOMIAL, Estimator::COMPLEMENT] {
        let mut lines =
            vec![line("goal match the", &["sport"]), line("bank rate the", &["business"])];
        lines.push(line("treaty talks the", &["world"]));
        lines.extend_from_within(..);
        let corpus = Corpus::of(&lines);
        for alpha in [1e-300, 1e-6] {
            let options = TrainOptions { alpha: Some(alpha), ..all_terms(estimator) };
            let outcome = train(&corpus.inputs, &options, &Progress::default());
            assert!(
                matches!(outcome, Ok(_) | Err(TrainError::Option(_))),
                "{} {alpha}: {outcome:?}",
                estimator.name()
            );
        }
    }
}
