//! The link against what it should be by hand.

use super::super::objective::{each_of, one_of};
use super::*;

const PRIOR: Prior = Prior { own: 0.5, cross: 0.1 };

fn table(rows: impl Iterator<Item = Vec<f32>>) -> ScoreTable {
    let mut table = ScoreTable::new(3);
    rows.for_each(|row| table.push(row));
    table
}

/// 2_400 documents of three topics; the first kind of score leans to the right topic (or, each
/// fifth time, the next one), the second knows nothing.
fn scores() -> [ScoreTable; 2] {
    let lean = |topic: usize, by: f32| {
        let mut row = vec![-1.0, -1.5, -2.0];
        row[topic % 3] += by;
        row
    };
    [
        table(
            (0..2_400)
                .map(|n| lean(if n % 5 == 0 { n + 1 } else { n }, 1.0 + (n % 7) as f32 / 7.0)),
        ),
        table((0..2_400).map(|n| lean(n / 3, 1.0))),
    ]
}

fn topics(labels: Labels) -> Vec<Vec<usize>> {
    (0..2_400)
        .map(|n| match labels {
            Labels::Multiple if n % 4 == 0 => vec![],
            Labels::Multiple if n % 4 == 1 => vec![n % 3, (n + 1) % 3],
            _ => vec![n % 3],
        })
        .collect()
}

fn loss_of(labels: Labels, logits: &ScoreTable, topics: &[Vec<usize>]) -> f64 {
    topics
        .iter()
        .enumerate()
        .map(|(document, topics)| {
            let mut row: Vec<f64> =
                logits.row(document).iter().map(|&logit| f64::from(logit)).collect();
            match labels {
                Labels::Single => one_of(&mut row, topics),
                Labels::Multiple => each_of(&mut row, topics),
            }
        })
        .sum()
}

#[test]
fn the_gradient_is_that_of_the_cost() {
    for labels in [Labels::Single, Labels::Multiple] {
        let (scores, topics) = (scores(), topics(labels));
        let features = Features::new(
            labels,
            &[(&scores[0], 1.0), (&scores[1], 0.5)],
            topics.iter().map(Vec::as_slice).collect(),
        );
        let chosen: Vec<usize> = (0..features.len()).collect();
        let basis = Basis::new(&features, &chosen, PRIOR).expect("a positive definite matrix");
        let objective = Objective::new(&features, &chosen, PRIOR, &basis);
        let mut point = objective.start();
        point.iter_mut().enumerate().for_each(|(at, value)| *value += 0.01 * at as f64);
        let (_, gradient) = objective.evaluate(&point);
        for at in 0..point.len() {
            // Wide enough for what single precision loses of the cost.
            let step = 1e-2;
            let mut moved = point.clone();
            moved[at] += step;
            let above = objective.evaluate(&moved).0;
            moved[at] -= 2.0 * step;
            let below = objective.evaluate(&moved).0;
            let difference = (above - below) / (2.0 * step);
            assert!(
                (gradient[at] - difference).abs() < 1e-4,
                "{labels:?} {at}: {} {difference}",
                gradient[at]
            );
        }
    }
}

#[test]
fn the_link_lowers_the_loss_and_threads_change_nothing() {
    for labels in [Labels::Single, Labels::Multiple] {
        let (scores, topics) = (scores(), topics(labels));
        let features = Features::new(
            labels,
            &[(&scores[0], 1.0), (&scores[1], 1.0)],
            topics.iter().map(Vec::as_slice).collect(),
        );
        let chosen: Vec<usize> = (0..features.len()).collect();
        let link = Link::fit(&features, &chosen, PRIOR, 100).expect("a smooth objective");
        let after = loss_of(labels, &link.logits(&features, chosen.clone()), &topics);
        let before = loss_of(labels, &scores[0], &topics);
        assert!(after < 0.95 * before, "{labels:?}: {after} {before}");
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let again =
                pool.expect("threads").install(|| Link::fit(&features, &chosen, PRIOR, 100));
            assert_eq!(again.expect("a smooth objective"), link, "{threads} threads");
        }
    }
}

#[test]
fn a_tight_prior_leaves_only_what_all_topics_share() {
    let (scores, topics) = (scores(), topics(Labels::Single));
    let features = Features::new(
        Labels::Single,
        &[(&scores[0], 1.0)],
        topics.iter().map(Vec::as_slice).collect(),
    );
    let chosen: Vec<usize> = (0..features.len()).collect();
    let prior = Prior { own: 1e-9, cross: 1e-9 };
    let Parameters { own, cross, .. } =
        Link::fit(&features, &chosen, prior, 100).expect("a smooth objective").parameters;
    assert!(cross.iter().all(|weight| weight.abs() < 1e-4), "{cross:?}");
    assert!(own.iter().all(|weight| (weight - own[0]).abs() < 1e-4) && own[0] > 0.1, "{own:?}");
}

#[test]
fn folding_changes_no_logit() {
    for labels in [Labels::Single, Labels::Multiple] {
        let (scores, topics) = (scores(), topics(labels));
        let features = Features::new(
            labels,
            &[(&scores[0], 1.0), (&scores[1], 0.5)],
            topics.iter().map(Vec::as_slice).collect(),
        );
        let chosen: Vec<usize> = (0..features.len()).collect();
        let link = Link::fit(&features, &chosen, PRIOR, 100).expect("a smooth objective");
        // A term a document, whose weights are the document's scores: the biases are part of
        // both.
        let kind = |table: &ScoreTable| Linear {
            weights: Array2::from_shape_fn((3, 10), |(topic, term)| {
                f64::from(table.row(term)[topic]) - topic as f64
            }),
            bias: vec![0.0, 1.0, 2.0],
        };
        let (first, second) = (kind(&scores[0]), kind(&scores[1]));
        let folded = link.fold(&[&first, &second]);
        let logits = link.logits(&features, 0..10);
        for term in 0..10 {
            for topic in 0..3 {
                let value = folded.weights[[topic, term]] + folded.bias[topic];
                assert!(
                    (value - f64::from(logits.row(term)[topic])).abs() < 1e-4,
                    "{labels:?} {term} {topic}"
                );
            }
        }
    }
}
