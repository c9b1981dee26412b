//! The calibrating link: a small multinomial logistic regression on held-out scores, which folds into the one linear table.
//!
//! Multinomial scores M and complement scores Q are both linear in the document's vector, and so is
//! `logits = A [M; Q] + b`. Fitted on scores of documents that the estimators did not see, it weighs the two against each other,
//! corrects what one topic takes from another, and comes out calibrated. With few documents a topic, the K x 2K matrix A would
//! be fitted to noise: so it is drawn towards the diagonal (half of each score, its own topic's alone), and cross-validation
//! says how strongly. (Stacking: Wolpert, 1992; Platt, 1999, for the idea of calibrating by a logistic link.)

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use argmin::core::{CostFunction, Error, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::Array2;

use super::cross_validate::HeldOut;
use super::estimate::Linear;

/// Above this many topics the link has too many parameters to be worth its time.
const MAX_TOPICS: usize = 256;
/// How many documents a thread takes at a time; sums are taken in the order of these chunks, whoever made them.
const CHUNK: usize = 2_048;
/// The bounds of the search.
const MAX_ITERATIONS: u64 = 60;
const GRADIENT_TOLERANCE: f64 = 1e-4;

/// Whether a link for so many topics is fitted at all.
pub(super) const fn is_feasible(topic_count: usize) -> bool {
    topic_count <= MAX_TOPICS
}

/// Held-out scores as the link takes them: both kinds, centred over the topics and brought to the scale of logits.
#[derive(Debug)]
pub(super) struct Features {
    topic_count: usize,
    /// What multinomial and complement scores are multiplied by.
    scales: [f64; 2],
    /// `2 * topic_count` numbers a document.
    values: Vec<f32>,
    /// The topics of each document.
    topics: Vec<Vec<usize>>,
}

impl Features {
    /// From the scores of the same documents, in the same order, by both estimators, with the scale that calibrates each.
    pub(super) fn new(multinomial: &[HeldOut], complement: &[HeldOut], scales: [f64; 2]) -> Self {
        let topic_count = multinomial.first().map_or(0, |document| document.scores.len());
        let mut values = Vec::with_capacity(multinomial.len() * 2 * topic_count);
        for (first, second) in multinomial.iter().zip(complement) {
            for (document, scale) in [(first, scales[0]), (second, scales[1])] {
                let mean = document.scores.iter().map(|&score| f64::from(score)).sum::<f64>() / topic_count as f64;
                values.extend(document.scores.iter().map(|&score| ((f64::from(score) - mean) * scale) as f32));
            }
        }
        let topics = multinomial.iter().map(|document| document.topics.clone()).collect();
        Self { topic_count, scales, values, topics }
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    fn row(&self, document: usize) -> &[f32] {
        let width = 2 * self.topic_count;
        &self.values[document * width..][..width]
    }
}

/// The fitted link.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    topic_count: usize,
    scales: [f64; 2],
    /// For each input in turn what it adds to each topic, then each topic's bias: `(2 K + 1) * K` numbers.
    parameters: Vec<f64>,
}

impl Link {
    /// Where the search starts and what it is drawn to: half of each score of a topic goes to that topic.
    pub(super) fn diagonal(features: &Features) -> Self {
        let k = features.topic_count;
        let mut parameters = vec![0.0; (2 * k + 1) * k];
        for topic in 0..k {
            parameters[topic * k + topic] = 0.5;
            parameters[(k + topic) * k + topic] = 0.5;
        }
        Self { topic_count: k, scales: features.scales, parameters }
    }

    /// Fits the link to the documents chosen (places in `features`). `variance` says how far a parameter may stray from the
    /// diagonal: the prior is a normal distribution around it.
    pub(super) fn fit(
        features: &Features,
        chosen: &[usize],
        variance: f64,
        start: &Self,
        threads: usize,
    ) -> Result<Self, Error> {
        let objective = Objective {
            features,
            chosen,
            precision: 1.0 / (variance * chosen.len().max(1) as f64),
            centre: Self::diagonal(features).parameters,
            threads: threads.max(1),
            last: Mutex::default(),
        };
        let solver =
            LBFGS::new(MoreThuenteLineSearch::new(), 10).with_tolerance_grad(GRADIENT_TOLERANCE)?.with_tolerance_cost(1e-7)?;
        let outcome = Executor::new(objective, solver)
            .configure(|state| state.param(start.parameters.clone()).max_iters(MAX_ITERATIONS))
            .run()?;
        let parameters = outcome.state().get_best_param().unwrap_or(&start.parameters).clone();
        Ok(Self { parameters, ..start.clone() })
    }

    /// The logits of a document.
    pub(super) fn logits(&self, features: &Features, document: usize) -> Vec<f32> {
        let mut logits = vec![0.0; self.topic_count];
        apply(&self.parameters, features.row(document), &mut logits);
        logits.iter().map(|&logit| logit as f32).collect()
    }

    /// The linear model that gives these logits without a detour over the two kinds of scores.
    pub(super) fn fold(&self, multinomial: &Linear, complement: &Linear) -> Linear {
        let k = self.topic_count;
        let terms = multinomial.weights.ncols();
        let mut weights = Array2::zeros((k, terms));
        let mut inputs = vec![0.0f64; 2 * k];
        let mut outputs = vec![0.0f64; k];
        let mut combine = |values: [&mut dyn Iterator<Item = f64>; 2], outputs: &mut [f64]| {
            for ((values, scale), inputs) in values.into_iter().zip(self.scales).zip(inputs.chunks_exact_mut(k)) {
                for (input, value) in inputs.iter_mut().zip(values) {
                    *input = value;
                }
                let mean = inputs.iter().sum::<f64>() / k as f64;
                for input in inputs {
                    *input = (*input - mean) * scale;
                }
            }
            outputs.fill(0.0);
            for (&input, row) in inputs.iter().zip(self.parameters.chunks_exact(k)) {
                for (output, parameter) in outputs.iter_mut().zip(row) {
                    *output += input * parameter;
                }
            }
        };
        for term in 0..terms {
            let mut first = multinomial.weights.column(term).into_iter().copied();
            let mut second = complement.weights.column(term).into_iter().copied();
            combine([&mut first, &mut second], &mut outputs);
            for (weight, output) in weights.column_mut(term).iter_mut().zip(&outputs) {
                *weight = *output;
            }
        }
        combine([&mut multinomial.bias.iter().copied(), &mut complement.bias.iter().copied()], &mut outputs);
        let bias = outputs.iter().zip(&self.parameters[2 * k * k..]).map(|(output, bias)| output + bias).collect();
        Linear { weights, bias }
    }
}

/// `logits = A z + b`, the parameters laid out input by input so that the inner loop runs over the topics.
fn apply(parameters: &[f64], row: &[f32], logits: &mut [f64]) {
    let k = logits.len();
    logits.copy_from_slice(&parameters[row.len() * k..]);
    for (&input, parameters) in row.iter().zip(parameters.chunks_exact(k)) {
        for (logit, parameter) in logits.iter_mut().zip(parameters) {
            *logit += f64::from(input) * parameter;
        }
    }
}

/// Mean negative log-likelihood plus the prior's part.
struct Objective<'a> {
    features: &'a Features,
    chosen: &'a [usize],
    precision: f64,
    centre: Vec<f64>,
    threads: usize,
    /// The point last asked for: the line search asks for its cost and then for its gradient.
    last: Mutex<Option<Evaluated>>,
}

/// What the objective was at a point.
struct Evaluated {
    point: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
}

impl Objective<'_> {
    fn evaluate(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && last.point == parameters
        {
            return (last.cost, last.gradient.clone());
        }
        let chunks: Vec<&[usize]> = self.chosen.chunks(CHUNK).collect();
        let next = AtomicUsize::new(0);
        let parts = Mutex::new(Vec::with_capacity(chunks.len()));
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(place) else { break };
                let part = self.evaluate_chunk(parameters, chunk);
                parts.lock().unwrap_or_else(PoisonError::into_inner).push((place, part));
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.min(chunks.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.sort_by_key(|(place, _)| *place);
        let (mut cost, mut gradient) = (0.0, vec![0.0; parameters.len()]);
        for (_, (part_cost, part_gradient)) in parts {
            cost += part_cost;
            for (sum, part) in gradient.iter_mut().zip(part_gradient) {
                *sum += part;
            }
        }
        let count = self.chosen.len().max(1) as f64;
        cost /= count;
        for ((gradient, parameter), centre) in gradient.iter_mut().zip(parameters).zip(&self.centre) {
            let distance = parameter - centre;
            *gradient = *gradient / count + self.precision * distance;
            cost += 0.5 * self.precision * distance * distance;
        }
        *last = Some(Evaluated { point: parameters.to_vec(), cost, gradient: gradient.clone() });
        (cost, gradient)
    }

    /// The sums over some documents.
    fn evaluate_chunk(&self, parameters: &[f64], chunk: &[usize]) -> (f64, Vec<f64>) {
        let k = self.features.topic_count;
        let (mut cost, mut gradient) = (0.0, vec![0.0; parameters.len()]);
        let mut residuals = vec![0.0; k];
        for &document in chunk {
            let row = self.features.row(document);
            apply(parameters, row, &mut residuals);
            let greatest = residuals.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let topics = &self.features.topics[document];
            let share = 1.0 / topics.len().max(1) as f64;
            for &topic in topics {
                cost -= share * (residuals[topic] - greatest);
            }
            let mut sum = 0.0;
            for residual in &mut residuals {
                *residual = libm::exp(*residual - greatest);
                sum += *residual;
            }
            cost += libm::log(sum);
            for residual in &mut residuals {
                *residual /= sum;
            }
            for &topic in topics {
                residuals[topic] -= share;
            }
            for (&input, gradient) in row.iter().zip(gradient.chunks_exact_mut(k)) {
                for (gradient, residual) in gradient.iter_mut().zip(&residuals) {
                    *gradient += f64::from(input) * residual;
                }
            }
            for (gradient, residual) in gradient[2 * k * k..].iter_mut().zip(&residuals) {
                *gradient += residual;
            }
        }
        (cost, gradient)
    }
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.evaluate(parameters).0)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.evaluate(parameters).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents of two topics whose scores lean to the right one, and a complement that is noise.
    fn features() -> Features {
        let document = |n: usize, lead: f32, topic: usize| {
            let mut scores = vec![0.0, 0.0];
            scores[topic] = lead;
            HeldOut { ordinal: n as u64, topics: vec![usize::from(n.is_multiple_of(5))], scores }
        };
        let multinomial: Vec<_> =
            (0..500).map(|n| document(n, 1.0, usize::from(n.is_multiple_of(5) || n.is_multiple_of(7)))).collect();
        let complement: Vec<_> = (0..500).map(|n| document(n, 1.0, n % 2)).collect();
        Features::new(&multinomial, &complement, [1.0, 1.0])
    }

    #[test]
    fn the_gradient_is_that_of_the_cost() {
        let features = features();
        let chosen: Vec<usize> = (0..features.len()).collect();
        let start = Link::diagonal(&features);
        let objective = Objective {
            features: &features,
            chosen: &chosen,
            precision: 0.1,
            centre: start.parameters.clone(),
            threads: 2,
            last: Mutex::default(),
        };
        let mut point = start.parameters;
        point.iter_mut().enumerate().for_each(|(at, value)| *value += 0.1 * at as f64);
        let (_, gradient) = objective.evaluate(&point);
        for at in 0..point.len() {
            let step = 1e-6;
            let mut moved = point.clone();
            moved[at] += step;
            let above = objective.evaluate(&moved).0;
            moved[at] -= 2.0 * step;
            let below = objective.evaluate(&moved).0;
            assert!((gradient[at] - (above - below) / (2.0 * step)).abs() < 1e-6, "{at}");
        }
    }

    #[test]
    fn the_link_lowers_the_loss_and_a_tight_prior_keeps_it_where_it_was() {
        let features = features();
        let chosen: Vec<usize> = (0..features.len()).collect();
        let start = Link::diagonal(&features);
        let loss = |link: &Link| -> f64 {
            chosen
                .iter()
                .map(|&document| {
                    let mut probabilities = Vec::new();
                    crate::model::softmax(&link.logits(&features, document), &mut probabilities);
                    -probabilities[features.topics[document][0]].ln()
                })
                .sum()
        };
        let free = Link::fit(&features, &chosen, 10.0, &start, 1).expect("a smooth objective");
        assert!(loss(&free) < 0.8 * loss(&start), "{} {}", loss(&free), loss(&start));
        let held = Link::fit(&features, &chosen, 1e-9, &start, 1).expect("a smooth objective");
        assert!(held.parameters.iter().zip(&start.parameters).all(|(a, b)| (a - b).abs() < 1e-3));
        assert_eq!(Link::fit(&features, &chosen, 10.0, &start, 3).expect("a smooth objective"), free);
    }
}
