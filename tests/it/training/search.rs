//! What the search for a recipe tries, and which recipe it keeps.

use std::collections::BTreeSet;
use std::time::Duration;

use slugline::model::{EstimateRecord, Labels, LinkTrialRecord};
use slugline::train::{Estimator, Recipe, TrainError, TrainOptions};

use super::warnings::surprises;
use super::{all_terms, line, newsroom, newsroom_options, refusal, trained, two_topics};

#[test]
fn cross_validation_tries_both_estimators_and_their_link_and_keeps_the_best() {
    let trained = trained(&newsroom(), &newsroom_options(2));
    let tried: BTreeSet<&str> =
        trained.manifest.trials.iter().map(|trial| trial.recipe.kind.as_str()).collect();
    assert_eq!(tried, BTreeSet::from(["complement", "linked", "multinomial"]));
    let best = &trained.manifest.trials[0];
    assert_eq!(
        (&best.recipe, Some(&best.metrics)),
        (&trained.manifest.recipe, trained.manifest.metrics.as_ref())
    );
    let linked = trained
        .manifest
        .trials
        .iter()
        .find(|trial| trial.recipe.kind == "linked")
        .expect("there was time for it");
    // One alpha is given: what is left are the two variances, with pairs and without, over naive
    // Bayes alone and with each kind of margin.
    let tried: BTreeSet<(bool, &str, String)> = (trained.manifest.link_trials.iter())
        .map(|trial| {
            let last = trial.estimates.last().expect("an estimate");
            (trial.words_alone, last.kind.as_str(), trial.link_variance.to_string())
        })
        .collect();
    assert_eq!((tried.len(), trained.manifest.link_trials.len()), (12, 12), "{tried:?}");
    let by_loss = |a: &&LinkTrialRecord, b: &&LinkTrialRecord| a.log_loss.total_cmp(&b.log_loss);
    let chosen = trained.manifest.link_trials.iter().min_by(by_loss).expect("twelve trials");
    assert_eq!(
        (linked.recipe.words_alone, &linked.recipe.estimates, linked.recipe.link_variance),
        (chosen.words_alone, &chosen.estimates, Some(chosen.link_variance))
    );
    for pair in trained.manifest.trials[1..].windows(2) {
        let [better, worse] = [&pair[0].metrics, &pair[1].metrics];
        let is_ranked = better.accuracy > worse.accuracy
            || (better.accuracy == worse.accuracy && better.log_loss <= worse.log_loss);
        assert!(is_ranked, "{better:?} before {worse:?}");
    }
}

#[test]
fn a_model_of_words_alone_says_that_it_has_no_pairs() {
    // A word says the topic, and its neighbours are never the same twice.
    let lines: Vec<String> = (0..60)
        .map(|n| {
            let word = ["goal", "profit"][n % 2];
            line(&format!("filler{n} {word} other{n} {word}"), &[["sport", "business"][n % 2]])
        })
        .collect();
    let options = TrainOptions {
        recipe: Recipe::Auto,
        min_document_frequency: None,
        ..all_terms(Estimator::MULTINOMIAL)
    };
    let trained = trained(&lines, &options);
    let kinds: BTreeSet<bool> =
        trained.manifest.trials.iter().map(|trial| trial.recipe.words_alone).collect();
    assert_eq!(kinds, BTreeSet::from([false, true]));
    let recipe = &trained.manifest.recipe;
    assert_eq!(trained.manifest.text.pairs, !recipe.words_alone);
    // Pairs need two documents, words of a small corpus one: 120 of them occur once.
    let (frequency, terms) = if recipe.words_alone { (1, 122) } else { (2, 2) };
    assert_eq!((recipe.min_document_frequency, trained.manifest.term_count), (frequency, terms));
}

#[test]
fn without_any_time_several_topics_still_make_a_model() {
    let options = TrainOptions {
        recipe: Recipe::Auto,
        labels: Labels::Multiple,
        budget: Some(Duration::ZERO),
        ..all_terms(Estimator::MULTINOMIAL)
    };
    let trained = trained(&two_topics(), &options);
    assert_eq!(trained.manifest.recipe.kind, "one-against-rest");
    assert!(trained.warnings.iter().any(|warning| warning.starts_with("the budget ended")));
}

#[test]
fn the_forms_of_articles_alone_make_no_model() {
    let lines: Vec<String> = (0..8)
        .map(|n| {
            let topic = ["sport", "business"][n / 2 % 2];
            let field = ["title", "body"][n % 2];
            format!(r#"{{"{field}": "first{n} second{n}", "topics": ["{topic}"]}}"#)
        })
        .collect();
    let options =
        TrainOptions { min_document_frequency: Some(2), ..all_terms(Estimator::MULTINOMIAL) };
    for recipe in [Recipe::Auto, options.recipe] {
        let error = refusal(&lines, &TrainOptions { recipe, ..options.clone() });
        assert!(matches!(error, TrainError::NoTerms(2)), "{error:?}");
    }
}

#[test]
fn of_documents_without_a_common_word_only_words_alone_are_tried() {
    let lines = [line("late goal", &["sport"]), line("bank rate", &["business"])];
    let options =
        TrainOptions { min_document_frequency: None, ..all_terms(Estimator::MULTINOMIAL) };
    let manifest =
        trained(&lines, &TrainOptions { recipe: Recipe::Auto, ..options.clone() }).manifest;
    assert!(manifest.trials.iter().all(|trial| trial.recipe.words_alone), "{:?}", manifest.trials);
    assert_eq!((manifest.text.pairs, manifest.term_count), (false, 4));
    // Who does not search has no other terms to turn to.
    let refused = |options: &TrainOptions| refusal(&lines, options);
    assert!(matches!(refused(&options), TrainError::NoTerms(2)));
    assert!(matches!(
        refused(&TrainOptions {
            recipe: Recipe::Auto,
            labels: Labels::Multiple,
            ..options.clone()
        }),
        TrainError::NoTerms(2)
    ));
}

#[test]
fn without_time_the_search_tries_the_least_it_can_and_says_so() {
    let options =
        |budget| TrainOptions { recipe: Recipe::Auto, budget, ..all_terms(Estimator::MULTINOMIAL) };
    let cut_short = trained(&two_topics(), &options(Some(Duration::ZERO)));
    let kinds: BTreeSet<&str> =
        cut_short.manifest.trials.iter().map(|trial| trial.recipe.kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["complement", "multinomial"]));
    assert!(cut_short.manifest.link_trials.is_empty());
    assert!(cut_short.manifest.trials.iter().all(|trial| !trial.recipe.words_alone));
    assert!(
        cut_short.warnings.iter().any(|warning| warning.starts_with("the budget ended")),
        "{:?}",
        cut_short.warnings
    );
    // The clock cannot count so far: it is as good as no budget.
    let [endless, unbounded] =
        [Some(Duration::MAX), None].map(|budget| trained(&two_topics(), &options(budget)));
    assert_eq!(endless.artifact, unbounded.artifact);
    assert_eq!(surprises(&endless), [""; 0]);
}

#[test]
fn nothing_is_tried_twice() {
    // Pseudo-counts of the small corpus meet those that every corpus tries.
    let options = TrainOptions { recipe: Recipe::Auto, ..all_terms(Estimator::MULTINOMIAL) };
    let trials = trained(&two_topics(), &options).manifest.trials;
    let recipes: Vec<String> = trials.iter().map(|trial| trial.recipe.to_string()).collect();
    let distinct: BTreeSet<&String> = recipes.iter().collect();
    assert_eq!(distinct.len(), recipes.len(), "{recipes:#?}");
    // With pairs and without: four multinomial estimates and three complement ones; and the best
    // link of all.
    assert_eq!(recipes.len(), 2 * (4 + 3) + 1);
}

#[test]
fn an_alpha_that_was_asked_for_holds_for_every_recipe() {
    for recipe in
        [Recipe::Auto, Recipe::Fixed(Estimator::MULTINOMIAL), Recipe::Fixed(Estimator::COMPLEMENT)]
    {
        let options =
            TrainOptions { recipe, alpha: Some(0.07), ..all_terms(Estimator::MULTINOMIAL) };
        for trial in trained(&two_topics(), &options).manifest.trials {
            let of_alpha = |estimate: &&EstimateRecord| estimate.parameter("alpha").is_some();
            let estimates = trial.recipe.estimates.iter().filter(of_alpha);
            let found: Vec<_> =
                estimates.map(|found| (found.kind.as_str(), found.parameter("alpha"))).collect();
            let (multinomial, complement) =
                (("multinomial", Some(0.07)), ("complement", Some(0.07)));
            let expected = match trial.recipe.kind.as_str() {
                "multinomial" => vec![multinomial],
                "complement" => vec![complement],
                _ => vec![multinomial, complement],
            };
            assert_eq!(found, expected, "{}", trial.recipe);
        }
    }
}
