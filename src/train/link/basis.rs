//! The change of basis in which the link is fitted.

use argmin::core::Error;
use fearless_simd::{Level, Simd, dispatch};
use linfa_linalg::cholesky::Cholesky as _;
use linfa_linalg::triangular::{SolveTriangular as _, UPLO};
use ndarray::Array2;

use super::features::Features;
use super::parameters::{BIAS_VARIANCE, Layout, Parameters, Prior, SHARED_VARIANCE};

/// The change of basis in which the matrix is fitted. With `H = c G'G / n + I / (v n)`, about the
/// Hessian of one topic's column, and `H = L L'`: inputs are turned by the inverse of `L`, and the
/// matrix comes back by the inverse of `L'`.
#[derive(Debug)]
pub(super) struct Basis {
    topic_count: usize,
    /// How many inputs the matrix has.
    inputs: usize,
    /// The inverse of `L'`, row by row: upper triangular.
    matrix: Vec<f64>,
    /// By kind.
    pub(super) scales: Vec<Scales>,
    /// By topic: what its column is multiplied by, for the Hessian of a rare topic is a small one;
    /// and its bias.
    pub(super) topic_scales: Vec<f64>,
    pub(super) bias_scales: Vec<f64>,
}

/// The same for weights that stand alone: what they are divided by in the vector that the solver
/// moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scales {
    pub(super) shared: f64,
    pub(super) own: f64,
}

impl Basis {
    pub(super) fn new(
        features: &Features<'_>,
        chosen: &[usize],
        prior: Prior,
    ) -> Result<Self, Error> {
        let count = chosen.len().max(1) as f64;
        let inputs = features.cross_count();
        let Moments { inputs: moments, squares } =
            dispatch!(Level::new(), simd => Moments::of(simd, features, chosen));
        // About the mean of p (1 - p) over topics of which one is right.
        let curvature = 1.0 / features.topic_count as f64;
        let mut hessian = Array2::zeros((inputs, inputs));
        for row in 0..inputs {
            for column in 0..=row {
                let value = curvature * moments[row * inputs + column] / count;
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
        let curvatures: Vec<f64> = frequencies
            .iter()
            .map(|share| (share / count).min(0.5))
            .map(|p| p * (1.0 - p))
            .collect();
        let topic_scales = curvatures
            .iter()
            .map(|of_topic| (curvature / of_topic).sqrt().clamp(0.5, 4.0))
            .collect();
        let bias_scales = curvatures
            .iter()
            .map(|of_topic| 1.0 / (of_topic + 1.0 / (BIAS_VARIANCE * count)).sqrt())
            .collect();
        let matrix = matrix.iter().copied().collect();
        Ok(Self {
            topic_count: features.topic_count,
            inputs,
            matrix,
            scales,
            topic_scales,
            bias_scales,
        })
    }

    /// The parameters of the vector that the solver moves; the matrix stays in the basis.
    pub(super) fn read(&self, layout: Layout, vector: &[f64]) -> Parameters {
        let mut own = vector[layout.own_start()..layout.cross_start()].to_vec();
        for ((own, shared), scales) in
            own.chunks_exact_mut(self.topic_count).zip(vector).zip(&self.scales)
        {
            for (own, topic) in own.iter_mut().zip(&self.topic_scales) {
                *own = *own * scales.own * topic + shared * scales.shared;
            }
        }
        let mut cross = vector[layout.cross_start()..layout.bias_start()].to_vec();
        self.scale_topics(&mut cross);
        let bias = vector[layout.bias_start()..]
            .iter()
            .zip(&self.bias_scales)
            .map(|(bias, scale)| bias * scale)
            .collect();
        Parameters { own, cross, bias }
    }

    /// Multiplies each topic's column of a matrix.
    pub(super) fn scale_topics(&self, matrix: &mut [f64]) {
        for row in matrix.chunks_exact_mut(self.topic_count) {
            for (value, scale) in row.iter_mut().zip(&self.topic_scales) {
                *value *= scale;
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.matrix.chunks_exact(self.inputs.max(1))
    }

    /// Writes a document's inputs, in the basis, to `out`.
    #[inline(always)]
    pub(super) fn inputs(&self, cross: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (place, (&input, row)) in cross.iter().zip(self.rows()).enumerate() {
            for (out, weight) in out[place..].iter_mut().zip(&row[place..]) {
                *out += input * weight;
            }
        }
    }

    /// Takes a matrix out of the basis.
    pub(super) fn back(&self, turned: &[f64]) -> Vec<f64> {
        let k = self.topic_count;
        let mut matrix = vec![0.0; turned.len()];
        for (row, (out, weights)) in matrix.chunks_exact_mut(k).zip(self.rows()).enumerate() {
            for (&weight, turned) in weights.iter().zip(turned.chunks_exact(k)).skip(row) {
                for (out, value) in out.iter_mut().zip(turned) {
                    *out += weight * value;
                }
            }
        }
        matrix
    }

    /// The gradient by the turned matrix, from that by the matrix.
    pub(super) fn gradient(&self, gradient: &[f64], out: &mut [f64]) {
        let k = self.topic_count;
        for (row, (gradient, weights)) in gradient.chunks_exact(k).zip(self.rows()).enumerate() {
            for (&weight, out) in weights.iter().zip(out.chunks_exact_mut(k)).skip(row) {
                for (out, value) in out.iter_mut().zip(gradient) {
                    *out += weight * value;
                }
            }
        }
    }
}

/// Sums over the documents that a link is fitted to.
struct Moments {
    /// By input and input before it or the same: of the products. Above the diagonal there are
    /// zeros.
    inputs: Vec<f64>,
    /// By kind: of the squared scores.
    squares: Vec<f64>,
}

impl Moments {
    #[inline(always)]
    fn of(_: impl Simd, features: &Features<'_>, chosen: &[usize]) -> Self {
        let (mut own, mut cross) =
            (vec![0.0; features.own_count()], vec![0.0; features.cross_count()]);
        let mut squares = vec![0.0; features.kinds.len()];
        let mut inputs = vec![0.0; cross.len() * cross.len()];
        for &document in chosen {
            features.row(document, &mut own, &mut cross);
            for (squares, own) in squares.iter_mut().zip(own.chunks_exact(features.topic_count)) {
                *squares += own.iter().map(|score| score * score).sum::<f64>();
            }
            for (place, (&input, sums)) in
                cross.iter().zip(inputs.chunks_exact_mut(cross.len().max(1))).enumerate()
            {
                for (sum, other) in sums.iter_mut().zip(&cross[..=place]) {
                    *sum += input * other;
                }
            }
        }
        Self { inputs, squares }
    }
}
