//! The link: a small regularised logistic regression on held-out scores, which folds into the one linear table.
//!
//! Every kind of score (multinomial M, complement Q; or the one-against-rest log-odds) is linear in the document's vector, and so
//! is `logits = own * z + A' g + b`, where `z` are the document's scores, `g` the scores again and, where topics exclude each
//! other, the mean of each kind over the topics. Fitted on scores of documents that the estimators did not see, it weighs the
//! kinds against each other, corrects what one topic takes from another, and comes out calibrated.
//!
//! A prior keeps it honest: the weight that a kind has for all topics alike is nearly free, what a topic weighs for itself may
//! stray from it a little, and what it takes from other topics is drawn to 0. With few documents a topic little more than the
//! shared weights is left; with many, the full matrix. (Stacking: Wolpert, 1992; Platt, 1999, for calibrating by a logistic link.)
//!
//! The scores of one document are far from independent, and L-BFGS would take hundreds of steps: the matrix is fitted on
//! inputs turned by the Cholesky factor of about what the Hessian is (their second moments and the prior).

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use argmin::core::{CostFunction, Error, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use linfa_linalg::cholesky::Cholesky as _;
use linfa_linalg::triangular::{SolveTriangular as _, UPLO};
use ndarray::Array2;

use super::cross_validate::ScoreTable;
use super::estimate::Linear;
use crate::model::manifest::Labels;

/// Above this many topics the matrix between topics has too many parameters to be worth its time: the shared weights, each
/// topic's own and its bias are left.
const MAX_CROSSED_TOPICS: usize = 256;
/// How many documents a thread takes at a time; sums are taken in the order of these chunks, whoever made them.
const CHUNK: usize = 1_024;
/// Where the search ends.
const GRADIENT_TOLERANCE: f64 = 3e-5;
const COST_TOLERANCE: f64 = 1e-7;
/// The most documents that a link is fitted to, and the most products of inputs, topics and documents: it has few parameters,
/// and each evaluation looks at all documents.
const MAX_DOCUMENTS: usize = 40_960;
const MAX_PRODUCTS: usize = 1 << 27;
/// And the least of the most.
const MIN_DOCUMENTS: usize = 4_096;
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
    /// The most steps of the solver. It is stopped long before the last digits: what they would change is lost in half precision.
    pub(super) iterations: u64,
    pub(super) threads: usize,
}

/// Held-out scores as the link takes them, one or more kinds, brought to the scale of logits.
#[derive(Debug)]
pub(super) struct Features<'a> {
    labels: Labels,
    topic_count: usize,
    kinds: Vec<Kind<'a>>,
    /// The topics of each document.
    topics: Vec<&'a [usize]>,
}

#[derive(Debug)]
struct Kind<'a> {
    table: &'a ScoreTable,
    normaliser: Normaliser,
}

/// Brings the scores of one kind to the scale of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Normaliser {
    scale: f64,
    /// Mean and inverse standard deviation, over the documents, of a document's mean score.
    mean: f64,
    inverse_deviation: f64,
}

impl Normaliser {
    fn of(table: &ScoreTable, scale: f64) -> Self {
        let count = table.len().max(1) as f64;
        let means = || (0..table.len()).map(|document| mean_of(table.row(document)));
        let mean = means().sum::<f64>() / count;
        let variance = means().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        let inverse_deviation = if deviation > 1e-9 { 1.0 / deviation } else { 0.0 };
        Self { scale, mean, inverse_deviation }
    }

    /// Writes the scaled scores, and returns the normalised mean; with `centred` the scores have their mean taken away.
    fn apply(&self, labels: Labels, scores: impl Iterator<Item = f64> + Clone, mean: f64, out: &mut [f64]) -> f64 {
        let centre = if labels == Labels::Single { mean } else { 0.0 };
        for (out, score) in out.iter_mut().zip(scores) {
            *out = (score - centre) * self.scale;
        }
        (mean - self.mean) * self.inverse_deviation
    }
}

fn mean_of(scores: &[f32]) -> f64 {
    scores.iter().map(|&score| f64::from(score)).sum::<f64>() / scores.len() as f64
}

impl<'a> Features<'a> {
    /// From tables of the same documents, each with the scale that brings its scores to logits; `topics`: of each document.
    pub(super) fn new(labels: Labels, tables: &[(&'a ScoreTable, f64)], topics: Vec<&'a [usize]>) -> Self {
        let topic_count = tables.first().map_or(0, |(table, _)| table.topic_count());
        let kinds = tables.iter().map(|&(table, scale)| Kind { table, normaliser: Normaliser::of(table, scale) }).collect();
        Self { labels, topic_count, kinds, topics }
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn labels(&self) -> Labels {
        self.labels
    }

    fn own_count(&self) -> usize {
        self.kinds.len() * self.topic_count
    }

    fn is_crossed(&self) -> bool {
        self.topic_count <= MAX_CROSSED_TOPICS
    }

    /// How many inputs the matrix has.
    fn cross_count(&self) -> usize {
        let scores = if self.is_crossed() { self.own_count() } else { 0 };
        scores + if self.labels == Labels::Single { self.kinds.len() } else { 0 }
    }

    /// A document's scores by kind and topic, then the matrix's inputs.
    fn row(&self, document: usize, own: &mut [f64], cross: &mut [f64]) {
        let k = self.topic_count;
        let mut means = [0.0; 2];
        for ((kind, own), mean) in self.kinds.iter().zip(own.chunks_exact_mut(k)).zip(&mut means) {
            let row = kind.table.row(document);
            *mean = kind.normaliser.apply(self.labels, row.iter().map(|&score| f64::from(score)), mean_of(row), own);
        }
        fill_cross(self.labels, self.is_crossed(), own, &means[..self.kinds.len()], cross);
    }

    /// At most as many documents as a link is fitted to, evenly spread.
    pub(super) fn thinned(&self, documents: Vec<usize>, most: usize) -> Vec<usize> {
        let products = (self.cross_count() + 1) * self.topic_count;
        let most = most.min((MAX_PRODUCTS / products.max(1)).clamp(MIN_DOCUMENTS, MAX_DOCUMENTS));
        let step = documents.len().div_ceil(most).max(1);
        documents.into_iter().step_by(step).collect()
    }
}

fn fill_cross(labels: Labels, crossed: bool, own: &[f64], means: &[f64], cross: &mut [f64]) {
    let (scores, rest) = cross.split_at_mut(if crossed { own.len() } else { 0 });
    scores.copy_from_slice(&own[..scores.len()]);
    if labels == Labels::Single {
        rest.copy_from_slice(means);
    }
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
    /// `logits[t] = sum over kinds of own[kind][t] * z[kind][t] + sum over inputs of cross[input][t] * g[input] + bias[t]`.
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
    pub(super) fn fit(features: &Features<'_>, chosen: &[usize], prior: Prior, search: Effort) -> Result<Self, Error> {
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
        Ok(Self { labels: features.labels, topic_count: features.topic_count, normalisers, parameters })
    }

    /// The logits of all documents.
    pub(super) fn logits(&self, features: &Features<'_>, documents: impl IntoIterator<Item = usize>) -> ScoreTable {
        let mut table = ScoreTable::new(self.topic_count);
        let (mut own, mut cross) = (vec![0.0; features.own_count()], vec![0.0; features.cross_count()]);
        let mut logits = vec![0.0; self.topic_count];
        for document in documents {
            features.row(document, &mut own, &mut cross);
            self.parameters.apply(&own, &cross, &mut logits);
            table.push(logits.iter().map(|&logit| logit as f32));
        }
        table
    }

    /// The linear model that gives these logits without a detour over the scores: `kinds` in the order of the features.
    pub(super) fn fold(&self, kinds: &[&Linear]) -> Linear {
        let k = self.topic_count;
        let terms = kinds.first().map_or(0, |kind| kind.weights.ncols());
        let crossed = self.parameters.cross.len() >= kinds.len() * k * k;
        let mut weights = Array2::zeros((k, terms));
        let (mut own, mut cross) = (vec![0.0; kinds.len() * k], vec![0.0; self.parameters.cross.len() / k]);
        let mut outputs = vec![0.0; k];
        // What is linear, alone: the offsets (the means' means, the bias) belong to the bias.
        let linear = Parameters { bias: vec![0.0; k], ..self.parameters.clone() };
        for term in 0..terms {
            let mut means = [0.0; 2];
            for (((kind, normaliser), own), mean) in
                kinds.iter().zip(&self.normalisers).zip(own.chunks_exact_mut(k)).zip(&mut means)
            {
                let column = kind.weights.column(term);
                let column_mean = column.sum() / k as f64;
                *mean = Normaliser { mean: 0.0, ..*normaliser }.apply(self.labels, column.iter().copied(), column_mean, own);
            }
            fill_cross(self.labels, crossed, &own, &means[..kinds.len()], &mut cross);
            linear.apply(&own, &cross, &mut outputs);
            for (weight, output) in weights.column_mut(term).iter_mut().zip(&outputs) {
                *weight = *output;
            }
        }
        let mut means = [0.0; 2];
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

/// Where the parameters lie in the vector that the solver moves: the weights shared by all topics (one a kind), each topic's
/// deviation from them, the turned matrix, the biases.
#[derive(Debug, Clone, Copy)]
struct Layout {
    topic_count: usize,
    kind_count: usize,
    cross_count: usize,
}

impl Layout {
    fn of(features: &Features<'_>) -> Self {
        Self { topic_count: features.topic_count, kind_count: features.kinds.len(), cross_count: features.cross_count() }
    }

    fn own_start(self) -> usize {
        self.kind_count
    }

    fn cross_start(self) -> usize {
        self.own_start() + self.kind_count * self.topic_count
    }

    fn bias_start(self) -> usize {
        self.cross_start() + self.cross_count * self.topic_count
    }

    fn len(self) -> usize {
        self.bias_start() + self.topic_count
    }

    fn read(self, vector: &[f64], turn: &Turn) -> Parameters {
        let mut own = vector[self.own_start()..self.cross_start()].to_vec();
        for ((own, shared), scales) in own.chunks_exact_mut(self.topic_count).zip(vector).zip(&turn.scales) {
            for (own, topic) in own.iter_mut().zip(&turn.topic_scales) {
                *own = *own * scales.own * topic + shared * scales.shared;
            }
        }
        let mut cross = vector[self.cross_start()..self.bias_start()].to_vec();
        turn.scale_topics(&mut cross);
        let bias = vector[self.bias_start()..].iter().zip(&turn.bias_scales).map(|(bias, scale)| bias * scale).collect();
        Parameters { own, cross, bias }
    }
}

/// The change of basis in which the matrix is fitted. With `H = c G'G / n + I / (v n)`, about the Hessian of one topic's
/// column, and `H = L L'`: inputs are turned by the inverse of `L`, and the matrix comes back by the inverse of `L'`.
#[derive(Debug)]
struct Turn {
    topic_count: usize,
    /// The inverse of `L'`: upper triangular.
    matrix: Array2<f64>,
    /// By kind.
    scales: Vec<Scales>,
    /// By topic: what its column is multiplied by, for the Hessian of a rare topic is a small one; and its bias.
    topic_scales: Vec<f64>,
    bias_scales: Vec<f64>,
}

/// The same for weights that stand alone: what they are divided by in the vector that the solver moves.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scales {
    shared: f64,
    own: f64,
}

impl Turn {
    fn new(features: &Features<'_>, chosen: &[usize], prior: Prior) -> Result<Self, Error> {
        let count = chosen.len().max(1) as f64;
        let inputs = features.cross_count();
        let mut moments = Array2::<f64>::zeros((inputs, inputs));
        let (mut own, mut cross) = (vec![0.0; features.own_count()], vec![0.0; inputs]);
        let mut squares = vec![0.0; features.kinds.len()];
        for &document in chosen {
            features.row(document, &mut own, &mut cross);
            for (squares, own) in squares.iter_mut().zip(own.chunks_exact(features.topic_count)) {
                *squares += own.iter().map(|score| score * score).sum::<f64>();
            }
            for (at, &input) in cross.iter().enumerate() {
                for (sum, other) in moments.row_mut(at).iter_mut().zip(&cross[..=at]) {
                    *sum += input * other;
                }
            }
        }
        // About the mean of p (1 - p) over topics of which one is right.
        let curvature = 1.0 / features.topic_count as f64;
        let mut hessian = Array2::zeros((inputs, inputs));
        for row in 0..inputs {
            for column in 0..=row {
                let value = curvature * moments[[row, column]] / count;
                hessian[[row, column]] = value;
                hessian[[column, row]] = value;
            }
            hessian[[row, row]] += 1.0 / (prior.cross * count);
        }
        let lower = hessian.cholesky()?;
        let matrix = lower.t().to_owned().solve_triangular(&Array2::eye(inputs), UPLO::Upper)?;
        let scales = squares
            .iter()
            .map(|squares| {
                let all = curvature * squares / count;
                let one = all / features.topic_count as f64;
                Scales {
                    shared: 1.0 / (all + 1.0 / (SHARED_VARIANCE * count)).sqrt(),
                    own: 1.0 / (one + 1.0 / (prior.own * count)).sqrt(),
                }
            })
            .collect();
        let mut frequencies = vec![0.5; features.topic_count];
        for &document in chosen {
            for &topic in features.topics[document] {
                frequencies[topic] += 1.0;
            }
        }
        // p (1 - p), were each document as likely to have the topic as the next one.
        let curvatures: Vec<f64> = frequencies.iter().map(|share| (share / count).min(0.5)).map(|p| p * (1.0 - p)).collect();
        let topic_scales = curvatures.iter().map(|of_topic| (curvature / of_topic).sqrt().clamp(0.5, 4.0)).collect();
        let bias_scales = curvatures.iter().map(|of_topic| 1.0 / (of_topic + 1.0 / (BIAS_VARIANCE * count)).sqrt()).collect();
        Ok(Self { topic_count: features.topic_count, matrix, scales, topic_scales, bias_scales })
    }

    /// Multiplies each topic's column of a matrix.
    fn scale_topics(&self, matrix: &mut [f64]) {
        for row in matrix.chunks_exact_mut(self.topic_count) {
            for (value, scale) in row.iter_mut().zip(&self.topic_scales) {
                *value *= scale;
            }
        }
    }

    /// Turns the inputs of a document.
    fn inputs(&self, cross: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (&input, row) in cross.iter().zip(self.matrix.rows()) {
            for (out, weight) in out.iter_mut().zip(row) {
                *out += input * weight;
            }
        }
    }

    /// Turns a matrix back.
    fn back(&self, turned: &[f64]) -> Vec<f64> {
        let k = self.topic_count;
        let mut matrix = vec![0.0; turned.len()];
        for (row, (out, weights)) in matrix.chunks_exact_mut(k).zip(self.matrix.rows()).enumerate() {
            for (&weight, turned) in weights.iter().zip(turned.chunks_exact(k)).skip(row) {
                for (out, value) in out.iter_mut().zip(turned) {
                    *out += weight * value;
                }
            }
        }
        matrix
    }

    /// The gradient by the turned matrix, from that by the matrix.
    fn gradient(&self, gradient: &[f64], out: &mut [f64]) {
        let k = self.topic_count;
        for (row, (gradient, weights)) in gradient.chunks_exact(k).zip(self.matrix.rows()).enumerate() {
            for (&weight, out) in weights.iter().zip(out.chunks_exact_mut(k)).skip(row) {
                for (out, value) in out.iter_mut().zip(gradient) {
                    *out += weight * value;
                }
            }
        }
    }
}

/// Mean negative log-likelihood plus the prior's part.
struct Objective<'a> {
    features: &'a Features<'a>,
    chosen: &'a [usize],
    prior: Prior,
    turn: &'a Turn,
    layout: Layout,
    threads: usize,
    /// For each document chosen its scores, then its turned inputs.
    rows: Vec<f32>,
    /// The point last asked for: the line search asks for its cost and then for its gradient.
    last: Mutex<Option<Evaluated>>,
}

/// What the objective was at a point.
struct Evaluated {
    point: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
}

impl<'a> Objective<'a> {
    fn new(features: &'a Features<'a>, chosen: &'a [usize], prior: Prior, turn: &'a Turn, threads: usize) -> Self {
        let (mut own, mut cross) = (vec![0.0; features.own_count()], vec![0.0; features.cross_count()]);
        let mut turned = cross.clone();
        let mut rows = Vec::with_capacity(chosen.len() * (own.len() + cross.len()));
        for &document in chosen {
            features.row(document, &mut own, &mut cross);
            turn.inputs(&cross, &mut turned);
            rows.extend(own.iter().chain(&turned).map(|&value| value as f32));
        }
        let layout = Layout::of(features);
        Self { features, chosen, prior, turn, layout, threads: threads.max(1), rows, last: Mutex::default() }
    }

    /// The kinds weigh the same, and a topic nothing but its own.
    fn start(&self) -> Vec<f64> {
        let mut start = vec![0.0; self.layout.len()];
        for (start, scales) in start.iter_mut().zip(&self.turn.scales) {
            *start = self.centre() / scales.shared;
        }
        start
    }

    fn centre(&self) -> f64 {
        1.0 / self.layout.kind_count as f64
    }

    fn evaluate(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && last.point == point
        {
            return (last.cost, last.gradient.clone());
        }
        let parameters = self.layout.read(point, self.turn);
        let width = self.layout.len() - self.layout.own_start();
        let chunk_count = self.chosen.len().div_ceil(CHUNK);
        let next = AtomicUsize::new(0);
        let parts = Mutex::new(Vec::with_capacity(chunk_count));
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= chunk_count {
                    break;
                }
                let part = self.evaluate_chunk(&parameters, place, width);
                parts.lock().unwrap_or_else(PoisonError::into_inner).push((place, part));
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.min(chunk_count) {
                scope.spawn(work);
            }
            work();
        });
        let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.sort_by_key(|(place, _)| *place);
        let (mut cost, mut gradient) = (0.0, vec![0.0; self.layout.len()]);
        for (_, (part_cost, part_gradient)) in parts {
            cost += part_cost;
            for (sum, part) in gradient[self.layout.own_start()..].iter_mut().zip(part_gradient) {
                *sum += part;
            }
        }
        let count = self.chosen.len().max(1) as f64;
        cost /= count;
        gradient.iter_mut().for_each(|gradient| *gradient /= count);
        let (shared, rest) = gradient.split_at_mut(self.layout.own_start());
        let own = rest.chunks_exact_mut(self.layout.topic_count);
        for ((shared, own), scales) in shared.iter_mut().zip(own).zip(&self.turn.scales) {
            *shared = own.iter().sum::<f64>() * scales.shared;
            for (own, topic) in own.iter_mut().zip(&self.turn.topic_scales) {
                *own *= scales.own * topic;
            }
        }
        self.turn.scale_topics(&mut gradient[self.layout.cross_start()..self.layout.bias_start()]);
        for (gradient, scale) in gradient[self.layout.bias_start()..].iter_mut().zip(&self.turn.bias_scales) {
            *gradient *= scale;
        }
        cost += self.add_prior(point, &mut gradient, count);
        *last = Some(Evaluated { point: point.to_vec(), cost, gradient: gradient.clone() });
        (cost, gradient)
    }

    /// Adds the prior's part to the gradient; returns its part of the cost.
    fn add_prior(&self, point: &[f64], gradient: &mut [f64], count: f64) -> f64 {
        let layout = self.layout;
        let mut cost = 0.0;
        let mut hold = |range: Range<usize>, scale: &dyn Fn(usize) -> f64, centre: f64, variance: f64| {
            let precision = 1.0 / (variance * count);
            for (place, (gradient, value)) in gradient[range.clone()].iter_mut().zip(&point[range]).enumerate() {
                let scale = scale(place);
                let distance = value * scale - centre;
                *gradient += precision * distance * scale;
                cost += 0.5 * precision * distance * distance;
            }
        };
        for (kind, scales) in self.turn.scales.iter().enumerate() {
            hold(kind..kind + 1, &|_| scales.shared, self.centre(), SHARED_VARIANCE);
            let own = layout.own_start() + kind * layout.topic_count;
            let scale = |topic: usize| scales.own * self.turn.topic_scales[topic];
            hold(own..own + layout.topic_count, &scale, 0.0, self.prior.own);
        }
        hold(layout.bias_start()..layout.len(), &|topic| self.turn.bias_scales[topic], 0.0, BIAS_VARIANCE);
        let precision = 1.0 / (self.prior.cross * count);
        let mut matrix = point[layout.cross_start()..layout.bias_start()].to_vec();
        self.turn.scale_topics(&mut matrix);
        let mut matrix = self.turn.back(&matrix);
        cost += 0.5 * precision * matrix.iter().map(|value| value * value).sum::<f64>();
        matrix.iter_mut().for_each(|value| *value *= precision);
        self.turn.scale_topics(&mut matrix);
        self.turn.gradient(&matrix, &mut gradient[layout.cross_start()..layout.bias_start()]);
        cost
    }

    /// The sums over one chunk of the documents: the cost, and the gradient by each topic's own weights, the matrix, the bias.
    fn evaluate_chunk(&self, parameters: &Parameters, place: usize, width: usize) -> (f64, Vec<f64>) {
        let k = self.layout.topic_count;
        let chosen = &self.chosen[place * CHUNK..self.chosen.len().min((place + 1) * CHUNK)];
        let own_count = self.layout.kind_count * k;
        let row_width = own_count + self.layout.cross_count;
        let rows = self.rows[place * CHUNK * row_width..].chunks_exact(row_width);
        let (mut cost, mut gradient) = (0.0, vec![0.0; width]);
        let mut inputs = vec![0.0; row_width];
        let mut residuals = vec![0.0; k];
        for (&document, row) in chosen.iter().zip(rows) {
            for (input, &value) in inputs.iter_mut().zip(row) {
                *input = f64::from(value);
            }
            let (own, cross) = inputs.split_at(own_count);
            parameters.apply(own, cross, &mut residuals);
            cost += match self.features.labels {
                Labels::Single => one_of(&mut residuals, self.features.topics[document]),
                Labels::Multiple => each_of(&mut residuals, self.features.topics[document]),
            };
            let (own_gradient, rest) = gradient.split_at_mut(own_count);
            let (cross_gradient, bias_gradient) = rest.split_at_mut(self.layout.cross_count * k);
            for (inputs, gradient) in own.chunks_exact(k).zip(own_gradient.chunks_exact_mut(k)) {
                for ((gradient, input), residual) in gradient.iter_mut().zip(inputs).zip(&residuals) {
                    *gradient += input * residual;
                }
            }
            for (&input, gradient) in cross.iter().zip(cross_gradient.chunks_exact_mut(k)) {
                for (gradient, residual) in gradient.iter_mut().zip(&residuals) {
                    *gradient += input * residual;
                }
            }
            for (gradient, residual) in bias_gradient.iter_mut().zip(&residuals) {
                *gradient += residual;
            }
        }
        (cost, gradient)
    }
}

/// Turns logits into the derivatives of the negative log-likelihood of a topic that is one of the right ones, and returns it.
fn one_of(logits: &mut [f64], topics: &[usize]) -> f64 {
    let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let share = 1.0 / topics.len().max(1) as f64;
    let mut cost: f64 = topics.iter().map(|&topic| share * (greatest - logits[topic])).sum();
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = libm::exp(*logit - greatest);
        sum += *logit;
    }
    cost += libm::log(sum);
    logits.iter_mut().for_each(|mass| *mass /= sum);
    for &topic in topics {
        logits[topic] -= share;
    }
    cost
}

/// The same for topics of which each is right or wrong for itself.
fn each_of(logits: &mut [f64], topics: &[usize]) -> f64 {
    let mut cost: f64 = topics.iter().map(|&topic| -logits[topic]).sum();
    for logit in logits.iter_mut() {
        // ln(1 + e^x), without overflow.
        let mass = libm::exp(-logit.abs());
        cost += logit.max(0.0) + libm::log1p(mass);
        *logit = if *logit >= 0.0 { 1.0 / (1.0 + mass) } else { mass / (1.0 + mass) };
    }
    for &topic in topics {
        logits[topic] -= 1.0;
    }
    cost
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, point: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.evaluate(point).0)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, point: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.evaluate(point).1)
    }
}

#[cfg(test)]
mod tests {
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

    /// 600 documents of three topics; the first kind of score leans to the right topic (or, each fifth time, the next one), the
    /// second knows nothing.
    fn scores() -> [ScoreTable; 2] {
        let lean = |topic: usize, by: f32| {
            let mut row = vec![-1.0, -1.5, -2.0];
            row[topic % 3] += by;
            row
        };
        [
            table((0..600).map(|n| lean(if n % 5 == 0 { n + 1 } else { n }, 1.0 + (n % 7) as f32 / 7.0))),
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
                let mut row: Vec<f64> = logits.row(document).iter().map(|&logit| f64::from(logit)).collect();
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
            let features =
                Features::new(labels, &[(&scores[0], 1.0), (&scores[1], 0.5)], topics.iter().map(Vec::as_slice).collect());
            let chosen: Vec<usize> = (0..features.len()).collect();
            let turn = Turn::new(&features, &chosen, PRIOR).expect("a positive definite matrix");
            let objective = Objective::new(&features, &chosen, PRIOR, &turn, 2);
            let mut point = objective.start();
            point.iter_mut().enumerate().for_each(|(at, value)| *value += 0.01 * at as f64);
            let (_, gradient) = objective.evaluate(&point);
            for at in 0..point.len() {
                let step = 1e-5;
                let mut moved = point.clone();
                moved[at] += step;
                let above = objective.evaluate(&moved).0;
                moved[at] -= 2.0 * step;
                let below = objective.evaluate(&moved).0;
                let difference = (above - below) / (2.0 * step);
                assert!((gradient[at] - difference).abs() < 1e-6, "{labels:?} {at}: {} {difference}", gradient[at]);
            }
        }
    }

    #[test]
    fn the_link_lowers_the_loss_and_threads_change_nothing() {
        for labels in [Labels::Single, Labels::Multiple] {
            let (scores, topics) = (scores(), topics(labels));
            let features =
                Features::new(labels, &[(&scores[0], 1.0), (&scores[1], 1.0)], topics.iter().map(Vec::as_slice).collect());
            let chosen: Vec<usize> = (0..features.len()).collect();
            let link = Link::fit(&features, &chosen, PRIOR, effort(1)).expect("a smooth objective");
            let after = loss_of(labels, &link.logits(&features, chosen.clone()), &topics);
            let before = loss_of(labels, &scores[0], &topics);
            assert!(after < 0.95 * before, "{labels:?}: {after} {before}");
            assert_eq!(Link::fit(&features, &chosen, PRIOR, effort(3)).expect("a smooth objective"), link);
        }
    }

    #[test]
    fn a_tight_prior_leaves_only_what_all_topics_share() {
        let (scores, topics) = (scores(), topics(Labels::Single));
        let features = Features::new(Labels::Single, &[(&scores[0], 1.0)], topics.iter().map(Vec::as_slice).collect());
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
            let features =
                Features::new(labels, &[(&scores[0], 1.0), (&scores[1], 0.5)], topics.iter().map(Vec::as_slice).collect());
            let chosen: Vec<usize> = (0..features.len()).collect();
            let link = Link::fit(&features, &chosen, PRIOR, effort(1)).expect("a smooth objective");
            // A term a document, whose weights are the document's scores: the biases are part of both.
            let kind = |table: &ScoreTable| Linear {
                weights: Array2::from_shape_fn((3, 10), |(topic, term)| f64::from(table.row(term)[topic]) - topic as f64),
                bias: vec![0.0, 1.0, 2.0],
            };
            let (first, second) = (kind(&scores[0]), kind(&scores[1]));
            let folded = link.fold(&[&first, &second]);
            let logits = link.logits(&features, 0..10);
            for term in 0..10 {
                for topic in 0..3 {
                    let value = folded.weights[[topic, term]] + folded.bias[topic];
                    assert!((value - f64::from(logits.row(term)[topic])).abs() < 1e-4, "{labels:?} {term} {topic}");
                }
            }
        }
    }
}
