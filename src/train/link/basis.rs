//! The change of basis in which the link is fitted.
//!
//! The scores of one document are far from independent, and L-BFGS would take hundreds of steps in
//! them. In this basis the Hessian is about the identity.

use argmin::core::Error;
use fearless_simd::{Level, Simd, dispatch};
use linfa_linalg::cholesky::Cholesky as _;
use linfa_linalg::triangular::{SolveTriangularInplace as _, UPLO};
use ndarray::{Array2, ArrayViewMut2};

use super::features::Features;
use super::parameters::{BIAS_VARIANCE, Layout, Prior, SHARED_VARIANCE};

/// The change of basis. Each number of the vector that the solver moves is multiplied by its scale;
/// the matrix is then solved for by the transpose of `L`, where `L L' = H` and `H = c G'G / n +
/// I / (v n)` is about the Hessian of one topic's column: `G` are the `n` documents' inputs, `v` is
/// the prior variance and `c` the mean of `p (1 - p)`.
#[derive(Debug)]
pub(super) struct Basis {
    layout: Layout,
    scales: Vec<f64>,
    /// `L`.
    lower: Array2<f64>,
}

impl Basis {
    pub(super) fn new(
        features: &Features<'_>,
        chosen: &[usize],
        prior: Prior,
    ) -> Result<Self, Error> {
        let layout = Layout::of(features);
        let count = chosen.len().max(1) as f64;
        let Moments { inputs, squares } =
            dispatch!(Level::new(), simd => Moments::of(simd, features, layout, chosen));
        // About the mean of p (1 - p) over topics of which one is right.
        let curvature = 1.0 / layout.topics as f64;
        let mut hessian = inputs * (curvature / count);
        hessian.diag_mut().iter_mut().for_each(|value| *value += 1.0 / (prior.variance * count));
        let curvatures = curvatures(features, chosen);
        // The Hessian of a rare topic is a small one.
        let of_topics: Vec<f64> = curvatures
            .iter()
            .map(|of_topic| (curvature / of_topic).sqrt().clamp(0.5, 4.0))
            .collect();
        let inverse_root =
            |hessian: f64, variance: f64| (hessian + 1.0 / (variance * count)).sqrt();
        let all = |squares: &f64| curvature * squares / count;
        let shared =
            squares.iter().map(|squares| 1.0 / inverse_root(all(squares), SHARED_VARIANCE));
        let own = squares.iter().flat_map(|squares| {
            let scale = 1.0 / inverse_root(all(squares) / layout.topics as f64, prior.variance);
            of_topics.iter().map(move |of_topic| scale * of_topic)
        });
        let cross = (0..layout.inputs).flat_map(|_| &of_topics).copied();
        let bias = curvatures.iter().map(|of_topic| 1.0 / inverse_root(*of_topic, BIAS_VARIANCE));
        let scales = shared.chain(own).chain(cross).chain(bias).collect();
        Ok(Self { layout, scales, lower: hessian.cholesky()? })
    }

    /// The parameters at a point of the vector that the solver moves.
    pub(super) fn parameters(&self, point: &[f64]) -> Result<Vec<f64>, Error> {
        let mut parameters: Vec<f64> =
            point.iter().zip(&self.scales).map(|(value, scale)| value * scale).collect();
        let mut cross = self.cross(&mut parameters)?;
        self.lower.t().solve_triangular_inplace(&mut cross, UPLO::Upper)?;
        Ok(parameters)
    }

    /// The gradient by that vector, from the gradient by the parameters.
    pub(super) fn gradient(&self, mut gradient: Vec<f64>) -> Result<Vec<f64>, Error> {
        let mut cross = self.cross(&mut gradient)?;
        self.lower.solve_triangular_inplace(&mut cross, UPLO::Lower)?;
        gradient.iter_mut().zip(&self.scales).for_each(|(value, scale)| *value *= scale);
        Ok(gradient)
    }

    /// The point where every kind has the weight `shared` and all other parameters are 0.
    pub(super) fn start(&self, shared: f64) -> Vec<f64> {
        let mut start = vec![0.0; self.layout.len()];
        for (start, scale) in start[self.layout.shared()].iter_mut().zip(&self.scales) {
            *start = shared / scale;
        }
        start
    }

    fn cross<'a>(&self, parameters: &'a mut [f64]) -> Result<ArrayViewMut2<'a, f64>, Error> {
        let shape = (self.layout.inputs, self.layout.topics);
        Ok(ArrayViewMut2::from_shape(shape, &mut parameters[self.layout.cross()])?)
    }
}

/// By topic `p (1 - p)`, were each document as likely to have the topic as the next one.
fn curvatures(features: &Features<'_>, chosen: &[usize]) -> Vec<f64> {
    let count = chosen.len().max(1) as f64;
    let mut frequencies = vec![0.5; features.topic_count];
    for &topic in chosen.iter().flat_map(|&document| features.topics[document]) {
        frequencies[topic] += 1.0;
    }
    let probability = |frequency: f64| (frequency / count).min(0.5);
    frequencies.into_iter().map(probability).map(|p| p * (1.0 - p)).collect()
}

/// Sums over the documents that a link is fitted to.
struct Moments {
    /// Of the products of two inputs.
    inputs: Array2<f64>,
    /// By kind: of the squared scores.
    squares: Vec<f64>,
}

impl Moments {
    #[inline(always)]
    fn of(_: impl Simd, features: &Features<'_>, layout: Layout, chosen: &[usize]) -> Self {
        let mut inputs = vec![0.0; layout.inputs * layout.inputs];
        let mut squares = vec![0.0; layout.kinds];
        for &document in chosen {
            let row = features.row(document);
            for (sum, scores) in squares.iter_mut().zip(row.chunks_exact(layout.topics + 1)) {
                let scores = scores[..layout.topics].iter();
                *sum += scores.map(|&score| f64::from(score) * f64::from(score)).sum::<f64>();
            }
            for (&input, sums) in row.iter().zip(inputs.chunks_exact_mut(layout.inputs.max(1))) {
                for (sum, &other) in sums.iter_mut().zip(row) {
                    *sum += f64::from(input) * f64::from(other);
                }
            }
        }
        let inputs = Array2::from_shape_fn((layout.inputs, layout.inputs), |(row, column)| {
            inputs[row * layout.inputs + column]
        });
        Self { inputs, squares }
    }
}
