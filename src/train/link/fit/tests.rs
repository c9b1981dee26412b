//! The link against what it should be by hand.

use super::*;
use crate::train::folds::ScoreTable;

const PRIOR: Prior = Prior::of(0.2);

/// 2,400 documents of three topics; the first kind of score leans to the right topic (or, each
/// fifth time, the next one), the second knows nothing.
fn scores() -> [ScoreTable; 2] {
    let table = |topic: fn(usize) -> usize, by: fn(usize) -> f32| {
        let mut table = ScoreTable::new(3);
        for document in 0..2_400 {
            let mut row = [-1.0, -1.5, -2.0];
            row[topic(document) % 3] += by(document);
            table.push(row);
        }
        table
    };
    [
        table(|n| if n % 5 == 0 { n + 1 } else { n }, |n| 1.0 + (n % 7) as f32 / 7.0),
        table(|n| n / 3, |_| 1.0),
    ]
}

fn topics(labels: Labels) -> Vec<Vec<usize>> {
    let of = |n: usize| match labels {
        Labels::Multiple if n.is_multiple_of(4) => vec![],
        Labels::Multiple if n % 4 == 1 => vec![n % 3, (n + 1) % 3],
        _ => vec![n % 3],
    };
    (0..2_400).map(of).collect()
}

/// Calls `check` with the features of both kinds, for each kind of labels.
fn with_features(check: impl Fn(&Features<'_>, Vec<usize>)) {
    for labels in [Labels::Single, Labels::Multiple] {
        let (scores, topics) = (scores(), topics(labels));
        let tables = [(&scores[0], 1.0), (&scores[1], 0.5)];
        let topics = topics.iter().map(Vec::as_slice).collect();
        let features = Features::new(labels, &tables, topics);
        check(&features, (0..features.len()).collect());
    }
}

fn link(features: &Features<'_>, chosen: &[usize], prior: Prior) -> Link {
    Link::fit(features, chosen, prior, 100).expect("a smooth objective")
}

#[test]
fn the_gradient_is_that_of_the_cost() {
    with_features(|features, chosen| {
        let basis = Basis::new(features, &chosen, PRIOR).expect("a positive definite matrix");
        let objective = Objective::new(features, &chosen, PRIOR, &basis);
        let at = |point: &[f64]| objective.evaluate(point).expect("a finite point");
        let mut point = objective.start();
        point.iter_mut().enumerate().for_each(|(at, value)| *value += 0.01 * at as f64);
        let (_, gradient) = at(&point);
        for place in 0..point.len() {
            let step = 1e-4;
            let mut moved = point.clone();
            moved[place] += step;
            let above = at(&moved).0;
            moved[place] -= 2.0 * step;
            let difference = (above - at(&moved).0) / (2.0 * step);
            let off = (gradient[place] - difference).abs();
            assert!(off < 1e-7, "{:?} {place}: {off}", features.labels);
        }
    });
}

#[test]
fn the_link_lowers_the_loss_and_threads_change_nothing() {
    with_features(|features, chosen| {
        let fitted = link(features, &chosen, PRIOR);
        let mut unfitted = fitted.clone();
        unfitted.parameters.fill(0.0);
        unfitted.parameters[fitted.layout.own()][..3].fill(1.0);
        let [after, before] = [&fitted, &unfitted].map(|link| link.log_loss(features, &chosen));
        assert!(after < 0.95 * before, "{:?}: {after} {before}", features.labels);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let again = pool.expect("threads").install(|| link(features, &chosen, PRIOR));
            assert_eq!(again, fitted, "{threads} threads");
        }
    });
}

#[test]
fn a_tight_prior_leaves_only_what_all_topics_share() {
    with_features(|features, chosen| {
        let Link { layout, parameters, .. } = link(features, &chosen, Prior::of(1e-9));
        let cross = &parameters[layout.cross()];
        assert!(cross.iter().all(|weight| weight.abs() < 1e-4), "{cross:?}");
        let own = &parameters[layout.own()][..3];
        assert!(own.iter().all(|weight| (weight - own[0]).abs() < 1e-4) && own[0] > 0.1, "{own:?}");
    });
}

#[test]
fn folding_changes_no_logit() {
    let scores = scores();
    with_features(|features, chosen| {
        let link = link(features, &chosen, PRIOR);
        // A term per document, whose weights are the document's scores: the biases are part of
        // both.
        let kind = |table: &ScoreTable| Linear {
            weights: Array2::from_shape_fn((3, 10), |(topic, term)| {
                f64::from(table.row(term)[topic]) - topic as f64
            }),
            bias: vec![0.0, 1.0, 2.0],
        };
        let (first, second) = (kind(&scores[0]), kind(&scores[1]));
        let folded = link.fold(&[&first, &second]);
        for term in 0..10 {
            let logits = link.logits(features, term);
            for (topic, logit) in logits.into_iter().enumerate() {
                let off = folded.weights[[topic, term]] + folded.bias[topic] - f64::from(logit);
                assert!(off.abs() < 1e-4, "{:?} {term} {topic}: {off}", features.labels);
            }
        }
    });
}
