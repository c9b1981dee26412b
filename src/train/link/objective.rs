//! What the link's search minimises: the mean negative log-likelihood, and the prior's part.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use argmin::core::{CostFunction, Error, Gradient};
use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;

use super::basis::Basis;
use super::features::Features;
use super::parameters::{BIAS_VARIANCE, Layout, Parameters, Prior, SHARED_VARIANCE};
use crate::model::Labels;
use crate::model::elementary::exp;

/// How many documents a thread takes at a time; sums are taken in the order of these chunks,
/// whoever made them.
const CHUNK: usize = 1_024;
/// How many documents are multiplied by the matrix together: each weight is read once for all of
/// them, and no sum waits for another.
const GROUP: usize = 4;

/// Mean negative log-likelihood plus the prior's part.
pub(super) struct Objective<'a> {
    features: &'a Features<'a>,
    chosen: &'a [usize],
    prior: Prior,
    basis: &'a Basis,
    layout: Layout,
    /// What vector instructions the machine has.
    level: Level,
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
    pub(super) fn new(
        features: &'a Features<'a>,
        chosen: &'a [usize],
        prior: Prior,
        basis: &'a Basis,
    ) -> Self {
        let level = Level::new();
        let rows = dispatch!(level, simd => basis_rows(simd, features, chosen, basis));
        let layout = Layout::of(features);
        Self { features, chosen, prior, basis, layout, level, rows, last: Mutex::default() }
    }

    /// The kinds weigh the same, and a topic nothing but its own.
    pub(super) fn start(&self) -> Vec<f64> {
        let mut start = vec![0.0; self.layout.len()];
        for (start, scales) in start.iter_mut().zip(&self.basis.scales) {
            *start = self.centre() / scales.shared;
        }
        start
    }

    fn centre(&self) -> f64 {
        1.0 / self.layout.kind_count as f64
    }

    pub(super) fn evaluate(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && last.point == point
        {
            return (last.cost, last.gradient.clone());
        }
        let parameters = self.basis.read(self.layout, point);
        let matrix = Matrix::of(&parameters);
        let width = self.layout.len() - self.layout.own_start();
        let chunk_count = self.chosen.len().div_ceil(CHUNK);
        let parts: Vec<(f64, Vec<f64>)> = (0..chunk_count)
            .into_par_iter()
            .map(|place| {
                dispatch!(self.level, simd => {
                    self.evaluate_chunk(simd, &parameters, &matrix, place, width)
                })
            })
            .collect();
        let (mut cost, mut gradient) = (0.0, vec![0.0; self.layout.len()]);
        for (part_cost, part_gradient) in parts {
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
        for ((shared, own), scales) in shared.iter_mut().zip(own).zip(&self.basis.scales) {
            *shared = own.iter().sum::<f64>() * scales.shared;
            for (own, topic) in own.iter_mut().zip(&self.basis.topic_scales) {
                *own *= scales.own * topic;
            }
        }
        self.basis.scale_topics(&mut gradient[self.layout.cross_start()..self.layout.bias_start()]);
        for (gradient, scale) in
            gradient[self.layout.bias_start()..].iter_mut().zip(&self.basis.bias_scales)
        {
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
        let mut hold =
            |range: Range<usize>, scale: &dyn Fn(usize) -> f64, centre: f64, variance: f64| {
                let precision = 1.0 / (variance * count);
                for (place, (gradient, value)) in
                    gradient[range.clone()].iter_mut().zip(&point[range]).enumerate()
                {
                    let scale = scale(place);
                    let distance = value * scale - centre;
                    *gradient += precision * distance * scale;
                    cost += 0.5 * precision * distance * distance;
                }
            };
        for (kind, scales) in self.basis.scales.iter().enumerate() {
            hold(kind..kind + 1, &|_| scales.shared, self.centre(), SHARED_VARIANCE);
            let own = layout.own_start() + kind * layout.topic_count;
            let scale = |topic: usize| scales.own * self.basis.topic_scales[topic];
            hold(own..own + layout.topic_count, &scale, 0.0, self.prior.own);
        }
        hold(
            layout.bias_start()..layout.len(),
            &|topic| self.basis.bias_scales[topic],
            0.0,
            BIAS_VARIANCE,
        );
        let precision = 1.0 / (self.prior.cross * count);
        let mut matrix = point[layout.cross_start()..layout.bias_start()].to_vec();
        self.basis.scale_topics(&mut matrix);
        let mut matrix = self.basis.back(&matrix);
        cost += 0.5 * precision * matrix.iter().map(|value| value * value).sum::<f64>();
        matrix.iter_mut().for_each(|value| *value *= precision);
        self.basis.scale_topics(&mut matrix);
        self.basis.gradient(&matrix, &mut gradient[layout.cross_start()..layout.bias_start()]);
        cost
    }

    /// The sums over one chunk of the documents: the cost, and the gradient by each topic's own
    /// weights, the matrix, the bias.
    ///
    /// The products with the matrix, which are nearly all of the work, are in single precision:
    /// what they lose is far below what the search is stopped at.
    #[inline(always)]
    fn evaluate_chunk(
        &self,
        _: impl Simd,
        parameters: &Parameters,
        matrix: &Matrix,
        place: usize,
        width: usize,
    ) -> (f64, Vec<f64>) {
        let k = self.layout.topic_count;
        let chosen = &self.chosen[place * CHUNK..self.chosen.len().min((place + 1) * CHUNK)];
        let own_count = self.layout.kind_count * k;
        let row_width = own_count + self.layout.cross_count;
        let (mut cost, mut gradient) = (0.0, vec![0.0; width]);
        let mut matrix_gradient = vec![Lanes::default(); matrix.lanes.len()];
        let mut products = vec![[Lanes::default(); GROUP]; matrix.blocks];
        let mut residuals = vec![0.0; k];
        let (own_gradient, rest) = gradient.split_at_mut(own_count);
        let (cross_gradient, bias_gradient) = rest.split_at_mut(self.layout.cross_count * k);
        // Where the last group is not full: what of it is no document adds nothing.
        let nothing = vec![0.0; row_width];
        for (group, documents) in chosen.chunks(GROUP).enumerate() {
            let start = (place * CHUNK + group * GROUP) * row_width;
            let mut rows = [&nothing[..]; GROUP];
            rows.iter_mut()
                .zip(self.rows[start..].chunks_exact(row_width))
                .take(documents.len())
                .for_each(|(row, own)| *row = own);
            let crosses = rows.map(|row| &row[own_count..]);
            matrix.apply(crosses, &mut products);
            for (member, &document) in documents.iter().enumerate() {
                let own = &rows[member][..own_count];
                for ((residuals, bias), products) in
                    residuals.chunks_mut(LANES).zip(parameters.bias.chunks(LANES)).zip(&products)
                {
                    for ((residual, bias), product) in
                        residuals.iter_mut().zip(bias).zip(&products[member])
                    {
                        *residual = bias + f64::from(*product);
                    }
                }
                for (inputs, weights) in own.chunks_exact(k).zip(parameters.own.chunks_exact(k)) {
                    for ((residual, &input), weight) in
                        residuals.iter_mut().zip(inputs).zip(weights)
                    {
                        *residual += f64::from(input) * weight;
                    }
                }
                cost += match self.features.labels {
                    Labels::Single => one_of(&mut residuals, self.features.topics[document]),
                    Labels::Multiple => each_of(&mut residuals, self.features.topics[document]),
                };
                for (inputs, gradient) in own.chunks_exact(k).zip(own_gradient.chunks_exact_mut(k))
                {
                    for ((gradient, &input), residual) in
                        gradient.iter_mut().zip(inputs).zip(&residuals)
                    {
                        *gradient += f64::from(input) * residual;
                    }
                }
                for (gradient, residual) in bias_gradient.iter_mut().zip(&residuals) {
                    *gradient += residual;
                }
                // In the places of the products, which are needed no more; behind the topics there
                // are zeros, as there were.
                for (products, residuals) in products.iter_mut().zip(residuals.chunks(LANES)) {
                    products[member]
                        .iter_mut()
                        .zip(residuals)
                        .for_each(|(lane, residual)| *lane = *residual as f32);
                }
            }
            matrix.add_outer_products(crosses, &products, &mut matrix_gradient);
        }
        for (gradient, row) in
            cross_gradient.chunks_exact_mut(k).zip(matrix_gradient.chunks_exact(matrix.blocks))
        {
            gradient
                .iter_mut()
                .zip(row.as_flattened())
                .for_each(|(gradient, &sum)| *gradient = f64::from(sum));
        }
        (cost, gradient)
    }
}

/// For each document chosen its scores, then its turned inputs.
#[inline(always)]
fn basis_rows(_: impl Simd, features: &Features<'_>, chosen: &[usize], basis: &Basis) -> Vec<f32> {
    let (mut own, mut cross) = (vec![0.0; features.own_count()], vec![0.0; features.cross_count()]);
    let mut turned = cross.clone();
    let mut rows = Vec::with_capacity(chosen.len() * (own.len() + cross.len()));
    for &document in chosen {
        features.row(document, &mut own, &mut cross);
        basis.inputs(&cross, &mut turned);
        rows.extend(own.iter().chain(&turned).map(|&value| value as f32));
    }
    rows
}

/// So many numbers are worked on together: a row of the matrix is padded with zeros to a multiple
/// of them.
type Lanes = [f32; LANES];
const LANES: usize = 8;

/// The link's matrix in single precision: a row an input, of so many blocks.
struct Matrix {
    blocks: usize,
    lanes: Vec<Lanes>,
}

impl Matrix {
    fn of(parameters: &Parameters) -> Self {
        let k = parameters.bias.len();
        let blocks = k.div_ceil(LANES).max(1);
        let mut lanes = vec![Lanes::default(); parameters.cross.len() / k.max(1) * blocks];
        for (row, weights) in
            lanes.chunks_exact_mut(blocks).zip(parameters.cross.chunks_exact(k.max(1)))
        {
            row.as_flattened_mut()
                .iter_mut()
                .zip(weights)
                .for_each(|(lane, &weight)| *lane = weight as f32);
        }
        Self { blocks, lanes }
    }

    /// Sets `products`, block by block and document by document, to the sums over the inputs of
    /// input times row.
    #[inline(always)]
    fn apply(&self, inputs: [&[f32]; GROUP], products: &mut [[Lanes; GROUP]]) {
        for (block, products) in products.iter_mut().enumerate() {
            // The sums stay in registers.
            let mut sums = [Lanes::default(); GROUP];
            for (place, row) in self.lanes.chunks_exact(self.blocks).enumerate() {
                let weights = row[block];
                for (sums, inputs) in sums.iter_mut().zip(inputs) {
                    let input = inputs[place];
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += input * weight;
                    }
                }
            }
            *products = sums;
        }
    }

    /// Adds to each row of `gradient` the sum over the documents of input times residual.
    #[inline(always)]
    fn add_outer_products(
        &self,
        inputs: [&[f32]; GROUP],
        residuals: &[[Lanes; GROUP]],
        gradient: &mut [Lanes],
    ) {
        for (block, residuals) in residuals.iter().enumerate() {
            for (place, row) in gradient.chunks_exact_mut(self.blocks).enumerate() {
                let mut sums = row[block];
                for (residuals, inputs) in residuals.iter().zip(inputs) {
                    let input = inputs[place];
                    for (sum, residual) in sums.iter_mut().zip(residuals) {
                        *sum += input * residual;
                    }
                }
                row[block] = sums;
            }
        }
    }
}

/// Turns logits into the derivatives of the negative log-likelihood of a topic that is one of the
/// right ones, and returns it.
#[inline(always)]
pub(super) fn one_of(logits: &mut [f64], topics: &[usize]) -> f64 {
    let greatest = greatest(logits);
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

/// The greatest of some numbers, in whichever order they are compared.
#[inline(always)]
fn greatest(numbers: &[f64]) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; LANES];
    for chunk in numbers.chunks(LANES) {
        for (lane, &number) in lanes.iter_mut().zip(chunk) {
            *lane = if number > *lane { number } else { *lane };
        }
    }
    lanes.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

/// The same for topics of which each is right or wrong for itself.
#[inline(always)]
pub(super) fn each_of(logits: &mut [f64], topics: &[usize]) -> f64 {
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
