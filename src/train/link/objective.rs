//! What the link's search minimises: the mean negative log-likelihood, and the prior's part.

use std::sync::{Mutex, PoisonError};

use argmin::core::{CostFunction, Error, Gradient};
use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;

use super::basis::Basis;
use super::features::Features;
use super::parameters::{BIAS_VARIANCE, Layout, Prior, SHARED_VARIANCE};
use crate::model::Labels;
use crate::model::elementary::exp;

/// How many documents a thread takes at a time; sums are taken in the order of these chunks,
/// whoever made them.
const CHUNK: usize = 1_024;

/// Mean negative log-likelihood plus the prior's part.
pub(super) struct Objective<'a> {
    features: &'a Features<'a>,
    chosen: &'a [usize],
    basis: &'a Basis,
    layout: Layout,
    /// By parameter: the prior's precision over the number of documents.
    precisions: Vec<f64>,
    /// The point last asked for: the line search asks for its cost and then for its gradient.
    last: Mutex<Option<Evaluated>>,
}

/// What the objective was at a point.
#[derive(Clone)]
struct Evaluated {
    point: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
}

impl<'a> Objective<'a> {
    pub(super) fn new(
        features: &'a Features<'a>,
        chosen: &'a [usize],
        prior: Prior,
        basis: &'a Basis,
    ) -> Self {
        let layout = Layout::of(features);
        let count = chosen.len().max(1) as f64;
        let mut precisions = vec![1.0 / (BIAS_VARIANCE * count); layout.len()];
        precisions[layout.shared()].fill(1.0 / (SHARED_VARIANCE * count));
        precisions[layout.own().start..layout.cross().end].fill(1.0 / (prior.variance * count));
        Self { features, chosen, basis, layout, precisions, last: Mutex::default() }
    }

    /// Where the search starts: the kinds weigh the same, and a topic takes from its own scores
    /// alone.
    pub(super) fn start(&self) -> Vec<f64> {
        self.basis.start(self.centre())
    }

    /// The weight of each kind that the prior expects.
    fn centre(&self) -> f64 {
        1.0 / self.layout.kinds as f64
    }

    /// The cost and its gradient at a point.
    pub(super) fn evaluate(&self, point: &[f64]) -> Result<(f64, Vec<f64>), Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.point == point) {
            return Ok((last.cost, last.gradient.clone()));
        }
        let (layout, parameters) = (self.layout, self.basis.parameters(point)?);
        let mut folded = parameters.clone();
        layout.add_shared(&mut folded);
        let level = Level::new();
        let parts: Vec<(f64, Vec<f64>)> = self
            .chosen
            .par_chunks(CHUNK)
            .map(|chunk| dispatch!(level, simd => self.likelihood(simd, &folded, chunk)))
            .collect();
        let (mut cost, mut gradient) = (0.0, vec![0.0; layout.len()]);
        for (part_cost, part) in parts {
            cost += part_cost;
            gradient.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        for kind in 0..layout.kinds {
            let own = &gradient[layout.own()][kind * layout.topics..][..layout.topics];
            gradient[kind] = own.iter().sum();
        }
        let count = self.chosen.len().max(1) as f64;
        cost /= count;
        gradient.iter_mut().for_each(|gradient| *gradient /= count);
        for (place, gradient) in gradient.iter_mut().enumerate() {
            let centre = if layout.shared().contains(&place) { self.centre() } else { 0.0 };
            let distance = parameters[place] - centre;
            *gradient += self.precisions[place] * distance;
            cost += 0.5 * self.precisions[place] * distance * distance;
        }
        let gradient = self.basis.gradient(gradient)?;
        *last = Some(Evaluated { point: point.to_vec(), cost, gradient: gradient.clone() });
        Ok((cost, gradient))
    }

    /// The sums over some documents of the negative log-likelihood, and of its gradient by the
    /// parameters; the shared ones left at 0.
    #[inline(always)]
    fn likelihood(&self, _: impl Simd, parameters: &[f64], documents: &[usize]) -> (f64, Vec<f64>) {
        let layout = self.layout;
        let (mut cost, mut gradient) = (0.0, vec![0.0; layout.len()]);
        let mut logits = vec![0.0; layout.topics];
        for &document in documents {
            let (row, topics) = (self.features.row(document), self.features.topics[document]);
            layout.apply(parameters, row, &mut logits);
            cost += residuals(self.features.labels, &mut logits, topics);
            layout.add_gradient(row, &logits, &mut gradient);
        }
        (cost, gradient)
    }
}

/// Turns a document's logits into the derivatives of the negative log-likelihood of its topics, and
/// returns it.
#[inline(always)]
pub(super) fn residuals(labels: Labels, logits: &mut [f64], topics: &[usize]) -> f64 {
    match labels {
        Labels::Single => one_of(logits, topics),
        Labels::Multiple => each_of(logits, topics),
    }
}

/// For topics that exclude each other; of several right ones, each counts equally.
#[inline(always)]
fn one_of(logits: &mut [f64], topics: &[usize]) -> f64 {
    let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let share = 1.0 / topics.len().max(1) as f64;
    let mut cost: f64 = topics.iter().map(|&topic| share * (greatest - logits[topic])).sum();
    // Apart from the sum, whose order matters: so the exponentials are taken several at a time.
    logits.iter_mut().for_each(|logit| *logit = exp(*logit - greatest));
    let sum: f64 = logits.iter().sum();
    cost += libm::log(sum);
    logits.iter_mut().for_each(|mass| *mass /= sum);
    for &topic in topics {
        logits[topic] -= share;
    }
    cost
}

/// For topics that are right or wrong independently.
#[inline(always)]
fn each_of(logits: &mut [f64], topics: &[usize]) -> f64 {
    let mut cost: f64 = topics.iter().map(|&topic| -logits[topic]).sum();
    for logit in logits.iter_mut() {
        // ln(1 + e^x), without overflow.
        let mass = exp(-logit.abs());
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
        Ok(self.evaluate(point)?.0)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, point: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.evaluate(point)?.1)
    }
}
