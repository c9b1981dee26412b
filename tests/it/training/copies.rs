//! Copies of a document stay in one fold.

use slugline::train::{Estimator, Recipe, TrainOptions};

use super::{line, newsroom_options, pseudorandom, trained};

/// Documents of random topics, each this often: no model is right for more than about a third.
fn random_topics(copies: usize) -> Vec<String> {
    let mut below = pseudorandom();
    let documents: Vec<(String, &str)> = (0..300)
        .map(|_| {
            let words: Vec<String> = (0..30).map(|_| format!("word{}", below(2_000))).collect();
            (words.join(" "), ["a", "b", "c"][below(3) as usize])
        })
        .collect();
    let repeated = (0..copies).flat_map(|_| &documents);
    repeated.map(|(body, topic)| line(body, &[topic])).collect()
}

#[test]
fn copies_teach_nothing_about_each_other() {
    for recipe in [Recipe::Auto, Recipe::Fixed(Estimator::MULTINOMIAL)] {
        for copies in [1, 4] {
            let options = TrainOptions { recipe, ..newsroom_options(2) };
            let trained = trained(&random_topics(copies), &options);
            let metrics = trained.manifest.metrics.as_ref().expect("they were measured");
            assert!(metrics.accuracy < 0.45, "{copies} copies: {metrics:?}");
            assert!(metrics.confident_share < 0.02, "{copies} copies: {metrics:?}");
            let warns =
                trained.warnings.iter().any(|warning| warning.starts_with("900 documents have"));
            assert_eq!(warns, copies == 4, "{:?}", trained.warnings);
        }
    }
}

#[test]
fn documents_that_are_all_the_same_make_a_model() {
    let lines: Vec<String> =
        (0..40).map(|n| line("the same words", &[["a", "b"][n % 2]])).collect();
    for recipe in [Recipe::Auto, Recipe::Fixed(Estimator::COMPLEMENT)] {
        let trained = trained(&lines, &TrainOptions { recipe, ..newsroom_options(1) });
        let metrics = trained.manifest.metrics.as_ref().expect("they were measured");
        assert!(metrics.log_loss.is_finite() && metrics.confident_share == 0.0, "{metrics:?}");
    }
}
