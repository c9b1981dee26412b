//! What training warns of.

use slugline::article::ArticleText;
use slugline::model::Scorer;
use slugline::train::{Estimator, Trained};

use super::{all_terms, line, loaded, trained, two_topics};

/// The warnings other than those about few documents, which every test corpus has.
pub(super) fn surprises(trained: &Trained) -> Vec<&str> {
    let is_of_few = |warning: &&str| {
        warning.starts_with("the held-out figures rest on")
            || warning.contains("fewer than 10")
            || warning.starts_with("no answer will be confident")
            || warning.starts_with("the confidence threshold was raised")
    };
    trained.warnings.iter().map(String::as_str).filter(|warning| !is_of_few(warning)).collect()
}

#[test]
fn a_topic_of_one_document_is_learned_with_a_warning() {
    let mut lines = two_topics();
    lines.push(line("flu vaccine", &["health"]));
    for estimator in [Estimator::MULTINOMIAL, Estimator::COMPLEMENT] {
        let trained = trained(&lines, &all_terms(estimator));
        assert!(
            matches!(surprises(&trained)[..], [warning] if warning.contains("health")),
            "{:?}",
            trained.warnings
        );
        let loaded = loaded(&trained);
        let mut scorer = Scorer::default();
        let first = scorer
            .score(&loaded.model, ArticleText { title: "", body: "flu vaccine" })
            .first_topic();
        assert_eq!(loaded.model.topics()[first].as_str(), "health");
    }
}

#[test]
fn documents_of_several_topics_count_for_each_with_a_warning() {
    let mut lines = two_topics();
    lines.push(line("bank buys the club", &["sport", "business", "sport"]));
    let trained = trained(&lines, &all_terms(Estimator::MULTINOMIAL));
    assert!(
        matches!(
            surprises(&trained)[..],
            [warning] if warning.starts_with("1 document with several topics: ")
        ),
        "{:?}",
        trained.warnings
    );
    let counts: Vec<(&str, u64)> = trained
        .manifest
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), topic.document_count))
        .collect();
    assert_eq!(counts, [("business", 3), ("sport", 3)]);
    assert_eq!(trained.manifest.corpus.document_count, 5);
}

#[test]
fn a_corpus_without_surprises_has_no_warnings() {
    assert_eq!(surprises(&trained(&two_topics(), &all_terms(Estimator::MULTINOMIAL))), [""; 0]);
}
