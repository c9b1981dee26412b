//! The link: a small regularised logistic regression on held-out scores, which folds into the one
//! linear table.
//!
//! Every kind of score (multinomial, complement, wide margin; or the one-against-rest log-odds) is
//! linear in the document's vector, and so is `logits = own * z + A' g + b`, where `z` are the
//! document's scores, `g` the scores again and, where topics exclude each other, the mean of each
//! kind over the topics. Fitted on scores of documents that the estimators did not see, it weighs
//! the kinds against each other, corrects what one topic takes from another, and comes out
//! calibrated.
//!
//! A prior keeps it honest: the weight that a kind has for all topics alike is nearly free, what a
//! topic weighs for itself may stray from it a little, and what it takes from other topics is drawn
//! to 0. With few documents a topic little more than the shared weights is left; with many, the
//! full matrix. (Stacking: Wolpert, 1992; Platt, 1999, for calibrating by a logistic link.)
//!
//! The scores of one document are far from independent, and L-BFGS would take hundreds of steps:
//! the matrix is fitted on inputs turned by the Cholesky factor of about what the Hessian is (their
//! second moments and the prior).

mod features;
mod objective;
mod turn;

pub(super) use features::Features;

use argmin::core::{Error, Executor, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::Array2;

use super::cross_validate::{HeldOut, ScoreTable};
use super::estimate::Linear;
use crate::model::manifest::Labels;
use features::{MAX_KINDS, Normaliser, fill_cross};
use objective::{Layout, Objective};
use turn::Turn;

/// Where the search ends.
const GRADIENT_TOLERANCE: f64 = 3e-5;
const COST_TOLERANCE: f64 = 1e-7;
/// How far the weight that all topics share may stray, and a bias: hardly held.
const SHARED_VARIANCE: f64 = 100.0;
const BIAS_VARIANCE: f64 = 10.0;

/// How far the parameters may stray from those of the prior: variances of normal distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prior {
    /// What a topic weighs its own scores more or less than all topics do.
    pub(super) own: f64,
    /// What a topic takes from the scores of others and from the means.
    pub(super) cross: f64,
}

/// How much is spent on a fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// The most steps of the solver. It is stopped long before the last digits: what they would
    /// change is lost in half precision.
    pub(super) iterations: u64,
    pub(super) threads: usize,
}

/// The fitted link.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    labels: Labels,
    topic_count: usize,
    normalisers: Vec<Normaliser>,
    parameters: Parameters,
}

/// What the logits are made of.
#[derive(Debug, Clone, PartialEq)]
struct Parameters {
    /// By kind and topic: what a topic's own score counts for it.
    own: Vec<f64>,
    /// For each input of the matrix in turn what it adds to each topic.
    cross: Vec<f64>,
    /// By topic.
    bias: Vec<f64>,
}

impl Parameters {
    /// `logits[t] = sum over kinds of own[kind][t] * z[kind][t] + sum over inputs of
    /// cross[input][t] * g[input] + bias[t]`.
    fn apply(&self, own: &[f64], cross: &[f64], logits: &mut [f64]) {
        let k = logits.len();
        logits.copy_from_slice(&self.bias);
        for (inputs, weights) in own.chunks_exact(k).zip(self.own.chunks_exact(k)) {
            for ((logit, input), weight) in logits.iter_mut().zip(inputs).zip(weights) {
                *logit += input * weight;
            }
        }
        for (&input, weights) in cross.iter().zip(self.cross.chunks_exact(k)) {
            for (logit, weight) in logits.iter_mut().zip(weights) {
                *logit += input * weight;
            }
        }
    }
}

impl Link {
    pub(super) fn topic_count(&self) -> usize {
        self.topic_count
    }

    /// Fits the link to the documents chosen (places in `features`).
    pub(super) fn fit(
        features: &Features<'_>,
        chosen: &[usize],
        prior: Prior,
        search: Effort,
    ) -> Result<Self, Error> {
        let turn = Turn::new(features, chosen, prior)?;
        let objective = Objective::new(features, chosen, prior, &turn, search.threads);
        let start = objective.start();
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10)
            .with_tolerance_grad(GRADIENT_TOLERANCE)?
            .with_tolerance_cost(COST_TOLERANCE)?;
        let outcome = Executor::new(objective, solver)
            .configure(|state| state.param(start.clone()).max_iters(search.iterations))
            .run()?;
        let best = outcome.state().get_best_param().unwrap_or(&start);
        let layout = Layout::of(features);
        let mut parameters = layout.read(best, &turn);
        parameters.cross = turn.back(&parameters.cross);
        let normalisers = features.kinds.iter().map(|kind| kind.normaliser).collect();
        Ok(Self {
            labels: features.labels,
            topic_count: features.topic_count,
            normalisers,
            parameters,
        })
    }

    /// The logits of all documents.
    pub(super) fn logits(
        &self,
        features: &Features<'_>,
        documents: impl IntoIterator<Item = usize>,
    ) -> ScoreTable {
        let mut table = ScoreTable::new(self.topic_count);
        let (mut own, mut cross) =
            (vec![0.0; features.own_count()], vec![0.0; features.cross_count()]);
        let mut logits = vec![0.0; self.topic_count];
        for document in documents {
            features.row(document, &mut own, &mut cross);
            self.parameters.apply(&own, &cross, &mut logits);
            table.push(logits.iter().map(|&logit| logit as f32));
        }
        table
    }

    /// The linear model that gives these logits without a detour over the scores: `kinds` in the
    /// order of the features.
    pub(super) fn fold(&self, kinds: &[&Linear]) -> Linear {
        let k = self.topic_count;
        let terms = kinds.first().map_or(0, |kind| kind.weights.ncols());
        let crossed = self.parameters.cross.len() >= kinds.len() * k * k;
        let mut weights = Array2::zeros((k, terms));
        let (mut own, mut cross) =
            (vec![0.0; kinds.len() * k], vec![0.0; self.parameters.cross.len() / k]);
        let mut outputs = vec![0.0; k];
        // What is linear, alone: the offsets (the means' means, the bias) belong to the bias.
        let linear = Parameters { bias: vec![0.0; k], ..self.parameters.clone() };
        for term in 0..terms {
            let mut means = [0.0; MAX_KINDS];
            for (((kind, normaliser), own), mean) in
                kinds.iter().zip(&self.normalisers).zip(own.chunks_exact_mut(k)).zip(&mut means)
            {
                let column = kind.weights.column(term);
                let column_mean = column.sum() / k as f64;
                *mean = normaliser.linear().apply(
                    self.labels,
                    column.iter().copied(),
                    column_mean,
                    own,
                );
            }
            fill_cross(self.labels, crossed, &own, &means[..kinds.len()], &mut cross);
            linear.apply(&own, &cross, &mut outputs);
            for (weight, output) in weights.column_mut(term).iter_mut().zip(&outputs) {
                *weight = *output;
            }
        }
        let mut means = [0.0; MAX_KINDS];
        for (((kind, normaliser), own), mean) in
            kinds.iter().zip(&self.normalisers).zip(own.chunks_exact_mut(k)).zip(&mut means)
        {
            let bias_mean = kind.bias.iter().sum::<f64>() / k as f64;
            *mean = normaliser.apply(self.labels, kind.bias.iter().copied(), bias_mean, own);
        }
        fill_cross(self.labels, crossed, &own, &means[..kinds.len()], &mut cross);
        self.parameters.apply(&own, &cross, &mut outputs);
        Linear { weights, bias: outputs }
    }
}

/// What a link looks at: tables of the documents, each with what brings it to the scale of logits.
pub(super) fn features_of<'a>(
    documents: &'a [HeldOut],
    tables: &'a [(ScoreTable, f64)],
) -> Features<'a> {
    let tables: Vec<(&ScoreTable, f64)> =
        tables.iter().map(|(table, scale)| (table, *scale)).collect();
    Features::new(
        Labels::Single,
        &tables,
        documents.iter().map(|document| document.topics.as_slice()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::objective::{each_of, one_of};
    use super::*;

    fn effort(threads: usize) -> Effort {
        Effort { iterations: 100, threads }
    }

    const PRIOR: Prior = Prior { own: 0.5, cross: 0.1 };

    fn table(rows: impl Iterator<Item = Vec<f32>>) -> ScoreTable {
        let mut table = ScoreTable::new(3);
        rows.for_each(|row| table.push(row));
        table
    }

    /// 600 documents of three topics; the first kind of score leans to the right topic (or, each
    /// fifth time, the next one), the second knows nothing.
    fn scores() -> [ScoreTable; 2] {
        let lean = |topic: usize, by: f32| {
            let mut row = vec![-1.0, -1.5, -2.0];
            row[topic % 3] += by;
            row
        };
        [
            table(
                (0..600)
                    .map(|n| lean(if n % 5 == 0 { n + 1 } else { n }, 1.0 + (n % 7) as f32 / 7.0)),
            ),
            table((0..600).map(|n| lean(n / 3, 1.0))),
        ]
    }

    fn topics(labels: Labels) -> Vec<Vec<usize>> {
        (0..600)
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
            let turn = Turn::new(&features, &chosen, PRIOR).expect("a positive definite matrix");
            let objective = Objective::new(&features, &chosen, PRIOR, &turn, 2);
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
            let link = Link::fit(&features, &chosen, PRIOR, effort(1)).expect("a smooth objective");
            let after = loss_of(labels, &link.logits(&features, chosen.clone()), &topics);
            let before = loss_of(labels, &scores[0], &topics);
            assert!(after < 0.95 * before, "{labels:?}: {after} {before}");
            assert_eq!(
                Link::fit(&features, &chosen, PRIOR, effort(3)).expect("a smooth objective"),
                link
            );
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
            Link::fit(&features, &chosen, prior, effort(1)).expect("a smooth objective").parameters;
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
            let link = Link::fit(&features, &chosen, PRIOR, effort(1)).expect("a smooth objective");
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
}
